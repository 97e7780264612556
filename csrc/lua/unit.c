/* unit.c -- lua: the userdata of a unit, a load that was committed.
** SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "lua/session.h"

static ml_lua_unit *to_unit(lua_State *L)
{
    return luaL_checkudata(L, 1, ML_LUA_UNIT);
}

ml_lua_unit *ml_lua_checkunit(lua_State *L, int idx)
{
    ml_lua_unit *u = luaL_checkudata(L, idx, ML_LUA_UNIT);
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
    ml_lua_unit *u = luaL_checkudata(L, idx, ML_LUA_UNIT);
    if (!u->life)
        luaL_argerror(L, idx, "unit that was never loaded");
    return u->life;
}

const ml_linked *ml_lua_unit_linked(lua_State *L)
{
    return ml_unit_linked(ml_lua_checkunit(L, 1)->u);
}

/* unit:name() -> what it was committed as, also when it is gone */
static int name(lua_State *L)
{
    ml_lua_unit *u = to_unit(L);
    lua_pushstring(L, u->life ? u->life->name : "");
    return 1;
}

/* unit:alive() -> is its memory still there? */
static int alive(lua_State *L)
{
    ml_lua_unit *u = to_unit(L);
    lua_pushboolean(L, u->life && u->life->alive);
    return 1;
}

/* Drops what the userdata holds; the unit itself ends with its session. */
static int drop(lua_State *L)
{
    ml_lua_unit *u = to_unit(L);
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
    ud->box = box;
    box->holders++;
    ud->u = u;
    ud->life = ml_life_hold(ml_unit_life(u));
}

void ml_open_unit(lua_State *L)
{
    static const luaL_Reg methods[] = {{"name", name}, {"alive", alive}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", drop}, {"__tostring", to_string}, {NULL, NULL}};
    if (luaL_newmetatable(L, ML_LUA_UNIT)) {
        luaL_setfuncs(L, meta, 0);
        luaL_newlib(L, methods);
        ml_lua_set_reports(L, ML_LUA_UNIT);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}
