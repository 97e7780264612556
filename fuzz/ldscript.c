/* ldscript.c -- fuzz: any bytes as a linker script, and as a file whose kind is to be told.
** What was parsed is read to its last byte; what was refused must say so with a reason.
** SPDX-License-Identifier: MIT */
#include "object/ldscript.h"

#include <stdlib.h>

#include "object/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ml_slice text = {data, size};
    ml_diag d;
    ml_arena a = {0};
    ml_diag_init(&d);
    ml_script_item *items = NULL;
    size_t n = 0;
    int r = ml_script_parse(&d, &a, "fuzz.so", text, &items, &n);
    check(r == 0 ? d.count == 0 : d.count == 1 && d.first->text[0]);
    for (size_t i = 0; i < n; i++)
        check(strlen(items[i].name) <= size && items[i].line >= 1);
    ml_diag_free(&d);
    check(ml_kind_refuse(&d, "fuzz", NULL, ml_kind_of(text, size), text, 62) < 0);
    ml_diag_free(&d);
    ml_arena_free(&a);
    return 0;
}
