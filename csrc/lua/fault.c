/* fault.c -- lua: failing on purpose, for the specs of spec/fault. Part of the build of
** `make fault` alone, where the module has this as a second open function.
** SPDX-License-Identifier: MIT */
#include "os/fault.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

__attribute__((visibility("default"))) int luaopen_moonlink_fault(lua_State *L);

/* "alloc map file library undo" -> bits */
static unsigned check_kinds(lua_State *L, int idx)
{
    static const struct {
        const char *name;
        unsigned bit;
    } kinds_by_name[] = {{"alloc", ML_FAULT_ALLOC},
                         {"map", ML_FAULT_MAP},
                         {"file", ML_FAULT_FILE},
                         {"library", ML_FAULT_LIBRARY},
                         {"undo", ML_FAULT_UNDO}};
    const char *text = luaL_optstring(L, idx, "alloc map file library");
    unsigned kinds = 0;
    for (size_t i = 0; i < sizeof kinds_by_name / sizeof *kinds_by_name; i++)
        if (strstr(text, kinds_by_name[i].name))
            kinds |= kinds_by_name[i].bit;
    luaL_argcheck(L, kinds, idx, "names no kind of call");
    return kinds;
}

/* arm(n [, kinds [, onwards]]) */
static int arm(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n > 0 && n < 1 << 30, 1, "out of range");
    ml_fault_arm((unsigned)n, check_kinds(L, 2), lua_toboolean(L, 3));
    return 0;
}

/* disarm() -> name of the call that failed or nil, calls counted */
static int disarm(lua_State *L)
{
    lua_pushstring(L, ml_fault_disarm());
    lua_pushinteger(L, ml_fault_hits());
    return 2;
}

/* blocks() -> blocks that the module holds */
static int blocks(lua_State *L)
{
    lua_pushinteger(L, ml_fault_blocks());
    return 1;
}

int luaopen_moonlink_fault(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"arm", arm}, {"disarm", disarm}, {"blocks", blocks}, {NULL, NULL}};
    luaL_checkversion(L);
    luaL_newlib(L, functions);
    return 1;
}
