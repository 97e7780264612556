/* latch.h -- os: a lock for moments, which may be taken wherever code of a load runs.
** Signals wait while it is held, since a handler of loaded code could want it as well. It holds the
** number of the process: a child of fork, which has only the thread that forked, takes it from a
** thread that is not there any more.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_LATCH_H
#define ML_OS_LATCH_H

#include <stdatomic.h>
#include <stdint.h>

/* It starts as all zero. */
typedef struct ml_latch {
    _Atomic int64_t holder; /* the process whose thread has it; 0: nobody */
} ml_latch;

/* A thread between begin and end, in which no signal reaches it: only there it may take latches,
** as often as it likes, each but once at a time. */
typedef struct ml_quiet {
    int64_t process;
    uint64_t before[16]; /* a sigset_t: signals that it blocked anyway */
} ml_quiet;

void ml_quiet_begin(ml_quiet *q);
void ml_quiet_end(const ml_quiet *q);

void ml_latch_take(ml_latch *latch, const ml_quiet *q);
void ml_latch_give(ml_latch *latch);

#endif
