/* protect.c -- stage PROTECT: written memory gets its final protection, in the way that was asked.
** takes a relocated load; gives sealed parts. Inputs that are sealed one by one begin on pages of
** their own, which must be known before they are placed.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Code and constants: what is writable stays as it is. Runs lie behind all inputs, and are sealed
** with the last one. */
static bool is_divided(const ml_piece *p)
{
    return (p->class == ML_CLASS_TEXT || p->class == ML_CLASS_CONST) && !p->run;
}

uint64_t ml_protect_grain(const ml_txn *t)
{
    bool huge = t->o.pages == ML_PAGES_HUGE || t->o.pages == ML_PAGES_HUGETLB;
    return huge && !t->o.fixed ? ml_os_bulk.unit : ml_os_page();
}

void ml_protect_divide(ml_txn *t, uint32_t first)
{
    unsigned seen = 0;
    if (t->o.protect != ML_PROTECT_INPUT || t->o.fixed)
        return;
    uint8_t least = (uint8_t)__builtin_ctzll(ml_protect_grain(t));
    for (uint32_t i = first; i < t->npieces; i++) {
        ml_piece *p = &t->pieces[i];
        if (!is_divided(p) || seen >> p->class & 1)
            continue;
        seen |= 1u << p->class;
        p->apart = true;
        if (p->align_log2 < least)
            p->align_log2 = least;
    }
}

void ml_protect_warn(ml_txn *t)
{
    const char *why = t->o.pages == ML_PAGES_HUGE ? ml_os_no_huge() : NULL;
    if (why)
        ml_warn(t, "no huge pages: %s", why);
    if (t->l->block.view && (t->o.debug & ML_SEEN_PERF))
        ml_warn(t, "perf does not look into perf-PID.map for code at two addresses: use "
                   "debug = \"jitdump\"");
}

static int seal_pages(ml_txn *t, const ml_block *b, uint64_t start, uint64_t end, ml_prot prot)
{
    ml_run run = {start, (size_t)(end - start), prot};
    if (start == end)
        return 0;
    t->l->stats.protections++;
    return ml_block_seal(t->d, b, &run, 1);
}

/* A part of the block, input by input: their pieces stand in the order of their addresses. */
static int seal_inputs(ml_txn *t, unsigned part)
{
    const ml_block *b = &t->l->block;
    ml_area a = ml_linked_area(t->l, false, part);
    ml_prot prot = t->l->layout[0].part[part].prot;
    unsigned class = part == ML_PART_TEXT ? ML_CLASS_TEXT : ML_CLASS_CONST;
    uint64_t start = a.addr;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < t->npieces; i++) {
        const ml_piece *p = &t->pieces[i];
        if (!p->apart || p->class != class)
            continue;
        rc = seal_pages(t, b, start, b->addr + p->offset, prot);
        start = b->addr + p->offset;
    }
    return rc == 0 ? seal_pages(t, b, start, a.addr + a.size, prot) : rc;
}

/* Large constants are sealed as one. What failed half way is taken back with the block. */
static int seal_apart(ml_txn *t, unsigned first, unsigned last)
{
    int rc = 0;
    for (unsigned k = first; rc == 0 && k <= last && k <= ML_PART_CONST; k++) {
        ml_area large = ml_linked_area(t->l, true, k);
        rc = seal_inputs(t, k);
        if (rc == 0)
            rc = seal_pages(t, &t->l->large, large.addr, large.addr + large.size, ML_PROT_R);
    }
    return rc;
}

int ml_protect_seal(ml_txn *t, unsigned first, unsigned last)
{
    const ml_block *b = &t->l->block;
    if (t->o.protect == ML_PROTECT_INPUT)
        return seal_apart(t, first, last);
    for (unsigned k = first; k <= last && k <= ML_PART_CONST; k++) {
        bool is_done = k == ML_PART_TEXT && b->view;
        t->l->stats.protections += !is_done && ml_linked_area(t->l, false, k).size != 0;
        t->l->stats.protections += ml_linked_area(t->l, true, k).size != 0;
    }
    return ml_linked_seal(t->d, t->l, first, last);
}
