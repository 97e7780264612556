/* references.c -- link: where do the inputs refer to a name? For questions to the policy and for
** messages; an index is made when somebody asks first, since a policy may ask for each of very many
** names.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/txn.h"

/* The first place of a name in one input. */
struct ml_ref {
    uint32_t input, rels, rel;
    uint32_t next; /* 1 + index of the one in a later input; 0: the last */
};

/* A function of an input, for the index by place. */
struct ml_ref_function {
    uint32_t section, symbol;
    uint64_t value;
};

static bool note(ml_txn *t, const ml_entry *e, uint32_t input, uint32_t rels, uint32_t rel)
{
    ml_entry *x = ml_table_intern(&t->refs, &t->scratch, e->name, e->len, e->hash);
    if (!x || !ML_ARENA_ROOM(&t->scratch, t->ref, t->nref, t->room_ref))
        return false;
    t->ref[t->nref++] = (ml_ref){.input = input, .rels = rels, .rel = rel};
    if (x->image)
        t->ref[x->symbol - 1].next = (uint32_t)t->nref;
    else
        x->image = (uint32_t)t->nref;
    x->symbol = (uint32_t)t->nref;
    return true;
}

static bool index_input(ml_txn *t, uint32_t i)
{
    const ml_input *in = &t->l->inputs[i];
    const ml_image *img = in->img;
    ml_arena a = {0};
    uint8_t *seen = ml_zalloc(&a, in->nbind, 1);
    bool ok = seen != NULL;
    for (uint32_t r = 0; ok && r < img->nrels; r++)
        for (uint32_t k = 0;
             ok && !ml_is_dropped(in, img->rels[r].target) && k < img->rels[r].count; k++) {
            uint32_t symbol = ml_image_rel(&img->rels[r], k).symbol;
            if (symbol < img->first_global || seen[symbol - img->first_global])
                continue;
            seen[symbol - img->first_global] = 1;
            ok = note(t, ml_input_bound(in, symbol - img->first_global), i, r, k);
        }
    ml_arena_free(&a);
    return ok;
}

/* Moves a cursor that stands at the start of an input to where the name is first referred to from
** there on. False: nowhere. */
static bool skip(ml_txn *t, const ml_entry *e, ml_cursor *c)
{
    for (; t->nref_inputs < t->l->ninputs; t->nref_inputs++)
        if (!index_input(t, t->nref_inputs)) {
            t->moved = true; /* an index with holes is no answer */
            break;
        }
    const ml_entry *x = ml_table_find(&t->refs, e->name, e->len, e->hash);
    uint32_t n = x ? x->image : 0;
    while (n && t->ref[n - 1].input < c->input)
        n = t->ref[n - 1].next;
    if (n)
        *c = (ml_cursor){t->ref[n - 1].input, t->ref[n - 1].rels, t->ref[n - 1].rel};
    return n || t->moved;
}

static int by_place(const void *a, const void *b)
{
    const ml_ref_function *x = a, *y = b;
    if (x->section != y->section)
        return x->section < y->section ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->symbol < y->symbol ? -1 : x->symbol > y->symbol;
}

static bool list_functions(ml_txn *t, ml_input *in)
{
    const ml_image *img = in->img;
    in->functions = ml_nalloc(&t->scratch, img->nsymbols, sizeof *in->functions);
    for (uint32_t i = 1; in->functions && i < img->nsymbols; i++) {
        ml_isym s = ml_image_symbol(img, i);
        if (s.section != ML_SEC_UNDEF && (s.type == ML_TYPE_FUNC || s.type == ML_TYPE_IFUNC))
            in->functions[in->nfunctions++] = (ml_ref_function){s.section, i, s.value};
    }
    if (in->nfunctions)
        qsort(in->functions, in->nfunctions, sizeof *in->functions, by_place);
    return in->functions != NULL;
}

/* As ml_image_function_at. */
static const char *function_at(ml_txn *t, ml_input *in, uint32_t section, uint64_t offset)
{
    uint64_t start;
    if (!in->functions && !list_functions(t, in))
        return ml_image_function_at(in->img, section, offset, &start);
    uint32_t low = 0, high = in->nfunctions; /* those before low begin at or before the place */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const ml_ref_function *f = &in->functions[middle];
        if (f->section < section || (f->section == section && f->value <= offset))
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || in->functions[low - 1].section != section)
        return NULL;
    return ml_image_symbol(in->img, in->functions[low - 1].symbol).name;
}

/* The place of cursor c, when it refers to e. */
static bool place_of(ml_txn *t, const ml_cursor *c, const ml_entry *e, ml_reference *out)
{
    ml_input *in = &t->l->inputs[c->input];
    const ml_irels *rels = &in->img->rels[c->rels];
    ml_irel r = ml_image_rel(rels, c->rel);
    if (r.symbol < in->img->first_global || in->bind[r.symbol - in->img->first_global] != e)
        return false;
    ml_isym s = ml_image_symbol(in->img, r.symbol);
    const ml_rrow *row = ml_target_row(t->target, r.type);
    *out = (ml_reference){.input = c->input,
                          .section = ml_image_section(in->img, rels->target).name,
                          .func = function_at(t, in, rels->target, r.offset),
                          .reloc = row ? row->name : NULL,
                          .offset = r.offset,
                          .weak = s.bind == ML_BIND_WEAK,
                          .type = s.type,
                          .vis = s.vis};
    return true;
}

bool ml_txn_reference(ml_txn *t, const char *name, ml_cursor *c, ml_reference *out)
{
    const ml_entry *e = ml_table_find_str(&t->l->names, name);
    if (!e || (c->rels == 0 && c->rel == 0 && !skip(t, e, c)))
        return false;
    for (; c->input < t->l->ninputs; c->input++, c->rels = 0, c->rel = 0) {
        const ml_image *img = t->l->inputs[c->input].img;
        for (; c->rels < img->nrels; c->rels++, c->rel = 0)
            while (c->rel < img->rels[c->rels].count &&
                   !ml_is_dropped(&t->l->inputs[c->input], img->rels[c->rels].target)) {
                bool hit = place_of(t, c, e, out);
                c->rel++;
                if (hit)
                    return true;
            }
    }
    return false;
}
