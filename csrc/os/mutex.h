/* mutex.h -- os: locks of what belongs to the process and not to a session, one for each such
** thing. They are held for moments, the one that stands first here is taken first, and none is held
** while foreign code runs, but for unwinders: so a fork by another thread can wait for all of them,
** and its child, which has no thread but the one that forked, finds none taken and nothing half
** changed. Who holds one may take it again: a signal handler may have interrupted him.
** Spec: pthread_mutex_lock(3), pthread_atfork(3).
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_MUTEX_H
#define ML_OS_MUTEX_H

typedef enum ml_mutex {
    ML_MUTEX_TABLES, /* process/unwind.c: what unwinders, which have locks of their own, are told */
    ML_MUTEX_TRAP,   /* os/trap.c */
    ML_MUTEX_DEBUGGER, /* process/debugger.c */
    ML_MUTEX_DUMP,     /* process/perf.c */
    ML_MUTEX_EXITS,    /* process/exits.c */
    ML_MUTEX_LISTED,   /* process/listed.c */
    ML_MUTEX_RUNTIME,  /* process/runtime.c */
    ML_MUTEX_COUNT
} ml_mutex;

void ml_mutex_take(ml_mutex m);
void ml_mutex_give(ml_mutex m);
/* By who holds it: the child of a fork will call this, to forget what threads were doing with what
** the lock guards that are not there any more. */
void ml_mutex_in_child(ml_mutex m, void (*forget)(void));

#endif
