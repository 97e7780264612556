/* trace.h -- lua: stacks of Lua and of native code together.
** SPDX-License-Identifier: MIT */
#ifndef ML_LUA_TRACE_H
#define ML_LUA_TRACE_H

#include "lua/lua.h"

/* The message handler of callbacks: runs where the error was raised, with everything still on both
** stacks, and notes what `captured` gives back later, when the error comes out of the native call.
** Gives the error back as it is, whatever happens. */
int ml_trace_handler(lua_State *L);

#endif
