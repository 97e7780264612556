/* value.h -- lua: Lua values to C values and back, with every check that a prototype allows.
** SPDX-License-Identifier: MIT */
#ifndef ML_LUA_VALUE_H
#define ML_LUA_VALUE_H

#include "call/signature.h"
#include "lua/lua.h"

/* Each of these returns NULL when the value at idx is good for the kind and *out is set; else the
** reason, for "bad argument #1 to 'f' (reason)", which lives as long as what it left on the stack.
** A string argument is not copied: it must stay on the stack during the call. */
const char *ml_lua_to_slot_rare(lua_State *L, int idx, uint8_t kind, ml_slot *out);
const char *ml_lua_to_value(lua_State *L, int idx, uint8_t kind, ml_value *out);
const char *ml_lua_wrong_number(lua_State *L, int idx, bool integer) __attribute__((cold));
const char *ml_lua_out_of_range(lua_State *L, uint8_t kind) __attribute__((cold));

/* Pushes a value; a void pushes nothing. Returns how many values it pushed. */
int ml_lua_push_value(lua_State *L, uint8_t kind, const ml_value *v);

/* The common kinds in line: a call is made of nothing but these. */
static inline const char *ml_lua_to_slot(lua_State *L, int idx, uint8_t kind, ml_slot *out)
{
    int good;
    /* lua_tolstring would change a number in place, and a number is an address here. */
    if (kind == ML_C_STRING && lua_type(L, idx) == LUA_TSTRING) {
        out->u = (uintptr_t)lua_tolstring(L, idx, NULL);
        return NULL;
    }
    switch (kind) {
    case ML_C_INT32:
        out->i = lua_tointegerx(L, idx, &good);
        if (!good)
            return ml_lua_wrong_number(L, idx, true);
        return out->i == (int32_t)out->i ? NULL : ml_lua_out_of_range(L, kind);
    case ML_C_INT64:
    case ML_C_UINT64:
        out->i = lua_tointegerx(L, idx, &good);
        return good ? NULL : ml_lua_wrong_number(L, idx, true);
    case ML_C_DOUBLE:
        out->d = lua_tonumberx(L, idx, &good);
        return good ? NULL : ml_lua_wrong_number(L, idx, false);
    default: return ml_lua_to_slot_rare(L, idx, kind, out);
    }
}

#endif
