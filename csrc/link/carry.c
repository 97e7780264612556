/* carry.c -- link: the values of variables outlive a reload.
** takes two versions of a unit; gives the new one's variables the old one's values. Variables are
** told apart by name and, when they are local to an object, by the object. What is compared is all
** that an object file says: size and alignment. A variable that a constructor of the new version
** has set keeps what the constructor made, since bytes of an object with a constructor mean nothing
** elsewhere. A word that holds an address in the old version becomes the address of the same name
** in the new one.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/hash.h"
#include "link/txn.h"

/* ---- the list of variables ---- */

static bool is_variable(const ml_txn *t, const ml_input *in, const ml_isym *s)
{
    if (s->size == 0 || s->section >= in->img->nsections || !in->piece[s->section])
        return false;
    unsigned class = t->pieces[in->piece[s->section] - 1].class;
    return class == ML_CLASS_DATA || class == ML_CLASS_BSS || class == ML_CLASS_LDATA ||
           class == ML_CLASS_LBSS;
}

static int add(ml_txn *t, const ml_datum *v)
{
    ml_linked *l = t->l;
    if (!ml_array_room(&l->keep, &l->data, l->ndata, &l->room_data, sizeof *l->data) || !v->name)
        return ml_nomem(t->d);
    l->data[l->ndata++] = *v;
    return 0;
}

/* Adds the variables that an input defines. A name that somebody else defines is his. */
static int add_input(ml_txn *t, uint32_t input)
{
    const ml_input *in = &t->l->inputs[input];
    const ml_image *img = in->img;
    int rc = 0;
    for (uint32_t i = 1; rc == 0 && i < img->nsymbols; i++) {
        if (ml_image_symbol_type(img, i) != ML_TYPE_OBJECT)
            continue;
        ml_isym s = ml_image_symbol(img, i);
        bool local = i < img->first_global;
        const ml_entry *e = local ? NULL : in->bind[i - img->first_global];
        if (!is_variable(t, in, &s) ||
            (e && (e->def != ML_DEF_SECTION || e->image != input || e->symbol != i)))
            continue;
        rc = add(t, &(ml_datum){.name = e ? e->name : ml_strdup(&t->l->keep, s.name),
                                .addr = in->addr[s.section] + s.value,
                                .size = s.size,
                                .align = img->sections[s.section].align,
                                .input = input,
                                .local = local});
    }
    return rc;
}

int ml_carry_collect(ml_txn *t)
{
    const ml_linked *l = t->l;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < l->ninputs; i++)
        rc = add_input(t, i);
    for (uint32_t i = 0; rc == 0 && i < l->names.count; i++) {
        const ml_entry *e = l->names.entries[i];
        if (e->def == ML_DEF_COMMON && e->type != ML_TYPE_TLS)
            rc = add(t, &(ml_datum){.name = e->name,
                                    .addr = e->addr,
                                    .size = e->size,
                                    .align = e->value ? e->value : 1,
                                    .input = e->image});
    }
    return rc;
}

static uint64_t data_start(const ml_linked *l)
{
    return l->block.addr + l->layout[0].part[2].offset;
}

/* Without memory for it, nothing counts as set by a constructor. */
void ml_carry_snapshot(ml_unit *u)
{
    size_t n = (size_t)u->l->layout[0].part[2].size;
    u->snapshot = ml_heap_grow(NULL, n ? n : 1, 1);
    if (u->snapshot)
        memcpy(u->snapshot, (const void *)(uintptr_t)data_start(u->l), n);
}

/* ---- the same variable in two versions ---- */

typedef struct carry {
    const ml_linked *old, *new;
    const uint8_t *snapshot;
    ml_arena scratch;
    ml_table names;       /* variables of the new version; addr, size, value: alignment */
    ml_datum *sorted;     /* those of the old one, by address */
    ml_entry **functions; /* what else of the old one has a name, by address */
    uint32_t nfunctions;
} carry;

/* The key of a variable: names of locals are told apart by the object, unless there is just one. */
static const char *key_of(carry *c, const ml_linked *l, const ml_datum *v)
{
    if (!v->local)
        return v->name;
    const ml_input *in = &l->inputs[v->input];
    if (c->old->ninputs == 1 && c->new->ninputs == 1)
        return ml_format(&c->scratch, "%s\n", v->name);
    return ml_format(&c->scratch, "%s\n%s\n%s", v->name, in->file, in->member ? in->member : "");
}

enum { AMBIGUOUS = 1 }; /* flag of an entry in carry.names */

static int by_address(const void *a, const void *b)
{
    const ml_datum *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int by_entry_address(const void *a, const void *b)
{
    const ml_entry *const *x = a, *const *y = b;
    return (*x)->addr < (*y)->addr ? -1 : (*x)->addr > (*y)->addr;
}

static bool list_new(carry *c)
{
    for (size_t i = 0; i < c->new->ndata; i++) {
        const ml_datum *v = &c->new->data[i];
        const char *key = key_of(c, c->new, v);
        uint32_t before = c->names.count;
        ml_entry *e = key ? ml_table_intern_str(&c->names, &c->scratch, key) : NULL;
        if (!e)
            return false;
        if (c->names.count == before)
            e->flags = AMBIGUOUS;
        e->addr = v->addr;
        e->size = v->size;
        e->value = v->align;
    }
    return true;
}

static bool list_old(carry *c)
{
    const ml_linked *l = c->old;
    c->sorted = ml_nalloc(&c->scratch, l->ndata, sizeof *c->sorted);
    c->functions = ml_nalloc(&c->scratch, l->names.count, sizeof(ml_entry *));
    if (!c->sorted || !c->functions)
        return false;
    if (l->ndata)
        memcpy(c->sorted, l->data, l->ndata * sizeof *l->data);
    qsort(c->sorted, l->ndata, sizeof *c->sorted, by_address);
    for (uint32_t i = 0; i < l->names.count; i++)
        if (l->names.entries[i]->def == ML_DEF_SECTION)
            c->functions[c->nfunctions++] = l->names.entries[i];
    if (c->nfunctions)
        qsort(c->functions, c->nfunctions, sizeof(ml_entry *), by_entry_address);
    return true;
}

/* Two of the old version that mean one of the new one. */
static bool mark_ambiguous(carry *c)
{
    for (size_t i = 0; i < c->old->ndata; i++) {
        const char *key = key_of(c, c->old, &c->old->data[i]);
        ml_entry *e = key ? ml_table_find_str(&c->names, key) : NULL;
        if (!key)
            return false;
        if (e && ++e->strong > 1)
            e->flags = AMBIGUOUS;
    }
    return true;
}

/* ---- addresses in the old version ---- */

/* The variable that holds the address, or NULL. */
static const ml_datum *variable_at(const carry *c, uint64_t addr)
{
    size_t lo = 0, hi = c->old->ndata;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->sorted[mid].addr <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    const ml_datum *v = lo ? &c->sorted[lo - 1] : NULL;
    return v && addr - v->addr < v->size ? v : NULL;
}

/* The function or constant that starts at or before the address, or NULL. */
static const ml_entry *entry_at(const carry *c, uint64_t addr)
{
    uint32_t lo = 0, hi = c->nfunctions;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->functions[mid]->addr <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    const ml_entry *e = lo ? c->functions[lo - 1] : NULL;
    return e && (addr == e->addr || addr - e->addr < e->size) ? e : NULL;
}

/* What an address in the old version is in the new one; false when that has no such name. */
static bool translate(carry *c, uint64_t addr, uint64_t *out)
{
    const ml_datum *v = variable_at(c, addr);
    if (v) {
        const char *key = key_of(c, c->old, v);
        const ml_entry *n = key ? ml_table_find_str(&c->names, key) : NULL;
        if (!n || (n->flags & AMBIGUOUS) || addr - v->addr >= n->size)
            return false;
        *out = n->addr + (addr - v->addr);
        return true;
    }
    const ml_entry *e = entry_at(c, addr);
    const ml_entry *n = e ? ml_table_find(&c->new->names, e->name, e->len, e->hash) : NULL;
    if (!n || n->def != ML_DEF_SECTION)
        return false;
    *out = n->addr + (addr - e->addr);
    return true;
}

static bool in_block(const ml_linked *l, uint64_t addr)
{
    return addr - l->block.addr < l->block.size || addr - l->large.addr < l->large.size;
}

/* ---- values ---- */

/* The bytes that the new version's variable gets, in scratch; NULL and *why when it cannot. Where a
** word leads to something without a name, the new version's own word may stand for it: a pointer to
** a local function in a table, say. */
static uint8_t *value_for(carry *c, const ml_datum *v, const ml_entry *n, const char **why)
{
    const uint8_t *now = (const uint8_t *)(uintptr_t)n->addr;
    uint8_t *bytes = ml_alloc(&c->scratch, (size_t)v->size);
    if (!bytes) {
        *why = "memory is short";
        return NULL;
    }
    memcpy(bytes, (const void *)(uintptr_t)v->addr, (size_t)v->size);
    for (uint64_t k = (0 - v->addr) & 7; k + 8 <= v->size; k += 8) {
        uint64_t word = ml_get64(bytes + k), to, own = ml_get64(now + k);
        if (!in_block(c->old, word))
            continue;
        if (translate(c, word, &to)) {
            ml_put64(bytes + k, to);
        } else if (in_block(c->new, own)) {
            ml_put64(bytes + k, own);
        } else {
            *why = "it points to something without a name in the old version";
            return NULL;
        }
    }
    return bytes;
}

static bool was_set(const carry *c, const ml_entry *n)
{
    const uint8_t *now = (const uint8_t *)(uintptr_t)n->addr;
    uint64_t offset = n->addr - data_start(c->new);
    return c->snapshot && offset < c->new->layout[0].part[2].size &&memcmp(
                                       now, c->snapshot + offset, (size_t)n->size) !=
                              0;
}

/* Decides on one variable of the old version: its new bytes, or why not. */
static uint8_t *decide(carry *c, const ml_datum *v, const ml_entry *n, const char **why)
{
    if (n->flags & AMBIGUOUS)
        *why = "several variables have this name";
    else if (n->size != v->size)
        *why = "its size has changed";
    else if (n->value < v->align)
        *why = "its alignment has changed";
    else if (was_set(c, n))
        *why = "a constructor has set it";
    else
        return value_for(c, v, n, why);
    return NULL;
}

/* A decision that waits until all are made: values are looked at before any is written. */
typedef struct pending {
    uint64_t addr, size;
    const uint8_t *bytes;
} pending;

static int carry_all(ml_diag *d, ml_arena *a, carry *c, ml_carried **out, size_t *n)
{
    ml_carried *list = ml_nalloc(a, c->old->ndata, sizeof *list);
    pending *todo = ml_nalloc(&c->scratch, c->old->ndata, sizeof *todo);
    uint32_t ntodo = 0;
    if (!list || !todo)
        return ml_nomem(d);
    *n = 0;
    for (size_t i = 0; i < c->old->ndata; i++) {
        const ml_datum *v = &c->old->data[i];
        const char *key = key_of(c, c->old, v), *why = NULL;
        const ml_entry *e = key ? ml_table_find_str(&c->names, key) : NULL;
        if (!key)
            return ml_nomem(d);
        uint8_t *bytes = e ? decide(c, v, e, &why) : NULL;
        if (!e)
            why = "the new version has none of this name";
        else if (bytes)
            todo[ntodo++] = (pending){e->addr, e->size, bytes};
        list[(*n)++] = (ml_carried){.name = ml_strdup(a, v->name),
                                    .file = ml_strdup(a, c->old->inputs[v->input].file),
                                    .why = why,
                                    .old_size = v->size,
                                    .new_size = e ? e->size : 0};
    }
    for (uint32_t i = 0; i < ntodo; i++)
        memcpy((void *)(uintptr_t)todo[i].addr, todo[i].bytes, (size_t)todo[i].size);
    *out = list;
    return 0;
}

int ml_unit_carry(ml_diag *d, ml_arena *a, const ml_unit *old, ml_unit *new, ml_carried **out,
                  size_t *n)
{
    carry c = {.old = old->l, .new = new->l, .snapshot = new->snapshot};
    ml_table_init(&c.names);
    int rc = list_new(&c) && list_old(&c) && mark_ambiguous(&c) ? carry_all(d, a, &c, out, n)
                                                                : ml_nomem(d);
    ml_table_deinit(&c.names);
    ml_arena_free(&c.scratch);
    ml_heap_free(new->snapshot);
    new->snapshot = NULL;
    return rc;
}
