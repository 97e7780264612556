/* exits.c -- process: how a load ends.
** takes a load's handle and destructors; gives a record that the C library calls back at exit, and
** that unloading runs earlier.
** The handle's memory says whose it is: itself (so that it looks like any other), the record, and a
** check word. What the load registers, for its own end and for that of a thread, is listed in the
** record before the C library hears of it: addresses in there change when the unit that they lie in
** is reloaded. Each handler keeps the record alive, so that one that runs after the load finds that
** there is nothing to do.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/exits.h"

#include <stdatomic.h>

#include "base/arena.h"
#include "base/slice.h"
#include "os/mutex.h"
#include "os/os.h"
#include "process/process.h"

/* Of the C library; no header declares them. The second is not everywhere. */
int __cxa_atexit(void (*function)(void *), void *arg, void *dso_handle);
__attribute__((weak)) int __cxa_thread_atexit_impl(void (*function)(void *), void *object,
                                                   void *dso_handle);

/* What will run at the end of the load, or of a thread. */
typedef struct pending {
    struct pending *next, *prev;
    ml_exits *x;
    uint64_t destroy, object; /* a function, and what it is given */
    int64_t thread;           /* 0: of the load */
} pending;

struct ml_exits {
    uint64_t key; /* under which the C library knows what the load registered */
    const uint64_t *fini;
    size_t nfini, plain;
    bool ran;
    atomic_uint holders; /* the load, and each pending handler */
    atomic_bool gone;
    pending *handlers, *of_threads; /* guarded by ML_MUTEX_EXITS */
};

static const uint64_t check = UINT64_C(0x6d6f6f6e6c696e6b);

static void drop(ml_exits *x)
{
    if (atomic_fetch_sub(&x->holders, 1) == 1)
        ml_heap_free(x);
}

/* Called by the C library: at exit of the process, or for ml_exits_run. In a position-independent
** program or library it is crtbegin's entry, the last without a priority, that runs the handlers
** which destructors have registered. What is registered later the C library runs at the end. */
static void at_exit(void *arg)
{
    ml_exits *x = arg;
    if (x->ran)
        return;
    x->ran = true;
    ml_process_run(x->fini, x->plain, NULL);
    ml_process_finalize(x->key);
    ml_process_run(x->fini + x->plain, x->nfini - x->plain, NULL);
}

ml_exits *ml_exits_new(uint64_t dso, const uint64_t *fini, size_t n, size_t plain)
{
    ml_exits *x = ml_heap_zalloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->key = dso ? dso : (uint64_t)(uintptr_t)x;
    x->fini = fini;
    x->nfini = n;
    x->plain = plain;
    atomic_init(&x->holders, 1);
    if (n && __cxa_atexit(at_exit, x, (void *)(uintptr_t)x->key) != 0) {
        ml_heap_free(x);
        return NULL;
    }
    if (dso) {
        uint8_t *p = (uint8_t *)(uintptr_t)dso;
        uint64_t self = (uint64_t)(uintptr_t)x;
        ml_put64(p, dso);
        ml_put64(p + 8, self);
        ml_put64(p + 16, dso ^ self ^ check);
    }
    return x;
}

void ml_exits_run(ml_exits *x)
{
    if (x->nfini || x->key != (uint64_t)(uintptr_t)x)
        ml_process_finalize(x->key);
}

void ml_exits_cancel(ml_exits *x)
{
    x->ran = true;
    ml_exits_run(x);
}

void ml_exits_drop(ml_exits *x)
{
    if (!x)
        return;
    atomic_store(&x->gone, true);
    drop(x);
}

size_t ml_exits_threads(ml_exits *x, int64_t *ids, size_t room)
{
    size_t n = 0;
    int64_t last = -1;
    if (!x)
        return 0;
    ml_mutex_take(ML_MUTEX_EXITS);
    for (const pending *p = x->of_threads; p; p = p->next) {
        if (p->thread == last)
            continue;
        last = p->thread;
        if (n < room)
            ids[n] = last;
        n++;
    }
    ml_mutex_give(ML_MUTEX_EXITS);
    return n;
}

static bool change_all(pending *list, ml_exits_changer *change, void *ud)
{
    bool all = true;
    for (pending *p = list; p; p = p->next) {
        all = change(ud, &p->destroy) && all;
        all = change(ud, &p->object) && all;
    }
    return all;
}

bool ml_exits_change(ml_exits *x, ml_exits_changer *change, void *ud)
{
    if (!x)
        return true;
    ml_mutex_take(ML_MUTEX_EXITS);
    bool all = change_all(x->handlers, change, ud);
    all = change_all(x->of_threads, change, ud) && all;
    ml_mutex_give(ML_MUTEX_EXITS);
    return all;
}

/* ---- what a load registers ---- */

/* The record behind a handle; NULL when the handle is none of ours. */
static ml_exits *record_of(void *dso)
{
    const uint8_t *p = dso;
    if (!p || (uintptr_t)p % 8 || ml_get64(p) != (uint64_t)(uintptr_t)p)
        return NULL;
    uint64_t self = ml_get64(p + 8);
    if (ml_get64(p + 16) != ((uint64_t)(uintptr_t)p ^ self ^ check))
        return NULL;
    return (ml_exits *)(uintptr_t)self;
}

static pending **list_of(pending *p)
{
    return p->thread ? &p->x->of_threads : &p->x->handlers;
}

/* NULL when memory is short. */
static pending *enlist(ml_exits *x, void (*destroy)(void *), void *object, int64_t thread)
{
    pending *p = ml_heap_zalloc(1, sizeof *p);
    if (!p)
        return NULL;
    *p = (pending){.x = x,
                   .destroy = (uint64_t)(uintptr_t)destroy,
                   .object = (uint64_t)(uintptr_t)object,
                   .thread = thread};
    atomic_fetch_add(&x->holders, 1);
    ml_mutex_take(ML_MUTEX_EXITS);
    pending **first = list_of(p);
    p->next = *first;
    if (p->next)
        p->next->prev = p;
    *first = p;
    ml_mutex_give(ML_MUTEX_EXITS);
    return p;
}

static void forget(pending *p)
{
    ml_exits *x = p->x;
    ml_mutex_take(ML_MUTEX_EXITS);
    *(p->prev ? &p->prev->next : list_of(p)) = p->next;
    if (p->next)
        p->next->prev = p->prev;
    ml_mutex_give(ML_MUTEX_EXITS);
    ml_heap_free(p);
    drop(x);
}

static pending read_now(pending *p)
{
    ml_mutex_take(ML_MUTEX_EXITS);
    pending now = *p;
    ml_mutex_give(ML_MUTEX_EXITS);
    return now;
}

static void run(const pending *p)
{
    ((void (*)(void *))(uintptr_t)p->destroy)((void *)(uintptr_t)p->object);
}

/* Not on the list while it runs: it may raise. */
static void at_load_exit(void *arg)
{
    pending *p = arg;
    const pending now = read_now(p);
    bool gone = atomic_load(&p->x->gone);
    forget(p);
    if (!gone)
        run(&now);
}

/* Stays on the list while it runs: until then the thread is inside the load. */
static void at_thread_exit(void *arg)
{
    pending *p = arg;
    const pending now = read_now(p);
    if (!atomic_load(&p->x->gone))
        run(&now);
    forget(p);
}

static int load_atexit(void (*destroy)(void *), void *object, void *dso)
{
    ml_exits *x = record_of(dso);
    if (!x)
        return __cxa_atexit(destroy, object, dso);
    pending *p = enlist(x, destroy, object, 0);
    if (!p)
        return -1;
    int rc = __cxa_atexit(at_load_exit, p, dso);
    if (rc != 0)
        forget(p);
    return rc;
}

static int thread_atexit(void (*destroy)(void *), void *object, void *dso)
{
    ml_exits *x = record_of(dso);
    if (!x)
        return __cxa_thread_atexit_impl(destroy, object, dso);
    pending *p = enlist(x, destroy, object, ml_os_thread());
    if (!p)
        return -1;
    /* glibc counts handlers of the library that holds the handle's address: this one, which is
    ** never unloaded. It must not be NULL. */
    int rc = __cxa_thread_atexit_impl(at_thread_exit, p, (void *)(uintptr_t)at_thread_exit);
    if (rc != 0)
        forget(p);
    return rc;
}

uint64_t ml_exits_atexit(void)
{
    return (uint64_t)(uintptr_t)load_atexit;
}

uint64_t ml_exits_thread_atexit(void)
{
    return __cxa_thread_atexit_impl ? (uint64_t)(uintptr_t)thread_atexit : 0;
}
