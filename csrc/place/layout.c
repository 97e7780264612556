/* layout.c -- stage PLACE: offsets for pieces, one class behind the other.
** SPDX-License-Identifier: MIT */
#include "place/layout.h"

#include <stdlib.h>

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

static uint64_t round_up(uint64_t n, uint64_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* Where the next piece goes; false when the block gets too large. Cannot overflow: at is at most
** ML_LAYOUT_MAX and align at most 2 MiB. */
static bool put(ml_piece *p, uint64_t *at, uint64_t *align)
{
    if (p->size > ML_LAYOUT_MAX)
        return false;
    p->offset = round_up(*at, p->align);
    *at = p->offset + p->size;
    if (p->align > *align)
        *align = p->align;
    return *at <= ML_LAYOUT_MAX;
}

static bool put_class(ml_piece *pieces, size_t n, const member *runs, size_t nruns, unsigned class,
                      uint64_t *at, uint64_t *align)
{
    for (size_t i = 0; i < n; i++)
        if (pieces[i].class == class && !pieces[i].run && !put(&pieces[i], at, align))
            return false;
    for (size_t i = 0; i < nruns; i++) {
        ml_piece *p = &pieces[runs[i].index];
        if (p->class == class && !put(p, at, align))
            return false;
    }
    return true;
}

int ml_layout_place(ml_diag *d, ml_arena *scratch, ml_piece *pieces, size_t n, ml_layout *out)
{
    static const struct {
        unsigned first, last;
        ml_prot prot;
    } parts[3] = {
        {ML_CLASS_TEXT, ML_CLASS_TEXT, ML_PROT_RX},
        {ML_CLASS_CONST, ML_CLASS_CONST, ML_PROT_R},
        {ML_CLASS_DATA, ML_CLASS_BSS, ML_PROT_RW},
    };
    size_t nruns = 0;
    for (size_t i = 0; i < n; i++)
        nruns += pieces[i].run != 0;
    member *runs = ml_nalloc(scratch, nruns, sizeof *runs);
    if (!runs)
        return ml_nomem(d);
    nruns = 0;
    for (size_t i = 0; i < n; i++)
        if (pieces[i].run)
            runs[nruns++] = (member){pieces[i].run, i};
    if (nruns)
        qsort(runs, nruns, sizeof *runs, by_run);
    uint64_t at = 0, page = ml_os_page();
    ml_layout l = {.align = page};
    for (int k = 0; k < 3; k++) {
        l.part[k].offset = at;
        l.part[k].prot = parts[k].prot;
        for (unsigned c = parts[k].first; c <= parts[k].last; c++)
            if (!put_class(pieces, n, runs, nruns, c, &at, &l.align))
                return ml_fail(d, ML_E_SPACE, (ml_where){0}, "load it in parts",
                               "the load needs more than 2 GiB of memory");
        at = round_up(at, page);
        l.part[k].size = at - l.part[k].offset;
    }
    l.size = at ? at : page;
    *out = l;
    return 0;
}
