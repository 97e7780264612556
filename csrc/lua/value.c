/* value.c -- lua: the rarer conversions.
** takes Lua values and the kinds of a signature; gives C values, or why not.
** SPDX-License-Identifier: MIT */
#include "lua/value.h"

#include <limits.h>

#include "lua/call.h"

const char *ml_lua_wrong_number(lua_State *L, int idx, bool integer)
{
    if (integer && lua_type(L, idx) == LUA_TNUMBER)
        return "number has no integer representation";
    return lua_pushfstring(L, "%s expected, got %s", integer ? "integer" : "number",
                           luaL_typename(L, idx));
}

const char *ml_lua_out_of_range(lua_State *L, uint8_t kind)
{
    return lua_pushfstring(L, "out of range for %s", ml_ctype_name((ml_ctype)kind));
}

typedef struct limits {
    int64_t min, max;
} limits;

static limits limits_of(uint8_t kind)
{
    switch (kind) {
    case ML_C_CHAR: return (limits){CHAR_MIN, CHAR_MAX};
    case ML_C_INT8: return (limits){INT8_MIN, INT8_MAX};
    case ML_C_UINT8: return (limits){0, UINT8_MAX};
    case ML_C_INT16: return (limits){INT16_MIN, INT16_MAX};
    case ML_C_UINT16: return (limits){0, UINT16_MAX};
    case ML_C_INT32: return (limits){INT32_MIN, INT32_MAX};
    case ML_C_UINT32: return (limits){0, UINT32_MAX};
    default: return (limits){INT64_MIN, INT64_MAX};
    }
}

static const char *to_integer(lua_State *L, int idx, uint8_t kind, ml_slot *out)
{
    int good;
    int64_t v = lua_tointegerx(L, idx, &good);
    if (!good)
        return ml_lua_wrong_number(L, idx, true);
    limits range = limits_of(kind);
    if (v < range.min || v > range.max)
        return ml_lua_out_of_range(L, kind);
    out->i = v;
    return NULL;
}

/* An integer, or a string of one character: 'A' of C is "A". */
static const char *to_char(lua_State *L, int idx, uint8_t kind, ml_slot *out)
{
    if (lua_type(L, idx) != LUA_TSTRING)
        return to_integer(L, idx, kind, out);
    size_t len;
    const char *s = lua_tolstring(L, idx, &len);
    if (len != 1)
        return lua_pushfstring(L, "a string of one character expected, got %d of them", (int)len);
    out->i = *s;
    return NULL;
}

static const char *to_bool(lua_State *L, int idx, ml_slot *out)
{
    if (lua_isboolean(L, idx)) {
        out->u = (uint64_t)lua_toboolean(L, idx);
        return NULL;
    }
    int good;
    int64_t v = lua_tointegerx(L, idx, &good);
    if (!good)
        return lua_pushfstring(L, "boolean expected, got %s", luaL_typename(L, idx));
    if (v != 0 && v != 1)
        return "out of range for bool";
    out->i = v;
    return NULL;
}

static const char *to_float(lua_State *L, int idx, ml_slot *out)
{
    int good;
    double v = lua_tonumberx(L, idx, &good);
    if (!good)
        return ml_lua_wrong_number(L, idx, false);
    out->u = 0;
    out->f = (float)v;
    return NULL;
}

/* A string is good only where the prototype promises that it is not written to. */
static const char *string_to_pointer(lua_State *L, int idx, uint8_t kind, ml_slot *out)
{
    if (kind != ML_C_STRING && kind != ML_C_DATA) {
        if (kind == ML_C_FUNCTION)
            return "function or address expected, got string";
        return lua_pushfstring(
            L, "a string cannot be passed as %s, which may be written to: use moonlink.alloc",
            ml_ctype_name((ml_ctype)kind));
    }
    out->u = (uintptr_t)lua_tolstring(L, idx, NULL);
    return NULL;
}

static const char *to_pointer(lua_State *L, int idx, uint8_t kind, ml_slot *out)
{
    const char *why = NULL;
    switch (lua_type(L, idx)) {
    case LUA_TSTRING: return string_to_pointer(L, idx, kind, out);
    case LUA_TNUMBER: return to_integer(L, idx, ML_C_UINT64, out);
    case LUA_TNIL: out->u = 0; return NULL;
    case LUA_TLIGHTUSERDATA: out->u = (uintptr_t)lua_touserdata(L, idx); return NULL;
    case LUA_TUSERDATA: out->u = ml_lua_address(L, idx, &why); return why;
    case LUA_TFUNCTION:
        return "a Lua function fits only a parameter that is a function pointer: use callback";
    default:
        return lua_pushfstring(L, "address, nil or %s expected, got %s",
                               kind == ML_C_FUNCTION ? "function" : "string",
                               luaL_typename(L, idx));
    }
}

const char *ml_lua_to_slot_rare(lua_State *L, int idx, uint8_t kind, ml_slot *out)
{
    switch (kind) {
    case ML_C_BOOL: return to_bool(L, idx, out);
    case ML_C_CHAR: return to_char(L, idx, kind, out);
    case ML_C_INT8:
    case ML_C_UINT8:
    case ML_C_INT16:
    case ML_C_UINT16:
    case ML_C_INT32:
    case ML_C_UINT32:
    case ML_C_INT64:
    case ML_C_UINT64: return to_integer(L, idx, kind, out);
    case ML_C_FLOAT: return to_float(L, idx, out);
    case ML_C_DOUBLE: return ml_lua_to_slot(L, idx, kind, out);
    default: return to_pointer(L, idx, kind, out);
    }
}

const char *ml_lua_to_value(lua_State *L, int idx, uint8_t kind, ml_value *out)
{
    if (kind != ML_C_LDOUBLE)
        return ml_lua_to_slot(L, idx, kind, &out->s);
    if (lua_isinteger(L, idx)) { /* a long double holds what a double would round */
        out->ld = (long double)lua_tointeger(L, idx);
        return NULL;
    }
    int good;
    out->ld = (long double)lua_tonumberx(L, idx, &good);
    return good ? NULL : ml_lua_wrong_number(L, idx, false);
}

static void push_address(lua_State *L, uint64_t address)
{
    if (address)
        lua_pushinteger(L, (lua_Integer)address);
    else
        lua_pushnil(L);
}

int ml_lua_push_value(lua_State *L, uint8_t kind, const ml_value *v)
{
    switch (kind) {
    case ML_C_VOID: return 0;
    case ML_C_BOOL: lua_pushboolean(L, v->s.u != 0); return 1;
    case ML_C_FLOAT: lua_pushnumber(L, (lua_Number)v->s.f); return 1;
    case ML_C_DOUBLE: lua_pushnumber(L, v->s.d); return 1;
    case ML_C_LDOUBLE: lua_pushnumber(L, (lua_Number)v->ld); return 1;
    case ML_C_STRING:
    case ML_C_CHARS: lua_pushstring(L, (const char *)(uintptr_t)v->s.u); return 1;
    case ML_C_DATA:
    case ML_C_POINTER:
    case ML_C_FUNCTION: push_address(L, v->s.u); return 1;
    default: lua_pushinteger(L, v->s.i); return 1;
    }
}
