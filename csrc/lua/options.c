/* options.c -- lua: the options of a load.
** takes the table that lua/moonlink/link/load.lua makes of what link/options.lua has checked; gives
** ml_options. The words of an option stand in the order of its enumerators.
** SPDX-License-Identifier: MIT */
#include "lua/call.h"
#include "lua/session.h"

/* The unit on top of the stack, of the same linker: another's could go while this one still points
** at it. */
static ml_unit *own_unit(lua_State *L, const ml_lua_box *box)
{
    const ml_lua_unit *u = ml_lua_checkunit(L, lua_gettop(L));
    if (u->box != box)
        luaL_error(L, "%s belongs to another linker", ml_unit_name(u->u));
    return u->u;
}

/* One element of the scope: a name, a set of archives { set = n }, or a unit. */
static ml_scope place_of_scope(lua_State *L, const ml_lua_box *box)
{
    static const char *const names[] = {"self", "archives", "process", "ask", NULL};
    static const ml_scope_kind kinds[] = {ML_SCOPE_SELF, ML_SCOPE_ARCHIVES, ML_SCOPE_PROCESS,
                                          ML_SCOPE_ASK};
    if (lua_type(L, -1) == LUA_TSTRING)
        return (ml_scope){.kind = kinds[luaL_checkoption(L, lua_gettop(L), NULL, names)]};
    if (!lua_istable(L, -1))
        return (ml_scope){.kind = ML_SCOPE_UNIT, .unit = own_unit(L, box)};
    lua_getfield(L, -1, "set");
    ml_scope p = {.kind = ML_SCOPE_ARCHIVES, .set = (unsigned)luaL_checkinteger(L, -1)};
    lua_pop(L, 1);
    return p;
}

static void read_scope(lua_State *L, const ml_lua_box *box, ml_options *o)
{
    lua_getfield(L, 2, "scope");
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Integer n = luaL_len(L, -1);
    if (n > ML_SCOPE_MAX)
        luaL_error(L, "a scope has at most %d places", (int)ML_SCOPE_MAX);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, -1, i);
        o->scope[o->nscope++] = place_of_scope(L, box);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Which of the names the option is; the first one when it is absent. */
static int word(lua_State *L, const char *key, const char *const *names)
{
    lua_getfield(L, 2, key);
    int i = luaL_checkoption(L, lua_gettop(L), names[0], names);
    lua_pop(L, 1);
    return i;
}

static bool flag(lua_State *L, const char *key, bool absent)
{
    bool is = lua_getfield(L, 2, key) == LUA_TNIL ? absent : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

/* { gdb =, perf =, jitdump =, lines = } -> ML_SEEN_* */
static unsigned read_debug(lua_State *L)
{
    static const char *const names[] = {"gdb", "perf", "jitdump", "lines"};
    unsigned seen = 0;
    if (lua_getfield(L, 2, "debug") == LUA_TTABLE)
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
            seen |= lua_getfield(L, -1, names[i]) == LUA_TNIL ? 0 : 1u << i;
            lua_pop(L, 1);
        }
    lua_pop(L, 1);
    return seen;
}

ml_crossing ml_lua_check_crossing(lua_State *L, int arg, const char *def)
{
    static const char *const crossings[] = {"direct", "got", "stubs", "lazy", NULL};
    return (ml_crossing)luaL_checkoption(L, arg, def, crossings);
}

/* Options that are no words: what they hold when they are there. */
static void read_values(lua_State *L, const ml_lua_box *box, ml_options *o)
{
    lua_getfield(L, 2, "bind");
    o->crossing = ml_lua_check_crossing(L, lua_gettop(L), "direct");
    if (lua_getfield(L, 2, "unbound") != LUA_TNIL)
        o->unbound = ml_trap_unbound(L, lua_gettop(L));
    if (lua_getfield(L, 2, "at") != LUA_TNIL) {
        o->fixed = true;
        o->at = (uint64_t)luaL_checkinteger(L, -1);
    }
    if (lua_getfield(L, 2, "replace") != LUA_TNIL)
        o->replace = own_unit(L, box);
    lua_pop(L, 4);
}

void ml_lua_read_options(lua_State *L, const ml_lua_box *box, ml_options *o)
{
    static const char *const duplicate[] = {"error", "first", "last", NULL};
    static const char *const weak[] = {"first", "own", "process", NULL};
    static const char *const zone[] = {"near", "low", NULL};
    static const char *const block[] = {"shared", "unit", NULL};
    static const char *const pages[] = {"auto", "small", "huge", "hugetlb", NULL};
    static const char *const protect[] = {"load", "input", "dual", NULL};
    static const char *const count[] = {"none", "unit", "object", NULL};
    luaL_checktype(L, 2, LUA_TTABLE);
    *o = (ml_options){
        .duplicate = (ml_on_duplicate)word(L, "duplicate", duplicate),
        .weak = (ml_on_weak)word(L, "weak", weak),
        .zone = (ml_zone)word(L, "zone", zone),
        .alone = word(L, "block", block) == 1,
        .pages = (ml_pages)word(L, "pages", pages),
        .protect = (ml_protect)word(L, "protect", protect),
        .count = (ml_counting)word(L, "count", count),
        .merge = flag(L, "merge", false),
        .relax = flag(L, "relax", true),
        .debug = read_debug(L),
    };
    read_scope(L, box, o);
    read_values(L, box, o);
}
