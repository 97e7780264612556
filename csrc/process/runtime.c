/* runtime.c -- process: functions of the runtime that a piece of code belongs to.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dladdr1 */
#include "process/runtime.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

#include "os/mutex.h"
#include "process/dynsym.h"

static const char *const names[ML_RT_COUNT] = {
    [ML_RT_SET_IP] = "_Unwind_SetIP",          [ML_RT_GET_CFA] = "_Unwind_GetCFA",
    [ML_RT_BEGIN_CATCH] = "__cxa_begin_catch", [ML_RT_END_CATCH] = "__cxa_end_catch",
    [ML_RT_DEMANGLE] = "__cxa_demangle",
};

/* Note [Runtimes in loads]
** ~~~~~~~~~~~~~~~~~~~~~~~~
** An unwinder calls a personality routine with nothing but the exception and its own opaque
** context: no argument can carry the session along. So the loads that hold an unwinder or a C++
** runtime of their own (libgcc_eh.a, libunwind.a, libstdc++.a) stand in one list for the whole
** process, as the tables of the process's own loader do. Entered and left with the load, under a
** lock, by the load's address range: two linkers do not see each other's. */
static ml_runtime *first; /* guarded by ML_MUTEX_RUNTIME */

const char *ml_runtime_name(ml_runtime_fn fn)
{
    return names[fn];
}

void ml_runtime_enter(ml_runtime *r)
{
    ml_mutex_take(ML_MUTEX_RUNTIME);
    r->next = first;
    r->entered = true;
    first = r;
    ml_mutex_give(ML_MUTEX_RUNTIME);
}

void ml_runtime_leave(ml_runtime *r)
{
    if (!r->entered)
        return;
    ml_mutex_take(ML_MUTEX_RUNTIME);
    ml_runtime **p = &first;
    while (*p && *p != r)
        p = &(*p)->next;
    if (*p)
        *p = r->next;
    r->entered = false;
    ml_mutex_give(ML_MUTEX_RUNTIME);
}

static bool find_in_load(uint64_t inside, ml_runtime_fn fn, uint64_t *addr)
{
    ml_mutex_take(ML_MUTEX_RUNTIME);
    const ml_runtime *r = first;
    while (r && (inside < r->start || inside >= r->end))
        r = r->next;
    if (r)
        *addr = r->fn[fn];
    ml_mutex_give(ML_MUTEX_RUNTIME);
    return r != NULL;
}

/* As dlsym has it: a program finds what its libraries export. */
static uint64_t ask_loader(uint64_t inside, const char *name)
{
    Dl_info info;
    void *extra = NULL;
    uint64_t addr = 0;
    if (!dladdr1((void *)(uintptr_t)inside, &info, &extra, RTLD_DL_LINKMAP) || !extra)
        return 0;
    const struct link_map *map = extra;
    const char *path = map->l_name && *map->l_name ? map->l_name : NULL;
    void *library = dlopen(path, RTLD_LAZY | (path ? RTLD_NOLOAD : 0));
    if (library) {
        addr = (uint64_t)(uintptr_t)dlsym(library, name);
        dlclose(library);
    }
    dlerror(); /* what was not found is nobody's business */
    return addr;
}

/* The loader is asked only when the file itself has no answer. An exception may come out of a
** callback of dl_iterate_phdr, which holds a lock that another thread's dlopen waits for, while
** dladdr and dlopen would wait for that thread. */
uint64_t ml_runtime_symbol(uint64_t inside, const char *name)
{
    ml_dynsym s;
    bool found = ml_dynsym_find(inside, name, &s) && s.type == STT_FUNC;
    return found ? s.addr : ask_loader(inside, name);
}

uint64_t ml_runtime_find(uint64_t inside, ml_runtime_fn fn)
{
    uint64_t addr = 0;
    return find_in_load(inside, fn, &addr) ? addr : ml_runtime_symbol(inside, names[fn]);
}
