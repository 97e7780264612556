/* latch.c -- os: a lock for moments.
** Who has to wait sleeps a little and looks again: what is held for microseconds needs no queue,
** and the system's own locks do not survive a fork.
** Spec: pthread_sigmask(3), fork(2).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "os/latch.h"

#include <assert.h>
#include <signal.h>

#include "os/os.h"

enum { LOOK_NS = 20000 };

static_assert(sizeof(sigset_t) <= sizeof((ml_quiet *)0)->before, "it has room");

void ml_quiet_begin(ml_quiet *q)
{
    sigset_t all;
    sigfillset(&all);
    q->process = ml_os_process();
    pthread_sigmask(SIG_BLOCK, &all, (sigset_t *)q->before);
}

void ml_quiet_end(const ml_quiet *q)
{
    pthread_sigmask(SIG_SETMASK, (const sigset_t *)q->before, NULL);
}

void ml_latch_take(ml_latch *latch, const ml_quiet *q)
{
    int64_t holder = 0;
    while (!atomic_compare_exchange_strong(&latch->holder, &holder, q->process)) {
        if (holder != q->process) /* of before a fork: taken over, unless somebody is faster */
            continue;
        ml_os_sleep_ns(LOOK_NS);
        holder = 0;
    }
}

void ml_latch_give(ml_latch *latch)
{
    atomic_store(&latch->holder, 0);
}
