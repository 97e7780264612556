/* search.h -- base: binary search in arrays that are sorted by an unsigned number of 64 bits.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_SEARCH_H
#define ML_BASE_SEARCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many of n elements have a key of at most `key`: the last of them is the one before the place
** that is returned. Elements have `size` bytes, their keys stand at offset `at`. Each step chooses
** one of two addresses: branches would be guessed wrong half of the time, which takes longer. */
static inline size_t ml_upto(const void *v, size_t n, size_t size, size_t at, uint64_t key)
{
    const char *first = v, *upto = first;
    while (n > 0) {
        size_t half = (n + 1) / 2;
        const char *next = upto + half * size;
        uint64_t here;
        memcpy(&here, next - size + at, sizeof here);
        upto = here <= key ? next : upto;
        n -= half;
    }
    return (size_t)(upto - first) / size;
}

/* The same for an array v of structures with the key in `field`. */
#define ML_UPTO(v, n, field, key) \
    ml_upto((v), (n), sizeof *(v), offsetof(__typeof__(*(v)), field), (key))

#endif
