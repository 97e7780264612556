/* utf8.h -- pkg: characters in UTF-8, as far as the formats ask about them.
** Letters outside ASCII are not told apart: where a format wants a letter or a digit, any character
** above U+007F will do that is not white space.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_UTF8_H
#define ML_PKG_UTF8_H

#include "base/arena.h"
#include "base/slice.h"

/* Bytes of the character at p, 0 when they are not UTF-8; *code is set when they are. */
size_t ml_utf8_next(const uint8_t *p, const uint8_t *end, uint32_t *code);
/* Bytes written for code (at most 4); U+FFFD for what is no character. */
size_t ml_utf8_put(uint8_t out[4], uint32_t code);
/* Characters in s. */
size_t ml_utf8_length(ml_slice s);
/* True when s is UTF-8 throughout. */
bool ml_utf8_valid(ml_slice s);
/* A copy with U+FFFD in place of what is not UTF-8; false when memory is short. */
bool ml_utf8_mend(ml_arena *a, ml_slice s, ml_slice *out);

/* Bytes of a white space character outside ASCII at p (Unicode category Zs), or 0. */
static inline size_t ml_utf8_space(const uint8_t *p, const uint8_t *end)
{
    if (end - p >= 2 && p[0] == 0xc2 && p[1] == 0xa0)
        return 2;
    if (end - p < 3)
        return 0;
    uint32_t w = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    bool space = w == 0xe19a80 || (w >= 0xe28080 && w <= 0xe2808a) || w == 0xe280af ||
                 w == 0xe2819f || w == 0xe38080;
    return space ? 3 : 0;
}

#endif
