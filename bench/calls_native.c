/* calls_native.c -- bench: the peer of calls.lua, bindings as one writes them by hand.
** The functions that are called stand in the same file: each binding calls its function directly,
** and the exported copies are what moonlink calls.
** SPDX-License-Identifier: MIT */
#include <lauxlib.h>
#include <lua.h>

#define EXPORT __attribute__((visibility("default"), noinline))

int calls_add(int a, int b);
double calls_six(double a, double b, double c, double d, double e, double f);
int calls_first(const char *s);
int luaopen_calls_native(lua_State *L);

EXPORT int calls_add(int a, int b)
{
    return (int)((unsigned)a + (unsigned)b);
}

EXPORT double calls_six(double a, double b, double c, double d, double e, double f)
{
    return a + b + c + d + e + f;
}

EXPORT int calls_first(const char *s)
{
    return (unsigned char)s[0];
}

static int add(lua_State *L)
{
    int a = (int)luaL_checkinteger(L, 1);
    int b = (int)luaL_checkinteger(L, 2);
    lua_pushinteger(L, calls_add(a, b));
    return 1;
}

static int six(lua_State *L)
{
    double a = luaL_checknumber(L, 1);
    double b = luaL_checknumber(L, 2);
    double c = luaL_checknumber(L, 3);
    double d = luaL_checknumber(L, 4);
    double e = luaL_checknumber(L, 5);
    double f = luaL_checknumber(L, 6);
    lua_pushnumber(L, calls_six(a, b, c, d, e, f));
    return 1;
}

static int first(lua_State *L)
{
    lua_pushinteger(L, calls_first(luaL_checkstring(L, 1)));
    return 1;
}

EXPORT int luaopen_calls_native(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"add", add},
        {"six", six},
        {"first", first},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}
