/* crel.c -- stage PARSE: bytes of an SHT_CREL section -> records as of SHT_RELA or SHT_REL.
** A header, ULEB128 of count * 8 + addend bit * 4 + shift, then for each relocation its difference
** to the one before: a ULEB128 of the offset's difference with two flags (three when there are
** addends) below it, then the differences of symbol, type and addend that the flags announce, in
** SLEB128. Offsets are stored shifted down by `shift`.
** A record takes at least one byte, so that a count is refused before anything is allocated for it.
** Spec: gABI discussion "CREL relocation format for ELF".
** SPDX-License-Identifier: MIT */
#include "object/crel.h"

#include "base/leb128.h"
#include "object/image.h"

enum { HAS_ADDENDS = 4, SHIFT_MASK = 3 };
enum { NEW_SYMBOL = 1, NEW_TYPE = 2, NEW_ADDEND = 4 };

typedef struct reader {
    const uint8_t *p;
    uint64_t at, end;
    const char *why; /* the first thing that was wrong; reads give 0 from then on */
} reader;

static const char *const PAST = "compact relocations go past the end of their section";
static const char *const TOO_MUCH = "compact relocations hold a number of more than 64 bits";

static uint8_t next(reader *r)
{
    if (!r->why && r->at == r->end)
        r->why = PAST;
    return r->why ? 0 : r->p[r->at++];
}

static uint64_t leb(reader *r, bool has_sign)
{
    uint64_t v;
    if (!r->why && !ml_leb128(r->p, &r->at, r->end, has_sign, &v))
        r->why = r->at == r->end ? PAST : TOO_MUCH;
    return r->why ? 0 : v;
}

static uint64_t uleb(reader *r)
{
    return leb(r, false);
}

static uint64_t sleb(reader *r)
{
    return leb(r, true);
}

bool ml_crel_decode(ml_arena *a, ml_slice bytes, ml_slice *records, bool *rela, const char **why,
                    uint64_t *record)
{
    reader r = {.p = bytes.p, .end = bytes.n};
    uint64_t header = uleb(&r), count = header / 8, offset = 0, addend = 0, i = 0;
    uint32_t symbol = 0, type = 0;
    unsigned flag_bits = header & HAS_ADDENDS ? 3 : 2, shift = header & SHIFT_MASK;
    size_t size = header & HAS_ADDENDS ? ML_RELA_ALL : ML_REL_ALL;
    if (!r.why && count > r.end - r.at)
        r.why = "compact relocations: fewer bytes than relocations";
    *why = r.why;
    *record = 0;
    uint8_t *out = r.why ? NULL : ml_nalloc(a, (size_t)count, size);
    if (!out)
        return false;
    *records = (ml_slice){out, (size_t)count * size};
    *rela = header & HAS_ADDENDS;
    for (; i < count && !r.why; i++, out += size) {
        uint8_t b = next(&r);
        offset += (uint64_t)(b >> flag_bits);
        if (b & 0x80) /* its own continuation bit was added above as if it were the offset's */
            offset += (uleb(&r) << (7 - flag_bits)) - (0x80u >> flag_bits);
        if (b & NEW_SYMBOL)
            symbol += (uint32_t)sleb(&r);
        if (b & NEW_TYPE)
            type += (uint32_t)sleb(&r);
        if (b & NEW_ADDEND & header)
            addend += sleb(&r);
        ml_put64(out, offset << shift);
        ml_put32(out + 8, type);
        ml_put32(out + 12, symbol);
        if (*rela)
            ml_put64(out + 16, addend);
    }
    *why = r.why;
    *record = i;
    return !r.why;
}
