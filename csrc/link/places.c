/* places.c -- link: from addresses to names.
** takes units as they are; builds what it needs to answer when it is first asked, so that loads pay
** nothing. SPDX-License-Identifier: MIT */
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
        to[n++] = (ml_named){
            ml_lazy_slot(l, e), ML_GOT_SLOT, e->name, UINT32_MAX, ML_PLACE_SLOT, false};
        to[n++] = (ml_named){
            ml_lazy_stub(l, e), l->stub_size, e->name, UINT32_MAX, ML_PLACE_STUB, false};
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
    x->sections = ml_heap_zalloc(l->nplaced ? l->nplaced : 1, sizeof *x->sections);
    if (!x->sections)
        return false;
    for (uint32_t i = 0; i < l->nplaced; i++)
        if (l->placed[i].size)
            x->sections[x->nsections++] = l->placed[i];
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

/* A cache: the load itself does not change. NULL when memory is short. */
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
        x->n += add_entry(l, l->names.entries[i], symbols == 0, x->v + x->n);
    x->n += add_counting(l, x->v + x->n);
    qsort(x->v, x->n, sizeof *x->v, by_address);
    ((ml_linked *)(uintptr_t)l)->by_address = x;
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

static void place_in(const ml_unit *u, uint64_t addr, ml_place *out)
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

/* ---- the atlas ---- */

typedef struct span {
    uint64_t start, end;
    const ml_unit *unit;
} span;

/* A unit that is gone. One piece of memory: the record, its functions, the texts. */
typedef struct grave {
    uint64_t start, size, large_start, large_size, when;
    uint64_t session; /* its number: another one may have come to the same memory */
    const char *name;
    uint32_t n;
    struct {
        uint32_t offset, size; /* from start */
        const char *name;
    } v[];
} grave;

struct ml_atlas {
    unsigned holders;
    ml_session *sessions;
    uint64_t joined; /* so far: the number of the latest */
    span *spans;
    uint32_t nspans, room;
    bool current; /* spans are all units, by address */
    grave *graves[ML_GRAVES];
    uint64_t buried; /* so far: the next one goes to buried % ML_GRAVES */
};

ml_atlas *ml_atlas_new(void)
{
    ml_atlas *a = ml_heap_zalloc(1, sizeof *a);
    if (a)
        a->holders = 1;
    return a;
}

ml_atlas *ml_atlas_hold(ml_atlas *a)
{
    a->holders++;
    return a;
}

void ml_atlas_drop(ml_atlas *a)
{
    if (!a || --a->holders)
        return;
    for (size_t i = 0; i < ML_GRAVES; i++)
        ml_heap_free(a->graves[i]);
    ml_heap_free(a->spans);
    ml_heap_free(a);
}

void ml_atlas_join(ml_atlas *a, ml_session *s)
{
    s->atlas = ml_atlas_hold(a);
    s->atlas_number = ++a->joined;
    s->atlas_next = a->sessions;
    s->atlas_prev = NULL;
    if (s->atlas_next)
        s->atlas_next->atlas_prev = s;
    a->sessions = s;
}

void ml_atlas_leave(ml_session *s)
{
    ml_atlas *a = s->atlas;
    if (!a)
        return;
    *(s->atlas_prev ? &s->atlas_prev->atlas_next : &a->sessions) = s->atlas_next;
    if (s->atlas_next)
        s->atlas_next->atlas_prev = s->atlas_prev;
    a->current = false;
    s->atlas = NULL;
    ml_atlas_drop(a);
}

void ml_atlas_changed(const ml_session *s)
{
    if (s->atlas)
        s->atlas->current = false;
}

static bool worth_a_name(const ml_linked *l, const ml_entry *e)
{
    return e->def == ML_DEF_SECTION && !(e->flags & ML_ENT_NOWHERE) && e->type == ML_TYPE_FUNC &&
           e->addr - l->block.addr < l->block.size && e->size <= UINT32_MAX;
}

static grave *dig(const ml_unit *u)
{
    const ml_linked *l = u->l;
    size_t text = strlen(u->life->name) + 1;
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->names.count && n < ML_GRAVE_NAMES; i++) {
        if (!worth_a_name(l, l->names.entries[i]))
            continue;
        text += l->names.entries[i]->len + 1u;
        n++;
    }
    grave *g = ml_heap_zalloc(1, sizeof *g + n * sizeof g->v[0] + text);
    if (!g)
        return NULL;
    char *to = (char *)&g->v[n];
    *g = (grave){.start = l->block.addr,
                 .size = l->block.size,
                 .large_start = l->large.addr,
                 .large_size = l->large.size,
                 .when = ml_os_now_ns(),
                 .session = u->s->atlas_number,
                 .name = to,
                 .n = n};
    to = memcpy(to, u->life->name, strlen(u->life->name) + 1);
    to += strlen(to) + 1;
    for (uint32_t i = 0, k = 0; k < n; i++) {
        const ml_entry *e = l->names.entries[i];
        if (!worth_a_name(l, e))
            continue;
        memcpy(to, e->name, e->len + 1u);
        g->v[k].offset = (uint32_t)(e->addr - l->block.addr);
        g->v[k].size = (uint32_t)e->size;
        g->v[k++].name = to;
        to += e->len + 1u;
    }
    return g;
}

void ml_atlas_bury(const ml_unit *u)
{
    ml_atlas *a = u->s->atlas;
    if (!a)
        return;
    a->current = false;
    grave *g = dig(u);
    if (!g)
        return; /* then nobody will know */
    grave **at = &a->graves[a->buried++ % ML_GRAVES];
    ml_heap_free(*at);
    *at = g;
}

static int by_start(const void *a, const void *b)
{
    const span *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static bool survey(ml_atlas *a)
{
    a->nspans = 0;
    for (const ml_session *s = a->sessions; s; s = s->atlas_next)
        for (const ml_unit *u = s->first; u; u = u->next) {
            const ml_block *const blocks[] = {&u->l->block, &u->l->large};
            for (int k = 0; k < 2; k++) {
                const ml_block *b = blocks[k];
                if (!b->size)
                    continue;
                if (!ML_ROOM(a->spans, a->nspans, a->room))
                    return false;
                a->spans[a->nspans++] = (span){b->addr, b->addr + b->size, u};
            }
        }
    if (a->nspans)
        qsort(a->spans, a->nspans, sizeof *a->spans, by_start);
    a->current = true;
    return true;
}

static const ml_unit *unit_at(ml_atlas *a, uint64_t addr)
{
    if (!a->current && !survey(a))
        return NULL;
    size_t n = ML_UPTO(a->spans, a->nspans, start, addr);
    return n && addr < a->spans[n - 1].end ? a->spans[n - 1].unit : NULL;
}

/* The latest of those that lay there. */
static bool buried_at(const ml_atlas *a, const ml_session *only, uint64_t addr, ml_place *out)
{
    const grave *g = NULL;
    for (uint64_t i = a->buried, k = 0; i > 0 && k < ML_GRAVES; i--, k++) {
        g = a->graves[(i - 1) % ML_GRAVES];
        bool inside = addr - g->start < g->size || addr - g->large_start < g->large_size;
        if (inside && (!only || g->session == only->atlas_number))
            break;
        g = NULL;
    }
    if (!g)
        return false;
    out->unit = g->name;
    out->unloaded = true;
    out->ago_ns = ml_os_now_ns() - g->when;
    for (uint32_t i = 0; i < g->n; i++) {
        uint64_t start = g->start + g->v[i].offset;
        if (addr - start >= g->v[i].size)
            continue;
        out->kind = ML_PLACE_FUNCTION;
        out->name = g->v[i].name;
        out->start = start;
        out->size = g->v[i].size;
    }
    return true;
}

bool ml_atlas_find(ml_atlas *a, const ml_session *only, uint64_t addr, ml_place *out)
{
    memset(out, 0, offsetof(ml_place, source) + 1);
    out->line = 0;
    out->unloaded = false;
    out->ago_ns = 0;
    const ml_unit *u = unit_at(a, addr);
    if (!u || (only && u->s != only))
        return buried_at(a, only, addr, out);
    place_in(u, addr, out);
    return true;
}

/* ---- a load's debugging ---- */

const char *ml_linked_warning(const ml_linked *l, size_t i)
{
    return l->debug && i < l->debug->nwarnings ? l->debug->warnings[i] : NULL;
}

uint64_t ml_linked_debug_size(const ml_linked *l)
{
    return l->debug ? l->debug->size : 0;
}
