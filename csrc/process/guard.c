/* guard.c -- process: what the unwinder asks of a guard's frame.
** SPDX-License-Identifier: MIT */
#include "process/guard.h"

#include <errno.h>
#include <stddef.h>

#include "process/runtime.h"

/* Itanium C++ ABI: Exception Handling, 1.2.1 and 1.6.1. */
enum { CONTINUE_UNWIND = 8, HANDLER_FOUND = 6, INSTALL_CONTEXT = 7, FATAL_PHASE1 = 3 };
enum { SEARCH_PHASE = 1, HANDLER_FRAME = 4, FORCE_UNWIND = 8 };

typedef uint64_t get_cfa(void *context);
typedef void set_ip(void *context, uint64_t ip);

/* Part of guard_x86_64.c. */
int ml_guard_personality(int version, int actions, uint64_t class, void *exception, void *context);
void ml_guard_landing(void);

/* The unwinder's own functions: those of whoever called the personality routine. */
typedef struct unwinder {
    get_cfa *cfa;
    set_ip *ip;
} unwinder;

static bool find_unwinder(uint64_t caller, unwinder *u)
{
    u->cfa = (get_cfa *)(uintptr_t)ml_runtime_find(caller, ML_RT_GET_CFA);
    u->ip = (set_ip *)(uintptr_t)ml_runtime_find(caller, ML_RT_SET_IP);
    return u->cfa && u->ip;
}

/* All that was thrown ends here, except what is not to be stopped. Frames of a guard keep their
** ml_catch where the callee's frame begins, which is what an unwinder calls the CFA of the frame
** below. */
int ml_guard_personality(int version, int actions, uint64_t class, void *exception, void *context)
{
    (void)class;
    if (version != 1)
        return FATAL_PHASE1;
    int own_errno = errno;
    unwinder u;
    bool found = find_unwinder((uint64_t)(uintptr_t)__builtin_return_address(0), &u);
    errno = own_errno;
    if (!found)
        return CONTINUE_UNWIND;
    ml_catch *c = *(ml_catch **)(uintptr_t)u.cfa(context);
    if (c->leave) {
        if (!(actions & SEARCH_PHASE))
            c->leave(c); /* which may free it */
        return CONTINUE_UNWIND;
    }
    if (actions & FORCE_UNWIND)
        return CONTINUE_UNWIND;
    if (actions & SEARCH_PHASE)
        return HANDLER_FOUND;
    if (!(actions & HANDLER_FRAME))
        return CONTINUE_UNWIND;
    c->exception = exception;
    if (c->attention)
        atomic_store(c->attention, true);
    u.ip(context, (uint64_t)(uintptr_t)&ml_guard_landing);
    return INSTALL_CONTEXT;
}

bool ml_guard_run(void (*fn)(void *ud), void *ud, void **exception)
{
    ml_catch c = {0};
    uint64_t arg = (uint64_t)(uintptr_t)ud;
    ml_guard_ints[1]((uint64_t)(uintptr_t)fn, &arg, &c);
    *exception = c.exception;
    return !c.exception;
}
