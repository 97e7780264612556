/* keys.c -- process: what the C library calls at the end of threads for data of their own.
** takes the keys that code of loads makes; gives the destructors that they have.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/keys.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <threads.h>

/* Note [Keys of threads]
** ~~~~~~~~~~~~~~~~~~~~~~
** The C library keeps the destructor of a key and tells nobody, and which threads have a value is
** known to nobody either: as long as there is the key, some thread may call it at its end. Keys are
** numbers that all code of the process shares, so that what is known of them stands in one table of
** the process. One that somebody else deletes or makes again counts as before: the load whose
** destructor it had is kept for nothing. */
static _Atomic uint64_t destructors[PTHREAD_KEYS_MAX]; /* 0: none that is known */
static _Atomic unsigned most;                          /* no key from here on was made */

static void note(unsigned key, uint64_t destructor)
{
    unsigned before = atomic_load(&most);
    if (key >= PTHREAD_KEYS_MAX)
        return;
    atomic_store(&destructors[key], destructor);
    while (before <= key && !atomic_compare_exchange_weak(&most, &before, key + 1))
        ;
}

static int key_create(pthread_key_t *key, void (*destructor)(void *))
{
    int rc = pthread_key_create(key, destructor);
    if (rc == 0)
        note(*key, (uint64_t)(uintptr_t)destructor);
    return rc;
}

static int key_delete(pthread_key_t key)
{
    note(key, 0);
    return pthread_key_delete(key);
}

static int storage_create(tss_t *key, tss_dtor_t destructor)
{
    int rc = tss_create(key, destructor);
    if (rc == thrd_success)
        note(*key, (uint64_t)(uintptr_t)destructor);
    return rc;
}

static void storage_delete(tss_t key)
{
    note(key, 0);
    tss_delete(key);
}

uint64_t ml_keys_create(void)
{
    return (uint64_t)(uintptr_t)key_create;
}

uint64_t ml_keys_delete(void)
{
    return (uint64_t)(uintptr_t)key_delete;
}

uint64_t ml_keys_tss_create(void)
{
    return (uint64_t)(uintptr_t)storage_create;
}

uint64_t ml_keys_tss_delete(void)
{
    return (uint64_t)(uintptr_t)storage_delete;
}

bool ml_keys_lead(bool (*matters)(void *ud, uint64_t addr), void *ud)
{
    bool found = false;
    for (unsigned i = 0, n = atomic_load(&most); i < n && !found; i++) {
        uint64_t destructor = atomic_load_explicit(&destructors[i], memory_order_relaxed);
        found = destructor && matters(ud, destructor);
    }
    return found;
}
