/* places.c -- link: from addresses to names, in one unit.
** takes a unit as it is; builds what it needs to answer when it is first asked, so that loads pay
** nothing.
** SPDX-License-Identifier: MIT */
#include "link/places.h"

#include <elf.h>
#include <stdlib.h>

#include "base/search.h"
#include "link/lazy.h"
#include "target/target.h"

/* ---- the names of one load ---- */

struct ml_names_by_address {
    ml_named *v;
    size_t n;
    ml_placed *sections; /* with bytes, by address */
    size_t nsections;
};

static int by_address(const void *a, const void *b)
{
    const ml_named *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    if (x->size != y->size) /* of two names for one thing the last one answers */
        return x->size < y->size ? -1 : 1;
    if (x->local != y->local)
        return x->local ? -1 : 1;
    return strcmp(y->name, x->name);
}

static int placed_by_address(const void *a, const void *b)
{
    const ml_placed *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static uint8_t kind_of(unsigned type)
{
    return type == ML_TYPE_FUNC || type == ML_TYPE_IFUNC ? ML_PLACE_FUNCTION
           : type == ML_TYPE_NONE                        ? ML_PLACE_LABEL
                                                         : ML_PLACE_OBJECT;
}

/* An entry as up to three things: itself, its stub, its slot. */
static size_t add_entry(const ml_linked *l, const ml_entry *e, bool itself, ml_named *to)
{
    size_t n = 0;
    bool here =
        (e->def == ML_DEF_SECTION && !(e->flags & ML_ENT_NOWHERE)) || e->def == ML_DEF_COMMON;
    if (here && itself && e->type != ML_TYPE_TLS)
        to[n++] = (ml_named){e->addr, e->size, e->name, e->image, kind_of(e->type), false};
    if (e->stub)
        to[n++] = (ml_named){
            ml_stub_address(l, e->stub), l->stub_size, e->name, UINT32_MAX, ML_PLACE_STUB, false};
    if (e->got)
        to[n++] = (ml_named){
            ml_slot_address(l, e->got), ML_GOT_SLOT, e->name, UINT32_MAX, ML_PLACE_SLOT, false};
    if (e->lazy && l->lazies) { /* it is not defined here, and has no slot of the GOT */
        to[n++] =
            (ml_named){ml_lazy_slot(l, e), ML_GOT_SLOT, e->name, UINT32_MAX, ML_PLACE_SLOT, false};
        to[n++] =
            (ml_named){ml_lazy_stub(l, e), l->stub_size, e->name, UINT32_MAX, ML_PLACE_STUB, false};
    }
    return n;
}

/* The symbols of the symbol file, which has the local ones as well; stubs come from the entries. */
static size_t add_symbols(const ml_linked *l, ml_named *to)
{
    size_t n = 0, count = l->debug->symtab.n / sizeof(Elf64_Sym);
    for (size_t i = 0; i < count; i++) {
        Elf64_Sym s;
        memcpy(&s, l->debug->symtab.p + i * sizeof s, sizeof s);
        uint64_t from_stubs = s.st_value - l->stubs;
        uint64_t from_counting = s.st_value - l->counting;
        if ((l->stubs && from_stubs < l->stats.stubs * l->stub_size) ||
            from_counting < l->ncounted * l->counting_size)
            continue;
        to[n++] = (ml_named){s.st_value,
                             s.st_size,
                             (const char *)l->debug->strtab.p + s.st_name,
                             UINT32_MAX,
                             kind_of(ELF64_ST_TYPE(s.st_info)),
                             ELF64_ST_BIND(s.st_info) == STB_LOCAL};
    }
    return n;
}

static size_t add_counting(const ml_linked *l, ml_named *to)
{
    for (size_t i = 0; i < l->ncounted; i++)
        to[i] = (ml_named){ml_counting_address(l, i),
                           l->counting_size,
                           l->counted[i].e->name,
                           UINT32_MAX,
                           ML_PLACE_STUB,
                           false};
    return l->ncounted;
}

static bool sort_sections(const ml_linked *l, struct ml_names_by_address *x)
{
    size_t all = l->nplaced + (l->nmany ? l->many[l->nmany - 1].all : 0);
    x->sections = ml_heap_zalloc(all ? all : 1, sizeof *x->sections);
    if (!x->sections)
        return false;
    for (size_t i = 0; ml_linked_placed(l, i, &x->sections[x->nsections]); i++)
        if (x->sections[x->nsections].size)
            x->nsections++;
    if (x->nsections)
        qsort(x->sections, x->nsections, sizeof *x->sections, placed_by_address);
    return true;
}

static void free_names(struct ml_names_by_address *x)
{
    if (!x)
        return;
    ml_heap_free(x->v);
    ml_heap_free(x->sections);
    ml_heap_free(x);
}

void ml_places_free(ml_linked *l)
{
    free_names(l->by_address);
    l->by_address = NULL;
}

/* NULL when memory is short. */
static const struct ml_names_by_address *names_of(const ml_linked *l)
{
    if (l->by_address)
        return l->by_address;
    struct ml_names_by_address *x = ml_heap_zalloc(1, sizeof *x);
    size_t symbols = l->debug ? l->debug->symtab.n / sizeof(Elf64_Sym) : 0;
    if (x)
        x->v = ml_heap_grow(NULL, 3 * (size_t)l->names.count + symbols + l->ncounted + 1,
                            sizeof *x->v);
    if (!x || !x->v || !sort_sections(l, x)) {
        free_names(x);
        return NULL;
    }
    if (symbols)
        x->n = add_symbols(l, x->v);
    for (uint32_t i = 0; i < l->names.count; i++)
        x->n += add_entry(l, ml_table_at(&l->names, i), symbols == 0, x->v + x->n);
    x->n += add_counting(l, x->v + x->n);
    qsort(x->v, x->n, sizeof *x->v, by_address);
    ((ml_linked *)(uintptr_t)l)->by_address = x; /* a cache: the load itself does not change */
    return x;
}

bool ml_linked_named(const ml_linked *l, size_t i, ml_named *out)
{
    const struct ml_names_by_address *x = names_of(l);
    if (!x || i >= x->n)
        return false;
    *out = x->v[i];
    return true;
}

/* The section that holds addr. */
static const ml_placed *section_at(const struct ml_names_by_address *x, uint64_t addr)
{
    size_t n = ML_UPTO(x->sections, x->nsections, addr, addr);
    const ml_placed *p = n ? &x->sections[n - 1] : NULL;
    return p && addr - p->addr < p->size ? p : NULL;
}

/* The innermost thing that covers addr; else what stands before it in the same section and does not
** say where it ends. Things that overlap are few: the search back is short. */
static const ml_named *thing_at(const struct ml_names_by_address *x, const ml_placed *p,
                                uint64_t addr)
{
    enum { BACK = 64 };
    size_t n = ML_UPTO(x->v, x->n, addr, addr);
    const ml_named *open = NULL;
    for (size_t k = 0; k < BACK && n > 0; k++) {
        const ml_named *v = &x->v[--n];
        if (addr - v->addr < v->size)
            return v;
        if (v->size == 0 && !open && p && v->addr >= p->addr)
            open = v;
    }
    return open;
}

static void add_line(ml_debug *g, uint64_t addr, ml_place *out)
{
    const ml_lines *l = g ? ml_debug_lines(g) : NULL;
    const ml_line *row = l ? ml_lines_find(l, addr) : NULL;
    if (!row)
        return;
    out->line = row->line;
    ml_lines_file(l, row, out->source, sizeof out->source);
}

/* What no symbol tells. */
static ml_place_kind unnamed(const ml_linked *l, uint64_t addr)
{
    if (l->got && addr - l->got < l->stats.got_slots * ML_GOT_SLOT)
        return ML_PLACE_SLOT;
    if (l->moved && addr - l->moved < l->stats.moved * ML_MOVE_MAX)
        return ML_PLACE_MOVED;
    return ML_PLACE_UNKNOWN;
}

void ml_unit_place(const ml_unit *u, uint64_t addr, ml_place *out)
{
    const ml_linked *l = u->l;
    const struct ml_names_by_address *x = names_of(l);
    out->unit = u->life->name;
    out->kind = unnamed(l, addr);
    if (!x)
        return;
    const ml_placed *p = section_at(x, addr);
    const ml_named *v = thing_at(x, p, addr);
    uint32_t input = p ? p->input : v ? v->input : UINT32_MAX;
    if (v) {
        out->kind = v->kind;
        out->name = v->name;
        out->start = v->addr;
        out->size = v->size;
    } else if (p) {
        out->kind = ML_PLACE_SECTION;
        out->start = p->addr;
        out->size = p->size;
    }
    if (p)
        out->section = p->name;
    if (input < l->ninputs) {
        out->file = l->inputs[input].file;
        out->member = l->inputs[input].member;
    }
    add_line(l->debug, addr, out);
}
