/* cache_put.c -- pkg: the primitives of writing package.cache.
** takes values; gives their bytes as Data.Binary has them: numbers big-endian, a list as its length
** in 64 bits and its items.
** Spec: cache.h.
** SPDX-License-Identifier: MIT */
#include "pkg/cache_impl.h"
#include "pkg/utf8.h"

void ml_cache_put_u8(ml_bytes *b, uint8_t v)
{
    ml_bytes_put(b, &v, 1);
}

void ml_cache_put_u16(ml_bytes *b, uint16_t v)
{
    const uint8_t bytes[] = {(uint8_t)(v >> 8), (uint8_t)v};
    ml_bytes_put(b, bytes, sizeof bytes);
}

void ml_cache_put_u32(ml_bytes *b, uint32_t v)
{
    ml_cache_put_u16(b, (uint16_t)(v >> 16));
    ml_cache_put_u16(b, (uint16_t)v);
}

void ml_cache_put_u64(ml_bytes *b, uint64_t v)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(v >> (56 - 8 * i));
    ml_bytes_put(b, bytes, sizeof bytes);
}

void ml_cache_put_short(ml_bytes *b, ml_slice s)
{
    ml_cache_put_u64(b, s.n);
    ml_bytes_put(b, s.p, s.n);
}

void ml_cache_put_string(ml_bytes *b, ml_slice s)
{
    ml_cache_put_u64(b, ml_utf8_length(s));
    ml_bytes_put(b, s.p, s.n);
}
