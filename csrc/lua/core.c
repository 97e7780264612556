/* core.c -- lua: the module's only door, errors as Lua values, and fields of tables.
** SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>

#include "lua/lua.h"
#include "os/folder.h"
#include "os/os.h"
#include "process/cxx.h"

#define EXPORT __attribute__((visibility("default")))

_Static_assert(sizeof(lua_Integer) == 8, "addresses are Lua integers");

/* ---- fields and classes ---- */

void ml_lua_push_texts(lua_State *L, const char *const *texts, size_t n)
{
    lua_createtable(L, n < INT_MAX ? (int)n : 0, 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushstring(L, texts[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void ml_lua_class(lua_State *L, const char *name, const luaL_Reg *metamethods,
                  const luaL_Reg *methods)
{
    if (luaL_newmetatable(L, name)) {
        luaL_setfuncs(L, metamethods, 0);
        if (methods) {
            lua_newtable(L);
            luaL_setfuncs(L, methods, 0);
            lua_setfield(L, -2, "__index");
        }
    }
    lua_pop(L, 1);
}

void *ml_lua_self(lua_State *L, const char *name)
{
    void *self = luaL_testudata(L, 1, name);
    if (!self)
        luaL_argerror(L, 1,
                      lua_pushfstring(L,
                                      "%s expected, got %s; call it with a colon: value:method()",
                                      name, luaL_typename(L, 1)));
    return self;
}

void ml_lua_set_text(lua_State *L, const char *key, const char *value)
{
    if (!value)
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

void ml_lua_set_integer(lua_State *L, const char *key, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, key);
}

void ml_lua_set_boolean(lua_State *L, const char *key, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

/* ---- errors ---- */

/* Fills the table on top with one error. */
static void fill_error(lua_State *L, const ml_error *e)
{
    char text[2048];
    ml_error_text(e, text, sizeof text);
    ml_lua_set_text(L, "code", ml_code_name(e->code));
    ml_lua_set_text(L, "message", text);
    ml_lua_set_text(L, "reason", e->text);
    ml_lua_set_text(L, "hint", e->hint);
    ml_lua_set_text(L, "file", e->at.file);
    ml_lua_set_text(L, "member", e->at.member);
    ml_lua_set_text(L, "section", e->at.section);
    ml_lua_set_text(L, "symbol", e->at.symbol);
    ml_lua_set_text(L, "reloc", e->at.reloc);
    ml_lua_set_text(L, "func", e->at.func);
    if (e->at.has_offset)
        ml_lua_set_integer(L, "offset", e->at.offset);
    if (e->at.line) {
        ml_lua_set_integer(L, "line", e->at.line);
        ml_lua_set_integer(L, "column", e->at.column);
    }
}

/* Builds the table from the diag in light userdata 1; runs protected, so that the diag is freed
** whatever happens. */
static int build_error(lua_State *L)
{
    const ml_diag *d = lua_touserdata(L, 1);
    lua_newtable(L);
    luaL_setmetatable(L, ML_LUA_ERROR);
    if (d->first)
        fill_error(L, d->first);
    ml_lua_set_integer(L, "count", d->count);
    lua_newtable(L);
    lua_Integer i = 1;
    for (const ml_error *e = d->first; e; e = e->next) {
        lua_newtable(L);
        luaL_setmetatable(L, ML_LUA_ERROR);
        fill_error(L, e);
        lua_rawseti(L, -2, i++);
    }
    lua_setfield(L, -2, "errors");
    return 1;
}

/* A protected call of the function below n arguments, without a collection: finalisers are
** anybody's code. (In a finaliser lua_gc answers -1 and does nothing: there no collection runs
** anyway.) The collector is not stopped, since a restart makes it begin anew, at each call a step
** through a large heap: what it may let pass before its next step grows meanwhile, by more than
** there is memory. */
static int call_steady(lua_State *L, int n, int results)
{
    enum { PLENTY = 1 << 30 }; /* KiB */
    bool runs = lua_gc(L, LUA_GCISRUNNING) == 1;
    if (runs)
        lua_gc(L, LUA_GCSTEP, -PLENTY);
    int rc = lua_pcall(L, n, results, 0);
    if (runs)
        lua_gc(L, LUA_GCSTEP, PLENTY);
    return rc;
}

int ml_lua_steady(lua_State *L, lua_CFunction f)
{
    int n = lua_gettop(L);
    lua_pushcfunction(L, f);
    lua_insert(L, 1);
    if (call_steady(L, n, LUA_MULTRET) != LUA_OK)
        return lua_error(L);
    return lua_gettop(L);
}

int ml_lua_fail(lua_State *L, ml_diag *d)
{
    lua_pushnil(L);
    lua_pushcfunction(L, build_error);
    lua_pushlightuserdata(L, d);
    int rc = call_steady(L, 1, 1);
    ml_diag_free(d);
    if (rc != LUA_OK)
        return lua_error(L);
    return 2;
}

int ml_lua_outcome(lua_State *L, ml_diag *d, int rc)
{
    if (rc < 0)
        return ml_lua_fail(L, d);
    ml_diag_free(d);
    lua_pushboolean(L, 1);
    return 1;
}

int ml_lua_argument_fail(lua_State *L, int arg, ml_diag *d)
{
    char text[256];
    ml_error_text(d->first, text, sizeof text);
    ml_diag_free(d);
    return luaL_argerror(L, arg, text);
}

int ml_lua_raise_caught(lua_State *L, const ml_caught *caught, const char *name)
{
    char text[1024];
    ml_caught_text(caught, text, sizeof text);
    luaL_where(L, 1);
    const char *where = lua_tostring(L, -1);
    lua_newtable(L);
    luaL_setmetatable(L, ML_LUA_ERROR);
    ml_lua_set_text(L, "code", "exception");
    lua_pushfstring(L, "%s%s: %s", where, name, text);
    lua_setfield(L, -2, "message");
    ml_lua_set_text(L, "reason", text);
    ml_lua_set_text(L, "symbol", name);
    ml_lua_set_text(L, "type", caught->type[0] ? caught->type : NULL);
    ml_lua_set_text(L, "what", caught->what[0] ? caught->what : NULL);
    return lua_error(L);
}

/* error:__tostring() -> message and hint; lua/moonlink/error.lua puts its own in its place */
static int error_tostring(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "message");
    if (lua_getfield(L, 1, "hint") == LUA_TNIL) {
        lua_settop(L, 2);
        return 1;
    }
    lua_pushfstring(L, "%s\n  hint: %s", luaL_tolstring(L, 2, NULL), luaL_tolstring(L, 3, NULL));
    return 1;
}

/* Adds the metatable of errors to the table on top. */
static void open_error(lua_State *L)
{
    if (luaL_newmetatable(L, ML_LUA_ERROR)) {
        lua_pushcfunction(L, error_tostring);
        lua_setfield(L, -2, "__tostring");
    }
    lua_setfield(L, -2, "error_metatable");
}

/* ---- the module ---- */

/* now() -> seconds as a float, from a clock that never goes back */
static int now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)ml_os_now_ns() / 1e9);
    return 1;
}

/* sleep(seconds), at most a day */
static int sleep_for(lua_State *L)
{
    lua_Number s = luaL_checknumber(L, 1);
    luaL_argcheck(L, s >= 0 && s <= 86400, 1, "0 to 86400 seconds expected");
    ml_os_sleep_ns((uint64_t)(s * 1e9));
    return 0;
}

/* page_size() -> bytes */
static int page_size(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ml_os_page());
    return 1;
}

/* current_folder() -> absolute path; nil, text */
static int current_folder(lua_State *L)
{
    char path[8192];
    if (ml_os_current_folder(path, sizeof path)) {
        lua_pushstring(L, path);
        return 1;
    }
    lua_pushnil(L);
    lua_pushfstring(L, "cannot tell the path of the current folder: %s", ml_os_error(errno));
    return 2;
}

/* is_terminal(fd) -> boolean */
static int is_terminal(lua_State *L)
{
    lua_Integer fd = luaL_checkinteger(L, 1);
    lua_pushboolean(L, fd >= 0 && fd <= INT_MAX && ml_os_is_terminal((int)fd));
    return 1;
}

EXPORT int luaopen_moonlink_core(lua_State *L);

EXPORT int luaopen_moonlink_core(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"now", now},
        {"sleep", sleep_for},
        {"page_size", page_size},
        {"current_folder", current_folder},
        {"is_terminal", is_terminal},
        {NULL, NULL},
    };
    luaL_checkversion(L);
    luaL_newlib(L, functions);
    open_error(L);
    ml_open_memory(L);
    ml_open_call(L);
    ml_open_object(L);
    ml_open_inspect(L);
    ml_open_session(L);
    ml_open_demangle(L);
    ml_open_isolate(L);
    ml_open_places(L);
    ml_open_trace(L);
    ml_open_tree(L);
    ml_open_pkg(L);
    ml_open_pkgdb(L);
    return 1;
}
