/* demangle.c -- lua: names as a C++ programmer wrote them, for messages only.
** The C++ runtime of the process does the work; it is opened when the first such name is shown, and
** only then. Without one the answer is nil and the message shows the name as it is.
** Spec: Itanium C++ ABI, chapter 3.4 "Demangler API".
** SPDX-License-Identifier: MIT */
#include "lua/lua.h"
#include "process/cxx.h"

/* demangle(name) -> text, or nil */
static int demangle(lua_State *L)
{
    char text[1024];
    if (!ml_cxx_demangle(luaL_checkstring(L, 1), 0, true, text, sizeof text))
        return 0;
    lua_pushstring(L, text);
    return 1;
}

void ml_open_demangle(lua_State *L)
{
    lua_pushcfunction(L, demangle);
    lua_setfield(L, -2, "demangle");
}
