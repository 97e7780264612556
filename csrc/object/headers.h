/* headers.h -- object: the section headers of an object.
** takes Elf64_Shdr records: those of a file in memory, where they stand, or parts of a table that
** is not kept; of these it makes a record of 20 bytes for each, and one for each kind of them. Of
** the 64 bytes of a section header most are those of many others: an object compiled with
** -ffunction-sections has two headers for each function, of a handful of kinds, and whoever goes
** through them waits for memory. Nothing is checked here.
** Spec: gABI chapter 4, "Section Header Table".
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_HEADERS_H
#define ML_OBJECT_HEADERS_H

#include "base/arena.h"
#include "object/kind.h"

/* A section header where it stands: these fields of Elf64_Shdr, at these offsets. */
enum { ML_SH_NAME = 0, ML_SH_TYPE = 4, ML_SH_FLAGS = 8, ML_SH_OFFSET = 24, ML_SH_SIZE = 32 };
enum { ML_SH_LINK = 40, ML_SH_INFO = 44, ML_SH_ALIGN = 48, ML_SH_ENTSIZE = 56, ML_SH_ALL = 64 };

/* Its fields. */
typedef struct ml_shdr {
    uint32_t name, type;
    uint64_t flags, offset, size;
    uint32_t link, info;
    uint64_t align, entsize;
} ml_shdr;

/* What sections of a kind have in common. Two kinds may be alike. */
typedef struct ml_header_kind {
    uint64_t flags, align, entsize;
    uint64_t first, end; /* where those with bytes begin in the file, and all have ended */
    uint32_t type;
    uint32_t size_high, offset_high; /* upper halves */
    uint32_t shared;                 /* link where ref is info, info elsewhere */
    bool by_info;                    /* ref is info */
} ml_header_kind;

typedef struct ml_header_short {
    uint32_t name, kind;
    uint32_t size, offset; /* lower halves */
    uint32_t ref; /* info of relocations and groups, link elsewhere: the one of the two that is
                     seldom that of other sections */
} ml_header_short;

typedef struct ml_headers {
    const uint8_t *raw; /* where they stand; NULL: in short */
    ml_header_short *v;
    ml_header_kind *kinds;
    uint32_t n, nkinds;
    uint32_t names; /* the section with their names, 0: they have none; not checked */
} ml_headers;

/* Header i < h->n. Inline, so that only those fields are decoded that the caller uses. */
static inline __attribute__((always_inline)) ml_shdr ml_headers_at(const ml_headers *h, uint32_t i)
{
    if (h->raw) {
        const uint8_t *p = h->raw + (size_t)i * ML_SH_ALL;
        return (ml_shdr){
            .name = ml_get32(p + ML_SH_NAME),
            .type = ml_get32(p + ML_SH_TYPE),
            .flags = ml_get64(p + ML_SH_FLAGS),
            .offset = ml_get64(p + ML_SH_OFFSET),
            .size = ml_get64(p + ML_SH_SIZE),
            .link = ml_get32(p + ML_SH_LINK),
            .info = ml_get32(p + ML_SH_INFO),
            .align = ml_get64(p + ML_SH_ALIGN),
            .entsize = ml_get64(p + ML_SH_ENTSIZE),
        };
    }
    const ml_header_short *s = &h->v[i];
    const ml_header_kind *k = &h->kinds[s->kind];
    return (ml_shdr){
        .name = s->name,
        .type = k->type,
        .flags = k->flags,
        .offset = (uint64_t)k->offset_high << 32 | s->offset,
        .size = (uint64_t)k->size_high << 32 | s->size,
        .link = k->by_info ? k->shared : s->ref,
        .info = k->by_info ? s->ref : k->shared,
        .align = k->align,
        .entsize = k->entsize,
    };
}

/* It is wanted soon. */
static inline void ml_headers_prefetch(const ml_headers *h, uint32_t i)
{
    if (h->raw)
        __builtin_prefetch(h->raw + (size_t)i * ML_SH_ALL);
    else
        __builtin_prefetch(&h->v[i]);
}

/* How many there are, and which section has their names, by the ELF header at e and the first of
** them: which says it where the former has no room. */
uint64_t ml_headers_count(const uint8_t *e, const uint8_t *first);
uint32_t ml_headers_names(const uint8_t *e, const uint8_t *first);

/* While they are put in short: begin, with their number, at least 1; add, until all have come; end.
** All go into one arena. False: memory is short. */
enum { ML_KINDS_MEMO = 64, ML_SH_WORDS = ML_SH_ALL / 8 };
typedef struct ml_header_sample {
    uint64_t words[ML_SH_WORDS]; /* the first header of the kind */
    uint64_t shared;             /* of the word with link and info, the half that is not ref */
    uint32_t kind;               /* 1 + number; 0: none */
    uint32_t ref;                /* where ref stands */
} ml_header_sample;
typedef struct ml_headers_in {
    ml_arena *a;
    ml_headers out;
    uint32_t count;
    size_t room;
    ml_header_sample memo[ML_KINDS_MEMO]; /* kinds, by some bits of what they are told by */
} ml_headers_in;
bool ml_headers_begin(ml_headers_in *x, ml_arena *a, uint32_t count);
bool ml_headers_add(ml_headers_in *x, const uint8_t *p, uint32_t n);
void ml_headers_end(ml_headers_in *x, ml_headers *out);

#endif
