/* headers.c -- object: the section headers of an object.
** SPDX-License-Identifier: MIT */
#include "object/headers.h"

#include <elf.h>
#include <string.h>

#include "object/crel.h"

uint64_t ml_headers_count(const uint8_t *e, const uint8_t *first)
{
    uint16_t n = ml_get16(e + ML_EH_SHNUM);
    return n ? n : ml_get64(first + ML_SH_SIZE);
}

uint32_t ml_headers_names(const uint8_t *e, const uint8_t *first)
{
    uint16_t i = ml_get16(e + ML_EH_SHSTRNDX);
    return i == SHN_XINDEX ? ml_get32(first + ML_SH_LINK) : i;
}

bool ml_headers_begin(ml_headers_in *x, ml_arena *a, uint32_t count)
{
    x->a = a;
    x->count = count;
    x->room = 0;
    memset(x->memo, 0, sizeof x->memo);
    x->out = (ml_headers){.v = ml_nalloc(a, count, sizeof *x->out.v)};
    return x->out.v != NULL;
}

/* The words of a header, and in them what sections of a kind may differ in. */
enum { NAME_TYPE, FLAGS, ADDRESS, OFFSET, SIZE, LINK_INFO, ALIGN, ENTSIZE };
#define HIGH (~(uint64_t)UINT32_MAX)

static inline uint64_t word(const uint8_t *p, int i)
{
    return ml_get64(p + i * 8);
}

/* Is sh_info, and not sh_link, the reference of sections of this type? */
static bool is_by_info(uint32_t type)
{
    return type == SHT_RELA || type == SHT_REL || type == ML_SHT_CREL || type == SHT_GROUP;
}

/* A new kind, of which the header at p is the first. */
static __attribute__((cold)) bool add_kind(ml_headers_in *x, const uint8_t *p, ml_header_sample *s)
{
    ml_headers *h = &x->out;
    if (!ML_ARENA_ROOM(x->a, h->kinds, h->nkinds, x->room))
        return false;
    uint32_t type = ml_get32(p + ML_SH_TYPE);
    uint32_t size_high = ml_get32(p + ML_SH_SIZE + 4), offset_high = ml_get32(p + ML_SH_OFFSET + 4);
    bool by_info = is_by_info(type);
    h->kinds[h->nkinds++] = (ml_header_kind){
        .flags = ml_get64(p + ML_SH_FLAGS),
        .align = ml_get64(p + ML_SH_ALIGN),
        .entsize = ml_get64(p + ML_SH_ENTSIZE),
        .first = UINT64_MAX,
        .end = (uint64_t)size_high + offset_high < UINT32_MAX ? 0 : UINT64_MAX, /* no overflow */
        .type = type,
        .size_high = size_high,
        .offset_high = offset_high,
        .shared = ml_get32(p + (by_info ? ML_SH_LINK : ML_SH_INFO)),
        .by_info = by_info,
    };
    for (int i = 0; i < ML_SH_WORDS; i++)
        s->words[i] = word(p, i);
    s->shared = by_info ? UINT32_MAX : HIGH;
    s->ref = by_info ? ML_SH_INFO : ML_SH_LINK;
    s->kind = h->nkinds;
    return true;
}

/* The kind of a header, a new one when the memo knows none; NULL: memory is short. */
static inline const ml_header_sample *kind_of(ml_headers_in *x, const uint8_t *p)
{
    uint32_t bits =
        (uint32_t)(ml_get32(p + ML_SH_TYPE) ^ word(p, FLAGS) << 5 ^ word(p, ALIGN) << 16);
    ml_header_sample *s = &x->memo[bits * 0x9e3779b1u >> 26];
    const uint64_t *v = s->words;
    uint64_t other = (word(p, NAME_TYPE) ^ v[NAME_TYPE]) | (word(p, OFFSET) ^ v[OFFSET]) |
                     (word(p, SIZE) ^ v[SIZE]);
    other = (other & HIGH) | ((word(p, LINK_INFO) ^ v[LINK_INFO]) & s->shared) |
            (word(p, FLAGS) ^ v[FLAGS]) | (word(p, ALIGN) ^ v[ALIGN]) |
            (word(p, ENTSIZE) ^ v[ENTSIZE]);
    return (s->kind && !other) || add_kind(x, p, s) ? s : NULL;
}

/* Notes where a section of the kind lies. */
static inline void extend(ml_header_kind *k, uint64_t offset, uint64_t size)
{
    if (size && offset < k->first)
        k->first = offset;
    if (offset + size > k->end)
        k->end = offset + size;
}

bool ml_headers_add(ml_headers_in *x, const uint8_t *p, uint32_t n)
{
    ml_header_short *to = x->out.v + x->out.n;
    n = n < x->count - x->out.n ? n : x->count - x->out.n;
    x->out.n += n;
    for (const ml_header_short *end = to + n; to < end; to++, p += ML_SH_ALL) {
        const ml_header_sample *s = kind_of(x, p);
        if (!s)
            return false;
        *to = (ml_header_short){.name = ml_get32(p + ML_SH_NAME),
                                .kind = s->kind - 1,
                                .size = ml_get32(p + ML_SH_SIZE),
                                .offset = ml_get32(p + ML_SH_OFFSET),
                                .ref = ml_get32(p + s->ref)};
        extend(&x->out.kinds[s->kind - 1], word(p, OFFSET), word(p, SIZE));
    }
    return true;
}

void ml_headers_end(ml_headers_in *x, ml_headers *out)
{
    *out = x->out;
}
