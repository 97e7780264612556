/* atlas.c -- link: which unit an address belongs to, of all sessions of a Lua state, or belonged to
** that is gone.
** takes sessions as they join and leave, units as they come and go; the list of all units is made
** when it is first asked after a change.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/search.h"
#include "link/linked.h"
#include "link/places.h"
#include "link/unit.h"

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
        const ml_entry *e = ml_table_at(&l->names, i);
        if (!worth_a_name(l, e))
            continue;
        text += e->len + 1u;
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
        const ml_entry *e = ml_table_at(&l->names, i);
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
    ml_unit_place(u, addr, out);
    return true;
}
