/* resolver.c -- process: running the resolvers of indirect functions.
** takes addresses of foreign code; gives what it returns.
** Spec: x86-64 psABI 4.4.1 (R_X86_64_IRELATIVE).
** SPDX-License-Identifier: MIT */
#include "process/resolver.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "os/trap.h"
#include "process/cxx.h"
#include "process/guard.h"

typedef struct choice {
    uint64_t fn, target;
    ml_catch end;
} choice;

static void choose(void *ud)
{
    choice *c = ud;
    c->target = ml_guard_ints[0](c->fn, NULL, &c->end);
}

bool ml_process_choose(uint64_t fn, uint64_t *target, ml_caught *caught)
{
    choice c = {.fn = fn};
    ml_trap trap;
    *caught = (ml_caught){0};
    if (!ml_trap_run(choose, &c, &trap)) {
        snprintf(caught->type, sizeof caught->type, "%s", trap.signal);
        snprintf(caught->what, sizeof caught->what, "at 0x%" PRIx64, trap.addr);
        return false;
    }
    if (c.end.exception)
        ml_cxx_end(c.end.exception, caught);
    *target = c.target;
    return !c.end.exception;
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
