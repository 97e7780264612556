/* mutex.c -- os: locks of what belongs to the process, which survive a fork.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* recursive mutexes */
#include "os/mutex.h"

#include <pthread.h>

#define FREE PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP

static pthread_mutex_t mutexes[ML_MUTEX_COUNT] = {FREE, FREE, FREE, FREE, FREE, FREE, FREE};
static void (*forgetting[ML_MUTEX_COUNT])(void); /* each is guarded by its lock; NULL: nothing */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    for (int i = 0; i < ML_MUTEX_COUNT; i++)
        pthread_mutex_lock(&mutexes[i]);
}

static void after_fork(void)
{
    for (int i = ML_MUTEX_COUNT; i-- > 0;)
        pthread_mutex_unlock(&mutexes[i]);
}

/* To the C library the child's thread is another one than the one that took them. */
static void in_child(void)
{
    for (int i = 0; i < ML_MUTEX_COUNT; i++)
        mutexes[i] = (pthread_mutex_t)FREE;
    for (int i = 0; i < ML_MUTEX_COUNT; i++)
        if (forgetting[i])
            forgetting[i]();
}

static void prepare(void)
{
    pthread_atfork(before_fork, after_fork, in_child);
}

void ml_mutex_take(ml_mutex m)
{
    pthread_once(&once, prepare);
    pthread_mutex_lock(&mutexes[m]);
}

void ml_mutex_give(ml_mutex m)
{
    pthread_mutex_unlock(&mutexes[m]);
}

void ml_mutex_in_child(ml_mutex m, void (*forget)(void))
{
    forgetting[m] = forget;
}
