/* far.c -- stage RELOCATE, last: instructions whose operand is out of reach.
** See Note [Moving an instruction] in target/x86_64_move.c. Runs after all other relocations, so
** that an instruction is moved with its other fields relocated. What cannot be moved is refused by
** an error that names the symbol, its provider, the distance and the instruction.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/txn.h"

/* A field of an instruction to move, and the last place at or before it of which is known that an
** instruction starts there. */
typedef struct field {
    uint32_t section, far; /* far: index into t->far */
    uint64_t offset, start;
} field;

/* The fields to move of one image, by place. Starts of instructions are its functions, the code
** whose address is taken, and the end of the instruction that was moved last; without them each
** move would decode its section from the beginning. All moves of an image are known when the first
** is made, so one walk over its symbols and relocations finds the starts of all: only the nearest
** one before each field is of use.
** Address taken: compilers that put tables amid the code (GHC's info tables lie before each return
** point) name what follows a table by an absolute relocation only, without a symbol. */
typedef struct fields {
    const ml_image *img;
    field *v;
    uint32_t first, n; /* t->far[first] is theirs, and n in all */
    uint64_t *start;   /* by index into t->far, less first: what v found */
    uint8_t *wanted;   /* by section: it has such fields */
    uint32_t section;  /* where the instruction that was moved last stands, and where it ended */
    uint64_t end;
} fields;

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

static int by_place(const void *a, const void *b)
{
    const field *x = a, *y = b;
    if (x->section != y->section)
        return x->section < y->section ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The first field at or behind a place; f->n when there is none. */
static uint32_t field_from(const fields *f, uint32_t section, uint64_t offset)
{
    const field key = {.section = section, .offset = offset};
    uint32_t lo = 0, hi = f->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (by_place(&f->v[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* An instruction starts there: noted at the first field behind it. */
static void note_start(const fields *f, uint32_t section, uint64_t value)
{
    if (section >= f->img->nsections || !f->wanted[section])
        return;
    uint32_t i = field_from(f, section, value);
    if (i < f->n && f->v[i].section == section && f->v[i].start < value)
        f->v[i].start = value;
}

/* Where starts are still looked for: between a field and the start that is known, or the field
** before it. A bit for each GRAIN bytes of the wanted sections, one section behind the other;
** hardly any of the addresses that an image takes lie there. */
typedef struct windows {
    uint64_t *place; /* by symbol: in that row of sections, or NOWHERE */
    uint64_t total;  /* bytes */
    uint8_t *bits;
} windows;

enum { GRAIN = 64 };
#define NOWHERE ((uint64_t)1 << 63)

static void open_window(const windows *w, uint64_t from, uint64_t to)
{
    for (uint64_t g = from / GRAIN; g <= to / GRAIN; g++)
        w->bits[g / 8] |= (uint8_t)(1u << g % 8);
}

static bool open_windows(ml_txn *t, const fields *f, windows *w)
{
    const ml_image *img = f->img;
    uint64_t *first = ml_nalloc(&t->scratch, img->nsections, sizeof *first);
    w->place = ml_nalloc(&t->scratch, img->nsymbols, sizeof *w->place);
    w->total = 0;
    for (uint32_t i = 0; first && i < img->nsections; i++) {
        first[i] = f->wanted[i] ? w->total : NOWHERE;
        if (f->wanted[i])
            w->total += ml_image_section(img, i).data.n + GRAIN;
    }
    w->bits = ml_zalloc(&t->scratch, (size_t)(w->total / GRAIN / 8) + 1, 1);
    if (!first || !w->place || !w->bits)
        return false;
    for (uint32_t i = 0; i < img->nsymbols; i++) {
        ml_isym sym = ml_image_symbol(img, i);
        bool is = sym.section < img->nsections && f->wanted[sym.section];
        w->place[i] = is ? first[sym.section] + sym.value : NOWHERE;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        const field *v = &f->v[i];
        bool second = i && v[-1].section == v->section;
        uint64_t from = second && v->start < v[-1].offset ? v[-1].offset : v->start;
        open_window(w, first[v->section] + from, first[v->section] + v->offset);
    }
    return true;
}

/* The code whose address one relocation section takes, inside the windows. */
static void note_targets(const fields *f, const windows *w, const ml_target *target,
                         const ml_irels *rels)
{
    for (uint32_t i = 0; rels->rela && i < rels->count; i++) {
        ml_irel r = ml_image_rel(&(ml_irels){.p = rels->p, .rela = 1}, i);
        uint64_t at = w->place[r.symbol] + (uint64_t)r.addend;
        if (at >= w->total || !(w->bits[at / GRAIN / 8] & 1u << at / GRAIN % 8))
            continue;
        if (target->rows[r.type].formula != ML_S_A) /* scan has seen it */
            continue;
        ml_isym sym = ml_image_symbol(f->img, r.symbol);
        note_start(f, sym.section, sym.value + (uint64_t)r.addend);
    }
}

/* The starts before all fields of f, by place, then by their number. False: memory is short. */
static bool find_starts(ml_txn *t, const fields *f)
{
    windows w;
    const ml_input *in = &t->l->inputs[t->far[f->first].input];
    const ml_image *img = f->img;
    qsort(f->v, f->n, sizeof *f->v, by_place);
    for (uint32_t i = 1; i < img->nsymbols; i++) {
        ml_isym sym = ml_image_symbol(img, i);
        if (sym.type == ML_TYPE_FUNC || sym.type == ML_TYPE_IFUNC)
            note_start(f, sym.section, sym.value);
    }
    if (!open_windows(t, f, &w))
        return false;
    for (uint32_t i = 0; i < img->nrels; i++)
        if (in->piece[img->rels[i].target])
            note_targets(f, &w, t->target, &img->rels[i]);
    for (uint32_t i = 0; i < f->n; i++) {
        field *v = &f->v[i];
        if (i && v->section == v[-1].section && v->start < v[-1].start)
            v->start = v[-1].start;
        f->start[v->far - f->first] = v->start;
    }
    return true;
}

/* Lists the fields from t->far[first] on that are of one image, with their starts. */
static bool list_fields(ml_txn *t, uint32_t first, fields *f)
{
    uint32_t input = t->far[first].input, n = 0;
    const ml_image *img = t->l->inputs[input].img;
    while (first + n < t->nfar && t->far[first + n].input == input)
        n++;
    *f = (fields){.img = img, .first = first, .n = n};
    f->v = ml_nalloc(&t->scratch, n, sizeof *f->v);
    f->start = ml_nalloc(&t->scratch, n, sizeof *f->start);
    f->wanted = ml_zalloc(&t->scratch, img->nsections, 1);
    if (!f->v || !f->start || !f->wanted)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const ml_irels *rels = &img->rels[t->far[first + i].rels];
        uint64_t offset = ml_image_rel(rels, t->far[first + i].rel).offset;
        f->v[i] = (field){.section = rels->target, .far = first + i, .offset = offset};
        f->wanted[rels->target] = 1;
    }
    return find_starts(t, f);
}

/* Moves the instruction of t->far[n], whose thunk has the same number. */
static int move_one(ml_txn *t, uint32_t n, const uint64_t *second, fields *s)
{
    const ml_rel_at *f = &t->far[n];
    const ml_input *in = &t->l->inputs[f->input];
    place p = {.t = t, .in = in, .rels = &in->img->rels[f->rels]};
    p.r = ml_image_rel(p.rels, f->rel);
    p.row = ml_target_row(t->target, p.r.type);
    p.value = ml_binding_of(in, p.r.symbol);
    uint8_t *code = ml_piece_view(t, in->piece[p.rels->target]);
    const ml_piece *moved = &t->pieces[t->piece_moved - 1];
    uint64_t offset = moved->offset + (uint64_t)n * ML_MOVE_MAX;
    uint64_t start = s->start[n - s->first];
    if (s->section == p.rels->target && s->end > start && s->end <= p.r.offset)
        start = s->end;
    int64_t A = p.rels->rela ? p.r.addend : (int32_t)ml_get32(code + p.r.offset);
    ml_move_in move = {.code = code,
                       .size = ml_image_section(in->img, p.rels->target).data.n,
                       .start = (size_t)start,
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
    memcpy(t->code + offset, out.body, out.body_len);
    t->l->stats.moved++;
    s->section = p.rels->target;
    s->end = out.site + out.site_len;
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
    fields f = {0};
    int rc = 0;
    for (uint32_t i = 0; i < t->nfar && t->d->count < ML_DIAG_MAX; i++) {
        uint64_t second;
        bool pair = second_of(t, i, &second);
        if ((i == 0 || t->far[i].input != t->far[i - 1].input) && !list_fields(t, i, &f))
            return ml_nomem(t->d);
        int one =
            i < t->nmoved ? move_one(t, i, pair ? &second : NULL, &f) : no_room(t, &t->far[i]);
        i += pair;
        if (one < 0)
            rc = one;
    }
    return rc;
}
