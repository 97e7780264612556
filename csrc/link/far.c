/* far.c -- stage RELOCATE, last: instructions whose operand is out of reach.
** See Note [Moving an instruction] in target/x86_64_move.c. Runs after all other relocations, so
** that an instruction is moved with its other fields relocated. What cannot be moved is refused by
** an error that names the symbol, its provider, the distance and the instruction.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

typedef struct place {
    ml_txn *t;
    const ml_input *in;
    const ml_irels *rels;
    ml_irel r;
    const ml_rrow *row;
    ml_value value;
} place;

static int refuse(const place *p, const ml_move_out *out)
{
    uint64_t P = p->in->addr[p->rels->target] + p->r.offset, S = p->value.S;
    uint64_t away = S > P ? S - P : P - S;
    const char *kind = p->value.type == ML_TYPE_OBJECT ? "data symbol" : "symbol";
    const char *provider = p->value.e && p->value.e->provider ? p->value.e->provider : NULL;
    return ml_fail(p->t->d, ML_E_RANGE, ml_value_where(p->in, p->rels, &p->r, p->row),
                   "compile with -fPIC",
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
    *value = ml_value_of(in, second.symbol).S + (uint64_t)second.addend;
    return true;
}

static int move_one(ml_txn *t, const ml_far *f, uint32_t n, const uint64_t *second)
{
    const ml_input *in = &t->l->inputs[f->input];
    place p = {.t = t, .in = in, .rels = &in->img->rels[f->rels]};
    p.r = ml_image_rel(p.rels, f->rel);
    p.row = ml_target_row(t->target, p.r.type);
    p.value = ml_value_of(in, p.r.symbol);
    uint8_t *code = t->view + t->pieces[in->piece[p.rels->target] - 1].offset;
    const ml_piece *moved = &t->pieces[t->piece_moved - 1];
    uint64_t offset = moved->offset + (uint64_t)n * ML_MOVE_MAX, start = 0;
    ml_image_function_at(in->img, p.rels->target, p.r.offset, &start);
    int64_t A = p.rels->rela ? p.r.addend : (int32_t)ml_get32(code + p.r.offset);
    ml_move_in move = {.code = code,
                       .size = in->img->sections[p.rels->target].data.n,
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
    memcpy(t->view + offset, out.body, out.body_len);
    t->l->stats.moved++;
    return 0;
}

/* The scan took the operand for near: its addend stands in the field (SHT_REL), or is no distance
** that a compiler writes. */
static int no_room(ml_txn *t, const ml_far *f)
{
    const ml_input *in = &t->l->inputs[f->input];
    const ml_irels *rels = &in->img->rels[f->rels];
    ml_irel r = ml_image_rel(rels, f->rel);
    return ml_fail(t->d, ML_E_RANGE, ml_value_where(in, rels, &r, ml_target_row(t->target, r.type)),
                   "compile with -fPIC", "target is out of reach, limit is 2 GiB");
}

int ml_far_move(ml_txn *t)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->nfar; i++) {
        if (i >= t->nmoved)
            return no_room(t, &t->far[i]);
        uint64_t second;
        bool pair = second_of(t, i, &second);
        int one = move_one(t, &t->far[i], i, pair ? &second : NULL);
        i += pair;
        if (one < 0)
            rc = one;
    }
    return rc;
}
