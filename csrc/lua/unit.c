/* unit.c -- lua: the userdata of a unit, a load that was committed.
** SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "lua/session.h"

static void take(ml_lua_unit *ud, ml_unit *u)
{
    ud->u = u;
    ud->stats = ml_linked_stats(ml_unit_linked(u));
    ud->block = ml_linked_block(ml_unit_linked(u));
}

/* The unit at idx: of what was reloaded, the version that took its place. */
static ml_lua_unit *unit_at(lua_State *L, int idx)
{
    ml_lua_unit *u = luaL_checkudata(L, idx, ML_LUA_UNIT);
    while (u->life && u->life->successor) {
        ml_life *old = u->life;
        u->life = ml_life_hold(old->successor);
        if (u->life->alive)
            take(u, u->life->owner);
        ml_life_drop(old);
    }
    return u;
}

static ml_lua_unit *to_unit(lua_State *L)
{
    return unit_at(L, 1);
}

ml_lua_unit *ml_lua_checkunit(lua_State *L, int idx)
{
    ml_lua_unit *u = unit_at(L, idx);
    if (!u->life)
        luaL_error(L, "attempt to use a unit that was never loaded");
    if (!u->life->alive)
        luaL_error(L, "%s was unloaded", u->life->name);
    return u;
}

ml_life *ml_lua_life(lua_State *L, int idx)
{
    if (lua_isnoneornil(L, idx))
        return NULL;
    ml_lua_unit *u = unit_at(L, idx);
    if (!u->life)
        luaL_argerror(L, idx, "unit that was never loaded");
    return u->life;
}

const ml_linked *ml_lua_unit_linked(lua_State *L)
{
    return ml_unit_linked(ml_lua_checkunit(L, 1)->u);
}

/* unit:stats() -> moonlink.core.Stats, also when it is gone */
static int stats(lua_State *L)
{
    const ml_lua_unit *u = to_unit(L);
    return ml_lua_push_stats(L, &u->stats, &u->block);
}

/* unit:name() -> what it was committed as, also when it is gone */
static int name(lua_State *L)
{
    ml_lua_unit *u = to_unit(L);
    lua_pushstring(L, u->life ? u->life->name : "");
    return 1;
}

/* Are both the same unit? Each question about units makes userdata of its own. */
static int equal(lua_State *L)
{
    bool units = luaL_testudata(L, 1, ML_LUA_UNIT) && luaL_testudata(L, 2, ML_LUA_UNIT);
    lua_pushboolean(L, units && unit_at(L, 1)->life == unit_at(L, 2)->life);
    return 1;
}

/* unit:alive() -> is its memory still there? */
static int alive(lua_State *L)
{
    ml_lua_unit *u = to_unit(L);
    lua_pushboolean(L, u->life && u->life->alive);
    return 1;
}

/* Adds a table { kind=, count= } to the array below the top of the stack; it is left on top. */
static void add_user(lua_State *L, const char *kind, size_t count)
{
    lua_createtable(L, 0, 4);
    ml_lua_set_text(L, "kind", kind);
    ml_lua_set_integer(L, "count", count);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (lua_Integer)lua_rawlen(L, -3) + 1);
}

enum { THREADS = 16, COUNTED = 256 }; /* that are named; that are told from each other */

static void add_exit_handlers(lua_State *L, const ml_unit *u)
{
    int64_t ids[THREADS];
    size_t n = ml_unit_exit_handlers(u, ids, THREADS);
    if (!n)
        return;
    add_user(L, "exit handler", n);
    lua_newtable(L);
    for (size_t i = 0; i < n && i < THREADS; i++) {
        lua_pushinteger(L, ids[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "threads");
    lua_pop(L, 1);
}

/* Those in one state; why: they cannot be asked where they are; NULL: they are inside. */
static void add_some_threads(lua_State *L, const ml_thread *list, size_t n, ml_thread_state state,
                             const char *why)
{
    lua_Integer count = 0;
    lua_newtable(L);
    for (size_t i = 0; i < n; i++) {
        if (list[i].state != state)
            continue;
        if (++count > THREADS)
            continue;
        lua_pushinteger(L, list[i].id);
        lua_rawseti(L, -2, count);
    }
    lua_insert(L, -2); /* below the array of users */
    if (count) {
        add_user(L, why ? "silent thread" : "thread", (size_t)count);
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, "threads");
        ml_lua_set_text(L, "why", why);
        lua_pop(L, 1);
    }
    lua_remove(L, -2);
}

static void add_threads(lua_State *L, const ml_unit *u)
{
    ml_thread list[COUNTED];
    size_t n = ml_unit_threads(u, list, COUNTED);
    n = n < COUNTED ? n : COUNTED;
    add_some_threads(L, list, n, ML_THREAD_INSIDE, NULL);
    add_some_threads(L, list, n, ML_THREAD_BLOCKS, "runs and blocks signals");
    add_some_threads(L, list, n, ML_THREAD_SILENT, "does not answer");
}

static void add_units(lua_State *L, ml_lua_box *box, const ml_unit *u)
{
    ml_unit *other;
    for (size_t i = 0; (other = ml_unit_user(u, i)); i++) {
        add_user(L, "unit", 1);
        ml_lua_pushunit(L, box, other);
        lua_setfield(L, -2, "unit");
        ml_lua_set_text(L, "name", ml_unit_name(other));
        lua_newtable(L);
        const char *name;
        uint32_t cursor = 0;
        for (lua_Integer n = 1; (name = ml_unit_use(other, u, &cursor)); n++) {
            lua_pushstring(L, name);
            lua_rawseti(L, -2, n);
        }
        lua_setfield(L, -2, "symbols");
        lua_pop(L, 1);
    }
}

/* unit:users() -> array of moonlink.core.User */
static int users_now(lua_State *L)
{
    ml_lua_unit *ud = ml_lua_checkunit(L, 1);
    const ml_unit *u = ud->u;
    const ml_life *life = ml_unit_life(u);
    lua_newtable(L);
    add_units(L, ud->box, u);
    for (const ml_user *f = life->functions; f; f = f->next) {
        add_user(L, "function", 1);
        ml_lua_set_text(L, "name", f->name);
        lua_pop(L, 1);
    }
    size_t calls = ml_unit_calls(u);
    if (calls) {
        add_user(L, "call", calls);
        lua_pop(L, 1);
    }
    if (life->users) {
        add_user(L, "linker", life->users);
        lua_pop(L, 1);
    }
    add_exit_handlers(L, u);
    if (ml_unit_waits_for_exit(u)) {
        add_user(L, "on_exit", 1);
        lua_pop(L, 1);
    }
    if (ml_unit_keeps_classes(u)) {
        add_user(L, "classes", 1);
        lua_pop(L, 1);
    }
    add_threads(L, u);
    return 1;
}

static int users(lua_State *L)
{
    return ml_lua_steady(L, users_now);
}

/* unit:unload(how) -> true, or nil and why not. how: "refuse", "orphan" or "force" */
static int unload(lua_State *L)
{
    static const char *const names[] = {"refuse", "orphan", "force", NULL};
    ml_lua_unit *ud = ml_lua_checkunit(L, 1);
    ml_unload how = (ml_unload)luaL_checkoption(L, 2, "refuse", names);
    ml_diag d;
    ml_diag_init(&d);
    return ml_lua_outcome(L, &d, ml_unit_unload(&d, ud->u, how));
}

/* Another unit of the same linker, at index 2. */
static ml_lua_unit *check_other(lua_State *L, const ml_lua_unit *ud)
{
    ml_lua_unit *other = ml_lua_checkunit(L, 2);
    luaL_argcheck(L, other->box == ud->box && other->u != ud->u, 2,
                  "another unit of the same linker expected");
    return other;
}

/* What carrying variables over leads to, until it is a table. */
typedef struct carry_job {
    ml_arena arena;
    ml_carried *list;
    size_t n;
} carry_job;

static int push_carried(lua_State *L)
{
    const carry_job *job = lua_touserdata(L, 1);
    lua_createtable(L, (int)job->n, 0);
    for (size_t i = 0; i < job->n; i++) {
        const ml_carried *c = &job->list[i];
        lua_createtable(L, 0, 5);
        ml_lua_set_text(L, "name", c->name);
        ml_lua_set_text(L, "file", c->file);
        ml_lua_set_text(L, "why", c->why);
        ml_lua_set_integer(L, "old_size", c->old_size);
        ml_lua_set_integer(L, "new_size", c->new_size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* unit:carry(new) -> array of moonlink.core.Carried, or nil and an error */
static int carry(lua_State *L)
{
    const ml_lua_unit *ud = ml_lua_checkunit(L, 1), *other = check_other(L, ud);
    carry_job job = {0};
    ml_diag d;
    ml_diag_init(&d);
    if (ml_unit_carry(&d, &job.arena, ud->u, other->u, &job.list, &job.n) < 0) {
        ml_arena_free(&job.arena);
        return ml_lua_fail(L, &d);
    }
    lua_pushcfunction(L, push_carried);
    lua_pushlightuserdata(L, &job);
    int rc = lua_pcall(L, 1, 1, 0);
    ml_arena_free(&job.arena);
    return rc == LUA_OK ? 1 : lua_error(L);
}

/* unit:replace(new) -> true, or nil and why not. The userdata is the new unit's from then on. */
static int replace(lua_State *L)
{
    const ml_lua_unit *ud = ml_lua_checkunit(L, 1), *other = check_other(L, ud);
    ml_diag d;
    ml_diag_init(&d);
    return ml_lua_outcome(L, &d, ml_unit_replace(&d, ud->u, other->u));
}

/* unit:discard() -> true, or nil and why not: ends the new version of a unit that is being
** reloaded */
static int discard(lua_State *L)
{
    const ml_lua_unit *ud = ml_lua_checkunit(L, 1);
    ml_diag d;
    ml_diag_init(&d);
    return ml_lua_outcome(L, &d, ml_unit_discard(&d, ud->u));
}

/* Drops what the userdata holds; the unit itself ends with its session. */
static int drop(lua_State *L)
{
    ml_lua_unit *u = luaL_checkudata(L, 1, ML_LUA_UNIT);
    ml_life *life = u->life;
    ml_lua_box *box = u->box;
    u->life = NULL;
    u->box = NULL;
    u->u = NULL;
    ml_life_drop(life);
    if (box)
        ml_lua_box_drop(box);
    return 0;
}

static int to_string(lua_State *L)
{
    ml_lua_unit *u = to_unit(L);
    if (u->life)
        lua_pushfstring(L, ML_LUA_UNIT " %s%s", u->life->name, u->life->alive ? "" : " (unloaded)");
    else
        lua_pushliteral(L, ML_LUA_UNIT " (never loaded)");
    return 1;
}

void ml_lua_pushunit(lua_State *L, ml_lua_box *box, ml_unit *u)
{
    ml_lua_unit *ud = lua_newuserdatauv(L, sizeof *ud, 0);
    *ud = (ml_lua_unit){0};
    luaL_setmetatable(L, ML_LUA_UNIT);
    if (!u)
        return; /* filled by the caller once the unit exists */
    box->holders++;
    ml_lua_fill_unit(ud, box, u);
}

void ml_lua_fill_unit(ml_lua_unit *ud, ml_lua_box *box, ml_unit *u)
{
    ud->box = box;
    ud->life = ml_life_hold(ml_unit_life(u));
    take(ud, u);
}

/* unit:missing(name) -> array of the names that all it leads to lacks, some maybe twice; nothing
** when the unit does not know the name */
static int missing(lua_State *L)
{
    ml_lua_unit *u = ml_lua_checkunit(L, 1);
    if (!ml_unit_missing(u->u, luaL_checkstring(L, 2)))
        return 0;
    ml_cursor c = {0};
    const char *found;
    lua_Integer n = 0;
    lua_newtable(L);
    while ((found = ml_session_missing(u->box->s, &c))) {
        lua_pushstring(L, found);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* unit:calls([reset]) -> array of moonlink.core.Call: what has been called and is counted */
static int calls(lua_State *L)
{
    const ml_unit *u = ml_lua_checkunit(L, 1)->u;
    bool reset = lua_toboolean(L, 2);
    ml_call_info c;
    lua_Integer n = 0;
    lua_newtable(L);
    for (size_t i = 0; ml_unit_call(u, i, reset, &c); i++) {
        if (!c.count)
            continue;
        lua_createtable(L, 0, 7);
        ml_lua_set_integer(L, "input", (uint64_t)c.input + 1);
        ml_lua_set_text(L, "symbol", c.symbol.name);
        ml_lua_set_text(L, "how", c.symbol.how);
        ml_lua_set_text(L, "provider", c.symbol.provider);
        if (c.symbol.input != UINT32_MAX)
            ml_lua_set_integer(L, "to", (uint64_t)c.symbol.input + 1);
        ml_lua_set_integer(L, "address", c.symbol.addr);
        ml_lua_set_integer(L, "count", c.count);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

void ml_open_unit(lua_State *L)
{
    static const luaL_Reg reports[] = {{"calls", calls}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"name", name},       {"alive", alive}, {"users", users}, {"missing", missing},
        {"unload", unload},   {"carry", carry}, {"stats", stats}, {"replace", replace},
        {"discard", discard}, {NULL, NULL}};
    static const luaL_Reg meta[] = {
        {"__gc", drop}, {"__tostring", to_string}, {"__eq", equal}, {NULL, NULL}};
    if (luaL_newmetatable(L, ML_LUA_UNIT)) {
        luaL_setfuncs(L, meta, 0);
        luaL_newlib(L, methods);
        ml_lua_set_reports(L, ML_LUA_UNIT);
        ml_lua_set_steady(L, ML_LUA_UNIT, reports);
        ml_lua_set_places(L);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}
