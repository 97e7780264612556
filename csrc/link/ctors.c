/* ctors.c -- link: constructors and destructors of a load, in the order in which they run.
** takes relocated bytes; gives the addresses in .preinit_array, .init_array and .fini_array:
** ascending priority (the number behind the section's name), those without one last, within one
** priority in input order; destructors the other way round. The older .ctors and .dtors count as
** ld's scripts count them: read backwards, their numbers from 65535 down.
** Spec: gABI chapter 5 "Initialization and Termination Functions"; GCC's init_priority.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/txn.h"

typedef struct ctor_section {
    uint32_t input, section;
    uint32_t order; /* 0: preinit; 1 + priority */
} ctor_section;

/* ".ctors" or ".ctors.NUMBER"; no type of section tells them. */
static bool is_old(const ml_isec *s, const char *name)
{
    return strncmp(s->name, name, 6) == 0 && (s->name[6] == 0 || s->name[6] == '.');
}

static bool is_backwards(const ml_isec *s)
{
    return is_old(s, ".ctors") || is_old(s, ".dtors");
}

/* ".init_array.00101" has priority 101; a name without a number comes last. */
static uint32_t order_of(const ml_isec *s)
{
    if (s->type == ML_SHT_PREINIT_ARRAY)
        return 0;
    const char *dot = strrchr(s->name, '.');
    uint32_t n = 0;
    if (!dot || dot == s->name || dot[1] < '0' || dot[1] > '9')
        return 65536 + 1;
    for (const char *p = dot + 1; *p >= '0' && *p <= '9' && n < 65536; p++)
        n = n * 10 + (uint32_t)(*p - '0');
    n = n < 65536 ? n : 65535;
    return (is_backwards(s) ? 65535 - n : n) + 1;
}

static int by_order(const void *a, const void *b)
{
    const ctor_section *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    if (x->input != y->input)
        return x->input < y->input ? -1 : 1;
    return x->section < y->section ? -1 : x->section > y->section;
}

static bool is_kind(const ml_input *in, uint32_t section, bool fini)
{
    const ml_isec *s = &in->img->sections[section];
    uint32_t type = s->type;
    if (!in->piece[section])
        return false;
    if (is_old(s, fini ? ".dtors" : ".ctors"))
        return true;
    return fini ? type == ML_SHT_FINI_ARRAY
                : type == ML_SHT_INIT_ARRAY || type == ML_SHT_PREINIT_ARRAY;
}

/* The addresses of one section, checked: each must lie in the load's own code. */
static int read_section(ml_txn *t, const ctor_section *c, uint64_t *to, uint32_t *n)
{
    const ml_input *in = &t->l->inputs[c->input];
    const ml_isec *s = &in->img->sections[c->section];
    const uint8_t *p = t->view + t->pieces[in->piece[c->section] - 1].offset;
    uint64_t text = t->l->block.addr + t->layout.part[0].offset;
    bool back = is_backwards(s);
    for (size_t i = 0, all = s->data.n / 8; i < all; i++) {
        size_t k = 8 * (back ? all - 1 - i : i);
        uint64_t fn = ml_get64(p + k);
        if (fn == 0 || fn == UINT64_MAX)
            continue;
        if (fn - text >= t->layout.part[0].size)
            return ml_fail(t->d, ML_E_INIT,
                           (ml_where){.file = in->file,
                                      .member = in->member,
                                      .section = s->name,
                                      .offset = k,
                                      .has_offset = true},
                           NULL, "constructor at 0x%llx, which is no code of this load",
                           (unsigned long long)fn);
        to[(*n)++] = fn;
    }
    return 0;
}

static int collect(ml_txn *t, bool fini, uint64_t **out, uint32_t *count)
{
    size_t sections = 0, entries = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++)
        for (uint32_t k = 1; k < t->l->inputs[i].img->nsections; k++)
            if (is_kind(&t->l->inputs[i], k, fini)) {
                sections++;
                entries += t->l->inputs[i].img->sections[k].data.n / 8;
            }
    if (!sections)
        return 0;
    ctor_section *v = ml_nalloc(&t->scratch, sections, sizeof *v);
    *out = ml_nalloc(&t->l->keep, entries, sizeof **out);
    if (!v || !*out)
        return ml_nomem(t->d);
    sections = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++)
        for (uint32_t k = 1; k < t->l->inputs[i].img->nsections; k++)
            if (is_kind(&t->l->inputs[i], k, fini))
                v[sections++] = (ctor_section){i, k, order_of(&t->l->inputs[i].img->sections[k])};
    qsort(v, sections, sizeof *v, by_order);
    for (size_t i = 0; i < sections; i++) {
        int rc = read_section(t, &v[i], *out, count);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int ml_ctors_collect(ml_txn *t)
{
    ml_linked *l = t->l;
    int rc = collect(t, false, &l->init, &l->ninit);
    if (rc == 0)
        rc = collect(t, true, &l->fini, &l->nfini);
    for (uint32_t i = 0; rc == 0 && i < l->nfini / 2; i++) {
        uint64_t fn = l->fini[i];
        l->fini[i] = l->fini[l->nfini - 1 - i];
        l->fini[l->nfini - 1 - i] = fn;
    }
    return rc;
}
