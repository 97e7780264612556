/* lines.c -- fuzz: any bytes as a line table, with a part of them as its strings.
** Every row that comes out must be found again by its address, and its file's name must end.
** SPDX-License-Identifier: MIT */
#include "object/lines.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[64];
    size_t half = size / 2;
    ml_arena a = {0};
    ml_lines l;
    check(ml_lines_read(&a, (ml_slice){data, size}, (ml_slice){data + half, size - half},
                        (ml_slice){data, half}, size / 2, &l));
    for (size_t i = 0; i < l.n; i++) {
        const ml_line *row = ml_lines_find(&l, l.v[i].addr);
        check(!row || row->addr == l.v[i].addr);
        check(i == 0 || l.v[i - 1].addr <= l.v[i].addr);
        if (row)
            ml_lines_file(&l, row, name, sizeof name);
    }
    ml_arena_free(&a);
    return 0;
}
