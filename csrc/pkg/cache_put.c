/* cache_put.c -- pkg: the primitives of writing package.cache.
** takes values; gives their bytes as Data.Binary has them: numbers big-endian, a list as its length
** in 64 bits and its items.
** Spec: cache.h.
** SPDX-License-Identifier: MIT */
#include "pkg/cache_impl.h"

static uint8_t *room_for(ml_bytes *b, size_t n)
{
    if (n > b->room - b->n) {
        size_t room = b->room + b->room / 2 + n + 256;
        uint8_t *p = b->failed ? NULL : ml_heap_grow(b->p, room, 1);
        b->failed |= !p;
        if (!p)
            return NULL;
        b->p = p;
        b->room = room;
    }
    uint8_t *at = b->p + b->n;
    b->n += n;
    return at;
}

void ml_put_bytes(ml_bytes *b, const void *p, size_t n)
{
    uint8_t *to = n ? room_for(b, n) : NULL;
    if (to)
        memcpy(to, p, n);
}

void ml_put_u8(ml_bytes *b, uint8_t v)
{
    ml_put_bytes(b, &v, 1);
}

void ml_put_u16(ml_bytes *b, uint16_t v)
{
    const uint8_t bytes[] = {(uint8_t)(v >> 8), (uint8_t)v};
    ml_put_bytes(b, bytes, sizeof bytes);
}

void ml_put_u32(ml_bytes *b, uint32_t v)
{
    ml_put_u16(b, (uint16_t)(v >> 16));
    ml_put_u16(b, (uint16_t)v);
}

void ml_put_u64(ml_bytes *b, uint64_t v)
{
    uint8_t *to = room_for(b, 8);
    for (unsigned i = 0; to && i < 8; i++)
        to[i] = (uint8_t)(v >> (56 - 8 * i));
}

void ml_put_short(ml_bytes *b, ml_slice s)
{
    ml_put_u64(b, s.n);
    ml_put_bytes(b, s.p, s.n);
}

/* Bytes that begin a character, in UTF-8. */
static size_t characters(ml_slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

void ml_put_string(ml_bytes *b, ml_slice s)
{
    ml_put_u64(b, characters(s));
    ml_put_bytes(b, s.p, s.n);
}
