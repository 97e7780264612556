/* pkg.h -- lua: packages that were read, as a userdata.
** SPDX-License-Identifier: MIT */
#ifndef ML_LUA_PKG_H
#define ML_LUA_PKG_H

#include "lua/lua.h"
#include "pkg/bytes.h"
#include "pkg/info.h"

#define ML_LUA_INFOS "moonlink.Packages"

/* A userdata of packages. d and out are for the binding that fills or prints it: what they hold
** goes with the userdata, too, so that a Lua error in between leaks nothing. */
typedef struct ml_lua_infos {
    ml_pkg_infos infos;
    ml_diag d;
    ml_bytes out;
} ml_lua_infos;

/* Pushes an empty one with one user value, which may keep a string alive that the packages hold
** slices of. */
ml_lua_infos *ml_lua_infos_new(lua_State *L);
ml_lua_infos *ml_lua_infos_check(lua_State *L, int idx);

/* Reads tables at idx, an array, into packages: what core.pkg.make does. 0 or negative with an
** error in x->d. Tables of wrong types raise. */
int ml_lua_infos_fill(lua_State *L, int idx, ml_lua_infos *x);

#endif
