/* utf8.c -- pkg: characters in UTF-8.
** Spec: Unicode 15, table 3-7 "Well-Formed UTF-8 Byte Sequences".
** SPDX-License-Identifier: MIT */
#include "pkg/utf8.h"

/* Bytes at p that are not UTF-8 and stand for one U+FFFD, as Cabal counts them: a first byte with
** the continuation bytes that it announces. */
static size_t bad_length(const uint8_t *p, const uint8_t *end)
{
    uint8_t c = p[0];
    size_t n = c < 0xc0 || c >= 0xfe ? 1
               : c < 0xe0            ? 2
               : c < 0xf0            ? 3
               : c < 0xf8            ? 4
               : c < 0xfc            ? 5
                                     : 6;
    size_t i = 1;
    while (i < n && p + i < end && (p[i] & 0xc0) == 0x80)
        i++;
    return i;
}

size_t ml_utf8_next(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
    uint32_t c = p[0];
    if (c < 0x80) {
        *code = c;
        return 1;
    }
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < n)
        return 0;
    c &= 0xffu >> (n + 1);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *code = c;
    return n;
}

size_t ml_utf8_put(uint8_t out[4], uint32_t code)
{
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        code = 0xfffd;
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (uint8_t)(lead[n] | code);
    return n;
}

size_t ml_utf8_length(ml_slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

bool ml_utf8_valid(ml_slice s)
{
    const uint8_t *p = s.p, *end = s.p + s.n;
    while (p < end) {
        while (end - p >= 8 && !(ml_get64(p) & 0x8080808080808080u))
            p += 8;
        if (p == end)
            break;
        uint32_t code;
        size_t n = ml_utf8_next(p, end, &code);
        if (!n)
            return false;
        p += n;
    }
    return true;
}

bool ml_utf8_mend(ml_arena *a, ml_slice s, ml_slice *out)
{
    uint8_t *to = ml_nalloc(a, s.n + 1, 3);
    if (!to)
        return false;
    *out = (ml_slice){to, 0};
    const uint8_t *p = s.p, *end = s.p + s.n;
    while (p < end) {
        uint32_t code;
        size_t n = ml_utf8_next(p, end, &code);
        if (n) {
            memcpy(to, p, n);
            to += n;
        } else {
            to += ml_utf8_put(to, 0xfffd);
            n = bad_length(p, end);
        }
        p += n;
    }
    out->n = (size_t)(to - out->p);
    return true;
}
