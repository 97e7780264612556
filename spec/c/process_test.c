/* process_test.c -- what the live process provides, and effects on it; run by process_spec.lua.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/process.h"
#include "process/unwind.h"

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

/* ---- unwind tables ---- */

/* One CIE and one FDE with absolute addresses (no augmentation), and the end. */
typedef struct table {
    uint32_t cie_length, cie_id;
    uint8_t cie[8]; /* version, "", code and data alignment, return address, no instruction */
    uint32_t fde_length, fde_cie;
    uint64_t start, size;
    uint32_t end;
} __attribute__((packed)) table;

static table table_for(uint64_t start)
{
    return (table){12, 0, {1, 0, 1, 0x78, 16}, 20, 20, start, 64, 0};
}

/* Tells of a table at an address whose code, of 64 bytes, begins at `start`. */
static void tell(ml_unwinders *w, const void *at, uint64_t start, uint64_t home, ml_unwind *out)
{
    const ml_unwind_table told = {
        .at = (uint64_t)(uintptr_t)at, .code = start, .size = 64, .home = home, .entries = 1};
    CHECK(ml_unwind_register(w, &told, out));
}

typedef const void *find_fde(void *pc, void *bases);

/* Three tables, which libgcc knows as one object, later as smaller ones. */
static void unwinding(const char *unused)
{
    (void)unused;
    static char code[300];
    static table t[3];
    void *bases[3];
    ml_unwinders *w = ml_unwinders_new();
    ml_unwind reg[3];
    ml_unwinders_refresh(w);
    for (int i = 0; i < 3; i++) {
        t[i] = table_for((uint64_t)(uintptr_t)(code + 100 * i));
        tell(w, &t[i], t[i].start, 1, &reg[i]);
    }
    CHECK(!dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD)); /* nobody to tell so far */
    dlerror();
    ml_library gcc = opened("libgcc_s.so.1");
    find_fde *find = (find_fde *)(uintptr_t)found(&gcc, "_Unwind_Find_FDE", NULL).addr;
    CHECK(!find(code + 10, bases));
    ml_unwinders_refresh(w);
    ml_unwinders_refresh(w);
    CHECK(!dlerror());
    ml_library_close(&gcc); /* the registrations hold it */
    for (int i = 0; i < 3; i++)
        CHECK(find(code + 100 * i + 10, bases) && !find(code + 100 * i + 70, bases));
    ml_unwind_unregister(&reg[1]);
    CHECK(find(code + 10, bases) && !find(code + 110, bases) && find(code + 210, bases));
    ml_unwind_unregister(&reg[1]);
    CHECK(!reg[1].with);
    ml_unwind_unregister(&reg[0]);
    CHECK(!find(code + 10, bases) && find(code + 210, bases));
    ml_unwind_unregister(&reg[2]);
    CHECK(!find(code + 210, bases));
    ml_unwinders_free(w);
    CHECK(!dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD)); /* and do so no longer */
}

/* What one session has lies on both sides of what another has. */
static void between(const char *unused)
{
    (void)unused;
    enum { N = 9 }; /* homes 0 to 8; the first, third and so on are of one session */
    static char code[100 * N];
    static table t[N];
    void *bases[3];
    ml_unwinders *w[2] = {ml_unwinders_new(), ml_unwinders_new()};
    ml_unwind reg[N];
    ml_library gcc = opened("libgcc_s.so.1");
    find_fde *find = (find_fde *)(uintptr_t)found(&gcc, "_Unwind_Find_FDE", NULL).addr;
    ml_unwinders_refresh(w[0]);
    ml_unwinders_refresh(w[1]);
    for (unsigned n = 0; n < N; n++) {
        unsigned i = n * 5 % N;
        t[i] = table_for((uint64_t)(uintptr_t)(code + 100 * i));
        tell(w[i % 2], &t[i], t[i].start, i, &reg[i]);
    }
    for (int i = 0; i < N; i++)
        CHECK(find(code + 100 * i + 10, bases) && !find(code + 100 * i + 70, bases));
    for (int k = 0; k < N; k++) {
        ml_unwind_unregister(&reg[k]);
        for (int i = 0; i < N; i++)
            CHECK(!find(code + 100 * i + 10, bases) == (i <= k));
    }
    ml_unwinders_free(w[0]);
    ml_unwinders_free(w[1]);
    ml_library_close(&gcc);
}

enum { MANY = 10000 };

/* Which of the tables goes as the i-th: the oldest, the newest, or any. */
static unsigned victim(const char *how, unsigned n)
{
    return how[0] == 'o' ? 0 : how[0] == 'n' ? n - 1 : (unsigned)rand() % n;
}

/* Counts what it costs to tell of 10,000 tables and to take them back: see unwinder.c. */
static void counted(const char *arg)
{
    static unsigned left[MANY];
    static uint64_t words[MANY];
    static ml_unwind reg[MANY];
    char *path = strdup(arg), *how = strchr(path, ',');
    CHECK(how);
    *how++ = 0;
    bool mixed = strchr(how, '-') != NULL; /* addresses in any order */
    ml_library lib = opened(path);
    const unsigned long *steps = (void *)(uintptr_t)found(&lib, "steps", NULL).addr;
    const unsigned long *objects = (void *)(uintptr_t)found(&lib, "objects", NULL).addr;
    unsigned long (*known)(void) =
        (unsigned long (*)(void))(uintptr_t)found(&lib, "tables", NULL).addr;
    ml_unwinders *w = ml_unwinders_new();
    ml_unwinders_refresh(w);
    for (unsigned i = 0; i < MANY; i++) {
        unsigned at = mixed ? i * 7919u % MANY : i;
        left[i] = i;
        tell(w, &words[i], 4096 * (1 + (uint64_t)at), 1, &reg[i]);
    }
    CHECK(known() == MANY && *objects <= (mixed ? 250 : 80));
    CHECK(mixed || *steps <= 2 * MANY); /* the run that was changed last comes first */
    unsigned long before = *steps;
    for (unsigned n = MANY; n > 0; n--) {
        unsigned k = victim(how, n);
        ml_unwind_unregister(&reg[left[k]]);
        memmove(&left[k], &left[k + 1], (n - 1 - k) * sizeof *left);
        CHECK(n % 1000 || known() == n - 1);
    }
    CHECK(!known() && !*objects &&
          *steps - before <= 100 * MANY); /* of 5,000 if each was an object */
    ml_unwinders_free(w);
    ml_library_close(&lib);
    free(path);
}

/* ---- an unwinder that goes from record to record ---- */

/* The tables of a session. */
static struct {
    table t[MANY];
    ml_unwind reg[MANY];
    bool live[MANY];
    int (*knows)(uint64_t start);
} many;

static uint64_t start_of(unsigned i)
{
    return 4096 * (1 + (uint64_t)i);
}

/* At any time each table that is told of is known. */
static void all_known(void)
{
    for (unsigned i = 0; i < MANY; i += 97)
        CHECK(!many.live[i] || many.knows(start_of(i)));
}

static void change(ml_unwinders *w, unsigned i)
{
    ml_unwinders_vacate(w, start_of(i), 64);
    CHECK(i % 10 || !many.knows(start_of(i)));
    many.t[i] = table_for(start_of(i));
    tell(w, &many.t[i], start_of(i), 1, &many.reg[i]);
    CHECK(i % 10 || many.knows(start_of(i)) == 1);
    many.live[i] = true;
}

static void take_back(unsigned i)
{
    many.live[i] = false;
    ml_unwind_unregister(&many.reg[i]);
}

/* 10,000 tables taken back in any order with few walks, and others at their places; a table whose
** addresses go with it is gone at once. */
static void records(const char *arg)
{
    static unsigned left[MANY];
    char *path = strdup(arg), *how = strchr(path, ',');
    CHECK(how);
    *how++ = 0;
    ml_library lib = opened(path);
    unsigned long *walks = (void *)(uintptr_t)found(&lib, "walks", NULL).addr;
    unsigned long *told = (void *)(uintptr_t)found(&lib, "told", NULL).addr;
    void (**watch)(void) = (void (**)(void))(uintptr_t)found(&lib, "watch", NULL).addr;
    many.knows = (int (*)(uint64_t))(uintptr_t)found(&lib, "knows", NULL).addr;
    *watch = all_known;
    ml_unwinders *w = ml_unwinders_new();
    for (unsigned i = 0; i < 10; i++) { /* before the unwinder is seen */
        many.t[i] = table_for(start_of(i));
        tell(w, &many.t[i], start_of(i), 1, &many.reg[i]);
    }
    CHECK(*told == 0);
    ml_unwinders_refresh(w);
    CHECK(*told == 10);
    for (unsigned i = 0; i < MANY; i++) {
        left[i] = i;
        many.live[i] = i < 10;
        if (i >= 10)
            change(w, i);
    }
    CHECK(*told == MANY && *walks == 0);
    for (unsigned i = 0; i < 100; i++) { /* one changed again and again */
        take_back(5000);
        change(w, 5000);
    }
    CHECK(*walks <= 100 && *told <= MANY + 100 * 17 + 128);
    unsigned long before = *walks;
    for (unsigned n = MANY; n > 0; n--) {
        unsigned k = victim(how, n);
        take_back(left[k]);
        memmove(&left[k], &left[k + 1], (n - 1 - k) * sizeof *left);
    }
    CHECK(*walks - before <= MANY / 100);
    for (unsigned i = 0; i < MANY; i += 97)
        CHECK(!many.knows(start_of(i)));
    change(w, 1);
    ml_unwind reg;
    table one = table_for(8);
    CHECK(ml_unwind_register(
        w, &(ml_unwind_table){(uint64_t)(uintptr_t)&one, 8, 64, 2, .entries = 1, .passes = true},
        &reg));
    CHECK(many.knows(8) == 1);
    ml_unwind_unregister(&reg);
    CHECK(!many.knows(8) && many.knows(start_of(1)) == 1);
    take_back(1);
    ml_unwinders_free(w);
    CHECK(!many.knows(start_of(1)));
    ml_library_close(&lib);
    free(path);
}

/* Of 10,000 tables one in a hundred stays: what is dead beside these goes with few walks, too. */
static void scattered(const char *path)
{
    ml_library lib = opened(path);
    const unsigned long *walks = (void *)(uintptr_t)found(&lib, "walks", NULL).addr;
    const unsigned long *told = (void *)(uintptr_t)found(&lib, "told", NULL).addr;
    int (*knows)(uint64_t) = (int (*)(uint64_t))(uintptr_t)found(&lib, "knows", NULL).addr;
    ml_unwinders *w = ml_unwinders_new();
    ml_unwinders_refresh(w);
    for (unsigned i = 0; i < MANY; i++) {
        many.t[i] = table_for(start_of(i));
        CHECK(ml_unwind_register(
            w,
            &(ml_unwind_table){(uint64_t)(uintptr_t)&many.t[i], start_of(i), 64, 1, .entries = 8},
            &many.reg[i]));
    }
    for (unsigned i = 0; i < MANY; i++)
        if (i % 100)
            ml_unwind_unregister(&many.reg[i]);
    CHECK(*walks > 0 && *walks <= MANY / 100 && *told <= 2 * MANY);
    for (unsigned i = 0; i < MANY; i += 100) {
        CHECK(knows(start_of(i)) == 1);
        ml_unwind_unregister(&many.reg[i]);
    }
    ml_unwinders_free(w);
    ml_library_close(&lib);
}

/* An unwinder of a load that ends, while it still knows much that is dead: what lives afterwards is
** taken back without a word to anybody, and what comes then is told to whom comes then. */
static void left(const char *path)
{
    enum { PAIRS = 42, GONE = 28, SMALL = 100, ALL = 2 * PAIRS + SMALL };
    static table t[ALL];
    static ml_unwind reg[ALL];
    ml_library lib = opened(path);
    const unsigned long *told = (void *)(uintptr_t)found(&lib, "told", NULL).addr;
    int (*knows)(uint64_t) = (int (*)(uint64_t))(uintptr_t)found(&lib, "knows", NULL).addr;
    uint64_t add = found(&lib, "__unw_add_dynamic_eh_frame_section", NULL).addr;
    uint64_t remove = found(&lib, "__unw_remove_dynamic_eh_frame_section", NULL).addr;
    ml_unwinders *w = ml_unwinders_new();
    ml_unwinders_add(w, add, remove, true);
    for (unsigned i = 0; i < ALL; i++) { /* pairs of a large one and a small one */
        ml_unwind_table one = {(uint64_t)(uintptr_t)&t[i], start_of(i), 64, 1, .entries = 1};
        one.entries = i < 2 * PAIRS && i % 2 == 0 ? 1000 : 1;
        t[i] = table_for(start_of(i));
        CHECK(ml_unwind_register(w, &one, &reg[i]));
    }
    for (unsigned i = 0; i < GONE; i++)
        ml_unwind_unregister(&reg[2 * i]);
    CHECK(*told == ALL && knows(start_of(0)) == 1); /* dead, and known still */
    ml_unwinders_forget(w, add);
    for (unsigned i = 2 * GONE; i < ALL - 1; i++)
        ml_unwind_unregister(&reg[i]);
    CHECK(*told == ALL);
    ml_unwinders_add(w, add, remove, true);
    CHECK(*told == ALL + GONE + 1); /* what lives, and nothing else */
    for (unsigned i = 0; i < ALL; i++)
        ml_unwind_unregister(&reg[i]);
    ml_unwinders_free(w);
    ml_library_close(&lib);
}

int main(int argc, char **argv)
{
    static const test tests[] = {
        {"opening", opening},     {"local", local},         {"symbols", symbols},
        {"dump", dump},           {"arguments", arguments}, {"finalize", finalize},
        {"unwinding", unwinding}, {"between", between},     {"counted", counted},
        {"records", records},     {"scattered", scattered}, {"left", left},
        {"seeking", seeking},     {"several", several},
    };
    argc_given = argc;
    argv_given = argv;
    ml_diag_init(&diag);
    int status = run_test(tests, sizeof tests / sizeof *tests, argc, argv);
    ml_diag_free(&diag);
    ml_arena_free(&arena);
    return status;
}
