/* linked.c -- link: a load: what its inputs are called; its memory, from protection to its end.
** SPDX-License-Identifier: MIT */
#include "link/linked.h"

#include "base/search.h"

const char *ml_input_text(ml_arena *a, const ml_input *in)
{
    const char *text = in->member ? ml_format(a, "%s(%s)", in->file, in->member) : NULL;
    return text ? text : in->file;
}

/* Code or not, constant or not: what the block has at an offset. */
static ml_class class_at(const ml_linked *l, uint64_t offset)
{
    const ml_layout *y = &l->layout[0];
    return offset < y->part[ML_PART_CONST].offset  ? ML_CLASS_TEXT
           : offset < y->part[ML_PART_DATA].offset ? ML_CLASS_CONST
                                                   : ML_CLASS_DATA;
}

bool ml_linked_placed(const ml_linked *l, size_t i, ml_placed *out)
{
    size_t n = ML_UPTO(l->many, l->nmany, first, i);
    const ml_placed_many *m = n ? &l->many[n - 1] : NULL;
    if (m && i - m->first < m->n) {
        const ml_placed_short *s = &m->v[i - m->first];
        *out = (ml_placed){.name = m->names + s->name,
                           .addr = l->block.addr + s->at,
                           .size = s->size,
                           .input = m->input,
                           .class = (uint8_t)class_at(l, s->at)};
        return true;
    }
    size_t rest = i - (m ? m->all : 0);
    if (rest >= l->nplaced)
        return false;
    *out = l->placed[rest];
    return true;
}

/* Seals parts [first, last] of one block. */
static int seal(ml_diag *d, const ml_linked *l, bool large, unsigned first, unsigned last)
{
    ml_run runs[ML_PARTS] = {{0}};
    size_t n = 0;
    for (unsigned k = first; k <= last; k++) {
        if (k == ML_PART_TEXT && !large && l->block.view)
            continue; /* it is what it will be */
        ml_area a = ml_linked_area(l, large, k);
        if (a.size)
            runs[n++] = (ml_run){a.addr, a.size, l->layout[large].part[k].prot};
    }
    return ml_block_seal(d, large ? &l->large : &l->block, runs, n);
}

int ml_linked_seal(ml_diag *d, const ml_linked *l, unsigned first, unsigned last)
{
    int rc = seal(d, l, false, first, last);
    return rc == 0 ? seal(d, l, true, first, last) : rc;
}

int ml_linked_open(ml_diag *d, ml_linked *l, unsigned part)
{
    int rc = 0;
    if (part == ML_PART_TEXT && ml_block_sees(&l->block))
        return 0;
    if (part == ML_PART_TEXT)
        ml_block_blind(&l->block);
    for (int k = 0; rc == 0 && k < 2; k++) {
        ml_area a = ml_linked_area(l, k, part);
        if (a.size)
            rc = ml_block_open(d, k ? &l->large : &l->block, a.addr, a.size);
    }
    return rc;
}

void ml_linked_give(ml_space *s, const ml_linked *l)
{
    ml_block_give(s, &l->block);
    if (l->large.size)
        ml_block_give(s, &l->large);
}

void ml_linked_free(ml_linked *l)
{
    for (uint32_t i = 0; i < l->npins; i++) {
        l->pins[i]->users--;
        ml_life_drop(l->pins[i]);
    }
    ml_heap_free(l->pins);
    ml_places_free(l);
    ml_lazy_free(l);
    ml_table_deinit(&l->names);
    ml_heap_free(l->inputs);
    ml_arena_free(&l->keep);
    ml_heap_free(l);
}
