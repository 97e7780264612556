/* latch.c -- os: a lock for moments.
** Who has to wait sleeps a little and looks again: what is held for microseconds needs no queue,
** and the system's own locks do not survive a fork.
** Spec: pthread_sigmask(3), fork(2).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "os/latch.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

#include "os/os.h"

enum { LOOK_NS = 20000 };

static_assert(sizeof(sigset_t) <= sizeof((ml_latch *)0)->before, "it has room");

void ml_latch_take(ml_latch *latch)
{
    sigset_t all, before;
    int64_t me = ml_os_process(), holder = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (!atomic_compare_exchange_strong(&latch->holder, &holder, me)) {
        if (holder != me) /* of before a fork: taken over, unless another thread is faster */
            continue;
        ml_os_sleep_ns(LOOK_NS);
        holder = 0;
    }
    memcpy(latch->before, &before, sizeof before);
}

void ml_latch_give(ml_latch *latch)
{
    sigset_t before;
    memcpy(&before, latch->before, sizeof before);
    atomic_store(&latch->holder, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
