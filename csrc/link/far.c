/* far.c -- stage RELOCATE: instructions whose operand is out of reach.
** The scan lists those that may be such. While all others are relocated, the starts of instructions
** in front of them are noted; they come last, so that an instruction is moved with its other fields
** relocated. What cannot be moved is refused by an error that names the symbol, its provider, the
** distance and the instruction. See Note [Moving an instruction] in target/x86_64_move.c.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/txn.h"

/* ---- starts ---- */

/* Note [Starts of instructions]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** Code is decoded forwards from the nearest place before the field of which is known that an
** instruction starts there: a function, code whose address is taken, or the end of the instruction
** that was moved last; without them each move would decode its section from the beginning.
** Address taken: compilers that put tables amid the code (GHC's info tables lie before each return
** point) name what follows a table by an absolute relocation only, without a symbol. Only a walk
** over all relocations finds these, so it is the one that applies them which asks of each absolute
** address: does it lie in a window, between a field and the start that is known, or the field, in
** front of it? Hardly any does: there is a mark for each ML_WATCH_GRAIN bytes of code. */

static int by_place(const void *a, const void *b)
{
    const ml_movable *x = *(ml_movable *const *)a, *y = *(ml_movable *const *)b;
    return x->field < y->field ? -1 : x->field > y->field;
}

void ml_watch_note(const ml_watch *w, uint64_t addr)
{
    uint32_t lo = 0, hi = w->n; /* the first field at or behind the address */
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (w->v[mid]->field < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < w->n && w->v[lo]->start < addr)
        w->v[lo]->start = addr;
}

/* Lists the fields of an input, by place; a section's own address is their first start. */
static bool list_fields(ml_txn *t, const ml_input *in, ml_watch *w)
{
    const ml_image *img = in->img;
    uint32_t input = (uint32_t)(in - t->l->inputs), first = w->next;
    while (w->next < t->nmoved && t->movable[w->next].at.input == input)
        w->next++;
    w->n = w->next - first;
    w->v = ml_nalloc(&t->scratch, w->n, sizeof(ml_movable *));
    for (uint32_t i = 0; w->v && i < w->n; i++) {
        ml_movable *m = w->v[i] = &t->movable[first + i];
        const ml_irels *rels = &img->rels[m->at.rels];
        m->start = ml_section_base(in, rels->target);
        m->field = m->start + ml_image_rel(rels, m->at.rel).offset;
    }
    if (w->v)
        qsort(w->v, w->n, sizeof(ml_movable *), by_place);
    return w->v;
}

static void note_functions(const ml_input *in, const ml_watch *w)
{
    const ml_image *img = in->img;
    for (uint32_t i = 1; i < img->nsymbols; i++) {
        uint8_t type = ml_image_symbol_type(img, i);
        if (type != ML_TYPE_FUNC && type != ML_TYPE_IFUNC)
            continue;
        ml_isym s = ml_image_symbol(img, i);
        if (s.section < img->nsections && in->piece[s.section])
            ml_watch_note(w, ml_section_base(in, s.section) + s.value);
    }
}

/* Marks the windows. */
static bool open_windows(ml_txn *t, ml_watch *w)
{
    uint64_t grains = (w->v[w->n - 1]->field - w->lo) / ML_WATCH_GRAIN + 1;
    uint8_t *open = ml_zalloc(&t->scratch, (size_t)grains + 1, 1);
    for (uint32_t i = 0; open && i < w->n; i++) {
        uint64_t from = w->v[i]->start, to = w->v[i]->field;
        if (i && from < w->v[i - 1]->field)
            from = w->v[i - 1]->field;
        from = (from - w->lo) / ML_WATCH_GRAIN;
        to = (to - w->lo) / ML_WATCH_GRAIN;
        memset(open + from, 1, (size_t)(to - from) + 1);
    }
    w->open = open;
    w->span = grains * ML_WATCH_GRAIN;
    return open;
}

bool ml_watch_begin(ml_txn *t, const ml_input *in, ml_watch *w)
{
    static const uint8_t none;
    *w = (ml_watch){.open = &none, .next = w->next};
    if (w->next >= t->nmoved || t->movable[w->next].at.input != (uint32_t)(in - t->l->inputs))
        return true;
    if (!list_fields(t, in, w))
        return false;
    note_functions(in, w);
    w->lo = w->v[0]->start;
    return open_windows(t, w);
}

void ml_watch_end(const ml_watch *w)
{
    for (uint32_t i = 1; i < w->n; i++)
        if (w->v[i]->start < w->v[i - 1]->start)
            w->v[i]->start = w->v[i - 1]->start;
}

/* The number in t->movable of a relocation; t->nmoved when it is not there. */
static uint32_t movable_of(const ml_txn *t, const ml_rel_at *at)
{
    uint32_t lo = 0, hi = t->nmoved;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (ml_rel_order(&t->movable[mid].at, at) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < t->nmoved && ml_rel_order(&t->movable[lo].at, at) == 0 ? lo : t->nmoved;
}

/* ---- moves ---- */

typedef struct place {
    ml_txn *t;
    const ml_input *in;
    const ml_irels *rels;
    ml_irel r;
    const ml_rrow *row;
    ml_binding value;
} place;

static int refuse(const place *p, const ml_move_out *out)
{
    uint64_t P = ml_section_base(p->in, p->rels->target) + p->r.offset, S = p->value.S;
    uint64_t away = S > P ? S - P : P - S;
    const char *kind = p->value.type == ML_TYPE_OBJECT ? "data symbol" : "symbol";
    const char *provider = p->value.e ? p->value.e->provider : NULL;
    if (provider && !*provider)
        provider = "the executable";
    return ml_fail(p->t->d, ML_E_RANGE, ml_binding_where(p->t, p->in, p->rels, &p->r, p->row),
                   p->value.large ? "compile with -mcmodel=medium or -fPIC" : "compile with -fPIC",
                   "target 0x%llx%s%s%s%s%s is 0x%llx bytes away, limit is 2 GiB, and %s%s%s "
                   "cannot be moved: %s",
                   (unsigned long long)S, provider ? " (" : "", provider ? kind : "",
                   provider ? " of " : "", provider ? provider : "", provider ? ")" : "",
                   (unsigned long long)away, out->text[0] ? "'" : "the instruction", out->text,
                   out->text[0] ? "'" : "", out->why ? out->why : "unknown instruction");
}

/* S + A of the immediate right behind displacement i, when both fields of one instruction are out
** of reach. Fields of two instructions have an opcode between them. */
static bool second_of(const ml_txn *t, uint32_t i, uint64_t *value)
{
    const ml_rel_at *f = &t->far[i], *next = f + 1;
    if (i + 1 >= t->nfar || next->input != f->input || next->rels != f->rels)
        return false;
    const ml_input *in = &t->l->inputs[f->input];
    const ml_irels *rels = &in->img->rels[f->rels];
    ml_irel first = ml_image_rel(rels, f->rel), second = ml_image_rel(rels, next->rel);
    if (second.offset != first.offset + 4 || !rels->rela ||
        ml_target_row(t->target, second.type)->formula != ML_S_A)
        return false;
    *value = ml_binding_of(in, second.symbol).S + (uint64_t)second.addend;
    return true;
}

/* The instruction that was moved last: its section's address, and where it ended. */
typedef struct last_move {
    uint64_t section, end;
} last_move;

/* Moves the instruction of t->far[n], whose thunk has the same number; m: what the scan noted. */
static int move_one(ml_txn *t, uint32_t n, const ml_movable *m, const uint64_t *second,
                    last_move *last)
{
    const ml_rel_at *f = &t->far[n];
    const ml_input *in = &t->l->inputs[f->input];
    place p = {.t = t, .in = in, .rels = &in->img->rels[f->rels]};
    p.r = ml_image_rel(p.rels, f->rel);
    p.row = ml_target_row(t->target, p.r.type);
    p.value = ml_binding_of(in, p.r.symbol);
    uint8_t *code = ml_section_view(t, in, p.rels->target);
    const ml_piece *moved = &t->pieces[t->piece_moved - 1];
    uint64_t offset = moved->offset + (uint64_t)n * ML_MOVE_MAX;
    uint64_t base = ml_section_base(in, p.rels->target), start = m->start;
    if (last->section == base && last->end > start && last->end <= m->field)
        start = last->end;
    int64_t A = p.rels->rela ? p.r.addend : (int32_t)ml_get32(code + p.r.offset);
    ml_move_in move = {.code = code,
                       .size = ml_image_section(in->img, p.rels->target).data.n,
                       .start = (size_t)(start - base),
                       .field = (size_t)p.r.offset,
                       .addr = base,
                       .pcrel = p.row->formula == ML_S_A_P,
                       .value = p.value.S + (uint64_t)A,
                       .second = second,
                       .to = t->l->block.addr + offset};
    ml_move_out out = {0};
    if (!t->target->move(&move, &out))
        return refuse(&p, &out);
    memcpy(code + out.site, out.patch, out.site_len);
    memcpy(t->code + offset, out.body, out.body_len);
    t->l->stats.moved++;
    *last = (last_move){base, base + out.site + out.site_len};
    return 0;
}

/* The scan took the operand for near: its addend stands in the field (SHT_REL), or is no distance
** that a compiler writes. */
static int no_room(ml_txn *t, const ml_rel_at *f)
{
    const ml_input *in = &t->l->inputs[f->input];
    const ml_irels *rels = &in->img->rels[f->rels];
    ml_irel r = ml_image_rel(rels, f->rel);
    const ml_rrow *row = ml_target_row(t->target, r.type);
    return ml_fail(t->d, ML_E_RANGE, ml_binding_where(t, in, rels, &r, row), "compile with -fPIC",
                   "target is out of reach, limit is 2 GiB");
}

int ml_far_move(ml_txn *t)
{
    last_move last = {0};
    int rc = 0;
    for (uint32_t i = 0; i < t->nfar && t->d->count < ML_DIAG_MAX; i++) {
        uint64_t second;
        bool pair = second_of(t, i, &second);
        uint32_t m = i < t->nmoved ? movable_of(t, &t->far[i]) : t->nmoved;
        int one = m < t->nmoved ? move_one(t, i, &t->movable[m], pair ? &second : NULL, &last)
                                : no_room(t, &t->far[i]);
        i += pair;
        if (one < 0)
            rc = one;
    }
    return rc;
}
