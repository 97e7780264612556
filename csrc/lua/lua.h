/* lua.h -- lua: what the binding files share. The only folder that includes <lua.h> of Lua itself.
** One file per userdata; no policy here and no loop over policy. A binding checks its arguments,
** makes the userdata (closed, with its metatable), calls the core once, then returns or converts.
** Two kinds of failure: a programmer's mistake raises (luaL_argerror, luaL_error); the world's
** returns nil and an error table (ml_lua_fail).
** SPDX-License-Identifier: MIT */
#ifndef ML_LUA_LUA_H
#define ML_LUA_LUA_H

#include <lauxlib.h>
#include <lua.h>

#include "base/error.h"
#include "base/life.h"
#include "process/process.h"

/* Metatable names: the same text as __name. */
#define ML_LUA_SESSION  "moonlink.Session"
#define ML_LUA_TXN      "moonlink.Transaction"
#define ML_LUA_UNIT     "moonlink.Unit"
#define ML_LUA_CALLBACK "moonlink.Callback"
#define ML_LUA_ERROR    "moonlink.Error"

/* Pushes nil and the error table made of all errors in d:
**    { code=, message=, reason=, hint=, file=, member=, section=, symbol=, reloc=, func=, offset=,
**      line=, column=, count=, errors = { { the same fields }, ... } }    of the first error, all
** with the metatable ML_LUA_ERROR (its __tostring is set by lua/moonlink/error.lua; the C default
** prints message and hint). Frees d. Returns 2, so that callers can `return ml_lua_fail(L, &d)`.
** Between ml_diag_init and this (or ml_diag_free) a binding calls no Lua function that can raise,
** or keeps the diag in a userdata with __gc: else an error would leak it. */
int ml_lua_fail(lua_State *L, ml_diag *d);

/* What a function returns that answers with true, or with nil and an error when rc is negative.
** Frees d. */
int ml_lua_outcome(lua_State *L, ml_diag *d, int rc);

/* Raises the first error in d, which is freed, as a mistake in argument arg. */
int ml_lua_argument_fail(lua_State *L, int arg, ml_diag *d);

/* Raises an error table for an exception that ended the native function `name`:
**    { code = "exception", message=, reason=, symbol = name, type=, what= }
** type and what are missing when they are not known. */
int ml_lua_raise_caught(lua_State *L, const ml_caught *caught, const char *name);

/* Set a field of the table on top of the stack. A text that is NULL is left out. */
void ml_lua_set_text(lua_State *L, const char *key, const char *value);
void ml_lua_set_integer(lua_State *L, const char *key, uint64_t value);
void ml_lua_set_boolean(lua_State *L, const char *key, bool value);

/* Pushes a table of n texts. */
void ml_lua_push_texts(lua_State *L, const char *const *texts, size_t n);

/* A metatable in the registry, made once: its metamethods, and methods in its __index; both lists
** end in {NULL, NULL}, methods may be NULL. */
void ml_lua_class(lua_State *L, const char *name, const luaL_Reg *metamethods,
                  const luaL_Reg *methods);

/* What a method that programs call is called on, a userdata of this class: as luaL_checkudata, but
** the error says that a dot in place of the colon may be the reason. */
void *ml_lua_self(lua_State *L, const char *name);

/* Calls f with the arguments on the stack and returns what it returned, while no collection runs:
** for functions that fill tables out of a load or a unit, which a finaliser could end meanwhile. */
int ml_lua_steady(lua_State *L, lua_CFunction f);

/* The liveness token of the value at idx: a unit userdata gives its token, nil or none gives NULL
** (code of the process, which never goes). Anything else raises. The token is borrowed. */
ml_life *ml_lua_life(lua_State *L, int idx);

/* Each adds its functions to the table on top of the stack; called by luaopen_moonlink_core. Must
** be re-entrant: luaopen may run several times in one state. */
void ml_open_memory(lua_State *L);   /* peek, poke, cstring; alloc: buffers */
void ml_open_call(lua_State *L);     /* func, callback, trap and what belongs to them */
void ml_open_object(lua_State *L);   /* kind, members, ldscript ...: files that are not linked */
void ml_open_inspect(lua_State *L);  /* object: one object as tables */
void ml_open_session(lua_State *L);  /* session */
void ml_open_demangle(lua_State *L); /* demangle */
void ml_open_isolate(lua_State *L);  /* isolate */
void ml_open_places(lua_State *L);   /* addr2sym, traced */
void ml_open_trace(lua_State *L);    /* capture, captured, frames */
void ml_open_tree(lua_State *L);     /* tree: what is in folders */
void ml_open_pkg(lua_State *L);      /* pkg: parse, make, fields */
void ml_open_pkgdb(lua_State *L);    /* pkg.read, pkg.init, pkg.open, pkg.check_id */

#endif
