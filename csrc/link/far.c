/* far.c -- stage RELOCATE, last: instructions whose operand is out of reach.
** See Note [Moving an instruction] in target/x86_64_move.c. Runs after all other relocations, so
** that an instruction is moved with its other fields relocated. What cannot be moved is refused by
** an error that names the symbol, its provider, the distance and the instruction.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/txn.h"

/* Where a function starts. */
typedef struct start {
    uint32_t section;
    uint64_t value;
} start;

/* What is known of the instruction starts of one image: its functions, the code whose address is
** taken, and the end of the instruction that was moved last. Without it each move would look at all
** symbols, and decode all of its function again.
** Address taken: compilers that put tables amid the code (GHC's info tables lie before each return
** point) name what follows a table by an absolute relocation only, without a symbol. */
typedef struct starts {
    const ml_image *img;
    ml_arena arena;
    start *v; /* sorted */
    size_t n, room;
    start last;
} starts;

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
    uint64_t P = p->in->addr[p->rels->target] + p->r.offset, S = p->value.S;
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
    const ml_far *f = &t->far[i], *next = f + 1;
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

static int by_place(const void *a, const void *b)
{
    const start *x = a, *y = b;
    if (x->section != y->section)
        return x->section < y->section ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static bool add_start(starts *s, uint32_t section, uint64_t value)
{
    if (!ml_array_room(&s->arena, &s->v, s->n, &s->room, sizeof *s->v))
        return false;
    s->v[s->n++] = (start){section, value};
    return true;
}

/* The code whose address one relocation section takes. */
static bool know_targets(starts *s, const ml_target *target, const ml_irels *rels)
{
    for (uint32_t i = 0; rels->rela && i < rels->count; i++) {
        ml_irel r = ml_image_rel(rels, i);
        const ml_rrow *row = ml_target_row(target, r.type);
        if (!row || row->formula != ML_S_A)
            continue;
        ml_isym sym = ml_image_symbol(s->img, r.symbol);
        uint64_t value = sym.value + (uint64_t)r.addend;
        if (sym.section >= s->img->nsections)
            continue;
        const ml_isec sec = ml_image_section(s->img, sym.section);
        if ((sec.flags & ML_SEC_EXEC) && value < sec.data.n && !add_start(s, sym.section, value))
            return false;
    }
    return true;
}

/* Reads the functions of an image and the code whose address it takes, unless they are known. */
static bool know(starts *s, const ml_target *target, const ml_image *img)
{
    if (s->img == img)
        return true;
    ml_arena_free(&s->arena);
    *s = (starts){.img = img};
    bool good = true;
    for (uint32_t i = 1; good && i < img->nsymbols; i++) {
        ml_isym sym = ml_image_symbol(img, i);
        if (sym.type == ML_TYPE_FUNC || sym.type == ML_TYPE_IFUNC)
            good = add_start(s, sym.section, sym.value);
    }
    for (uint32_t i = 0; good && i < img->nrels; i++)
        good = know_targets(s, target, &img->rels[i]);
    if (!good) {
        s->img = NULL;
        return false;
    }
    if (s->n)
        qsort(s->v, s->n, sizeof *s->v, by_place);
    return true;
}

/* The last known start of an instruction at or before the offset. */
static uint64_t start_before(const starts *s, uint32_t section, uint64_t offset)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const start *at = &s->v[mid];
        if (at->section < section || (at->section == section && at->value <= offset))
            lo = mid + 1;
        else
            hi = mid;
    }
    uint64_t known = lo && s->v[lo - 1].section == section ? s->v[lo - 1].value : 0;
    if (s->last.section == section && s->last.value <= offset && s->last.value > known)
        known = s->last.value;
    return known;
}

static int move_one(ml_txn *t, const ml_far *f, uint32_t n, const uint64_t *second, starts *s)
{
    const ml_input *in = &t->l->inputs[f->input];
    place p = {.t = t, .in = in, .rels = &in->img->rels[f->rels]};
    p.r = ml_image_rel(p.rels, f->rel);
    p.row = ml_target_row(t->target, p.r.type);
    p.value = ml_binding_of(in, p.r.symbol);
    uint8_t *code = t->view + t->pieces[in->piece[p.rels->target] - 1].offset;
    const ml_piece *moved = &t->pieces[t->piece_moved - 1];
    uint64_t offset = moved->offset + (uint64_t)n * ML_MOVE_MAX;
    if (!know(s, t->target, in->img))
        return ml_nomem(t->d);
    int64_t A = p.rels->rela ? p.r.addend : (int32_t)ml_get32(code + p.r.offset);
    ml_move_in move = {.code = code,
                       .size = ml_image_section(in->img, p.rels->target).data.n,
                       .start = (size_t)start_before(s, p.rels->target, p.r.offset),
                       .field = (size_t)p.r.offset,
                       .addr = in->addr[p.rels->target],
                       .pcrel = p.row->formula == ML_S_A_P,
                       .value = p.value.S + (uint64_t)A,
                       .second = second,
                       .to = t->l->block.addr + offset};
    ml_move_out out = {0};
    if (!t->target->move(&move, &out))
        return refuse(&p, &out);
    memcpy(code + out.site, out.patch, out.site_len);
    memcpy(t->view + offset, out.body, out.body_len);
    t->l->stats.moved++;
    s->last = (start){p.rels->target, out.site + out.site_len};
    return 0;
}

/* The scan took the operand for near: its addend stands in the field (SHT_REL), or is no distance
** that a compiler writes. */
static int no_room(ml_txn *t, const ml_far *f)
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
    starts s = {0};
    int rc = 0;
    for (uint32_t i = 0; i < t->nfar && t->d->count < ML_DIAG_MAX; i++) {
        uint64_t second;
        bool pair = second_of(t, i, &second);
        int one = i < t->nmoved ? move_one(t, &t->far[i], i, pair ? &second : NULL, &s)
                                : no_room(t, &t->far[i]);
        i += pair;
        if (one < 0)
            rc = one;
    }
    ml_arena_free(&s.arena);
    return rc;
}
