/* ctors.c -- link: constructors and destructors of a load, in the order in which they run.
** takes relocated bytes; gives the addresses in .preinit_array, .init_array and .fini_array:
** ascending priority (the number behind the section's name), those without one last, within one
** priority by the names, as ld's SORT_BY_INIT_PRIORITY has it (gcc writes .init_array.00101, clang
** .init_array.101), then in input order; destructors the other way round. The older .ctors and
** .dtors count as ld's scripts count them: read backwards, their numbers from 65535 down. The
** function of .init runs before .init_array, that of .fini after .fini_array (fragments.c).
** Spec: gABI chapter 5 "Initialization and Termination Functions"; GCC's init_priority.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/txn.h"
#include "process/cxx.h"

typedef struct ctor_section {
    const char *name;
    uint32_t input, section;
    uint32_t order; /* 0: preinit; 1 + priority */
} ctor_section;

static bool is_backwards(const ml_isec *s)
{
    return s->role == ML_ROLE_CTORS || s->role == ML_ROLE_DTORS;
}

enum { PLAIN = 65536 + 1 }; /* the order of sections without a priority */

/* ".init_array.00101" has priority 101; a name without a number comes last. */
static uint32_t order_of(const ml_isec *s)
{
    if (s->role == ML_ROLE_PREINIT_ARRAY)
        return 0;
    const char *dot = strrchr(s->name, '.');
    uint32_t n = 0;
    if (!dot || dot == s->name || dot[1] < '0' || dot[1] > '9')
        return PLAIN;
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
    int names = x->order == 0 || x->order == PLAIN ? 0 : strcmp(x->name, y->name);
    if (names)
        return names;
    if (x->input != y->input)
        return x->input < y->input ? -1 : 1;
    return x->section < y->section ? -1 : x->section > y->section;
}

/* Roles of the sections that hold addresses of constructors, of destructors; as bits. */
static const uint32_t wanted[2] = {1u << ML_ROLE_PREINIT_ARRAY | 1u << ML_ROLE_INIT_ARRAY |
                                       1u << ML_ROLE_CTORS,
                                   1u << ML_ROLE_FINI_ARRAY | 1u << ML_ROLE_DTORS};

static bool is_kind(const ml_input *in, uint32_t section, bool fini)
{
    return (1u << in->img->role[section] & wanted[fini]) && in->piece[section] &&
           !(ml_image_section(in->img, section).flags & ML_SEC_TLS);
}

/* The first section from *k on that is one; false when there is none in this input. */
static bool next_section(const ml_input *in, bool fini, uint32_t *k)
{
    if (!(in->img->roles & wanted[fini]))
        return false;
    while (*k < in->img->nsections && !is_kind(in, *k, fini))
        ++*k;
    return *k < in->img->nsections;
}

/* What collect fills: addresses, and for messages where each stands. */
typedef struct list {
    uint64_t *fn;
    ml_ctor_at *at;
    uint32_t n;
    uint32_t first_plain; /* the first without a priority; what lies behind has none either */
} list;

/* Is it a function that the load refers to by name, in a library or another unit? */
static bool is_bound_function(const ml_linked *l, uint64_t fn)
{
    for (uint32_t i = 0; i < l->names.count; i++) {
        const ml_entry *e = ml_table_awake(&l->names, i);
        if (e && (e->def == ML_DEF_PROCESS || e->def == ML_DEF_UNIT) && e->addr == fn)
            return e->type == ML_TYPE_FUNC || e->type == ML_TYPE_IFUNC;
    }
    return false;
}

/* The addresses of one section, checked: each must be code of the load, or a function that it
** names. */
static int read_section(ml_txn *t, const ctor_section *c, bool fini, list *l)
{
    const ml_input *in = &t->l->inputs[c->input];
    const ml_isec s = ml_image_section(in->img, c->section);
    const uint8_t *p = ml_section_view(t, in, c->section);
    bool back = is_backwards(&s);
    for (size_t i = 0, all = s.data.n / 8; i < all; i++) {
        size_t k = 8 * (back ? all - 1 - i : i);
        uint64_t fn = ml_get64(p + k);
        if (fn == 0 || fn == UINT64_MAX)
            continue;
        if (!ml_linked_is_code(t->l, fn) && !is_bound_function(t->l, fn))
            return ml_fail(t->d, ML_E_INIT,
                           (ml_where){.file = in->file,
                                      .member = in->member,
                                      .section = s.name,
                                      .offset = k,
                                      .has_offset = true},
                           NULL, "%s at 0x%llx, which is no code of this load",
                           fini ? "destructor" : "constructor", (unsigned long long)fn);
        l->at[l->n] = (ml_ctor_at){c->input, c->section, k};
        l->fn[l->n++] = fn;
    }
    return 0;
}

/* The sections of one kind in the order in which they run. */
static int sorted_sections(ml_txn *t, bool fini, ctor_section **out, size_t *n, size_t *entries)
{
    size_t room = 0;
    *out = NULL;
    *n = *entries = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 1; next_section(in, fini, &k); k++) {
            const ml_isec s = ml_image_section(in->img, k);
            if (!ML_ARENA_ROOM(&t->scratch, *out, *n, room))
                return ml_nomem(t->d);
            (*out)[(*n)++] = (ctor_section){s.name, i, k, order_of(&s)};
            *entries += s.data.n / 8;
        }
    }
    if (*n)
        qsort(*out, *n, sizeof **out, by_order);
    return 0;
}

static ml_array array_of(const ml_input *in, uint32_t section, bool fini)
{
    return fini                                              ? ML_ARRAY_FINI
           : in->img->role[section] == ML_ROLE_PREINIT_ARRAY ? ML_ARRAY_PREINIT
                                                             : ML_ARRAY_INIT;
}

/* The copies for who refers to their bounds, in ld's order, in which destructors run backwards. */
static void fill_arrays(const ml_txn *t, bool fini, const ctor_section *v, size_t n)
{
    size_t at[ML_ARRAY_COUNT] = {0};
    for (size_t i = 0; i < n; i++) {
        const ml_input *in = &t->l->inputs[v[i].input];
        const ml_isec s = ml_image_section(in->img, v[i].section);
        const uint8_t *from = ml_section_view(t, in, v[i].section);
        ml_array a = array_of(in, v[i].section, fini);
        uint8_t *to = ml_piece_view(t, t->piece_array[a]);
        for (size_t k = 0, all = s.data.n / 8; k < all; k++)
            memcpy(to + 8 * at[a]++, from + 8 * (is_backwards(&s) ? all - 1 - k : k), 8);
    }
}

/* .init runs between .preinit_array and .init_array; .fini last, since the list is turned round. */
static int collect(ml_txn *t, bool fini, list *l)
{
    ctor_section *v = NULL;
    size_t n, entries, i = 0;
    int rc = sorted_sections(t, fini, &v, &n, &entries);
    if (rc < 0)
        return rc;
    if (t->piece_array[0])
        fill_arrays(t, fini, v, n);
    uint64_t function = ml_fragments_function(t, fini);
    if (!n && !function)
        return 0;
    l->fn = ml_nalloc(&t->l->keep, entries + 1, sizeof *l->fn);
    l->at = ml_nalloc(&t->scratch, entries + 1, sizeof *l->at);
    if (!l->fn || !l->at)
        return ml_nomem(t->d);
    for (; rc == 0 && i < n && v[i].order == 0; i++)
        rc = read_section(t, &v[i], fini, l);
    if (function) {
        l->at[l->n] = (ml_ctor_at){.input = UINT32_MAX};
        l->fn[l->n++] = function;
    }
    for (; rc == 0 && i < n && v[i].order != PLAIN; i++)
        rc = read_section(t, &v[i], fini, l);
    l->first_plain = l->n;
    for (; rc == 0 && i < n; i++)
        rc = read_section(t, &v[i], fini, l);
    return rc;
}

/* ---- as a program has them ---- */

void ml_ctors_pieces(ml_txn *t)
{
    memset(t->piece_array, 0, sizeof t->piece_array);
    memset(t->narray, 0, sizeof t->narray);
    if (!ml_builtin_wanted(t, ml_ctors_bound))
        return;
    for (uint32_t i = 0; i < 2 * t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i / 2];
        for (uint32_t k = 1; next_section(in, i % 2, &k); k++)
            t->narray[array_of(in, k, i % 2)] +=
                (uint32_t)(ml_image_section(in->img, k).data.n / 8);
    }
    for (int a = 0; a < ML_ARRAY_COUNT; a++)
        t->piece_array[a] = ml_piece_add(t, ML_CLASS_CONST, 8 * (uint64_t)t->narray[a] + 8, 8);
}

uint64_t ml_ctors_bound(const ml_txn *t, unsigned which)
{
    uint64_t size = which % 2 ? 8 * (uint64_t)t->narray[which / 2] : 0;
    return ml_piece_addr(t, t->piece_array[which / 2]) + size;
}

int ml_ctors_collect(ml_txn *t)
{
    ml_linked *l = t->l;
    list init = {0}, fini = {0};
    int rc = collect(t, false, &init);
    if (rc == 0)
        rc = collect(t, true, &fini);
    for (uint32_t i = 0; rc == 0 && i < fini.n / 2; i++) {
        uint64_t fn = fini.fn[i];
        fini.fn[i] = fini.fn[fini.n - 1 - i];
        fini.fn[fini.n - 1 - i] = fn;
    }
    l->init = init.fn;
    l->ninit = init.n;
    l->fini = fini.fn;
    l->nfini = fini.n;
    l->plain_fini = fini.n - fini.first_plain;
    t->init_at = init.at;
    return rc;
}

int ml_ctors_run(ml_txn *t)
{
    ml_linked *l = t->l;
    ml_caught caught;
    if (ml_process_run(l->init, l->ninit, &caught))
        return 0;
    const ml_ctor_at *at = &t->init_at[caught.index];
    ml_where where = {.section = ".init"};
    if (at->input != UINT32_MAX) {
        const ml_input *in = &l->inputs[at->input];
        const ml_isec s = ml_image_section(in->img, at->section);
        where = (ml_where){.file = in->file,
                           .member = in->member,
                           .section = s.name,
                           .offset = at->offset,
                           .has_offset = true};
    }
    where.func = ml_binding_function(t, l->init[caught.index]);
    char text[800];
    ml_caught_text(&caught, text, sizeof text);
    return ml_fail(t->d, ML_E_INIT, where, "the load was undone", "constructor #%u raised %s",
                   (unsigned)caught.index + 1, text);
}
