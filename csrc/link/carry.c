/* carry.c -- link: the values of variables outlive a reload.
** takes two versions of a unit; gives the new one's variables the old one's values. Size and
** alignment are compared: an object file says no more. A variable that a constructor of the new
** version has set keeps what the constructor made, since bytes of an object with a constructor
** mean nothing elsewhere. A word that holds an address in the old version becomes the address of
** the same name in the new one (pair.h).
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/pair.h"
#include "link/txn.h"

/* ---- the list of variables ---- */

/* Larger variables are not looked at when they are loaded: whether they change is not known. */
enum { HASHED_MAX = 1 << 16 };

/* Does the symbol lie in a section of memory, wholly? */
static bool lies_within(const ml_input *in, const ml_isym *s)
{
    return s->section < in->img->nsections && in->piece[s->section] &&
           ml_within(ml_image_section(in->img, s->section).size, s->value, s->size);
}

static bool is_data(unsigned class)
{
    return class == ML_CLASS_DATA || class == ML_CLASS_BSS || class == ML_CLASS_LDATA ||
           class == ML_CLASS_LBSS;
}

static int add(ml_txn *t, const ml_datum *v)
{
    ml_linked *l = t->l;
    if (!ML_ARENA_ROOM(&l->keep, l->data, l->ndata, l->room_data) || !v->name)
        return ml_nomem(t->d);
    l->data[l->ndata++] = *v;
    return 0;
}

/* Is it a counter of --coverage (gcc, clang)? The old version adds its counts to the file when it
** ends: the new one, which does the same, must begin at 0. */
static bool is_coverage_counter(const char *name)
{
    static const char gcc[] = "__gcov", clang[] = "__llvm_gcov_ctr";
    if (strncmp(name, gcc, sizeof gcc - 1) == 0) /* "__gcov0.f", for each kind of counters */
        return name[sizeof gcc - 1] >= '0' && name[sizeof gcc - 1] <= '9';
    return strncmp(name, clang, sizeof clang - 1) == 0;
}

/* Does libgcc keep there by which key threads free their pieces of stack (-fsplit-stack)? The key
** names a function of its own version: each makes one. */
static bool has_stack_key(const ml_txn *t, const ml_input *in)
{
    return t->has_split && in->member && strcmp(in->member, "generic-morestack-thread.o") == 0;
}

/* name: of a global one, which lives as long as the load; NULL: it is local. */
static int add_variable(ml_txn *t, uint32_t input, const char *name, const ml_isym *s)
{
    const ml_input *in = &t->l->inputs[input];
    unsigned class = t->pieces[in->piece[s->section] - 1].class;
    if (s->size == 0 || !is_data(class) || (!name && is_coverage_counter(s->name)) ||
        has_stack_key(t, in))
        return 0;
    ml_datum v = {.name = name ? name : ml_strdup(&t->l->keep, s->name),
                  .addr = ml_section_base(in, s->section) + s->value,
                  .size = s->size,
                  .align = ml_image_section(in->img, s->section).align,
                  .input = input,
                  .local = !name,
                  .zero = class == ML_CLASS_BSS || class == ML_CLASS_LBSS};
    if (!v.zero && s->size <= HASHED_MAX) {
        v.hashed = true;
        v.hash =
            ml_hash((const char *)ml_section_view(t, in, s->section) + s->value, (size_t)s->size);
    }
    return add(t, &v);
}

static int add_routine(ml_txn *t, uint32_t input, const ml_isym *s)
{
    ml_linked *l = t->l;
    if (!ML_ARENA_ROOM(&l->keep, l->routines, l->nroutines, l->room_routines))
        return ml_nomem(t->d);
    l->routines[l->nroutines++] =
        (ml_routine){ml_section_base(&l->inputs[input], s->section) + s->value,
                     ml_hash(s->name, strlen(s->name)), input};
    return 0;
}

/* Adds what an input defines. A name that somebody else defines is his. */
static int add_input(ml_txn *t, uint32_t input)
{
    const ml_input *in = &t->l->inputs[input];
    const ml_image *img = in->img;
    int rc = 0;
    for (uint32_t i = 1; rc == 0 && i < img->nsymbols; i++) {
        uint8_t type = ml_image_symbol_type(img, i);
        bool local = i < img->first_global;
        if (type != ML_TYPE_OBJECT && (type != ML_TYPE_FUNC || !local))
            continue;
        ml_isym s = ml_image_symbol(img, i);
        if (type == ML_TYPE_OBJECT && s.size == 0)
            continue; /* all of GHC's */
        const ml_entry *e = local ? NULL : in->bind[i - img->first_global];
        bool sleeps = ml_is_asleep(e);
        if (!lies_within(in, &s) ||
            (e && !sleeps && (e->def != ML_DEF_SECTION || e->image != input || e->symbol != i)))
            continue;
        const char *name = sleeps ? s.name : e ? e->name : NULL;
        rc = type == ML_TYPE_FUNC ? add_routine(t, input, &s) : add_variable(t, input, name, &s);
    }
    return rc;
}

int ml_carry_collect(ml_txn *t)
{
    const ml_linked *l = t->l;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < l->ninputs && !t->o.fixed; i++)
        rc = add_input(t, i);
    for (uint32_t i = 0; rc == 0 && t->ncommons && i < l->names.count && !t->o.fixed; i++) {
        const ml_entry *e = ml_table_awake(&l->names, i);
        if (e && e->def == ML_DEF_COMMON && e->type != ML_TYPE_TLS)
            rc = add(t, &(ml_datum){.name = e->name,
                                    .addr = e->addr,
                                    .size = e->size,
                                    .align = e->value ? e->value : 1,
                                    .input = e->image,
                                    .zero = true});
    }
    return rc;
}

/* ---- values ---- */

static bool is_zero(const uint8_t *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Has it another value than when its version was loaded? */
static bool has_changed(const ml_datum *v)
{
    const uint8_t *p = (const uint8_t *)(uintptr_t)v->addr;
    if (v->zero)
        return !is_zero(p, v->size);
    return v->hashed && ml_hash((const char *)p, (size_t)v->size) != v->hash;
}

/* The bytes that the new version's variable gets, in scratch; NULL and *why when it cannot. While
** the old one has its first value, words that are addresses are those of the new one's first value:
** the end of an array, a pointer to a constant without a name. */
static uint8_t *value_for(ml_pair *p, const ml_datum *v, const ml_datum *n, const char **why)
{
    const uint8_t *now = (const uint8_t *)(uintptr_t)n->addr;
    uint8_t *bytes = ml_alloc(&p->scratch, (size_t)v->size);
    if (!bytes) {
        *why = "memory is short";
        return NULL;
    }
    memcpy(bytes, (const void *)(uintptr_t)v->addr, (size_t)v->size);
    bool first = !has_changed(v);
    for (uint64_t k = (0 - v->addr) & 7; k + 8 <= v->size; k += 8) {
        uint64_t word = ml_get64(bytes + k), to, own = ml_get64(now + k);
        if (!ml_linked_has(p->old, word))
            continue;
        if (first && ml_linked_has(p->new, own)) {
            ml_put64(bytes + k, own);
        } else if (ml_pair_address(p, word, &to)) {
            ml_put64(bytes + k, to);
        } else {
            *why = "it points to something without a name in the old version";
            return NULL;
        }
    }
    return bytes;
}

/* The alignment that the type of a variable can need: it divides the size. An object file tells
** only that of the section, which other variables may have raised. */
static uint64_t needed_alignment(const ml_datum *v)
{
    uint64_t lowest = v->size & (0 - v->size);
    return lowest < v->align ? lowest : v->align;
}

/* Decides on one variable of the old version: its new bytes, or why not. */
static uint8_t *decide(ml_pair *p, const ml_datum *v, const ml_datum *n, const char **why)
{
    if (n->size != v->size)
        *why = "its size has changed";
    else if (n->align < needed_alignment(v))
        *why = "its alignment has changed";
    else if (has_changed(n))
        *why = "a constructor has set it";
    else
        return value_for(p, v, n, why);
    return NULL;
}

/* A decision that waits until all are made: values are looked at before any is written. */
typedef struct pending {
    uint64_t addr, size;
    const uint8_t *bytes;
} pending;

static int carry_all(ml_diag *d, ml_arena *a, ml_pair *p, ml_carried **out, size_t *n)
{
    ml_carried *list = ml_nalloc(a, p->old->ndata, sizeof *list);
    pending *todo = ml_nalloc(&p->scratch, p->old->ndata, sizeof *todo);
    uint32_t ntodo = 0;
    if (!list || !todo)
        return ml_nomem(d);
    *n = 0;
    for (size_t i = 0; i < p->old->ndata; i++) {
        const ml_datum *v = &p->old->data[i], *to = NULL;
        const char *why = NULL;
        uint8_t *bytes = NULL;
        switch (ml_pair_variable(p, v, &to)) {
        case ML_TWIN_NOMEM: return ml_nomem(d);
        case ML_TWIN_NONE: why = "the new version has none of this name"; break;
        case ML_TWIN_SEVERAL: why = "several variables have this name"; break;
        case ML_TWIN_ONE: bytes = decide(p, v, to, &why); break;
        }
        if (bytes)
            todo[ntodo++] = (pending){to->addr, to->size, bytes};
        list[(*n)++] = (ml_carried){.name = ml_strdup(a, v->name),
                                    .file = ml_strdup(a, p->old->inputs[v->input].file),
                                    .why = why,
                                    .old_size = v->size,
                                    .new_size = to ? to->size : 0};
    }
    for (uint32_t i = 0; i < ntodo; i++)
        memcpy((void *)(uintptr_t)todo[i].addr, todo[i].bytes, (size_t)todo[i].size);
    *out = list;
    return 0;
}

int ml_unit_carry(ml_diag *d, ml_arena *a, const ml_unit *old, ml_unit *new, ml_carried **out,
                  size_t *n)
{
    ml_pair p;
    int rc = ml_pair_init(&p, old->l, new->l) ? carry_all(d, a, &p, out, n) : ml_nomem(d);
    ml_pair_deinit(&p);
    return rc;
}
