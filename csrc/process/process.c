/* process.c -- process: constructors and destructors.
** takes addresses of foreign code and runs it; what it does cannot be undone.
** Spec: gABI chapter 5 "Initialization and Termination Functions"; Itanium C++ ABI 3.3.6.3
** (__cxa_finalize); x86-64 psABI 3.4.1 "Initial Stack and Register State".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* environ */
#include "process/process.h"

#include <dlfcn.h>
#include <unistd.h>

#include "process/cxx.h"
#include "process/guard.h"

/* Of the C library; no header declares it. */
void __cxa_finalize(void *dso_handle);

enum { ARGC_MAX = 1 << 24 }; /* the kernel allows less */

typedef struct arguments {
    int argc;
    char **argv;
} arguments;

/* The arguments that the process was started with, where the kernel has put them. glibc's loader
** keeps the initial stack pointer, at which argc and argv lie for the life of the process: nothing
** has to be copied, so that nobody has to own a copy that a constructor may keep. Where the loader
** does not tell (musl, which passes constructors no arguments), there are none. */
static arguments initial_arguments(void)
{
    static char *const none[1] = {NULL};
    void *self = dlopen(NULL, RTLD_LAZY), **end = NULL;
    if (self) {
        end = dlsym(self, "__libc_stack_end");
        dlclose(self);
    }
    dlerror();
    long argc = -1;
    if (end && *end && !ml_os_peek((uint64_t)(uintptr_t)*end, &argc, sizeof argc))
        argc = -1;
    if (argc < 0 || argc > ARGC_MAX)
        return (arguments){0, (char **)(uintptr_t)none};
    char **argv = (char **)*end + 1, *last = NULL;
    if (!ml_os_peek((uint64_t)(uintptr_t)(argv + argc), &last, sizeof last) || last)
        return (arguments){0, (char **)(uintptr_t)none};
    return (arguments){(int)argc, argv};
}

bool ml_process_run(const uint64_t *functions, size_t n, ml_caught *caught)
{
    arguments a = n ? initial_arguments() : (arguments){0};
    for (size_t i = 0; i < n; i++) {
        ml_catch c = {0};
        uint64_t args[3] = {(uint64_t)a.argc, (uint64_t)(uintptr_t)a.argv,
                            (uint64_t)(uintptr_t)environ};
        ml_guard_ints[3](functions[i], args, &c);
        if (c.exception) {
            ml_cxx_end(c.exception, caught);
            if (caught)
                caught->index = i;
            return false;
        }
    }
    return true;
}

static void finalize(void *dso_handle)
{
    __cxa_finalize(dso_handle);
}

void ml_process_finalize(uint64_t dso_handle)
{
    void *exception = NULL;
    /* A handler that raises is forgotten before it runs: the next round goes on behind it. */
    while (dso_handle && !ml_guard_run(finalize, (void *)(uintptr_t)dso_handle, &exception))
        ml_cxx_end(exception, NULL);
}
