/* hash.h -- base: the one hash of names, shared by symbol tables and archive indexes, so that a
** name is hashed once on its way through the linker.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_HASH_H
#define ML_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Hash of len bytes: eight bytes a step, multiply and fold. Not meant against attackers: a table
** that uses it must stay correct, if slow, when all hashes are equal. */
static inline uint32_t ml_hash(const char *s, size_t len)
{
    const uint64_t K = 0x9fb21c651e98df25u;
    uint64_t h = len * K;
    while (len >= 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        h = (h ^ w) * K;
        h ^= h >> 32;
        s += 8;
        len -= 8;
    }
    uint64_t w = 0;
    memcpy(&w, s, len);
    h = (h ^ w) * K;
    return (uint32_t)(h >> 32) ^ (uint32_t)h;
}

#endif
