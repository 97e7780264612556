/* library.c -- process: shared libraries that the process's own loader has opened.
** takes a path or a soname; gives a handle, and through it symbols with type, size and provider.
** dlerror has nothing to say afterwards.
** Spec: dlopen(3), dlsym(3), dlvsym(3), dlinfo(3).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dlvsym, dlinfo */
#include "process/process.h"

#include <assert.h>
#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "process/dynsym.h"

/* What to do, by a piece of the loader's text. */
static const struct remedy {
    const char *text, *hint;
} remedies[] = {
    {"cannot open shared object file",
     "give a path with a slash, or add the library's folder to LD_LIBRARY_PATH"},
    {"invalid ELF header", "the file may be a linker script or an archive: load it as an input"},
    {"file too short", "the file may be a linker script or an archive: load it as an input"},
    {"static TLS block",
     "start the program with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096, or preload it"},
    {"undefined symbol: main.main",
     "Go's library sees no loads: add the archive that gccgo -print-file-name=libgo.a tells"},
    {"undefined symbol", "the library does not name all libraries that it needs: preload those, or "
                         "add its archive in its place"},
    {"position-independent executable", "load the objects that it was linked from"},
    {"wrong ELF class", "the library is for another processor"},
    {"cannot enable executable stack", "link the library with -z noexecstack"},
};

static int fail_library(ml_diag *d, const char *name, const char *text)
{
    if (!text)
        text = "refused by the loader";
    const char *hint = NULL;
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies && !hint; i++)
        if (strstr(text, remedies[i].text))
            hint = remedies[i].hint;
    /* The loader begins with the file that it speaks of; the place says that already, unless it is
    ** another file: a library that this one needs. */
    size_t n = strlen(name);
    if (strncmp(text, name, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    return ml_fail(d, ML_E_LIBRARY, (ml_where){.file = name}, hint, "%s", text);
}

int ml_library_open(ml_diag *d, ml_arena *a, const char *name, ml_library *out)
{
    if (!*name) /* dlopen would give the executable */
        return ml_fail(d, ML_E_LIBRARY, (ml_where){0}, NULL, "the name of a library is empty");
    uint64_t threads = ml_os_thread_count();
    dlerror();
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return fail_library(d, name, dlerror());
    struct link_map *map = NULL;
    const char *path = name;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name && *map->l_name)
        path = map->l_name;
    path = ml_strdup(a, path);
    if (!path) {
        dlclose(handle);
        return ml_nomem(d);
    }
    *out = (ml_library){handle, path, threads};
    return 0;
}

/* libitm keeps the address of a thread's data in the thread's control block, which it never clears:
** opened a second time, it would take what it finds there for its own. */
static bool must_stay(const ml_library *lib)
{
    bool more = lib->threads && ml_os_thread_count() > lib->threads; /* 0: not known */
    return more || strstr(lib->path, "/libitm.so.");
}

void ml_library_close(ml_library *lib)
{
    if (lib->handle && !must_stay(lib))
        dlclose(lib->handle);
    lib->handle = NULL;
}

int ml_library_self(ml_diag *d, ml_library *out)
{
    dlerror();
    void *handle = dlopen(NULL, RTLD_LAZY);
    if (!handle)
        return fail_library(d, "", dlerror());
    *out = (ml_library){handle, "", UINT64_MAX};
    return 0;
}

uint64_t ml_library_program(void)
{
    struct link_map *map = NULL;
    void *self = dlopen(NULL, RTLD_LAZY);
    uint64_t addr = 0;
    if (self && dlinfo(self, RTLD_DI_LINKMAP, &map) == 0)
        addr = (uint64_t)(uintptr_t)map->l_ld;
    if (self)
        dlclose(self);
    return addr;
}

/* The address of a name; false when there is none. Only dlerror tells a symbol at 0 from none. */
static bool address_of(void *handle, const char *name, const char *version, uint64_t *addr)
{
    dlerror();
    void *p = version ? dlvsym(handle, name, version) : dlsym(handle, name);
    if (!p && dlerror())
        return false;
    *addr = (uint64_t)(uintptr_t)p;
    return true;
}

/* Emulated thread-local variables (-femulated-tls) are freed by each thread at its end, by a
** function of the library that keeps them, which has to be there then. */
static void keep_emulator(const char *name, const char *provider)
{
    if (strcmp(name, "__emutls_get_address") != 0)
        return;
    void *handle = dlopen(provider, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    if (handle)
        dlclose(handle);
}

bool ml_library_find(const ml_library *lib, const char *name, const char *version, ml_provided *out)
{
    *out = (ml_provided){0};
    return ml_library_find_too(lib, name, version, out);
}

bool ml_library_find_too(const ml_library *lib, const char *name, const char *version,
                         ml_provided *out)
{
    assert(lib->handle);
    uint64_t addr;
    if (!address_of(lib->handle, name, version, &addr))
        return false;
    if (out->provider && out->addr == addr)
        return true;
    ml_dynsym s;
    ml_dynsym_find(addr, name, &s);
    if (s.type == STT_GNU_IFUNC)
        s.type = STT_FUNC;
    keep_emulator(name, s.provider);
    *out = (ml_provided){
        .addr = addr, .size = s.size, .type = s.type, .unique = s.unique, .provider = s.provider};
    return true;
}
