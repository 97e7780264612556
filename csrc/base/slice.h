/* slice.h -- base: a checked view of bytes, and little-endian access to it.
** Everything that comes from a file is read through an ml_slice; an index is compared with the
** length before it is used, never after. No function here can read outside its slice.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_SLICE_H
#define ML_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct ml_slice {
    const uint8_t *p; /* first byte; may be NULL when n is 0 */
    size_t n;         /* bytes */
} ml_slice;

/* True when [off, off + len) lies inside n bytes. Cannot overflow. */
static inline bool ml_within(uint64_t n, uint64_t off, uint64_t len)
{
    return off <= n && len <= n - off;
}

/* The part [off, off + len) of s into *out; false, and *out untouched, when it is not all there. */
static inline bool ml_slice_sub(ml_slice s, uint64_t off, uint64_t len, ml_slice *out)
{
    if (!ml_within(s.n, off, len))
        return false;
    *out = (ml_slice){s.p + off, (size_t)len};
    return true;
}

/* True when both hold the same bytes. */
static inline bool ml_slice_equal(ml_slice a, ml_slice b)
{
    return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

/* True when the slice begins with the text. */
static inline bool ml_slice_starts(ml_slice s, const char *text)
{
    size_t n = strlen(text);
    return s.n >= n && (!n || memcmp(s.p, text, n) == 0);
}

/* True when the slice is the text. */
static inline bool ml_slice_is(ml_slice s, const char *text)
{
    return s.n == strlen(text) && ml_slice_starts(s, text);
}

/* The NUL-terminated string at off, or NULL when there is none that ends inside the slice. */
static inline const char *ml_slice_str(ml_slice s, uint64_t off)
{
    if (off >= s.n || !memchr(s.p + off, 0, s.n - (size_t)off))
        return NULL;
    return (const char *)s.p + off;
}

/* Little- and big-endian loads and stores at any alignment; the caller has checked the bounds. */
static inline uint16_t ml_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t ml_get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ml_get64(const uint8_t *p)
{
    return (uint64_t)ml_get32(p) | (uint64_t)ml_get32(p + 4) << 32;
}

static inline uint32_t ml_get32be(const uint8_t *p)
{
    return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

static inline uint64_t ml_get64be(const uint8_t *p)
{
    return (uint64_t)ml_get32be(p + 4) | (uint64_t)ml_get32be(p) << 32;
}

static inline void ml_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void ml_put32(uint8_t *p, uint32_t v)
{
    ml_put16(p, (uint16_t)v);
    ml_put16(p + 2, (uint16_t)(v >> 16));
}

static inline void ml_put64(uint8_t *p, uint64_t v)
{
    ml_put32(p, (uint32_t)v);
    ml_put32(p + 4, (uint32_t)(v >> 32));
}

#endif
