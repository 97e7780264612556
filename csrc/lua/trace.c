/* trace.c -- lua: what a traceback through native code is made of.
** takes the two stacks as they are; gives the text of Lua's own traceback, which of its levels are
** callbacks, and for each of those the native frames between it and the call of Lua that led there.
** lua/moonlink/show/traceback.lua puts them together.
** SPDX-License-Identifier: MIT */
#include "lua/trace.h"

#include <string.h>

#include "call/closure.h"
#include "lua/call.h"
#include "lua/session.h"
#include "process/stack.h"

enum { FRAMES_MAX = 512 };

/* Registry key, by address: what the handler noted last. A table with weak values, so that an error
** value does not live for its sake: texts and numbers stay. */
static const char noted_key;

enum { NOTED_ERROR = 1, NOTED_FIRST }; /* then the results of capture */

/* ---- native frames ---- */

static uint64_t own_address(void)
{
    return (uintptr_t)&ml_trace_handler;
}

/* Adds to b the addresses of the frames that a callback came through, up to the module's own frame
** that made the native call, and a zero; moves *i behind them. libffi's frames are not shown. */
static void add_segment(luaL_Buffer *b, const ml_frame *v, size_t n, size_t *i)
{
    uint64_t own = own_address(), ffi = ml_ffi_anchor(), zero = 0;
    size_t end;
    while (*i < n && ml_stack_same_file(v[*i].addr, own))
        ++*i;
    while (*i < n && ml_stack_same_file(v[*i].addr, ffi))
        ++*i;
    for (end = *i; end < n && !ml_stack_same_file(v[end].addr, own);)
        end++;
    size_t last = end;
    while (last > *i && ml_stack_same_file(v[last - 1].addr, ffi))
        last--;
    for (; *i < last; ++*i)
        luaL_addlstring(b, (const char *)&v[*i].addr, sizeof v[*i].addr);
    luaL_addlstring(b, (const char *)&zero, sizeof zero);
    *i = end;
}

/* The native frames of this thread; the caller is the first. */
__attribute__((noinline)) static size_t walk(lua_State *L, ml_frame *v)
{
    ml_stack_prepare();
    for (ml_lua_box *b = *ml_lua_boxes(L); b; b = b->next)
        if (b->s)
            ml_session_tell_unwinders(b->s);
    size_t n = ml_stack_frames(v, FRAMES_MAX);
    for (size_t i = 1; i < n; i++) /* [0] is this function */
        v[i - 1] = v[i];
    return n ? n - 1 : 0;
}

/* Pushes the native frames of all callbacks on the stack, the newest first: addresses of 8 bytes, a
** zero behind those of each callback. */
static void push_segments(lua_State *L)
{
    ml_frame v[FRAMES_MAX];
    size_t n = walk(L, v);
    uint64_t entry = ml_closure_entry();
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < n;)
        if (v[i].function == entry)
            add_segment(&b, v, n, &i);
        else
            i++;
    luaL_pushresult(&b);
}

/* ---- both ---- */

/* Number of levels of the stack. */
static int count_levels(lua_State *L)
{
    lua_Debug ar;
    int low = 0, high = 1; /* there is a level below low, and none at high */
    while (lua_getstack(L, high - 1, &ar)) {
        low = high;
        high *= 2;
    }
    while (low < high - 1) {
        int mid = low + (high - low) / 2;
        if (lua_getstack(L, mid - 1, &ar))
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* Pushes the levels from `level` on that are callbacks, as integers of 4 bytes counted from there,
** and the number of levels. Lua finds a level by counting from the top, so that of a very deep
** stack only the levels that its traceback begins with are looked at. */
static void push_marks(lua_State *L, int level)
{
    enum { ALL = 2000, SHOWN = 24 };
    lua_Debug ar;
    luaL_Buffer b;
    int n = count_levels(L), end = n - level > ALL ? level + SHOWN : n;
    luaL_buffinit(L, &b);
    for (int i = level; i < end && lua_getstack(L, i, &ar); i++) {
        int32_t mark = i - level;
        lua_getinfo(L, "f", &ar);
        bool is_callback = ml_callback_is_entry(lua_tocfunction(L, -1));
        lua_pop(L, 1);
        if (is_callback)
            luaL_addlstring(&b, (const char *)&mark, sizeof mark);
    }
    luaL_pushresult(&b);
    lua_pushinteger(L, n > level ? n - level : 0);
}

/* capture(level) -> text, marks, levels, segments: the stack from this level on (1: the caller).
** text is Lua's own traceback. */
static int capture(lua_State *L)
{
    lua_Integer level = luaL_optinteger(L, 1, 1);
    luaL_argcheck(L, level >= 0 && level < 1 << 30, 1, "no level of the stack");
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    luaL_traceback(L, L, NULL, (int)level);
    push_marks(L, (int)level);
    push_segments(L);
    return 4;
}

/* Was the error on its way out of a native call already, and noted where it began? */
static bool is_noted(lua_State *L, int err, int level)
{
    lua_Debug ar;
    bool same = false;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &noted_key) == LUA_TTABLE &&
        lua_getstack(L, level, &ar)) {
        lua_rawgeti(L, -1, NOTED_ERROR);
        same = lua_rawequal(L, -1, err) && !lua_isnil(L, -1);
        lua_pop(L, 1);
        lua_getinfo(L, "f", &ar);
        lua_CFunction f = lua_tocfunction(L, -1);
        same = same && f && ml_stack_same_file((uintptr_t)f, own_address());
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return same;
}

/* The handler's work, under lua_pcall, called from level 1: the error is on the stack. */
static int note_error(lua_State *L)
{
    enum { RAISER = 2 }; /* 0 is this function, 1 the handler */
    if (is_noted(L, 1, RAISER))
        return 0;
    lua_createtable(L, NOTED_FIRST + 4, 0);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    lua_rawseti(L, 2, NOTED_ERROR);
    luaL_traceback(L, L, NULL, RAISER);
    push_marks(L, RAISER);
    push_segments(L);
    for (int i = 3; i >= 0; i--)
        lua_rawseti(L, 2, NOTED_FIRST + i);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &noted_key);
    return 0;
}

int ml_trace_handler(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_checkstack(L, LUA_MINSTACK)) {
        lua_pushcfunction(L, note_error);
        lua_pushvalue(L, 1);
        lua_pcall(L, 1, 0, 0); /* without it there is less to see, nothing else */
    }
    lua_settop(L, 1);
    return 1;
}

/* captured(error, level) -> what capture gave where the error was raised, when the function at this
** level (1: the caller) raises an error that came out of a native call; else nothing */
static int captured(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_Integer level = luaL_checkinteger(L, 2);
    if (level < 0 || level >= 1 << 30 || !is_noted(L, 1, (int)level))
        return 0;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &noted_key);
    int at = lua_gettop(L);
    for (int i = 0; i < 4; i++)
        lua_rawgeti(L, at, NOTED_FIRST + i);
    return 4;
}

/* frames() -> array of the addresses of this thread's native frames, the newest first, from the
** caller of Lua's C function on */
static int frames(lua_State *L)
{
    ml_frame v[FRAMES_MAX];
    size_t n = walk(L, v);
    lua_createtable(L, (int)n, 0);
    for (size_t i = 1; i < n; i++) { /* [0] is this function */
        lua_pushinteger(L, (lua_Integer)v[i].addr);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
    return 1;
}

void ml_open_trace(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"capture", capture}, {"captured", captured}, {"frames", frames}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
