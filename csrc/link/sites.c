/* sites.c -- link: where a load refers to other units.
** takes relocations against their names, while and after they are applied; gives a list of the
** places that hold an address of another unit, so that they can be changed when that unit is
** replaced (replace.c). Only loads that use other units have one. A relocation that was written as
** its row says is noted there and then: there may be tens of thousands. What the others became (a
** relaxed instruction, a slot, a stub, an instruction elsewhere) is read off the bytes at the end.
** Spec: x86-64 psABI 4.4; the rows of target/.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* ---- direct fields ---- */

enum { RUN_LEAST = 8, RUN_MOST = 4096, NAMES = 1 << 29 };

/* Do the sites of a section fit a run? */
static bool are_short(const ml_txn *t, const ml_input *in, const ml_irels *rels)
{
    return t->l->block.size <= UINT32_MAX && in->nbind < NAMES &&
           t->pieces[in->piece[rels->target] - 1].class < ML_CLASS_LCONST;
}

/* A run for more sites of an input, the longer the more it has. */
static ml_site_run *new_run(ml_linked *l, const ml_input *in)
{
    ml_site_run *last = l->last_run;
    uint32_t room = last && last->bind == in->bind ? 2 * last->room : RUN_LEAST;
    room = room < RUN_MOST ? room : RUN_MOST;
    ml_site_run *run = ml_alloc(&l->keep, sizeof *run + room * sizeof run->v[0]);
    if (!run)
        return NULL;
    *run = (ml_site_run){.bind = in->bind, .room = room};
    *(last ? &last->next : &l->runs) = run;
    l->last_run = run;
    return run;
}

static ml_site_kind kind_of(ml_direct direct)
{
    switch (direct) {
    case ML_DIRECT_ABS64: return ML_SITE_ABS64;
    case ML_DIRECT_PC64: return ML_SITE_PC64;
    case ML_DIRECT_PC32: return ML_SITE_PC32;
    case ML_DIRECT_ABS32U:
    case ML_DIRECT_ABS32S: return ML_SITE_ABS32;
    case ML_DIRECT_NO: break;
    }
    return ML_SITE_FIXED;
}

/* Is it bound to another unit's? */
static bool is_foreign(const ml_input *in, uint32_t name)
{
    const ml_entry *e = in->bind[name];
    return !ml_is_asleep(e) && e->def == ML_DEF_UNIT;
}

int ml_sites_note(ml_txn *t, const ml_input *in, uint32_t nrels, const uint32_t *rel, uint32_t n)
{
    const ml_image *img = in->img;
    const ml_irels rels = img->rels[nrels];
    const ml_rrow *rows = t->target->rows;
    const uint64_t offset = ml_section_base(in, rels.target) - t->l->block.addr;
    const bool fit = are_short(t, in, &rels);
    ml_site_run *run = t->l->last_run;
    for (uint32_t i = 0; i < n; i++) {
        ml_irel r = ml_image_rel(&rels, rel[i]);
        uint32_t name = r.symbol - img->first_global;
        if (r.symbol < img->first_global || !is_foreign(in, name))
            continue;
        if (!fit || r.addend != (int32_t)r.addend) {
            int rc = ml_sites_note_later(t, in, nrels, rel[i]);
            if (rc < 0)
                return rc;
            continue;
        }
        bool has_room = run && run->bind == in->bind && run->n < run->room;
        if (!has_room && !(run = new_run(t->l, in)))
            return ml_nomem(t->d);
        run->v[run->n++] = (ml_short_site){.at = (uint32_t)(offset + r.offset),
                                           .bias = (int32_t)r.addend,
                                           .direct = (uint32_t)rows[r.type].direct & 7u,
                                           .name = name & (NAMES - 1)};
    }
    return 0;
}

bool ml_sites_next(const ml_linked *l, ml_site_walk *w, ml_site *out)
{
    while (w->run && w->i == w->run->n)
        *w = (ml_site_walk){w->run->next, 0};
    if (!w->run && w->i == l->nsites)
        return false;
    if (!w->run) {
        *out = l->sites[w->i++];
        return true;
    }
    ml_short_site s = w->run->v[w->i++];
    *out = (ml_site){.at = l->block.addr + s.at,
                     .bias = (uint64_t)(int64_t)s.bias,
                     .e = w->run->bind[s.name],
                     .kind = kind_of((ml_direct)s.direct)};
    return true;
}

/* ---- all others ---- */

int ml_sites_note_later(ml_txn *t, const ml_input *in, uint32_t rels, uint32_t rel)
{
    if (!ML_ARENA_ROOM(&t->scratch, t->unsited, t->nunsited, t->room_unsited))
        return ml_nomem(t->d);
    t->unsited[t->nunsited++] = (ml_rel_at){(uint32_t)(in - t->l->inputs), rels, rel};
    return 0;
}

/* One relocation, after all were applied. */
typedef struct applied {
    ml_txn *t;
    ml_input *in;
    const uint8_t *code; /* bytes of its section in the block */
    size_t size;
    uint64_t base; /* their address */
    ml_rel_at at;
    uint32_t next_far; /* instructions up to this one stand before it; see note_moved */
} applied;

static uint64_t field_at(const applied *w, uint64_t offset, unsigned width)
{
    if (!ml_within(w->size, offset, width))
        return 0;
    return width == 8 ? ml_get64(w->code + offset) : ml_get32(w->code + offset);
}

static int note_at(applied *w, ml_entry *e, ml_site_kind kind, uint64_t at, uint64_t bias)
{
    ml_linked *l = w->t->l;
    if (!ML_ARENA_ROOM(&l->keep, l->sites, l->nsites, l->room_sites))
        return ml_nomem(w->t->d);
    l->sites[l->nsites++] = (ml_site){at, bias, e, kind};
    return 0;
}

static int note(applied *w, ml_entry *e, ml_site_kind kind, uint64_t offset, uint64_t bias)
{
    return note_at(w, e, kind, w->base + offset, bias);
}

/* Does the call go through a stub that counts, whose slot is changed? From the field, or one up to
** `back` bytes before it. */
static bool by_counting_stub(const applied *w, const ml_irel *r, int64_t addend, uint64_t back)
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
static int note_relaxed(applied *w, ml_entry *e, const ml_irel *r, uint64_t slot)
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

/* The word of moved instruction n that holds the operand's address, which is S + A and as much more
** as lies between the field and the end of the instruction. 0: not found, or not for sure. */
static uint64_t moved_word(const applied *w, uint32_t n, uint64_t value, uint64_t *more)
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
static int note_moved(applied *w, ml_entry *e, const ml_irel *r)
{
    const ml_txn *t = w->t;
    while (w->next_far < t->nfar && ml_rel_order(&t->far[w->next_far], &w->at) < 0)
        w->next_far++;
    if (w->next_far < t->nfar && w->next_far < t->nmoved &&
        ml_rel_order(&t->far[w->next_far], &w->at) == 0) {
        uint64_t A = (uint64_t)r->addend, more = 0;
        uint64_t at = moved_word(w, w->next_far, e->addr + A, &more);
        if (!at && w->next_far > 0)
            at = moved_word(w, w->next_far - 1, e->addr + A, &more);
        if (at)
            return note_at(w, e, ML_SITE_ABS64, at, A + more);
    }
    return note(w, e, ML_SITE_FIXED, r->offset, 0);
}

static int note_direct(applied *w, ml_entry *e, const ml_irel *r, const ml_rrow *row)
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

static int note_one(applied *w, const ml_irels *rels, const ml_irel *r, ml_entry *e)
{
    const ml_rrow *row = ml_target_row(w->t->target, r->type);
    uint64_t slot;
    if (!rels->rela || w->t->pieces[w->in->piece[rels->target] - 1].class >= ML_CLASS_TDATA)
        return note(w, e, ML_SITE_FIXED, r->offset, 0); /* each thread has a copy of the latter */
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

int ml_sites_collect(ml_txn *t)
{
    applied w = {.t = t};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->nunsited; i++) {
        w.at = t->unsited[i];
        w.in = &t->l->inputs[w.at.input];
        const ml_image *img = w.in->img;
        const ml_irels *rels = &img->rels[w.at.rels];
        ml_irel r = ml_image_rel(rels, w.at.rel);
        w.code = ml_section_view(t, w.in, rels->target);
        w.size = ml_image_section(img, rels->target).data.n;
        w.base = ml_section_base(w.in, rels->target);
        rc = note_one(&w, rels, &r, ml_input_bound(w.in, r.symbol - img->first_global));
    }
    return rc;
}
