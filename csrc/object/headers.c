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
    x->nkinds = x->room = 0;
    memset(x->memo, 0, sizeof x->memo);
    x->out = (ml_headers){.v = ml_nalloc(a, count, sizeof *x->out.v)};
    return x->out.v != NULL;
}

/* Is sh_info, and not sh_link, the reference of sections of this type? */
static inline bool is_by_info(uint32_t type)
{
    return type == SHT_RELA || type == SHT_REL || type == ML_SHT_CREL || type == SHT_GROUP;
}

static bool add_kind(ml_headers_in *x, const uint8_t *p, bool by_info)
{
    if (!ML_ARENA_ROOM(x->a, x->out.kinds, x->nkinds, x->room))
        return false;
    x->out.kinds[x->nkinds++] = (ml_header_kind){
        .flags = ml_get64(p + ML_SH_FLAGS),
        .align = ml_get64(p + ML_SH_ALIGN),
        .entsize = ml_get64(p + ML_SH_ENTSIZE),
        .type = ml_get32(p + ML_SH_TYPE),
        .size_high = ml_get32(p + ML_SH_SIZE + 4),
        .offset_high = ml_get32(p + ML_SH_OFFSET + 4),
        .shared = ml_get32(p + (by_info ? ML_SH_LINK : ML_SH_INFO)),
        .by_info = by_info,
    };
    return true;
}

/* The number of its kind, a new one when the memo knows none. Words are compared, and not records
** that were just written in parts: the processor would wait for those to be whole. */
static inline bool kind_of(ml_headers_in *x, const uint8_t *p, bool by_info, uint32_t *number)
{
    uint64_t low = ml_get64(p + ML_SH_TYPE), align = ml_get64(p + ML_SH_ALIGN);
    uint64_t high = (uint64_t)ml_get32(p + ML_SH_FLAGS + 4) << 32 | ml_get32(p + ML_SH_SIZE + 4);
    uint64_t shared = ml_get32(p + (by_info ? ML_SH_LINK : ML_SH_INFO));
    uint64_t other = shared << 32 | ml_get32(p + ML_SH_OFFSET + 4);
    uint64_t entsize = ml_get64(p + ML_SH_ENTSIZE);
    uint32_t bits = (uint32_t)(low ^ low >> 29 ^ shared << 16 ^ align << 4);
    uint32_t at = bits * 0x9e3779b1u >> 26;
    uint64_t *w = x->words[at];
    if (!x->memo[at] ||
        ((w[0] ^ low) | (w[1] ^ align) | (w[2] ^ high) | (w[3] ^ other) | (w[4] ^ entsize))) {
        if (!add_kind(x, p, by_info))
            return false;
        x->memo[at] = (uint32_t)x->nkinds;
        w[0] = low;
        w[1] = align;
        w[2] = high;
        w[3] = other;
        w[4] = entsize;
    }
    *number = x->memo[at] - 1;
    return true;
}

bool ml_headers_add(ml_headers_in *x, const uint8_t *p, uint32_t n)
{
    ml_header_short *to = x->out.v + x->out.n;
    n = n < x->count - x->out.n ? n : x->count - x->out.n;
    x->out.n += n;
    for (const ml_header_short *end = to + n; to < end; to++, p += ML_SH_ALL) {
        bool by_info = is_by_info(ml_get32(p + ML_SH_TYPE));
        if (!kind_of(x, p, by_info, &to->kind))
            return false;
        to->name = ml_get32(p + ML_SH_NAME);
        to->size = ml_get32(p + ML_SH_SIZE);
        to->offset = ml_get32(p + ML_SH_OFFSET);
        to->ref = ml_get32(p + (by_info ? ML_SH_INFO : ML_SH_LINK));
    }
    return true;
}

void ml_headers_end(ml_headers_in *x, ml_headers *out)
{
    *out = x->out;
}
