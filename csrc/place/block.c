/* block.c -- place: the pages of a block, from the first byte to the last protection.
** takes a block's addresses, which are pages of a reservation; gives pages that can be written,
** then sealed ones, and at the end pages as the reservation had them.
** No page is ever writable and executable at once.
** SPDX-License-Identifier: MIT */
#include "place/block.h"

#include <assert.h>
#include <errno.h>

#include "place/refusal.h"

/* ---- taking ---- */

/* A file's pages are small, but where one of them is there the kernel can put a huge page in the
** place of all: now, when nothing has to be copied. */
static void collapse(const ml_block *b)
{
    for (size_t i = 0; i < b->code; i += ml_os_bulk.unit)
        b->view[i] = 0;
    ml_os_collapse(b->addr, b->code);
}

/* Note [Code at two addresses]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** The start of a block may be pages of a memory file, mapped twice: executable and never writable
** at the block's address, writable and never executable at its view. Writing there is seen by who
** runs it, and no page that is run ever changes its protection, neither while a load is written nor
** when a reload changes code of units that stay.
**
** The executable mapping is MAP_PRIVATE: debuggers can then set breakpoints in it, which the kernel
** refuses for shared ones that are not writable. A page with a breakpoint is a copy from then on,
** which the view does not reach; and a child of fork has the parent's memory behind its view. Who
** wants to write later asks ml_block_sees first. Only code is so: data of a shared file would be
** one with the child's. */
static bool open_dual(ml_wish wish, ml_block *b)
{
    b->view = ml_os_dual_at(b->addr, wish.code, wish.set_aside != 0);
    b->code = wish.code;
    b->process = ml_os_process();
    b->fresh = true;
    return b->view;
}

/* Note [Huge pages set aside]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~
** Such pages are no part of other memory: the administrator takes some out of it
** (vm.nr_hugepages), and a mapping gets all that it wants of them when it is made, or fails. So a
** load has them or ends with an error; later nobody can split them or take them away. Only code
** and constants lie there: they fill whole huge pages anyway, and data would take two mebibytes
** for its first byte.
**
** Of a private page that parent and child of a fork share, whoever writes first gets a copy,
** another page of those set aside. When none is free, the kernel gives the parent his by taking it
** from the child, which dies at its next use of it; a child gets none and dies at once. Before code
** is changed its pages are asked for, so that a child sees an error instead. */
static bool open_hugetlb(ml_wish wish, ml_block *b)
{
    b->fresh = true;
    b->set_aside = wish.set_aside;
    return wish.set_aside == wish.code ||
           ml_os_hugetlb_at(b->addr + wish.code, wish.set_aside - wish.code);
}

static int open_small(ml_diag *d, uint64_t addr, size_t size)
{
    if (size == 0 || ml_os_protect(addr, size, ML_PROT_RW))
        return 0;
    return ml_refusal_protect(d, ML_PROT_RW, size, errno);
}

static int refuse(ml_diag *d, ml_wish wish, int code)
{
    bool files = code == EMFILE || code == ENFILE;
    return wish.set_aside && !files ? ml_refusal_hugetlb(d, wish.set_aside, code)
                                    : ml_refusal_dual(d, wish.code, code);
}

int ml_block_begin(ml_diag *d, ml_wish wish, ml_block *b)
{
    size_t special = wish.set_aside ? wish.set_aside : wish.code;
    assert(wish.code <= special && special <= b->size);
    int e = open_small(d, b->addr + special, b->size - special);
    bool done =
        e == 0 && (!wish.code || open_dual(wish, b)) && (!wish.set_aside || open_hugetlb(wish, b));
    if (!done) { /* the part that was done, if any, goes back first: it counts as free then */
        int code = errno;
        ml_block_end(b);
        return e < 0 ? e : refuse(d, wish, code);
    }
    b->fresh |= wish.huge != 0;
    if (wish.huge)
        ml_os_huge(b->addr, wish.huge);
    if (wish.huge && b->view)
        collapse(b);
    return 0;
}

bool ml_block_end(const ml_block *b)
{
    if (b->view)
        ml_os_unreserve((uintptr_t)b->view, b->code);
    return (b->fresh ? ml_os_renew : ml_os_discard)(b->addr, b->size);
}

/* ---- sealing ---- */

static bool valid_runs(const ml_block *b, const ml_run *runs, size_t n)
{
    uint64_t at = b->addr, page = ml_os_page();
    for (size_t i = 0; i < n; i++) {
        if (runs[i].addr < at || runs[i].addr % page || runs[i].size % page)
            return false;
        if (runs[i].addr - b->addr > b->size || runs[i].size > b->size - (runs[i].addr - b->addr))
            return false;
        at = runs[i].addr + runs[i].size;
    }
    return true;
}

/* The run at *i together with the neighbours behind it of equal protection; moves *i past them. */
static ml_run merged_run(const ml_run *runs, size_t n, size_t *i)
{
    ml_run m = runs[(*i)++];
    while (*i < n && runs[*i].prot == m.prot && runs[*i].addr == m.addr + m.size)
        m.size += runs[(*i)++].size;
    return m;
}

int ml_block_seal(ml_diag *d, const ml_block *b, const ml_run *runs, size_t n)
{
    assert(valid_runs(b, runs, n));
    for (size_t i = 0; i < n;) {
        ml_run m = merged_run(runs, n, &i);
        if (m.size == 0 || m.prot == ML_PROT_RW)
            continue;
        if (ml_os_protect(m.addr, m.size, m.prot))
            continue;
        int code = errno; /* nothing may stay executable while it can still be undone */
        for (size_t k = 0; k < i; k++)
            ml_os_protect(runs[k].addr, runs[k].size, ML_PROT_RW);
        return ml_refusal_protect(d, m.prot, m.size, code);
    }
    return 0;
}

/* ---- changing what is sealed ---- */

int ml_block_open(ml_diag *d, const ml_block *b, uint64_t addr, uint64_t size)
{
    int e = open_small(d, addr, size);
    if (e < 0 || addr - b->addr >= b->set_aside || ml_os_populate(addr, size))
        return e;
    return ml_refusal_hugetlb(d, size, errno);
}

bool ml_block_sees(const ml_block *b)
{
    return b->view && b->process == ml_os_process() && ml_os_dual_holds(b->addr, b->code);
}

void ml_block_blind(ml_block *b)
{
    if (b->view)
        ml_os_unreserve((uintptr_t)b->view, b->code);
    b->view = NULL;
}
