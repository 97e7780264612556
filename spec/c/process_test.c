/* process_test.c -- what the live process provides, and effects on it; run by process_spec.lua.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/process.h"

#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include "check.h"

static ml_diag diag;
static ml_arena arena;

static const char *in(const char *folder, const char *name)
{
    return ml_format(&arena, "%s/%s", folder, name);
}

static ml_library opened(const char *name)
{
    ml_library lib;
    GOOD(&diag, ml_library_open(&diag, &arena, name, &lib));
    return lib;
}

static ml_library self(void)
{
    ml_library lib;
    GOOD(&diag, ml_library_self(&diag, &lib));
    return lib;
}

static ml_provided found(const ml_library *lib, const char *name, const char *version)
{
    ml_provided p;
    CHECK(ml_library_find(lib, name, version, &p));
    CHECK(!dlerror());
    return p;
}

/* ---- libraries ---- */

static void opening(const char *folder)
{
    ml_library a = opened(in(folder, "liba.so")), none = {0}, c = opened("libc.so.6");
    CHECK(strcmp(a.path, in(folder, "liba.so")) == 0 && strstr(c.path, "/libc.so.6"));
    ml_provided p = found(&a, "in_b", NULL); /* of a library that it needs */
    CHECK(strstr(p.provider, "libb.so") && p.type == STT_FUNC);
    ml_library_close(&a);
    CHECK(!a.handle);
    ml_library_close(&a);
    FAILS(&diag, ml_library_open(&diag, &arena, in(folder, "no.so"), &none), ML_E_LIBRARY,
          "/no.so: cannot open shared object file: No such file or directory");
    FAILS(&diag, ml_library_open(&diag, &arena, in(folder, "text.so"), &none), ML_E_LIBRARY,
          "/text.so: file too short");
    FAILS(&diag, ml_library_open(&diag, &arena, in(folder, "undef.so"), &none), ML_E_LIBRARY,
          "/undef.so: undefined symbol: nowhere_at_all");
    FAILS(&diag, ml_library_open(&diag, &arena, in(folder, "orphan.so"), &none), ML_E_LIBRARY,
          "/orphan.so: libgone.so: cannot open shared object file");
    FAILS(&diag, ml_library_open(&diag, &arena, "", &none), ML_E_LIBRARY, "is empty");
    CHECK(!none.handle && !dlerror());
}

static void local(const char *folder)
{
    ml_library a = opened(in(folder, "liba.so")), all = self();
    ml_provided p;
    CHECK(!ml_library_find(&all, "in_a", NULL, &p) && !ml_library_find(&all, "in_b", NULL, &p));
    CHECK(!dlerror());
    found(&a, "in_a", NULL);
    p = found(&all, "a64l", NULL); /* a name that no sanitizer stands before */
    CHECK(p.type == STT_FUNC && p.size && strstr(p.provider, "libc.so"));
    p = found(&all, "exported_here", NULL); /* this program is linked with -rdynamic */
    CHECK(*p.provider == 0 && p.type == STT_OBJECT && p.size == 12);
}

extern const int exported_here[3];
const int exported_here[3] = {1, 2, 3};

static void symbols(const char *folder)
{
    ml_library a = opened(in(folder, "liba.so"));
    ml_provided p = found(&a, "data_a", NULL), alias = found(&a, "alias_a", NULL);
    CHECK(p.type == STT_OBJECT && p.size == 40 && strstr(p.provider, "liba.so"));
    CHECK(alias.addr == p.addr && alias.size == 8); /* its own size, not its neighbour's */
    p = found(&a, "tls_a", NULL);
    CHECK(p.type == STT_TLS && p.size == 4 && strstr(p.provider, "liba.so"));
    p = found(&a, "abs_a", NULL);
    CHECK(p.addr == 0x1234 && strstr(p.provider, "liba.so"));
    p = found(&a, "zero_a", NULL);
    CHECK(p.addr == 0);
    p = found(&a, "chosen_a", NULL);
    CHECK(p.type == STT_FUNC && ((int (*)(void))(uintptr_t)p.addr)() == 77);
    ml_provided one = found(&a, "versioned", "ONE"), two = found(&a, "versioned", "TWO");
    CHECK(((int (*)(void))(uintptr_t)one.addr)() == 1 && one.type == STT_FUNC);
    CHECK(((int (*)(void))(uintptr_t)two.addr)() == 2);
    CHECK(found(&a, "versioned", NULL).addr == two.addr);
    CHECK(one.size != two.size);
    CHECK(!ml_library_find(&a, "versioned", "THREE", &p) && !dlerror());
    CHECK(!ml_library_find(&a, "hidden_a", NULL, &p) && !dlerror());
    p = found(&a, "weak_a", NULL);
    CHECK(p.type == STT_FUNC);
    ml_library old = opened(in(folder, "libold.so")); /* with a System V hash table only */
    p = found(&old, "old_data", NULL);
    CHECK(p.type == STT_OBJECT && p.size == 24 && strstr(p.provider, "libold.so"));
}

static void seeking(const char *folder)
{
    enum { N = 6 };
    static const char *const names[N] = {"in_a", "in_b", "old_data", "tls_a", "hidden_a", "in_"};
    static const bool before[N] = {0}, after[N] = {true, true, true, true, false, false};
    ml_sought v[N];
    for (int i = 0; i < N; i++)
        v[i] = (ml_sought){.name = names[i]};
    ml_process_seek(v, N);
    for (int i = 0; i < N; i++)
        CHECK(v[i].found == before[i]);
    opened(in(folder, "liba.so")); /* with what it needs */
    opened(in(folder, "libold.so"));
    ml_process_seek(v, N);
    for (int i = 0; i < N; i++)
        CHECK(v[i].found == after[i]);
}

/* What several libraries have of one that they need is the same; what is their own is not. */
static void several(const char *folder)
{
    ml_library a = opened(in(folder, "liba.so")), old = opened(in(folder, "libold.so"));
    ml_library all = self();
    const ml_provided libc = found(&a, "a64l", NULL), none = {0}, own = found(&a, "in_a", NULL);
    ml_provided p = libc;
    CHECK(ml_library_find_too(&all, "a64l", NULL, &p) && p.addr == libc.addr);
    CHECK(p.provider == libc.provider && p.type == libc.type && p.size == libc.size);
    p = own;
    CHECK(!ml_library_find_too(&old, "in_a", NULL, &p) && p.addr == own.addr);
    p = none; /* all zero: an absolute symbol at 0 is no match */
    CHECK(ml_library_find_too(&a, "zero_a", NULL, &p) && strstr(p.provider, "liba.so"));
    p = libc; /* another address is another definition */
    CHECK(ml_library_find_too(&a, "in_b", NULL, &p) && strstr(p.provider, "libb.so"));
}

/* Prints what is found for each line of a file: name, type, size. */
static void dump(const char *path)
{
    ml_library all = self();
    FILE *f = fopen(path, "r");
    char name[256];
    CHECK(f);
    while (fscanf(f, "%255s", name) == 1) {
        ml_provided p;
        if (ml_library_find(&all, name, NULL, &p))
            printf("%s %d %llu %s\n", name, p.type, (unsigned long long)p.size, p.provider);
    }
    fclose(f);
}

/* ---- constructors and destructors ---- */

static int argc_given, argc_seen;
static char **argv_given, **argv_seen, **envp_seen;

static void constructor(int argc, char **argv, char **envp)
{
    argc_seen = argc;
    argv_seen = argv;
    envp_seen = envp;
}

static void arguments(const char *unused)
{
    (void)unused;
    uint64_t function = (uint64_t)(uintptr_t)&constructor;
    ml_process_run(&function, 1, NULL);
    CHECK(argc_seen == argc_given && argv_seen[argc_seen] == NULL && envp_seen == environ);
    for (int i = 0; i < argc_seen; i++)
        CHECK(strcmp(argv_seen[i], argv_given[i]) == 0);
}

static char order[8];

static void note(void *what)
{
    strncat(order, what, 1);
}

int __cxa_atexit(void (*fn)(void *), void *arg, void *dso_handle);

static void finalize(const char *unused)
{
    (void)unused;
    static char one, two, a[] = "a", b[] = "b", c[] = "c";
    CHECK(!__cxa_atexit(note, a, &one) && !__cxa_atexit(note, b, &two) &&
          !__cxa_atexit(note, c, &one));
    ml_process_finalize(0);
    CHECK(strcmp(order, "") == 0);
    ml_process_finalize((uint64_t)(uintptr_t)&one);
    ml_process_finalize((uint64_t)(uintptr_t)&one);
    CHECK(strcmp(order, "ca") == 0);
    ml_process_finalize((uint64_t)(uintptr_t)&two);
    CHECK(strcmp(order, "cab") == 0);
}

int main(int argc, char **argv)
{
    static const test tests[] = {
        {"opening", opening}, {"local", local},         {"symbols", symbols},
        {"dump", dump},       {"arguments", arguments}, {"finalize", finalize},
        {"seeking", seeking}, {"several", several},
    };
    argc_given = argc;
    argv_given = argv;
    ml_diag_init(&diag);
    int status = run_test(tests, sizeof tests / sizeof *tests, argc, argv);
    ml_diag_free(&diag);
    ml_arena_free(&arena);
    return status;
}
