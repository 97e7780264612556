/* session.c -- lua: the userdata of a session, and the list of all of a Lua state.
** SPDX-License-Identifier: MIT */
#include "lua/session.h"

#include "base/arena.h"
#include "lua/call.h"

/* Registry key, by address: a userdata that holds the first box. */
static const char boxes_key;

ml_lua_box **ml_lua_boxes(lua_State *L)
{
    ml_lua_box **first = NULL;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &boxes_key) == LUA_TUSERDATA)
        first = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (first)
        return first;
    first = lua_newuserdatauv(L, sizeof *first, 0);
    *first = NULL;
    lua_rawsetp(L, LUA_REGISTRYINDEX, &boxes_key);
    return first;
}

static void enlist(ml_lua_box *box, ml_lua_box **first)
{
    box->from = first;
    box->next = *first;
    if (box->next)
        box->next->from = &box->next;
    *first = box;
}

static void end_session(ml_lua_box *box)
{
    ml_session *s = box->s;
    box->s = NULL;
    if (box->keep)
        ml_session_leave(s);
    else
        ml_session_free(s);
}

void ml_lua_box_drop(ml_lua_box *box)
{
    if (--box->holders)
        return;
    *box->from = box->next;
    if (box->next)
        box->next->from = box->from;
    if (box->s)
        end_session(box);
    ml_heap_free(box);
}

static ml_lua_box **to_box(lua_State *L)
{
    return luaL_checkudata(L, 1, ML_LUA_SESSION);
}

ml_session *ml_lua_checksession(lua_State *L, int idx)
{
    ml_lua_box *box = *(ml_lua_box **)luaL_checkudata(L, idx, ML_LUA_SESSION);
    if (!box || !box->s)
        luaL_error(L, "attempt to use a closed linker");
    return box->s;
}

static ml_session *check_open(lua_State *L)
{
    return ml_lua_checksession(L, 1);
}

/* session:find(name) -> address, size, STT_* type, unit; or nothing */
static int find(lua_State *L)
{
    ml_session *s = check_open(L);
    uint64_t addr, size;
    unsigned type;
    ml_unit *u;
    if (!ml_session_find(s, luaL_checkstring(L, 2), &addr, &size, &type, &u))
        return 0;
    lua_pushinteger(L, (lua_Integer)addr);
    lua_pushinteger(L, (lua_Integer)size);
    lua_pushinteger(L, (lua_Integer)type);
    ml_lua_pushunit(L, *to_box(L), u);
    return 4;
}

/* session:find_process(name) -> address or nothing */
static int find_process(lua_State *L)
{
    ml_session *s = check_open(L);
    uint64_t addr;
    if (!ml_session_find_process(s, luaL_checkstring(L, 2), &addr))
        return 0;
    lua_pushinteger(L, (lua_Integer)addr);
    return 1;
}

/* session:units() -> array of unit userdata, oldest first */
static int units_now(lua_State *L)
{
    ml_session *s = check_open(L);
    lua_Integer n = 0;
    lua_newtable(L);
    for (ml_unit *u = ml_session_unit(s, NULL); u; u = ml_session_unit(s, u)) {
        ml_lua_pushunit(L, *to_box(L), u);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

static int units(lua_State *L)
{
    check_open(L);
    return ml_lua_steady(L, units_now);
}

/* session:is_closed() */
static int is_closed(lua_State *L)
{
    ml_lua_box *box = *to_box(L);
    lua_pushboolean(L, !box || !box->s);
    return 1;
}

static int check_idle(const ml_lua_box *box, ml_diag *d)
{
    if (box->loads)
        return ml_fail(d, ML_E_STATE, (ml_where){0}, "close it after the load",
                       "the linker cannot be closed: a load is running");
    const ml_unit *u = ml_session_busy(box->s);
    if (u && ml_unit_life(u)->users)
        return ml_fail(d, ML_E_STATE, (ml_where){.file = ml_unit_name(u)},
                       "close that linker first",
                       "the linker cannot be closed: another linker uses a symbol of this unit");
    if (u && ml_unit_doing(u))
        return ml_fail(d, ML_E_STATE, (ml_where){.file = ml_unit_name(u)}, NULL,
                       "the linker cannot be closed: this unit %s", ml_unit_doing(u));
    if (u)
        return ml_fail(d, ML_E_STATE, (ml_where){.file = ml_unit_name(u)},
                       "close it after the call returned",
                       "the linker cannot be closed: native calls into it are running (%u)",
                       (unsigned)ml_unit_life(u)->in_flight);
    return 0;
}

/* session:close() -> true, or nil and why not. Ends all units, the latest first. */
static int close_session(lua_State *L)
{
    ml_lua_box *box = *to_box(L);
    if (!box || !box->s) {
        lua_pushboolean(L, 1);
        return 1;
    }
    ml_diag d;
    ml_diag_init(&d);
    if (check_idle(box, &d) < 0)
        return ml_lua_fail(L, &d);
    end_session(box);
    lua_pushboolean(L, 1);
    return 1;
}

/* session:keep(on): whether its end, whatever brings it, leaves the memory of its units */
static int keep(lua_State *L)
{
    check_open(L);
    (*to_box(L))->keep = lua_toboolean(L, 2);
    return 0;
}

static int drop(lua_State *L)
{
    ml_lua_box **box = to_box(L), *old = *box;
    *box = NULL;
    if (old)
        ml_lua_box_drop(old);
    return 0;
}

/* Is there native code below? The state outlives its sessions: its memory goes when all finalisers
** have run. */
static bool is_calling(const void *ud)
{
    const ml_callstate *st = ud;
    return st->L || st->callbacks;
}

/* core.session() -> session */
static int session(lua_State *L)
{
    const ml_callstate *st = ml_callstate_get(L);
    ml_lua_box **first = ml_lua_boxes(L);
    ml_lua_box **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    luaL_setmetatable(L, ML_LUA_SESSION);
    ml_atlas *atlas = ml_lua_atlas(L);
    *box = ml_heap_zalloc(1, sizeof **box);
    if (*box) {
        (*box)->holders = 1;
        enlist(*box, first);
        (*box)->s = ml_session_new();
        if ((*box)->s && atlas)
            ml_atlas_join(atlas, (*box)->s);
        if ((*box)->s) {
            ml_session_set_calling((*box)->s, is_calling, st);
            return 1;
        }
    }
    ml_diag d;
    ml_diag_init(&d);
    ml_nomem(&d);
    return ml_lua_fail(L, &d);
}

void ml_open_session(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"begin", ml_lua_begin},  {"find", find}, {"find_process", find_process}, {"units", units},
        {"close", close_session}, {"keep", keep}, {"is_closed", is_closed},       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", drop}, {NULL, NULL}};
    ml_lua_class(L, ML_LUA_SESSION, meta, methods);
    ml_open_txn(L);
    ml_open_unit(L);
    lua_pushcfunction(L, session);
    lua_setfield(L, -2, "session");
}
