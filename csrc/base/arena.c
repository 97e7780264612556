/* arena.c -- base: chunks from malloc, bumped.
** Chunks double from 16 KiB to 1 MiB; what is larger gets a chunk of its own behind the newest,
** so that the free part of the newest is not lost.
** SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CHUNK = 16 << 10, LAST_CHUNK = 1 << 20, ALIGN = 16 };

struct ml_chunk {
    struct ml_chunk *next;
    size_t size; /* bytes behind the header */
};

#define HEADER ((sizeof(struct ml_chunk) + ALIGN - 1) & ~(size_t)(ALIGN - 1))

void ml_arena_init(ml_arena *a)
{
    *a = (ml_arena){0};
}

void ml_arena_free(ml_arena *a)
{
    struct ml_chunk *c = a->chunks;
    while (c) {
        struct ml_chunk *next = c->next;
        free(c);
        c = next;
    }
    ml_arena_init(a);
}

void ml_arena_join(ml_arena *to, ml_arena *from)
{
    struct ml_chunk **end = &to->chunks;
    while (*end)
        end = &(*end)->next;
    *end = from->chunks;
    if (!to->at) {
        to->at = from->at;
        to->end = from->end;
    }
    to->held += from->held;
    ml_arena_init(from);
}

static struct ml_chunk *chunk_new(ml_arena *a, size_t size)
{
    if (size > SIZE_MAX - HEADER)
        return NULL;
    struct ml_chunk *c = malloc(HEADER + size);
    if (!c)
        return NULL;
    c->size = size;
    a->held += HEADER + size;
    return c;
}

/* A chunk of its own for a large piece; the newest chunk stays the newest. */
static void *alloc_large(ml_arena *a, size_t size)
{
    struct ml_chunk *c = chunk_new(a, size);
    if (!c)
        return NULL;
    if (a->chunks) {
        c->next = a->chunks->next;
        a->chunks->next = c;
    } else {
        c->next = NULL;
        a->chunks = c;
    }
    return (uint8_t *)c + HEADER;
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
    if (size > want / 4)
        return alloc_large(a, size);
    struct ml_chunk *c = chunk_new(a, want);
    if (!c)
        return NULL;
    c->next = a->chunks;
    a->chunks = c;
    a->at = (uint8_t *)c + HEADER + size;
    a->end = (uint8_t *)c + HEADER + want;
    return (uint8_t *)c + HEADER;
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
