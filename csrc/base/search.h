/* search.h -- base: binary search in arrays that are sorted by an unsigned number of 64 bits.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_SEARCH_H
#define ML_BASE_SEARCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many of n elements have a key of at most `key`: the last of them is the one before the place
** that is returned. Elements have `size` bytes, their keys stand at offset `at`. */
static inline size_t ml_upto(const void *v, size_t n, size_t size, size_t at, uint64_t key)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        uint64_t here;
        memcpy(&here, (const char *)v + mid * size + at, sizeof here);
        if (here <= key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The same for an array v of structures with the key in `field`. */
#define ML_UPTO(v, n, field, key) \
    ml_upto((v), (n), sizeof *(v), offsetof(__typeof__(*(v)), field), (key))

#endif
