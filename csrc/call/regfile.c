/* regfile.c -- call: which processors can be called through one cast.
** SPDX-License-Identifier: MIT */
#include "call/regfile.h"

#include <stddef.h>

/* True when the compiler predefines the macro (as 1), as a plain value that a table can hold. */
#define TEXT(x)           #x
#define PREDEFINED(macro) (sizeof(TEXT(macro)) == 2)

static const ml_regfile rows[] = {
    {"x86-64 System V", PREDEFINED(__x86_64__) && PREDEFINED(__LP64__), 6, 8, ml_guard_ints,
     ml_x86_64_result_int, ml_x86_64_result_double, ml_x86_64_result_float},
};

const ml_regfile *ml_regfile_host(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].host)
            return &rows[i];
    return NULL;
}
