/* places.c -- lua: what lies at an address.
** SPDX-License-Identifier: MIT */
#include "link/places.h"

#include "lua/call.h"
#include "lua/session.h"
#include "os/os.h"
#include "process/stack.h"

/* Registry key, by address: a userdata that holds the state's atlas. */
static const char atlas_key;

typedef struct holder {
    ml_atlas *atlas;
} holder;

static int holder_gc(lua_State *L)
{
    holder *h = lua_touserdata(L, 1);
    ml_atlas_drop(h->atlas);
    h->atlas = NULL;
    return 0;
}

ml_atlas *ml_lua_atlas(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &atlas_key);
    holder *h = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (h)
        return h->atlas;
    h = lua_newuserdatauv(L, sizeof *h, 0);
    h->atlas = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, holder_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &atlas_key);
    return h->atlas = ml_atlas_new();
}

static const char *const kinds[] = {
    [ML_PLACE_UNKNOWN] = "padding",   [ML_PLACE_SECTION] = "section", [ML_PLACE_LABEL] = "label",
    [ML_PLACE_FUNCTION] = "function", [ML_PLACE_OBJECT] = "object",   [ML_PLACE_STUB] = "stub",
    [ML_PLACE_SLOT] = "slot",         [ML_PLACE_MOVED] = "moved"};

static void set_name(lua_State *L, const ml_place *p)
{
    if (p->name && (p->kind == ML_PLACE_STUB || p->kind == ML_PLACE_SLOT)) {
        lua_pushfstring(L, "%s of %s", kinds[p->kind], p->name);
        lua_setfield(L, -2, "name");
    } else {
        ml_lua_set_text(L, "name", p->name);
    }
}

static int push_place(lua_State *L, const ml_place *p, uint64_t addr)
{
    lua_createtable(L, 0, 10);
    if (p->kind != ML_PLACE_UNKNOWN || !p->unloaded)
        ml_lua_set_text(L, "kind", kinds[p->kind]);
    set_name(L, p);
    if (p->start)
        ml_lua_set_integer(L, "offset", addr - p->start);
    ml_lua_set_text(L, "unit", p->unit);
    ml_lua_set_text(L, "file", p->file);
    ml_lua_set_text(L, "member", p->member);
    ml_lua_set_text(L, "section", p->section);
    if (p->line) {
        ml_lua_set_integer(L, "line", p->line);
        ml_lua_set_text(L, "source", p->source[0] ? p->source : NULL);
    }
    if (p->unloaded) {
        ml_lua_set_boolean(L, "unloaded", true);
        lua_pushnumber(L, (lua_Number)p->ago_ns / 1e9);
        lua_setfield(L, -2, "ago");
    }
    return 1;
}

/* addr2sym(address [, session]) -> table or nothing: what lies there, in units of that session or
** of all, live ones before gone ones, in callbacks, in files of the process */
static int addr2sym_now(lua_State *L)
{
    uint64_t addr = (uint64_t)luaL_checkinteger(L, 1), start;
    const ml_session *only = lua_isnoneornil(L, 2) ? NULL : ml_lua_checksession(L, 2);
    ml_atlas *atlas = ml_lua_atlas(L);
    ml_place p;
    ml_located l;
    const char *what;
    if (atlas && ml_atlas_find(atlas, only, addr, &p) && !p.unloaded)
        return push_place(L, &p, addr);
    bool gone = atlas && p.unloaded;
    if (!gone && (what = ml_callback_at(ml_callstate_get(L), addr, &start))) {
        lua_createtable(L, 0, 3);
        ml_lua_set_text(L, "kind", "callback");
        ml_lua_set_text(L, "name", what);
        ml_lua_set_integer(L, "offset", addr - start);
        return 1;
    }
    if (ml_stack_locate(addr, &l)) {
        lua_createtable(L, 0, 4);
        ml_lua_set_text(L, "kind", "library");
        ml_lua_set_text(L, "file", l.file);
        ml_lua_set_text(L, "name", l.name);
        ml_lua_set_integer(L, "offset", addr - l.start);
        return 1;
    }
    return gone ? push_place(L, &p, addr) : 0;
}

static int addr2sym(lua_State *L)
{
    return ml_lua_steady(L, addr2sym_now);
}

/* traced() -> is a debugger attached? */
static int traced(lua_State *L)
{
    lua_pushboolean(L, ml_os_traced());
    return 1;
}

/* unit:named() -> array of { address=, size=, name=, kind=, input=, local= } by address */
static int named_now(lua_State *L)
{
    const ml_linked *l = ml_lua_unit_linked(L);
    ml_named v;
    lua_newtable(L);
    for (size_t i = 0; ml_linked_named(l, i, &v); i++) {
        lua_createtable(L, 0, 6);
        ml_lua_set_integer(L, "address", v.addr);
        ml_lua_set_integer(L, "size", v.size);
        ml_lua_set_text(L, "name", v.name);
        ml_lua_set_text(L, "kind", kinds[v.kind]);
        if (v.input != UINT32_MAX)
            ml_lua_set_integer(L, "input", (uint64_t)v.input + 1);
        if (v.local)
            ml_lua_set_boolean(L, "local", true);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* unit:debugging() -> bytes of its symbol file (0: none), array of warnings */
static int debugging_now(lua_State *L)
{
    const ml_linked *l = ml_lua_unit_linked(L);
    const char *text;
    lua_pushinteger(L, (lua_Integer)ml_linked_debug_size(l));
    lua_newtable(L);
    for (size_t i = 0; (text = ml_linked_warning(l, i)); i++) {
        lua_pushstring(L, text);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

void ml_lua_set_places(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"named", named_now}, {"debugging", debugging_now}, {NULL, NULL}};
    ml_lua_set_steady(L, ML_LUA_UNIT, methods);
}

void ml_open_places(lua_State *L)
{
    static const luaL_Reg functions[] = {{"addr2sym", addr2sym}, {"traced", traced}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
