/* demangle.c -- lua: names as a C++ programmer wrote them, for messages only.
** The C++ runtime of the process does the work; it is opened when the first such name is shown, and
** only then. Without one the answer is nil and the message shows the name as it is.
** Spec: Itanium C++ ABI, chapter 3.4 "Demangler API".
** SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lua/session.h"
#include "process/process.h"

typedef char *demangle_fn(const char *name, char *buffer, size_t *size, int *status);
typedef void free_fn(void *p);

/* Copies what the runtime makes of name, cut to size; false when it makes nothing of it. */
static bool ask_runtime(const ml_library *lib, const ml_library *self, const char *name,
                        char *text, size_t size)
{
    /* The process's free, not the one beside libstdc++: a preloaded malloc may make the text. */
    ml_provided demangle, release;
    if (!ml_library_find(lib, "__cxa_demangle", NULL, &demangle) ||
        !ml_library_find(self, "free", NULL, &release))
        return false;
    int status = -1;
    char *made = ((demangle_fn *)(uintptr_t)demangle.addr)(name, NULL, NULL, &status);
    bool ok = status == 0 && made;
    if (ok)
        snprintf(text, size, "%s", made);
    ((free_fn *)(uintptr_t)release.addr)(made);
    return ok;
}

/* demangle(name) -> text, or nil */
static int demangle(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    char text[1024];
    ml_arena a = {0};
    ml_diag d;
    ml_library lib = {0}, self = {0};
    ml_diag_init(&d);
    bool ok = ml_library_self(&d, &self) == 0 &&
              ml_library_open(&d, &a, "libstdc++.so.6", &lib) == 0 &&
              ask_runtime(&lib, &self, name, text, sizeof text);
    ml_library_close(&lib);
    ml_library_close(&self);
    ml_diag_free(&d);
    ml_arena_free(&a);
    if (!ok)
        return 0;
    lua_pushstring(L, text);
    return 1;
}

void ml_open_demangle(lua_State *L)
{
    lua_pushcfunction(L, demangle);
    lua_setfield(L, -2, "demangle");
}
