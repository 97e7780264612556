/* align.h -- base: multiples of powers of two.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_ALIGN_H
#define ML_BASE_ALIGN_H

#include <stdint.h>

/* The first multiple of `align`, a power of two, from n on; less than n when 64 bits end before. */
static inline uint64_t ml_align_up(uint64_t n, uint64_t align)
{
    return (n + align - 1) & ~(align - 1);
}

#endif
