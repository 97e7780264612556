/* resolver.c -- process: running the resolvers of indirect functions.
** takes addresses of foreign code; gives what it returns.
** Spec: x86-64 psABI 4.4.1 (R_X86_64_IRELATIVE).
** SPDX-License-Identifier: MIT */
#include "process/resolver.h"

#include <stddef.h>

#include "process/cxx.h"
#include "process/guard.h"

bool ml_process_choose(uint64_t fn, uint64_t *target, ml_caught *caught)
{
    ml_catch c = {NULL, NULL};
    *caught = (ml_caught){0};
    *target = ml_guard_ints[0](fn, NULL, &c);
    if (c.exception)
        ml_cxx_end(c.exception, caught);
    return !c.exception;
}

typedef struct place {
    uint64_t addr;
    bool found;
} place;

static bool holds(void *ud, const ml_mapping *m)
{
    place *p = ud;
    if (p->addr >= m->start && p->addr < m->end)
        p->found = m->x;
    return p->addr >= m->end;
}

bool ml_process_is_code(uint64_t addr)
{
    place p = {.addr = addr};
    uint8_t byte;
    if (!ml_os_mappings(holds, &p)) /* without a list: it can at least be read */
        p.found = ml_os_peek(addr, &byte, 1);
    return p.found;
}
