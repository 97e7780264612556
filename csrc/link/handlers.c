/* handlers.c -- link: the tables that say where exceptions are handled in a load.
** takes relocated sections named .gcc_except_table, and .gcc_except_table.* of functions; finds the
** one that holds an address and checks what a function has there. What other sections hold (tables
** of other languages, which only their own personality routine understands) is not looked at.
** SPDX-License-Identifier: MIT */
#include "link/handlers.h"

#include <stdlib.h>

#include "object/cfi.h"

enum {
    STEPS_PER_BYTE = 64, /* actions followed: far more than a compiler ever makes necessary */
    LEAST_STEPS = 1 << 16
};

static bool is_table(const ml_isec *s)
{
    static const char name[] = ".gcc_except_table";
    return strncmp(s->name, name, sizeof name - 1) == 0 && s->type != ML_SHT_NOBITS &&
           (s->name[sizeof name - 1] == 0 || s->name[sizeof name - 1] == '.');
}

static int by_address(const void *a, const void *b)
{
    const ml_handler_table *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static bool add(ml_handlers *h, ml_txn *t, const ml_input *in, uint32_t k)
{
    const ml_isec s = ml_image_section(in->img, k);
    if (!is_table(&s))
        return true;
    if (!ML_ARENA_ROOM(&t->scratch, h->v, h->n, h->room))
        return false;
    h->sorted &= !h->n || h->v[h->n - 1].addr <= ml_section_base(in, k);
    h->v[h->n++] =
        (ml_handler_table){ml_section_view(t, in, k), ml_section_base(in, k), s.data.n, in, s.name};
    h->steps += s.data.n * STEPS_PER_BYTE;
    return true;
}

/* Made when the first function asks. */
static bool list(ml_handlers *h, ml_txn *t)
{
    h->listed = h->sorted = true;
    h->steps = LEAST_STEPS;
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 1; k < in->img->nsections; k++)
            if (in->piece[k] && !ml_is_merged(in, k) && !add(h, t, in, k))
                return false;
    }
    if (!h->sorted)
        qsort(h->v, h->n, sizeof *h->v, by_address);
    return true;
}

/* The table that holds the address, or NULL. Functions come in the order of their tables. */
static const ml_handler_table *find(ml_handlers *h, uint64_t addr)
{
    for (size_t i = h->last; i < h->n && i < h->last + 2; i++)
        if (addr - h->v[i].addr < h->v[i].size) {
            h->last = i;
            return &h->v[i];
        }
    size_t lo = 0, hi = h->n; /* those before lo begin at or before the address */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (h->v[mid].addr <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo || addr - h->v[lo - 1].addr >= h->v[lo - 1].size)
        return NULL;
    h->last = lo - 1;
    return &h->v[lo - 1];
}

int ml_handlers_check(ml_handlers *h, ml_txn *t, uint64_t addr, uint64_t start, uint64_t size)
{
    if (!h->listed && !list(h, t))
        return ml_nomem(t->d);
    const ml_handler_table *s = find(h, addr);
    if (!s)
        return 0;
    ml_area text = ml_linked_area(t->l, false, ML_PART_TEXT);
    ml_lsda l = {.p = s->p,
                 .at = addr - s->addr,
                 .end = s->size,
                 .addr = s->addr,
                 .start = start,
                 .size = size,
                 .text = text.addr,
                 .text_size = text.size,
                 .steps = &h->steps};
    const char *wrong = ml_lsda_check(&l);
    if (!wrong)
        return 0;
    return ml_fail(t->d, ML_E_FORMAT,
                   (ml_where){.file = s->in->file,
                              .member = s->in->member,
                              .section = s->name,
                              .offset = l.at,
                              .has_offset = true,
                              .func = ml_binding_function(t, start)},
                   ML_FRAMES_HINT, "a table of exception handlers %s", wrong);
}
