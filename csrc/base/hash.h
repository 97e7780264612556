/* hash.h -- base: the one hash of names, shared by symbol tables and archive indexes, so that a
** name is hashed once on its way through the linker.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_HASH_H
#define ML_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Two numbers of this process, which stay as they are: see hash.c. */
extern uint64_t ml_hash_secret[2];

__extension__ typedef unsigned __int128 ml_hash_wide;

/* Both halves of a product: every bit depends on all bits of both factors. */
static inline uint64_t ml_hash_product(uint64_t a, uint64_t b)
{
    ml_hash_wide product = (ml_hash_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t ml_hash_mix(uint64_t h, uint64_t word)
{
    return ml_hash_product(h ^ word, ml_hash_secret[1]);
}

/* Tables take the low bits. One product of a counter and an unlucky secret leaves steps that show
** in them: every two hundredth process or so had up to a twentieth fewer places taken than by
** chance. */
static inline uint32_t ml_hash_end(uint64_t h)
{
    h = (h ^ h >> 32) * UINT64_C(0xbf58476d1ce4e5b9); /* an odd number with half its bits set */
    return (uint32_t)(h ^ h >> 32);
}

/* Hash of a number. */
static inline uint32_t ml_hash_number(uint64_t n)
{
    return ml_hash_end(ml_hash_mix(ml_hash_secret[0], n));
}

static inline uint64_t ml_hash_word(const char *s)
{
    uint64_t w;
    memcpy(&w, s, sizeof w);
    return w;
}

/* Less than eight bytes. */
static inline uint64_t ml_hash_short(const char *s, size_t n)
{
    if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, s, 4);
        memcpy(&high, s + n - 4, 4);
        return low | (uint64_t)high << 32;
    }
    if (!n)
        return 0;
    return (uint8_t)s[0] | (uint64_t)(uint8_t)s[n / 2] << 8 | (uint64_t)(uint8_t)s[n - 1] << 16;
}

/* Hash of len bytes: sixteen bytes a step, the last step overlapping the one before. Another one in
** each process: nothing that is seen may depend on it. A table that uses it must stay correct, if
** slow, when all hashes are equal. */
static inline uint32_t ml_hash(const char *s, size_t len)
{
    uint64_t h = len ^ ml_hash_secret[0], secret = ml_hash_secret[1];
    if (len < 8)
        return ml_hash_end(ml_hash_mix(h, ml_hash_short(s, len)));
    for (size_t i = 0; i + 16 < len; i += 16)
        h = ml_hash_product(ml_hash_word(s + i) ^ secret, ml_hash_word(s + i + 8) ^ h);
    const char *last = s + (len < 16 ? 0 : len - 16);
    return ml_hash_end(
        ml_hash_product(ml_hash_word(last) ^ secret, ml_hash_word(s + (len - 8)) ^ h));
}

#endif
