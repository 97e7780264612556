/* layout.c -- stage PLACE: offsets for pieces, one class behind the other.
** SPDX-License-Identifier: MIT */
#include "place/layout.h"

#include <stdlib.h>

#include "base/align.h"

/* A piece that belongs to a run, for sorting. */
typedef struct member {
    uint32_t run;
    size_t index;
} member;

static int by_run(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* A block while it is filled. */
typedef struct filling {
    ml_piece *pieces;
    const member *runs;
    size_t nruns;
    size_t left[ML_CLASS_COUNT + 1]; /* pieces without a run, by class */
    uint64_t at, align, max;
} filling;

/* Where a piece goes behind `at`, which moves on; false when the block gets too large. Cannot
** overflow: at is at most max and an alignment at most 2 MiB. */
static inline bool put(ml_piece *p, uint64_t *at, uint64_t *most, uint64_t max)
{
    uint64_t align = ml_piece_align(p);
    if (p->size > max)
        return false;
    p->offset = ml_align_up(*at, align);
    *at = p->offset + p->size;
    if (align > *most)
        *most = align;
    return *at <= max;
}

static bool put_class(filling *f, unsigned class)
{
    uint64_t at = f->at, align = f->align, max = f->max;
    ml_piece *p = f->pieces;
    for (size_t left = f->left[class]; left; p++) {
        if (p->class != class || p->run)
            continue;
        if (!put(p, &at, &align, max))
            return false;
        left--;
    }
    for (size_t i = 0; i < f->nruns; i++) {
        p = &f->pieces[f->runs[i].index];
        if (p->class == class && !put(p, &at, &align, max))
            return false;
    }
    f->at = at;
    f->align = align;
    return true;
}

static int too_large(ml_diag *d, bool large)
{
    if (large)
        return ml_fail(d, ML_E_SPACE, (ml_where){0}, "make the arrays smaller",
                       "the load's large sections need more than 64 TiB of memory");
    return ml_fail(d, ML_E_SPACE, (ml_where){0},
                   "load it in parts, or compile large arrays with -mcmodel=medium",
                   "the load needs more than 2 GiB of memory");
}

int ml_layout_place(ml_diag *d, ml_arena *scratch, ml_piece *pieces, size_t n, bool large,
                    uint64_t grain, ml_layout *out)
{
    static const struct {
        unsigned first, last;
        ml_prot prot;
    } parts[2][ML_PARTS] = {{
                                {ML_CLASS_TEXT, ML_CLASS_TEXT, ML_PROT_RX},
                                {ML_CLASS_CONST, ML_CLASS_CONST, ML_PROT_R},
                                {ML_CLASS_DATA, ML_CLASS_BSS, ML_PROT_RW},
                            },
                            {
                                {ML_CLASS_COUNT, ML_CLASS_COUNT, ML_PROT_RX},
                                {ML_CLASS_LCONST, ML_CLASS_LCONST, ML_PROT_R},
                                {ML_CLASS_LDATA, ML_CLASS_LBSS, ML_PROT_RW},
                            }};
    uint64_t page = ml_os_page();
    filling f = {
        .pieces = pieces, .align = grain, .max = large ? ML_LAYOUT_LARGE_MAX : ML_LAYOUT_MAX};
    size_t nruns = 0;
    for (size_t i = 0; i < n; i++)
        if (pieces[i].run)
            nruns++;
        else
            f.left[pieces[i].class]++;
    member *runs = ml_nalloc(scratch, nruns, sizeof *runs);
    if (!runs)
        return ml_nomem(d);
    bool sorted = true; /* most loads have no run but that of their unwind tables */
    nruns = 0;
    for (size_t i = 0; i < n; i++) {
        if (!pieces[i].run)
            continue;
        sorted = sorted && (!nruns || runs[nruns - 1].run <= pieces[i].run);
        runs[nruns++] = (member){pieces[i].run, i};
    }
    if (!sorted)
        qsort(runs, nruns, sizeof *runs, by_run);
    f.runs = runs;
    f.nruns = nruns;
    ml_layout l = {0};
    for (int k = 0; k < ML_PARTS; k++) {
        l.part[k].offset = f.at;
        l.part[k].prot = parts[large][k].prot;
        for (unsigned c = parts[large][k].first; c <= parts[large][k].last; c++)
            if (!put_class(&f, c))
                return too_large(d, large);
        l.part[k].used = f.at - l.part[k].offset;
        f.at = ml_align_up(f.at, k == ML_PART_DATA ? page : grain);
        if (f.at > f.max)
            return too_large(d, large);
        l.part[k].size = f.at - l.part[k].offset;
    }
    l.align = f.align;
    l.size = f.at ? f.at : page;
    *out = l;
    return 0;
}
