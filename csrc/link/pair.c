/* pair.c -- link: two versions of a unit. See pair.h.
** SPDX-License-Identifier: MIT */
#include "link/pair.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/search.h"

/* Flag of an entry in names. */
enum { SEVERAL = 1 };

/* ---- keys ---- */

/* Length of a name without the number that a compiler has put behind it; 0: there is none. */
static size_t stem_length(const char *name)
{
    size_t n = strlen(name), end = n;
    while (n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9')
        n--;
    return n > 1 && n < end && name[n - 1] == '.' ? n - 1 : 0;
}

/* The text of a local name; len: of the part that counts. */
static const char *local_key(ml_pair *p, const ml_linked *l, const ml_datum *v, size_t len)
{
    const ml_input *in = &l->inputs[v->input];
    if (p->old->ninputs == 1 && p->new->ninputs == 1)
        return ml_format(&p->scratch, "%.*s\n", (int)len, v->name);
    return ml_format(&p->scratch, "%.*s\n%s\n%s", (int)len, v->name, in->file,
                     in->member ? in->member : "");
}

/* The key of a variable; NULL when memory is short. */
static const char *key_of(ml_pair *p, const ml_linked *l, const ml_datum *v)
{
    if (!v->local)
        return v->name;
    size_t stem = stem_length(v->name);
    const char *key = local_key(p, l, v, stem ? stem : strlen(v->name));
    if (!stem || !key)
        return key;
    const ml_entry *e = ml_table_find_str(&p->stems, key);
    bool same = e && e->strong == e->weak && e->value == e->size;
    return same ? local_key(p, l, v, strlen(v->name)) : key;
}

/* Counts the variables of functions, by stem. */
static bool count_stems(ml_pair *p, const ml_linked *l)
{
    for (size_t i = 0; i < l->ndata; i++) {
        const ml_datum *v = &l->data[i];
        size_t stem = v->local ? stem_length(v->name) : 0;
        if (!stem)
            continue;
        const char *key = local_key(p, l, v, stem);
        ml_entry *e = key ? ml_table_intern_str(&p->stems, &p->scratch, key) : NULL;
        if (!e)
            return false;
        uint64_t mark = ml_hash(v->name, strlen(v->name));
        *(l == p->old ? &e->strong : &e->weak) += 1;
        *(l == p->old ? &e->value : &e->size) += mark * mark;
    }
    return true;
}

/* ---- lists ---- */

static int by_address(const void *a, const void *b)
{
    const ml_datum *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int entry_by_address(const void *a, const void *b)
{
    const ml_pair_entry *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int routine_by_address(const void *a, const void *b)
{
    const ml_routine *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int routine_by_name(const void *a, const void *b)
{
    const ml_routine *x = a, *y = b;
    if (x->input != y->input)
        return x->input < y->input ? -1 : 1;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static bool list_new(ml_pair *p)
{
    const ml_linked *l = p->new;
    for (size_t i = 0; i < l->ndata; i++) {
        const char *key = key_of(p, l, &l->data[i]);
        uint32_t before = p->names.count;
        ml_entry *e = key ? ml_table_intern_str(&p->names, &p->scratch, key) : NULL;
        if (!e)
            return false;
        if (p->names.count == before)
            e->flags = SEVERAL;
        e->symbol = (uint32_t)i;
    }
    for (size_t i = 0; i < p->old->ndata; i++) { /* two of the old one that mean the same */
        const char *key = key_of(p, p->old, &p->old->data[i]);
        ml_entry *e = key ? ml_table_find_str(&p->names, key) : NULL;
        if (!key)
            return false;
        if (e && ++e->strong > 1)
            e->flags = SEVERAL;
    }
    return true;
}

static void *sorted_copy(ml_arena *a, const void *v, size_t n, size_t size,
                         int (*order)(const void *, const void *))
{
    void *copy = ml_nalloc(a, n, size);
    if (copy && n) {
        memcpy(copy, v, n * size);
        qsort(copy, n, size, order);
    }
    return copy;
}

static bool list_old(ml_pair *p)
{
    const ml_linked *l = p->old;
    p->variables = sorted_copy(&p->scratch, l->data, l->ndata, sizeof *l->data, by_address);
    p->routines = sorted_copy(&p->scratch, l->routines, l->nroutines, sizeof *l->routines,
                              routine_by_address);
    p->new_routines = sorted_copy(&p->scratch, p->new->routines, p->new->nroutines,
                                  sizeof *l->routines, routine_by_name);
    p->entries = ml_nalloc(&p->scratch, l->names.count, sizeof *p->entries);
    if (!p->variables || !p->routines || !p->new_routines || !p->entries)
        return false;
    for (uint32_t i = 0; i < l->names.count; i++) {
        const ml_entry *e = ml_table_at(&l->names, i);
        if (e->def == ML_DEF_SECTION)
            p->entries[p->nentries++] = (ml_pair_entry){e->addr, e};
    }
    if (p->nentries)
        qsort(p->entries, p->nentries, sizeof *p->entries, entry_by_address);
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Inputs are mostly in the order in which they were: the search starts at the same place. */
static bool match_inputs(ml_pair *p)
{
    uint32_t n = p->old->ninputs, m = p->new->ninputs;
    p->inputs = ml_nalloc(&p->scratch, n, sizeof *p->inputs);
    if (!p->inputs)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const ml_input *in = &p->old->inputs[i];
        p->inputs[i] = n == 1 && m == 1 ? 0 : UINT32_MAX;
        for (uint32_t k = 0; k < m && p->inputs[i] == UINT32_MAX; k++) {
            const ml_input *other = &p->new->inputs[(i + k) % m];
            if (same_text(in->file, other->file) && same_text(in->member, other->member))
                p->inputs[i] = (i + k) % m;
        }
    }
    return true;
}

bool ml_pair_init(ml_pair *p, const ml_linked *old, const ml_linked *new)
{
    *p = (ml_pair){.old = old, .new = new};
    ml_table_init(&p->names);
    ml_table_init(&p->stems);
    return count_stems(p, old) && count_stems(p, new) && list_new(p) && list_old(p) &&
           match_inputs(p);
}

void ml_pair_deinit(ml_pair *p)
{
    ml_table_deinit(&p->names);
    ml_table_deinit(&p->stems);
    ml_arena_free(&p->scratch);
}

/* ---- questions ---- */

ml_twin ml_pair_variable(ml_pair *p, const ml_datum *old, const ml_datum **out)
{
    const char *key = key_of(p, p->old, old);
    if (!key)
        return ML_TWIN_NOMEM;
    const ml_entry *e = ml_table_find_str(&p->names, key);
    if (!e)
        return ML_TWIN_NONE;
    if (e->flags & SEVERAL)
        return ML_TWIN_SEVERAL;
    *out = &p->new->data[e->symbol];
    return ML_TWIN_ONE;
}

/* In a variable, or just behind one where nothing else begins. */
static bool variable_address(ml_pair *p, uint64_t addr, uint64_t *out, bool *found)
{
    size_t lo = ML_UPTO(p->variables, p->old->ndata, addr, addr);
    const ml_datum *v = lo ? &p->variables[lo - 1] : NULL, *n;
    *found = v && addr - v->addr < v->size;
    if (!v || addr - v->addr > v->size || ml_pair_variable(p, v, &n) != ML_TWIN_ONE)
        return false;
    if (addr - v->addr > n->size || (!*found && n->size != v->size))
        return false;
    *out = n->addr + (addr - v->addr);
    return true;
}

/* In a function or constant with a global name. */
static bool entry_address(const ml_pair *p, uint64_t addr, uint64_t *out, bool *found)
{
    size_t lo = ML_UPTO(p->entries, p->nentries, addr, addr);
    const ml_entry *e = lo ? p->entries[lo - 1].e : NULL;
    *found = e && (addr == e->addr || addr - e->addr < e->size);
    const ml_entry *n = *found ? ml_table_find(&p->new->names, e->name, e->len, e->hash) : NULL;
    if (!n || n->def != ML_DEF_SECTION || (addr != e->addr && n->size != e->size))
        return false;
    *out = n->addr + (addr - e->addr);
    return true;
}

/* The start of a local function. */
static bool routine_address(const ml_pair *p, uint64_t addr, uint64_t *out)
{
    size_t lo = ML_UPTO(p->routines, p->old->nroutines, addr, addr);
    if (!lo || p->routines[lo - 1].addr != addr ||
        p->inputs[p->routines[lo - 1].input] == UINT32_MAX)
        return false;
    ml_routine key = p->routines[lo - 1];
    key.input = p->inputs[key.input];
    size_t count = p->new->nroutines;
    const ml_routine *all = p->new_routines, *n = NULL;
    if (count)
        n = bsearch(&key, all, count, sizeof *all, routine_by_name);
    if (!n || (n > all && routine_by_name(&key, n - 1) == 0))
        return false;
    if (n + 1 < all + count && routine_by_name(&key, n + 1) == 0)
        return false; /* several of this name */
    *out = n->addr;
    return true;
}

bool ml_pair_address(ml_pair *p, uint64_t addr, uint64_t *out)
{
    uint64_t behind = 0;
    bool inside, found, is_behind = variable_address(p, addr, &behind, &inside);
    if (inside) {
        *out = behind;
        return is_behind;
    }
    bool is_entry = entry_address(p, addr, out, &found);
    if (found)
        return is_entry;
    if (routine_address(p, addr, out))
        return true;
    *out = behind;
    return is_behind;
}
