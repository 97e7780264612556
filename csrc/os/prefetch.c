/* prefetch.c -- os: files read ahead.
** Both threads claim files by one counter: the reader the next one, the user the one that he wants
** if nobody has claimed it. The user never waits for longer than a read takes: then he reads the
** file as well.
** Spec: pthread_create(3); C11 7.17 (the only data that both threads write are atomics; a file's
** fields are written before its state is released).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "os/prefetch.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

enum { PENDING, READY, FAILED, SPINS = 2000 };

typedef struct item {
    const char *path;
    ml_slice bytes;
    ml_file_id id;
    atomic_int state;
} item;

struct ml_prefetch {
    item *items;
    size_t n, limit;
    size_t taken;          /* by the user */
    atomic_size_t claimed; /* files before it are somebody's */
    atomic_bool stop;
    pthread_t thread;
    ml_arena arena; /* the reader's: contents */
    ml_arena own;   /* the user's: paths and items */
};

/* Reads one file; false for every reason, the user will find it again. */
static bool read_item(ml_prefetch *p, ml_diag *d, item *it)
{
    ml_os_file f;
    if (ml_os_open(d, it->path, &f) < 0)
        return false;
    uint8_t *to = f.id.size <= p->limit ? ml_alloc(&p->arena, (size_t)f.id.size + 1) : NULL;
    bool ok = to && ml_os_pread(d, &f, 0, to, (size_t)f.id.size) == 0;
    if (ok) {
        to[f.id.size] = 0;
        it->bytes = (ml_slice){to, (size_t)f.id.size};
        it->id = f.id;
    }
    ml_os_close(&f);
    return ok;
}

static void *reader(void *ud)
{
    ml_prefetch *p = ud;
    ml_diag d;
#ifdef SCHED_IDLE /* a processor that nobody else wants: else it delays the one it works for */
    pthread_setschedparam(pthread_self(), SCHED_IDLE, &(struct sched_param){0});
#endif
    ml_diag_init(&d);
    while (!atomic_load(&p->stop)) {
        size_t i = atomic_fetch_add(&p->claimed, 1);
        if (i >= p->n)
            break;
        bool ok = read_item(p, &d, &p->items[i]);
        atomic_store_explicit(&p->items[i].state, ok ? READY : FAILED, memory_order_release);
    }
    ml_diag_free(&d);
    return NULL;
}

static bool start_thread(ml_prefetch *p)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    bool ok = pthread_create(&p->thread, NULL, reader, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

ml_prefetch *ml_prefetch_start(const char *const *paths, size_t n, size_t limit)
{
    ml_prefetch *p = ml_heap_zalloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->n = n;
    p->limit = limit;
    p->arena.bulk = &ml_os_bulk;
    p->items = ml_zalloc(&p->own, n, sizeof *p->items);
    bool ok = p->items != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = (p->items[i].path = ml_strdup(&p->own, paths[i])) != NULL;
    if (!ok || !start_thread(p)) {
        ml_arena_free(&p->own);
        ml_heap_free(p);
        return NULL;
    }
    return p;
}

bool ml_prefetch_take(ml_prefetch *p, const char *path, ml_slice *out, ml_file_id *id)
{
    size_t i = p->taken;
    if (i >= p->n || strcmp(p->items[i].path, path) != 0)
        return false;
    p->taken++;
    size_t unclaimed = i;
    if (atomic_compare_exchange_strong(&p->claimed, &unclaimed, i + 1))
        return false; /* ours now: the caller reads it */
    int state = PENDING;
    for (int k = 0; k < SPINS && state == PENDING; k++)
        state = atomic_load_explicit(&p->items[i].state, memory_order_acquire);
    if (state != READY)
        return false; /* the reader may have lost its processor: reading twice is cheaper */
    *out = p->items[i].bytes;
    *id = p->items[i].id;
    return true;
}

void ml_prefetch_end(ml_prefetch *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    ml_arena_free(&p->arena);
    ml_arena_free(&p->own);
    ml_heap_free(p);
}
