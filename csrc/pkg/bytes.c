/* bytes.c -- pkg: text that grows while it is written.
** SPDX-License-Identifier: MIT */
#include "pkg/bytes.h"

#include <stdarg.h>
#include <stdio.h>

void ml_bytes_free(ml_bytes *b)
{
    ml_heap_free(b->p);
    *b = (ml_bytes){0};
}

bool ml_bytes_room(ml_bytes *b, size_t n)
{
    if (b->failed || n > SIZE_MAX / 2 - b->n) {
        b->failed = true;
        return false;
    }
    if (b->room - b->n >= n)
        return true;
    size_t room = b->room ? b->room : 256;
    while (room - b->n < n)
        room *= 2;
    uint8_t *p = ml_heap_grow(b->p, room, 1);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->room = room;
    return true;
}

void ml_bytes_fill(ml_bytes *b, uint8_t c, size_t n)
{
    if (n && ml_bytes_room(b, n)) {
        memset(b->p + b->n, c, n);
        b->n += n;
    }
}

void ml_bytes_format(ml_bytes *b, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0)
        ml_bytes_put(b, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

bool ml_bytes_keep(const ml_bytes *b, ml_arena *a, ml_slice *out)
{
    if (b->failed)
        return false;
    uint8_t *p = (uint8_t *)ml_strndup(a, b->n ? (const char *)b->p : "", b->n);
    if (!p)
        return false;
    *out = (ml_slice){p, b->n};
    return true;
}
