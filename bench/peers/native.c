/* native.c -- bench: a program that was linked with what it measures (-DTHROW or -DACCESS), or that
** opens it as a shared library, once (throw, access), again and again (rounds), or in a new version
** each time (reload, and relink with a linker).
** Usage: native | native throw LIBRARY | native access LIBRARY | native rounds LIBRARY N
**        native reload FOLDER COUNT N | native relink FOLDER N LINKER...
** FOLDER holds unit.so.0 and unit.so.1, or unit.o.0 and unit.o.1: the two versions.
** SPDX-License-Identifier: MIT */
#include "driver.h"
#include "figures.h"

#include <dlfcn.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void *open_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        die("%s", dlerror());
    return library;
}

static const char *const KEYS[] = {"plain", "gd", "ld", "ie", "le", "desc"};

static void access_all(void *library)
{
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_loop", KEYS[i]);
        measure_access(KEYS[i], as_root(dlsym(library, name)));
    }
}

static unsigned call(void *library, const char *name, unsigned n)
{
    root_fn *root = as_root(dlsym(library, name));
    if (!root)
        die("%s", dlerror());
    return root(n);
}

static void rounds(const char *path, unsigned n)
{
    unsigned result = 0;
    double start = now_us();
    for (unsigned i = 0; i < n; i++) {
        void *library = open_library(path);
        result = call(library, "root", 7);
        dlclose(library);
    }
    printf("round_us=%.3f result=%u\n", (now_us() - start) / n, result);
}

static void copy(const char *folder, const char *from, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX], text[1 << 16];
    snprintf(a, sizeof a, "%s/%s", folder, from);
    snprintf(b, sizeof b, "%s.new", to);
    FILE *in = fopen(a, "rb"), *out = fopen(b, "wb");
    if (!in || !out)
        die("cannot copy %s", a);
    for (size_t got; (got = fread(text, 1, sizeof text, in)) > 0;)
        fwrite(text, 1, got, out);
    fclose(in);
    fclose(out);
    rename(b, to);
}

/* `count` libraries are open; the last one is closed, replaced, and opened. */
static void reload(const char *folder, unsigned count, unsigned n)
{
    double *us = calloc(n, sizeof *us);
    char path[PATH_MAX] = "";
    void *library = NULL;
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/copies/%u.so", folder, i);
        library = open_library(path);
    }
    snprintf(path, sizeof path, "/tmp/moonlink-bench-%ld.so", (long)getpid());
    dlclose(library);
    copy(folder, "unit.so.0", path);
    library = open_library(path);
    for (unsigned i = 1; us && i <= n; i++) {
        copy(folder, i & 1 ? "unit.so.1" : "unit.so.0", path);
        double start = now_us();
        dlclose(library);
        library = open_library(path);
        unsigned result = call(library, "own", 0);
        us[i - 1] = now_us() - start;
        if (result != (i & 1))
            die("version %u after %u reloads", result, i);
    }
    unlink(path);
    print_median("reload_us", us, n);
}

static void run(char **command)
{
    pid_t pid;
    int status = 0;
    if (posix_spawnp(&pid, command[0], NULL, NULL, command, environ) != 0)
        die("cannot run %s", command[0]);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        die("%s failed", command[0]);
}

/* The command writes OUT.so out of all objects, in which the last word is the changed one. */
static void relink(const char *folder, unsigned n, char **command)
{
    double *us = calloc(n, sizeof *us);
    char unit[PATH_MAX], out[PATH_MAX];
    snprintf(unit, sizeof unit, "/tmp/moonlink-bench-%ld.o", (long)getpid());
    snprintf(out, sizeof out, "/tmp/moonlink-bench-%ld.so", (long)getpid());
    char *words[64] = {NULL};
    unsigned k = 0;
    for (; command[k] && k < 59; k++)
        words[k] = command[k];
    words[k++] = unit;
    words[k++] = (char[]){"-o"};
    words[k] = out;
    void *library = NULL;
    for (unsigned i = 1; us && i <= n; i++) {
        copy(folder, i & 1 ? "unit.o.1" : "unit.o.0", unit);
        double start = now_us();
        if (library)
            dlclose(library);
        run(words);
        library = open_library(out);
        unsigned result = call(library, "own", 0);
        us[i - 1] = now_us() - start;
        if (result != (i & 1))
            die("version %u after %u reloads", result, i);
    }
    unlink(unit);
    unlink(out);
    print_median("reload_us", us, n);
}

#if defined THROW
unsigned thrown(unsigned n);
static void linked(void)
{
    measure_throw(thrown);
}
#elif defined ACCESS
unsigned plain_loop(unsigned), gd_loop(unsigned), ld_loop(unsigned), ie_loop(unsigned),
    le_loop(unsigned), desc_loop(unsigned);
static void linked(void)
{
    root_fn *const loops[] = {plain_loop, gd_loop, ld_loop, ie_loop, le_loop, desc_loop};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        measure_access(KEYS[i], loops[i]);
}
#else
static void linked(void)
{
    die("usage: native WHAT ...");
}
#endif

int main(int argc, char **argv)
{
    if (argc < 3)
        linked();
    else if (strcmp(argv[1], "throw") == 0)
        measure_throw(as_root(dlsym(open_library(argv[2]), "thrown")));
    else if (strcmp(argv[1], "access") == 0)
        access_all(open_library(argv[2]));
    else if (strcmp(argv[1], "rounds") == 0 && argc == 4)
        rounds(argv[2], number(argv[3]));
    else if (strcmp(argv[1], "reload") == 0 && argc == 5)
        reload(argv[2], number(argv[3]), number(argv[4]));
    else if (strcmp(argv[1], "relink") == 0 && argc > 4)
        relink(argv[2], number(argv[3]), argv + 4);
    else
        die("unknown work %s", argv[1]);
    return 0;
}
