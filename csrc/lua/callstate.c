/* callstate.c -- lua: what calls and callbacks of one Lua state share, and how a native call ends
** that something went wrong in: a trap, a C++ exception, a Lua error in a callback.
** takes what was noted during the call; raises it, once the call has returned.
** SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "lua/call.h"
#include "os/os.h"
#include "process/cxx.h"

/* Registry key of the userdata, by address; its user values. */
static const char state_key;
enum { ERROR = 1, VALUES = ERROR };

/* ---- its life ---- */

static int state_gc(lua_State *L)
{
    ml_callstate *st = lua_touserdata(L, 1);
    st->closed = true;
    ml_callbacks_end(st);
    ml_life_drop(st->life);
    st->life = NULL;
    return 0;
}

static lua_State *main_of(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main;
}

static ml_callstate *new_state(lua_State *L)
{
    ml_callstate *st = lua_newuserdatauv(L, sizeof *st, VALUES);
    memset(st, 0, sizeof *st);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, state_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    st->main = main_of(L);
    atomic_store(&st->thread, ml_os_self()->number);
    st->caught.attention = &st->attention;
    st->life = ml_life_new("the process");
    if (!st->life)
        luaL_error(L, "not enough memory");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    return st;
}

ml_callstate *ml_callstate_get(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    ml_callstate *st = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return st ? st : new_state(L);
}

/* ---- what waits for the end of a native call ---- */

void ml_callstate_push_error(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    lua_getiuservalue(L, -1, ERROR);
    lua_replace(L, -2);
}

void ml_callstate_keep_error(lua_State *L, ml_callstate *st)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, ERROR);
    lua_pop(L, 1);
    st->pending = true;
}

/* Raises the error of a callback, if one is kept. */
static void raise_pending(lua_State *L, ml_callstate *st)
{
    if (!st->pending)
        return;
    ml_callstate_push_error(L);
    lua_pushnil(L);
    ml_callstate_keep_error(L, st);
    st->pending = false;
    lua_error(L);
}

/* Describing and ending an exception runs foreign code: it belongs to the call that L has made. */
static void end_exception(lua_State *L, ml_callstate *st, ml_caught *caught)
{
    lua_State *const outer = st->L;
    void *exception = st->caught.exception;
    st->caught.exception = NULL;
    st->L = L;
    ml_cxx_end(exception, caught);
    st->L = outer;
}

void ml_callstate_settle(lua_State *L, ml_callstate *st, const char *name)
{
    ml_caught caught;
    bool thrown = st->caught.exception != NULL;
    atomic_store(&st->attention, false);
    if (thrown)
        end_exception(L, st, &caught);
    const char *message = st->trapped;
    st->trapped = NULL;
    if (message) {
        st->pending = false;
        lua_pushstring(L, message); /* what follows may collect garbage, and end the trap */
        luaL_error(L, "%s", lua_tostring(L, -1));
    }
    raise_pending(L, st); /* it came before the exception, and may have led to it */
    if (thrown)
        ml_lua_raise_caught(L, &caught, name);
    lua_warning(L, "moonlink: a callback was refused or a stub was called; see warnings()", 0);
}
