/* trap.c -- os: a call of foreign code that ends when it raises a signal of its own doing.
** takes a function; runs it, with handlers in place while any thread does so.
** See Note [Trapping signals]. Spec: POSIX.1-2017 2.4 "Signal Concepts".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "os/trap.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "os/mutex.h"

/* Note [Trapping signals]
** ~~~~~~~~~~~~~~~~~~~~~~~
** What a signal does is a matter of the whole process, so that this needs state which is neither a
** session's nor a state's: how many threads are in ml_trap_run, and what was in force before the
** first of them came, under a lock; and for each thread where its innermost call goes back to. The
** first one in installs the handlers, the last one out puts back what was there. A signal that the
** thread has not raised in such a call is passed on to what was there before. The child of a fork
** has no other threads: their calls do not count there. */

static const struct {
    int number;
    const char *name;
} signals[] = {{SIGSEGV, "SIGSEGV"},
               {SIGBUS, "SIGBUS"},
               {SIGILL, "SIGILL"},
               {SIGFPE, "SIGFPE"},
               {SIGTRAP, "SIGTRAP"}};
enum { SIGNALS = sizeof signals / sizeof *signals };

typedef struct call {
    sigjmp_buf back;
    struct call *outer;
    int index; /* of the signal that ended it */
    uint64_t addr;
} call;

static unsigned inside;
static struct sigaction before[SIGNALS];
static _Thread_local call *volatile innermost;

/* Does what would have happened without us. */
static void pass_on(int i, siginfo_t *info, void *context)
{
    const struct sigaction *old = &before[i];
    if (old->sa_flags & SA_SIGINFO)
        old->sa_sigaction(signals[i].number, info, context);
    else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN)
        old->sa_handler(signals[i].number);
    else
        sigaction(signals[i].number, old, NULL); /* the instruction raises it again */
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    call *c = innermost;
    int i = 0;
    while (i < SIGNALS - 1 && signals[i].number != number)
        i++;
    if (!c || info->si_code <= 0) { /* somebody has sent it: no doing of the code */
        pass_on(i, info, context);
        return;
    }
    c->index = i;
    c->addr = (uint64_t)(uintptr_t)info->si_addr;
    siglongjmp(c->back, 1);
}

static void put_back(void)
{
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i].number, &before[i], NULL);
}

static void forget_others(void)
{
    bool was = inside > 0;
    inside = 0;
    for (const call *c = innermost; c; c = c->outer)
        inside++;
    if (was && !inside)
        put_back();
}

static void enter(void)
{
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    ours.sa_sigaction = on_signal;
    sigemptyset(&ours.sa_mask);
    ml_mutex_take(ML_MUTEX_TRAP);
    ml_mutex_in_child(ML_MUTEX_TRAP, forget_others);
    for (int i = 0; inside == 0 && i < SIGNALS; i++)
        sigaction(signals[i].number, &ours, &before[i]);
    inside++;
    ml_mutex_give(ML_MUTEX_TRAP);
}

static void leave(void)
{
    ml_mutex_take(ML_MUTEX_TRAP);
    if (--inside == 0)
        put_back();
    ml_mutex_give(ML_MUTEX_TRAP);
}

bool ml_trap_run(void (*f)(void *ud), void *ud, ml_trap *out)
{
    call c = {.outer = innermost};
    enter();
    bool returned = sigsetjmp(c.back, 1) == 0;
    if (returned) {
        innermost = &c;
        f(ud);
    }
    innermost = c.outer;
    leave();
    if (!returned)
        *out = (ml_trap){signals[c.index].name, c.addr};
    return returned;
}
