/* watch.h -- os, private to child.c: the process between the caller and the child.
** It runs nothing but system calls: it is the copy of one thread of a process that may have many.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_WATCH_H
#define ML_OS_WATCH_H

#include <stdint.h>

typedef struct ml_watch {
    int64_t caller;      /* whose end is the child's end */
    uint64_t timeout_ns; /* 0: none */
    int status;          /* pipe to the caller */
} ml_watch;

/* What the watcher says in the end. */
typedef struct ml_watch_status {
    int32_t how, value; /* ml_child_how */
} ml_watch_status;

/* Called by the watcher, with all signals blocked: forks the child, in which it returns. The
** watcher itself stays in here until the child and all that it has started have ended, and ends. */
void ml_watch_fork(const ml_watch *w);
/* Waits for a process. Nobody else may be waiting for it; it is no error when somebody was. */
void ml_watch_wait(int64_t pid);

#endif
