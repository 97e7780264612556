/* leb128.h -- base: numbers of seven bits a byte, the lowest first, the last byte without its
** highest bit. Bytes that add nothing are part of a number, up to ten in all.
** Spec: DWARF 5, 7.6.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_LEB128_H
#define ML_BASE_LEB128_H

#include <stdbool.h>
#include <stdint.h>

/* The bits of the number at *at of p, whose bytes end at `end`; *at is then behind it. False when
** that is no number of 64 bits: *at is the byte that would be too much, or `end`, where one is
** missing. */
static inline bool ml_leb128(const uint8_t *p, uint64_t *at, uint64_t end, bool has_sign,
                             uint64_t *out)
{
    const uint8_t most = has_sign ? 0x7f : 1; /* the tenth byte has one bit, and copies of it */
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end; shift += 7) {
        uint8_t byte = p[*at];
        if (shift == 63 && byte && byte != most)
            return false;
        ++*at;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (has_sign && (byte & 0x40) && shift < 57)
            value |= UINT64_MAX << (shift + 7);
        *out = value;
        return true;
    }
    return false;
}

static inline bool ml_uleb128(const uint8_t *p, uint64_t *at, uint64_t end, uint64_t *out)
{
    return ml_leb128(p, at, end, false, out);
}

static inline bool ml_sleb128(const uint8_t *p, uint64_t *at, uint64_t end, int64_t *out)
{
    uint64_t bits;
    if (!ml_leb128(p, at, end, true, &bits))
        return false;
    *out = (int64_t)bits;
    return true;
}

#endif
