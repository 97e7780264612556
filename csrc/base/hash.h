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

/* Both halves of a product: so every bit depends on all bits of h, word and the secret. */
static inline uint64_t ml_hash_mix(uint64_t h, uint64_t word)
{
    unsigned __int128 product = (unsigned __int128)(h ^ word) * ml_hash_secret[1];
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Tables take the low bits. */
static inline uint32_t ml_hash_end(uint64_t h)
{
    return (uint32_t)(h ^ h >> 32);
}

/* Hash of a number. */
static inline uint32_t ml_hash_number(uint64_t n)
{
    return ml_hash_end(ml_hash_mix(ml_hash_secret[0], n));
}

static inline uint64_t ml_hash_load(const char *s, size_t n)
{
    uint64_t w = 0;
    if (n >= 8) {
        memcpy(&w, s, 8);
    } else if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, s, 4);
        memcpy(&high, s + n - 4, 4);
        w = low | (uint64_t)high << 32;
    } else if (n) {
        w = (uint8_t)s[0] | (uint64_t)(uint8_t)s[n / 2] << 8 | (uint64_t)(uint8_t)s[n - 1] << 16;
    }
    return w;
}

/* Hash of len bytes: eight bytes a step, the last step overlapping the one before. Another one in
** each process: nothing that is seen may depend on it. A table that uses it must stay correct, if
** slow, when all hashes are equal. */
static inline uint32_t ml_hash(const char *s, size_t len)
{
    uint64_t h = len ^ ml_hash_secret[0];
    if (len < 8)
        return ml_hash_end(ml_hash_mix(h, ml_hash_load(s, len)));
    for (size_t i = 0; i + 8 < len; i += 8)
        h = ml_hash_mix(h, ml_hash_load(s + i, 8));
    return ml_hash_end(ml_hash_mix(h, ml_hash_load(s + (len - 8), 8)));
}

#endif
