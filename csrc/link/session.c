/* session.c -- link: what lives between loads: exported names, units, archives and libraries in
** reach.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/txn.h"

ml_session *ml_session_new(void)
{
    ml_session *s = ml_heap_zalloc(1, sizeof *s);
    if (!s)
        return NULL;
    ml_diag d;
    ml_diag_init(&d);
    s->space = ml_space_new();
    if (!s->space || ml_library_self(&d, &s->self) < 0) {
        if (s->space)
            ml_space_free(s->space);
        ml_heap_free(s);
        s = NULL;
    }
    ml_diag_free(&d);
    return s;
}

/* Ends a unit: names go first, then its destructors run, then its memory goes. A unit in which
** native calls have not returned keeps its memory: the process must live. */
static bool unit_end(ml_unit *u)
{
    ml_session *s = u->s;
    ml_linked *l = u->l;
    bool busy = u->life->in_flight || u->life->users;
    ml_exports_leave(&s->exports, u);
    if (!busy) {
        if (l->dso_handle)
            ml_process_finalize(l->dso_handle);
        ml_process_run(l->fini, l->nfini, NULL);
    }
    u->life->alive = false;
    if (!busy) {
        ml_effects_undo(l);
        ml_block_give(s->space, &l->block);
    }
    *(u->prev ? &u->prev->next : &s->first) = u->next;
    *(u->next ? &u->next->prev : &s->last) = u->prev;
    ml_linked_free(l);
    ml_life_drop(u->life);
    ml_heap_free(u);
    return !busy;
}

void ml_session_free(ml_session *s)
{
    bool idle = true;
    while (s->last)
        idle &= unit_end(s->last);
    for (uint32_t i = s->sources.n; i-- > 0;)
        ml_source_close(&s->sources.v[i]);
    for (uint32_t i = s->libraries.n; idle && i-- > 0;)
        ml_library_close(&s->libraries.v[i]);
    ml_library_close(&s->self);
    ml_heap_free(s->sources.v);
    ml_heap_free(s->libraries.v);
    ml_table_deinit(&s->exports.names);
    if (idle)
        ml_space_free(s->space);
    ml_heap_free(s);
}

bool ml_session_find(const ml_session *s, const char *name, uint64_t *addr, uint64_t *size,
                     unsigned *type, ml_unit **unit)
{
    const ml_entry *e =
        ml_exports_find(&s->exports, name, strlen(name), ml_hash(name, strlen(name)));
    if (!e)
        return false;
    *addr = e->addr;
    *size = e->size;
    *type = e->type;
    *unit = e->unit;
    return true;
}

bool ml_session_provided(const ml_session *s, const ml_libraries *first, const char *name,
                         const char *version, ml_provided *out)
{
    const ml_libraries *lists[2] = {first, &s->libraries};
    for (int k = first ? 0 : 1; k < 2; k++)
        for (uint32_t i = 0; i < lists[k]->n; i++)
            if (ml_library_find(&lists[k]->v[i], name, version, out))
                return true;
    return ml_library_find(&s->self, name, version, out) ||
           ml_library_features(&s->self, name, out);
}

bool ml_session_find_process(const ml_session *s, const char *name, uint64_t *addr)
{
    ml_provided p;
    if (!ml_session_provided(s, NULL, name, NULL, &p))
        return false;
    *addr = p.addr;
    return true;
}

const char *ml_unit_name(const ml_unit *u)
{
    return u->life->name;
}

ml_life *ml_unit_life(const ml_unit *u)
{
    return u->life;
}

const ml_linked *ml_unit_linked(const ml_unit *u)
{
    return u->l;
}

ml_unit *ml_session_unit(const ml_session *s, const ml_unit *u)
{
    return u ? u->next : s->first;
}
