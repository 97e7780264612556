/* check.h -- what the C programs of the specs share: checks that say where they failed, a dice that
** always falls alike, and a main that runs the test named on the command line.
** SPDX-License-Identifier: MIT */
#ifndef ML_SPEC_CHECK_H
#define ML_SPEC_CHECK_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define CHECK(cond)   ((cond) ? (void)0 : fail(__FILE__, __LINE__, #cond, NULL))
/* The call succeeds, or its first error is printed. */
#define GOOD(d, call) ((call) == 0 ? (void)0 : fail(__FILE__, __LINE__, #call, d))

static void fail(const char *file, int line, const char *what, const ml_diag *d)
{
    char text[1200] = "";
    if (d && d->first)
        ml_error_text(d->first, text, sizeof text);
    fprintf(stderr, "%s:%d: %s\n%s\n", file, line, what, text);
    exit(1);
}

/* The call fails with this code, and its text (with the place) holds `part`. */
static inline void fails_with(ml_diag *d, int result, ml_code code, const char *part, int line)
{
    char text[1200] = "";
    if (d->first)
        ml_error_text(d->first, text, sizeof text);
    if (result == -(int)code && d->first && d->first->code == code && strstr(text, part)) {
        ml_diag_free(d);
        return;
    }
    fprintf(stderr, "line %d: wanted %s with \"%s\", got %d: %s\n", line, ml_code_name(code), part,
            result, text);
    exit(1);
}
#define FAILS(d, call, code, part) fails_with(d, call, code, part, __LINE__)

static inline uint32_t dice(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

typedef struct test {
    const char *name;
    void (*run)(const char *argument);
} test;

static int run_test(const test *tests, size_t n, int argc, char **argv)
{
    for (size_t i = 0; i < n && argc > 1; i++)
        if (strcmp(tests[i].name, argv[1]) == 0) {
            tests[i].run(argc > 2 ? argv[2] : NULL);
            puts("ok");
            return 0;
        }
    fprintf(stderr, "no such test: %s\n", argc > 1 ? argv[1] : "(none)");
    return 2;
}

#endif
