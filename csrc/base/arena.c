/* arena.c -- base: chunks from malloc, bumped.
** Chunks double from 16 KiB to 1 MiB; what is larger gets a chunk of its own, and the chunk with
** the most room stays the one that is filled. A large arena takes bulk units, a very large
** one malloc again: huge pages in such numbers are seldom at hand, and making them takes longer
** than small pages do (measured on a virtual machine: 500 ms against 290 for 80 MiB of objects).
** SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CHUNK = 16 << 10,
    LAST_CHUNK = 1 << 20,
    BULK_FROM = 512 << 10,
    BULK_TO = 16 << 20,
    ALIGN = 16
};

struct ml_chunk {
    struct ml_chunk *next;
    size_t size;         /* bytes in all */
    const ml_bulk *bulk; /* where it came from; NULL: malloc */
};

#define HEADER ((sizeof(struct ml_chunk) + ALIGN - 1) & ~(size_t)(ALIGN - 1))

void ml_arena_free(ml_arena *a)
{
    struct ml_chunk *c = a->chunks;
    while (c) {
        struct ml_chunk *next = c->next;
        if (c->bulk)
            c->bulk->put(c, c->size);
        else
            free(c);
        c = next;
    }
    *a = (ml_arena){.bulk = a->bulk, .slow = a->slow};
}

static bool holds(const struct ml_chunk *c, const uint8_t *p)
{
    return (uintptr_t)p - (uintptr_t)c < c->size;
}

bool ml_arena_may_move(const ml_arena *a, const void *p)
{
    const struct ml_chunk *c = a->chunks;
    while (c && !holds(c, p))
        c = c->next;
    return c && c->bulk;
}

static int by_address(const void *a, const void *b)
{
    const ml_slice *x = a, *y = b;
    return x->p < y->p ? -1 : x->p > y->p;
}

/* Gives back what lies between the ranges of v, sorted, that are in c. */
static void trim(struct ml_chunk *c, const ml_slice *v, size_t n)
{
    uint8_t *at = (uint8_t *)c + HEADER, *end = (uint8_t *)c + c->size;
    for (size_t i = 0; i < n; i++) {
        if (!holds(c, v[i].p) || v[i].p + v[i].n < at)
            continue;
        if (v[i].p > at)
            c->bulk->drop(at, (size_t)(v[i].p - at));
        at = (uint8_t *)c + (v[i].p - (uint8_t *)c) + v[i].n;
    }
    c->bulk->drop(at, (size_t)(end - at));
}

void ml_arena_move(ml_arena *from, ml_arena *to, ml_slice *v, size_t n)
{
    struct ml_chunk **at = &from->chunks, *c;
    if (!n)
        return;
    qsort(v, n, sizeof *v, by_address); /* as trim wants them */
    while ((c = *at)) {
        size_t i = 0;
        while (i < n && !holds(c, v[i].p))
            i++;
        if (i == n) {
            at = &c->next;
            continue;
        }
        trim(c, v, n);
        *at = c->next;
        c->next = to->chunks;
        to->chunks = c;
        to->held += c->size;
    }
    from->at = from->end = NULL;
}

/* A chunk with room for size bytes behind its header, from the bulk source when there is one and
** the arena is large, else from malloc. The largest chunk does not count: it may be one object of
** 30 MB, of which much is noted. */
static struct ml_chunk *chunk_new(ml_arena *a, size_t size)
{
    bool large = a->held >= BULK_FROM || size >= BULK_FROM;
    const ml_bulk *bulk = large && a->held - a->largest < BULK_TO ? a->bulk : NULL;
    struct ml_chunk *c = NULL;
    bool slow = false;
    size_t all = size + HEADER;
    if (all < size)
        return NULL;
    if (bulk) {
        ml_part got = bulk->get(all, a->slow ? a->slow : &slow);
        c = got.p;
        if (c)
            *c = (struct ml_chunk){.size = got.size, .bulk = bulk};
    }
    if (!c) {
        c = malloc(all);
        if (!c)
            return NULL;
        if (a->bulk && all >= BULK_FROM)
            a->bulk->touch(c, all);
        *c = (struct ml_chunk){.size = all};
    }
    a->held += c->size;
    a->largest = c->size > a->largest ? c->size : a->largest;
    return c;
}

/* Makes c the chunk that is filled next, when it has more room than the present one. */
static void *chunk_use(ml_arena *a, struct ml_chunk *c, size_t size)
{
    uint8_t *p = (uint8_t *)c + HEADER, *end = (uint8_t *)c + c->size;
    c->next = a->chunks;
    a->chunks = c;
    if (!a->at || end - (p + size) > a->end - a->at) {
        a->at = p + size;
        a->end = end;
    }
    return p;
}

void *ml_alloc(ml_arena *a, size_t size)
{
    if (size > SIZE_MAX - ALIGN)
        return NULL;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (a->at && size <= (size_t)(a->end - a->at)) {
        void *p = a->at;
        a->at += size;
        return p;
    }
    size_t want = a->held < FIRST_CHUNK ? FIRST_CHUNK : a->held;
    if (want > LAST_CHUNK)
        want = LAST_CHUNK;
    struct ml_chunk *c = chunk_new(a, size > want / 4 ? size : want);
    return c ? chunk_use(a, c, size) : NULL;
}

void *ml_nalloc(ml_arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return ml_alloc(a, bytes);
}

void *ml_zalloc(ml_arena *a, size_t n, size_t size)
{
    void *p = ml_nalloc(a, n, size);
    return p ? memset(p, 0, n * size) : NULL;
}

bool ml_arena_room(ml_arena *a, void *array, size_t n, size_t *room, size_t size)
{
    enum { FIRST_ROOM = 32 };
    void *old, *more;
    if (n < *room)
        return true;
    size_t want = *room ? 2 * *room : FIRST_ROOM;
    if (want <= *room || !(more = ml_nalloc(a, want, size)))
        return false;
    memcpy(&old, array, sizeof old); /* a pointer to some type, seen as one to bytes */
    if (n)
        memcpy(more, old, n * size);
    memcpy(array, &more, sizeof more);
    *room = want;
    return true;
}

char *ml_strndup(ml_arena *a, const char *s, size_t len)
{
    char *p = len < SIZE_MAX ? ml_alloc(a, len + 1) : NULL;
    if (!p)
        return NULL;
    memcpy(p, s, len);
    p[len] = 0;
    return p;
}

char *ml_strdup(ml_arena *a, const char *s)
{
    return ml_strndup(a, s, strlen(s));
}

char *ml_format(ml_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : ml_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

void *ml_heap_grow(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return realloc(p, bytes ? bytes : 1);
}

void *ml_heap_zalloc(size_t n, size_t size)
{
    return calloc(n ? n : 1, size);
}

void ml_heap_free(void *p)
{
    free(p);
}

bool ml_heap_room(void **v, uint32_t n, uint32_t *room, size_t size)
{
    if (n < *room)
        return true;
    uint32_t more = *room ? *room * 2 : 16;
    if (more < *room)
        return false;
    void *p = ml_heap_grow(*v, more, size);
    if (!p)
        return false;
    *v = p;
    *room = more;
    return true;
}
