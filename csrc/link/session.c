/* session.c -- link: what lives between loads: exported names, units, archives and libraries in
** reach.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/lazy.h"
#include "link/txn.h"

ml_session *ml_session_new(void)
{
    ml_session *s = ml_heap_zalloc(1, sizeof *s);
    if (!s)
        return NULL;
    ml_diag d;
    ml_diag_init(&d);
    s->space = ml_space_new();
    s->unwinders = ml_unwinders_new();
    if (!s->space || !s->unwinders || ml_library_self(&d, &s->self) < 0) {
        ml_space_free(s->space);
        ml_unwinders_free(s->unwinders);
        ml_heap_free(s);
        s = NULL;
    }
    ml_diag_free(&d);
    return s;
}

void ml_session_set_calling(ml_session *s, bool (*calling)(const void *ud), const void *ud)
{
    s->calling = calling;
    s->calling_ud = ud;
}

void ml_session_free(ml_session *s)
{
    ml_unit_end_all(s);
    bool idle =
        !s->first && !s->lost; /* else somebody is still inside, and needs what he stands on */
    ml_session_hold(s);
    s->gone = true;
    ml_session_let_go(s);
    for (uint32_t i = s->sources.n; i-- > 0;)
        ml_source_close(&s->sources.v[i]);
    for (uint32_t i = s->nheld; idle && i-- > 0;) {
        ml_library_close(&s->held[i]->lib);
        ml_heap_free(s->held[i]);
    }
    ml_heap_free(s->sources.v);
    if (idle || !s->has_lazy)
        ml_heap_free(s->held);
    ml_table_deinit(&s->exports.names);
    ml_atlas_leave(s);
    if (idle) {
        ml_library_close(&s->self);
        ml_unwinders_free(s->unwinders);
        ml_space_free(s->space);
    }
    if (idle || !s->has_lazy)
        ml_heap_free(s);
}

void ml_session_leave(ml_session *s)
{
    s->left = true;
    ml_session_free(s);
}

void ml_session_tell_unwinders(const ml_session *s)
{
    ml_unwinders_refresh(s->unwinders);
}

bool ml_session_find(const ml_session *s, const char *name, uint64_t *addr, uint64_t *size,
                     unsigned *type, ml_unit **unit)
{
    const ml_entry *e =
        ml_exports_find(&s->exports, name, strlen(name), ml_hash(name, strlen(name)));
    if (!e)
        return false;
    *addr = e->type == ML_TYPE_TLS ? ml_segment_address(e->unit->l, e) : e->addr;
    *size = e->size;
    *type = e->type;
    *unit = e->unit;
    return true;
}

/* What an opened library defines itself comes before the process; what the libraries define that it
** needs comes after: else malloc would be libc's in a process that preloads another. */
bool ml_session_provided(const ml_session *s, const ml_libraries *first, const char *name,
                         const char *version, ml_provided *out, uint32_t *held)
{
    ml_provided needed = {0}; /* by a library that an opened one needs */
    uint32_t needer = 0, n = first ? first->n : 0;
    bool found = false;
    *out = needed;
    for (uint32_t i = 0; i < n + s->nheld; i++) {
        const ml_library *lib = i < n ? &first->v[i] : &s->held[i - n]->lib;
        if (!ml_library_find_too(lib, name, version, out))
            continue;
        *held = i < n ? 0 : i - n + 1;
        if (strcmp(out->provider, lib->path) == 0)
            return true;
        if (!found) {
            needed = *out;
            needer = *held;
        }
        found = true;
    }
    *held = 0;
    if (ml_library_find_too(&s->self, name, version, out))
        return true;
    if (!found)
        return ml_library_features(&s->self, name, out);
    *out = needed;
    *held = needer;
    return true;
}

/* Who asks may hand out code of units by what he gets, as loads do. */
bool ml_session_find_process(ml_session *s, const char *name, uint64_t *addr)
{
    ml_provided p;
    uint32_t held;
    const ml_builtin *own = ml_builtin_find(name, strlen(name));
    uint64_t ours = own && own->in_process ? own->in_process() : 0;
    s->handles |= own && own->handles;
    if (ours) {
        *addr = ours;
        return true;
    }
    if (!ml_session_provided(s, NULL, name, NULL, &p, &held))
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
    ml_lazy_enter(u->s);
    return u->l;
}

ml_unit *ml_session_unit(const ml_session *s, const ml_unit *u)
{
    u = u ? u->next : s->first;
    while (u && u->state > ML_UNIT_LIVE)
        u = u->next;
    return (ml_unit *)(uintptr_t)u;
}

const ml_unit *ml_session_busy(const ml_session *s)
{
    for (const ml_unit *u = s->first; u; u = u->next)
        if (u->life->users || u->life->in_flight || ml_unit_doing(u))
            return u;
    return NULL;
}
