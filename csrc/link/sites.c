/* sites.c -- link: where a load refers to other units.
** takes relocated bytes; gives a list of the places that hold an address of another unit, so that
** they can be changed when that unit is replaced (replace.c). Only loads that use other units have
** one. What a relocation became (a direct field, a relaxed instruction, a slot) is read off the
** bytes, so that no other stage has to keep notes.
** Spec: x86-64 psABI 4.4; the rows of target/.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* One input while its places are collected. */
typedef struct walk {
    ml_txn *t;
    ml_input *in;
    uint32_t section;
    const uint8_t *code; /* its bytes in the block */
    size_t size;
    uint64_t base; /* its address */
    ml_site *sites;
    uint32_t n;
    size_t room;
    ml_far at;    /* the relocation */
    uint32_t far; /* instructions up to this one stand before it; see note_moved */
} walk;

static uint64_t field_at(const walk *w, uint64_t offset, unsigned width)
{
    if (!ml_within(w->size, offset, width))
        return 0;
    return width == 8 ? ml_get64(w->code + offset) : ml_get32(w->code + offset);
}

static int note_at(walk *w, ml_entry *e, ml_site_kind kind, uint64_t at, uint64_t bias)
{
    if (w->n == UINT32_MAX ||
        !ml_array_room(&w->t->scratch, &w->sites, w->n, &w->room, sizeof *w->sites))
        return ml_nomem(w->t->d);
    w->sites[w->n++] = (ml_site){at, bias, e, kind};
    return 0;
}

static int note(walk *w, ml_entry *e, ml_site_kind kind, uint64_t offset, uint64_t bias)
{
    return note_at(w, e, kind, w->base + offset, bias);
}

/* Does the call go through a stub that counts, whose slot is changed? From the field, or one up to
** `back` bytes before it. */
static bool by_counting_stub(const walk *w, const ml_irel *r, int64_t addend, uint64_t back)
{
    uint64_t stub = ml_count_stub(w->t, w->in, r->symbol);
    for (uint64_t i = 0; stub && i <= back && i <= r->offset; i++)
        if ((uint32_t)(stub + (uint64_t)addend - (w->base + r->offset - i)) ==
            (uint32_t)field_at(w, r->offset - i, 4))
            return true;
    return false;
}

/* A GOT load that is none any more refers to the symbol itself, from its field or, when it became a
** jump, from the byte before. */
static int note_relaxed(walk *w, ml_entry *e, const ml_irel *r, uint64_t slot)
{
    uint64_t P = w->base + r->offset;
    if (by_counting_stub(w, r, -4, 1))
        return 0;
    if ((uint32_t)(slot + (uint64_t)r->addend - P) == (uint32_t)field_at(w, r->offset, 4))
        return 0;
    for (uint64_t back = 0; back <= 1 && back <= r->offset; back++)
        if ((uint32_t)(e->addr - 4 - (P - back)) == (uint32_t)field_at(w, r->offset - back, 4))
            return note(w, e, ML_SITE_PC32, r->offset - back, (uint64_t)-4);
    return note(w, e, ML_SITE_FIXED, r->offset, 0);
}

static int compare_far(const ml_far *a, const ml_far *b)
{
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    if (a->rels != b->rels)
        return a->rels < b->rels ? -1 : 1;
    return a->rel < b->rel ? -1 : a->rel > b->rel;
}

/* The word of moved instruction n that holds the operand's address, which is S + A and as much more
** as lies between the field and the end of the instruction. 0: not found, or not for sure. */
static uint64_t moved_word(const walk *w, uint32_t n, uint64_t value, uint64_t *more)
{
    const ml_txn *t = w->t;
    uint64_t offset = t->pieces[t->piece_moved - 1].offset + (uint64_t)n * ML_MOVE_MAX, found = 0;
    for (unsigned i = 0; i + 8 <= ML_MOVE_MAX; i++) {
        uint64_t extra = ml_get64(t->code + offset + i) - value;
        if (extra > 8)
            continue;
        if (found)
            return 0;
        found = t->l->block.addr + offset + i;
        *more = extra;
    }
    return found;
}

/* An instruction out of line (far.c); one with two such operands is number n and n + 1. */
static int note_moved(walk *w, ml_entry *e, const ml_irel *r)
{
    const ml_txn *t = w->t;
    while (w->far < t->nfar && compare_far(&t->far[w->far], &w->at) < 0)
        w->far++;
    if (w->far < t->nfar && w->far < t->nmoved && compare_far(&t->far[w->far], &w->at) == 0) {
        uint64_t A = (uint64_t)r->addend, more = 0;
        uint64_t at = moved_word(w, w->far, e->addr + A, &more);
        if (!at && w->far > 0)
            at = moved_word(w, w->far - 1, e->addr + A, &more);
        if (at)
            return note_at(w, e, ML_SITE_ABS64, at, A + more);
    }
    return note(w, e, ML_SITE_FIXED, r->offset, 0);
}

static int note_direct(walk *w, ml_entry *e, const ml_irel *r, const ml_rrow *row)
{
    uint64_t A = (uint64_t)r->addend, P = w->base + r->offset, L = ml_binding_stub(w->t, e);
    unsigned width = ml_field_width(row->field);
    uint64_t field = field_at(w, r->offset, width);
    bool pcrel = row->formula != ML_S_A;
    uint64_t v = e->addr + A - (pcrel ? P : 0);
    if (width == 8 && field == v)
        return note(w, e, pcrel ? ML_SITE_PC64 : ML_SITE_ABS64, r->offset, A);
    if (width == 4 && (uint32_t)field == (uint32_t)v)
        return note(w, e, pcrel ? ML_SITE_PC32 : ML_SITE_ABS32, r->offset, A);
    if (L && width == 4 && (uint32_t)field == (uint32_t)(L + A - (pcrel ? P : 0)))
        return 0; /* by a stub, whose slot is changed */
    if (pcrel && width == 4 && by_counting_stub(w, r, r->addend, 0))
        return 0;
    return note_moved(w, e, r);
}

static int note_one(walk *w, const ml_irels *rels, const ml_irel *r, ml_entry *e)
{
    const ml_rrow *row = ml_target_row(w->t->target, r->type);
    uint64_t slot;
    if (!row || !rels->rela)
        return note(w, e, ML_SITE_FIXED, r->offset, 0);
    switch (row->formula) {
    case ML_R_NONE:
    case ML_G_A:
    case ML_GOT_A_P:
    case ML_Z_A: return 0;
    case ML_S_A:
    case ML_S_A_P:
    case ML_L_A_P: return note_direct(w, e, r, row);
    case ML_G_GOT_A_P:
        slot = ml_binding_slot(w->t, w->in, r->symbol);
        return ml_field_width(row->field) == 4 ? note_relaxed(w, e, r, slot) : 0;
    case ML_S_A_GOT:
    case ML_L_A_GOT:
        return note(w, e, ML_SITE_ABS64, r->offset, (uint64_t)r->addend - w->t->l->got);
    default: return note(w, e, ML_SITE_FIXED, r->offset, 0);
    }
}

/* Which global symbols of an input are another unit's. NULL: none; or memory is short, *rc. */
static const uint8_t *of_units(ml_txn *t, const ml_input *in, int *rc)
{
    uint8_t *of = NULL;
    for (uint32_t i = 0; i < in->nbind; i++) {
        if (in->bind[i]->def != ML_DEF_UNIT)
            continue;
        if (!of && !(of = ml_zalloc(&t->scratch, in->img->nsymbols, 1))) {
            *rc = ml_nomem(t->d);
            return NULL;
        }
        of[in->img->first_global + i] = 1;
    }
    return of;
}

enum { BATCH = 32 };

/* Relocations from number *k on against symbols of other units, up to BATCH of them; the fields
** that they changed are fetched ahead. Most relocations are passed here. */
static uint32_t next_batch(const walk *w, const ml_irels *rels, const uint8_t *of, uint32_t *k,
                           uint32_t *found)
{
    uint32_t n = 0;
    for (; *k < rels->count && n < BATCH; ++*k) {
        ml_irel r = ml_image_rel(rels, *k);
        if (!of[r.symbol])
            continue;
        found[n++] = *k;
        __builtin_prefetch(w->code + r.offset);
    }
    return n;
}

static int walk_input(walk *w, const uint8_t *of)
{
    const ml_image *img = w->in->img;
    uint32_t found[BATCH];
    int rc = 0;
    for (uint32_t i = 0; i < img->nrels; i++) {
        const ml_irels *rels = &img->rels[i];
        uint32_t piece = w->in->piece[rels->target];
        if (!piece)
            continue;
        w->code = ml_piece_view(w->t, piece);
        w->size = ml_image_section(img, rels->target).data.n;
        w->base = w->in->addr[rels->target];
        for (uint32_t k = 0; rc == 0 && k < rels->count;) {
            uint32_t n = next_batch(w, rels, of, &k, found);
            for (uint32_t b = 0; rc == 0 && b < n; b++) {
                ml_irel r = ml_image_rel(rels, found[b]);
                w->at = (ml_far){(uint32_t)(w->in - w->t->l->inputs), i, found[b]};
                rc = note_one(w, rels, &r, w->in->bind[r.symbol - img->first_global]);
            }
        }
    }
    return rc;
}

/* What was noted in the scratch arena, where a growing list may leave its outgrown parts. */
static int keep(walk *w)
{
    ml_linked *l = w->t->l;
    ml_site *sites = ml_nalloc(&l->keep, w->n, sizeof *sites);
    if (!sites)
        return ml_nomem(w->t->d);
    if (w->n)
        memcpy(sites, w->sites, w->n * sizeof *sites);
    l->sites = sites;
    l->nsites = w->n;
    return 0;
}

int ml_sites_collect(ml_txn *t)
{
    walk w = {.t = t};
    int rc = 0;
    for (uint32_t i = 0; t->s->first && rc == 0 && i < t->l->ninputs; i++) {
        w.in = &t->l->inputs[i];
        const uint8_t *of = of_units(t, w.in, &rc);
        if (of)
            rc = walk_input(&w, of);
    }
    return rc == 0 ? keep(&w) : rc;
}
