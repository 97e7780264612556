/* unit.c -- link: a unit between its start and its end: who uses whom, and how it goes.
** A unit that is ended takes with it the units that use it, since their code would run into memory
** that is gone. What somebody may still be inside (a native call that has not returned, another
** thread, another linker) keeps its memory, so that the process lives; its names and functions go.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* ---- edges ---- */

bool ml_unit_reserve_edges(ml_unit *u)
{
    const ml_table *names = &u->l->names;
    for (uint32_t i = 0; i < names->count; i++) {
        const ml_entry *e = names->entries[i];
        if (e->def != ML_DEF_UNIT || e->unit->seen == u)
            continue;
        ml_unit *other = e->unit;
        other->seen = u;
        if (!ML_ROOM(u->needs.v, u->needs.n, u->needs.room) ||
            !ML_ROOM(other->users.v, other->users.n, other->users.room))
            return false;
        u->needs.v[u->needs.n++] = other;
    }
    return true;
}

void ml_unit_enter_edges(ml_unit *u)
{
    for (uint32_t i = 0; i < u->needs.n; i++) {
        ml_units *users = &u->needs.v[i]->users;
        users->v[users->n++] = u;
    }
}

static void leave_edges(ml_unit *u)
{
    for (uint32_t i = 0; i < u->needs.n; i++) {
        ml_units *users = &u->needs.v[i]->users;
        for (uint32_t k = 0; k < users->n; k++)
            if (users->v[k] == u) {
                users->v[k] = users->v[--users->n];
                break;
            }
    }
    u->needs.n = 0;
}

/* ---- who is inside ---- */

typedef struct inside {
    const ml_block *block;
    int64_t *ids;
    size_t n, room;
} inside;

static bool in_block(void *ud, uint64_t addr)
{
    const inside *in = ud;
    return addr - in->block->addr < in->block->size;
}

static void note_thread(void *ud, int64_t id)
{
    inside *in = ud;
    if (in->n < in->room)
        in->ids[in->n] = id;
    in->n++;
}

size_t ml_unit_threads(const ml_unit *u, int64_t *ids, size_t room)
{
    inside in = {&u->l->block, ids, 0, room};
    ml_os_threads(in_block, note_thread, &in);
    return in.n;
}

size_t ml_unit_exit_handlers(const ml_unit *u, int64_t *ids, size_t room)
{
    return ml_exits_threads(u->exits, ids, room);
}

ml_unit *ml_unit_user(const ml_unit *u, size_t i)
{
    return i < u->users.n ? u->users.v[i] : NULL;
}

const char *ml_unit_use(const ml_unit *u, const ml_unit *of, uint32_t *cursor)
{
    const ml_table *names = &u->l->names;
    while (*cursor < names->count) {
        const ml_entry *e = names->entries[(*cursor)++];
        if (e->def == ML_DEF_UNIT && e->unit == of)
            return e->name;
    }
    return NULL;
}

static bool is_busy(const ml_unit *u)
{
    return u->life->in_flight || u->life->users || ml_exits_threads(u->exits, NULL, 0) ||
           ml_unit_threads(u, NULL, 0);
}

/* ---- the end ---- */

/* Archives and libraries that nobody else needs. */
static void release_inputs(ml_unit *u)
{
    ml_session *s = u->s;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->sources.n; i++) {
        if (s->sources.v[i].owner == u)
            ml_source_close(&s->sources.v[i]);
        else
            s->sources.v[n++] = s->sources.v[i];
    }
    s->sources.n = n;
    n = 0;
    for (uint32_t i = u->nheld; i-- > 0;)
        u->held[i]->holders--;
    for (uint32_t i = 0; i < s->nheld; i++) {
        if (s->held[i]->holders) {
            s->held[n++] = s->held[i];
            continue;
        }
        ml_library_close(&s->held[i]->lib);
        ml_heap_free(s->held[i]);
    }
    s->nheld = n;
    ml_heap_free(u->held);
    u->held = NULL;
    u->nheld = 0;
}

static void leave_names(ml_unit *u)
{
    ml_exports *x = &u->s->exports;
    ml_exports_leave(x, u);
    for (ml_unit *other = u->covers ? u->s->first : NULL; other; other = other->next)
        if (other != u && other->state <= ML_UNIT_LIVE)
            ml_exports_enter_again(x, other);
}

static void free_unit(ml_unit *u)
{
    ml_session *s = u->s;
    ml_atlas_changed(s);
    *(u->prev ? &u->prev->next : &s->first) = u->next;
    *(u->next ? &u->next->prev : &s->last) = u->prev;
    ml_exits_drop(u->exits);
    ml_linked_free(u->l);
    u->life->owner = NULL;
    ml_life_drop(u->life);
    ml_heap_free(u->needs.v);
    ml_heap_free(u->users.v);
    ml_heap_free(u->snapshot);
    ml_heap_free(u);
}

/* Gives back the memory of a unit that nobody is inside, and the unit. */
static void release(ml_unit *u)
{
    ml_effects_undo(u->l);
    ml_block_give(u->s->space, &u->l->block);
    if (u->l->large.size)
        ml_block_give(u->s->space, &u->l->large);
    release_inputs(u);
    if (u->state == ML_UNIT_LOST)
        u->s->nlost--;
    free_unit(u);
}

/* Ends one unit that no unit uses. */
static void end_one(ml_unit *u, bool cancel)
{
    bool busy = is_busy(u);
    if (!busy && u->exits)
        (cancel ? ml_exits_cancel : ml_exits_run)(u->exits);
    u->life->alive = false;
    ml_atlas_bury(u);
    leave_edges(u);
    if (!busy) {
        release(u);
        return;
    }
    u->state = ML_UNIT_LOST;
    u->s->nlost++;
}

void ml_unit_end(ml_unit *u, bool cancel)
{
    if (u->state == ML_UNIT_ENDING)
        return;
    if (u->state != ML_UNIT_ORPHAN)
        leave_names(u);
    u->state = ML_UNIT_ENDING; /* a destructor of it may call Lua, and Lua this linker */
    while (u->users.n) {
        ml_unit *user = u->users.v[--u->users.n];
        for (uint32_t i = 0; i < user->needs.n; i++)
            if (user->needs.v[i] == u)
                user->needs.v[i] = user->needs.v[--user->needs.n];
        ml_unit_end(user, false);
    }
    end_one(u, cancel);
}

/* Releases what nobody is inside any more. */
static void sweep(ml_session *s)
{
    for (ml_unit *u = s->nlost ? s->first : NULL, *next; u; u = next) {
        next = u->next;
        if (u->state == ML_UNIT_LOST && !is_busy(u))
            release(u);
    }
}

int ml_unit_unload(ml_diag *d, ml_unit *u, ml_unload how)
{
    ml_session *s = u->s;
    ml_where at = {.file = u->life->name};
    if (s->loads)
        return ml_fail(d, ML_E_STATE, at, "unload it after the load",
                       "cannot be unloaded: a load is running");
    if (u->state != ML_UNIT_LIVE && u->state != ML_UNIT_ORPHAN)
        return ml_fail(d, ML_E_STATE, at, NULL,
                       u->state == ML_UNIT_STARTING ? "cannot be unloaded: it is being started"
                                                    : "cannot be unloaded: it is being unloaded");
    sweep(s);
    if (how == ML_UNLOAD_ORPHAN) {
        if (u->state == ML_UNIT_LIVE)
            leave_names(u);
        u->state = ML_UNIT_ORPHAN;
        return 0;
    }
    if (how == ML_UNLOAD_REFUSE && (u->users.n || is_busy(u)))
        return ml_fail(d, ML_E_STATE, at, NULL, "cannot be unloaded: it is in use");
    ml_unit_end(u, false);
    return 0;
}

void ml_unit_end_all(ml_session *s)
{
    ml_unit *u = s->last;
    while (u) {
        if (u->state == ML_UNIT_LIVE || u->state == ML_UNIT_ORPHAN) {
            ml_unit_end(u, false);
            u = s->last; /* others may have gone with it */
        } else {
            u = u->prev;
        }
    }
    sweep(s);
}
