/* unwind_test.c -- unwind tables, and what unwinders know of them; run by unwinders_spec.lua.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unwind_tables.h"

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
    find_fde *find = (find_fde *)(uintptr_t)found(&gcc, "_Unwind_Find_FDE").addr;
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

/* libgcc takes nothing back whose first four bytes are zeros, as those of this table's address. */
static void at_4gib(const char *unused)
{
    (void)unused;
    static char code[64];
    void *bases[3];
    table *t = mmap((void *)(UINT64_C(0x2000) << 32), sizeof *t, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(t != MAP_FAILED && (uint32_t)(uintptr_t)t == 0);
    *t = table_for((uint64_t)(uintptr_t)code);
    ml_library gcc = opened("libgcc_s.so.1");
    find_fde *find = (find_fde *)(uintptr_t)found(&gcc, "_Unwind_Find_FDE").addr;
    ml_unwinders *w = ml_unwinders_new();
    ml_unwind reg;
    ml_unwinders_refresh(w);
    tell(w, t, t->start, 1, &reg);
    CHECK(find(code + 10, bases));
    ml_unwind_unregister(&reg);
    CHECK(!find(code + 10, bases));
    ml_unwinders_free(w);
    ml_library_close(&gcc);
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
    find_fde *find = (find_fde *)(uintptr_t)found(&gcc, "_Unwind_Find_FDE").addr;
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

/* Counts what it costs to tell of 10,000 tables and to take them back, while somebody throws or
** nobody does: see unwinder.c. */
static void counted(const char *arg)
{
    static unsigned left[MANY];
    static uint64_t words[MANY];
    static ml_unwind reg[MANY];
    char *path = strdup(arg), *how = strchr(path, ',');
    CHECK(how);
    *how++ = 0;
    bool mixed = strstr(how, "-mixed") != NULL; /* addresses in any order */
    bool quiet = strstr(how, "-quiet") != NULL; /* nobody throws */
    ml_library lib = opened(path);
    const unsigned long *steps = (void *)(uintptr_t)found(&lib, "steps").addr;
    const unsigned long *objects = (void *)(uintptr_t)found(&lib, "objects").addr;
    const unsigned long *told = (void *)(uintptr_t)found(&lib, "told").addr;
    unsigned long (*known)(void) = (unsigned long (*)(void))(uintptr_t)found(&lib, "tables").addr;
    void (*read)(void) = (void (*)(void))(uintptr_t)found(&lib, "read_all").addr;
    ml_unwinders *w = ml_unwinders_new();
    ml_unwinders_refresh(w);
    for (unsigned i = 0; i < MANY; i++) {
        if (!quiet && i % 2)
            read();
        unsigned at = mixed ? i * 7919u % MANY : i;
        left[i] = i;
        words[i] = 1;
        tell(w, &words[i], 4096 * (1 + (uint64_t)at), 1, &reg[i]);
    }
    CHECK(known() == MANY && *objects <= (mixed ? 250 : 80));
    CHECK(mixed || *steps <= 2 * MANY); /* the run that was changed last comes first */
    unsigned long before = *steps;
    for (unsigned n = MANY; n > 0; n--) {
        unsigned k = victim(how, n);
        if (!quiet && n % 4)
            read();
        ml_unwind_unregister(&reg[left[k]]);
        memmove(&left[k], &left[k + 1], (n - 1 - k) * sizeof *left);
        CHECK(n % 1000 || known() == n - 1);
    }
    CHECK(!known() && !*objects &&
          *steps - before <= 100 * MANY); /* of 5,000 if each was an object */
    CHECK(quiet ? *told <= 250 : *told > MANY);
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
    unsigned long *walks = (void *)(uintptr_t)found(&lib, "walks").addr;
    unsigned long *told = (void *)(uintptr_t)found(&lib, "told").addr;
    void (**watch)(void) = (void (**)(void))(uintptr_t)found(&lib, "watch").addr;
    many.knows = (int (*)(uint64_t))(uintptr_t)found(&lib, "knows").addr;
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
    CHECK(*walks <= 100 && *told <= MANY + 100 * 17 + 256);
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
        w, &(ml_unwind_table){(uint64_t)(uintptr_t)&one, 8, 64, 2, .entries = 1, .alone = true},
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
    const unsigned long *walks = (void *)(uintptr_t)found(&lib, "walks").addr;
    const unsigned long *told = (void *)(uintptr_t)found(&lib, "told").addr;
    int (*knows)(uint64_t) = (int (*)(uint64_t))(uintptr_t)found(&lib, "knows").addr;
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
    const unsigned long *told = (void *)(uintptr_t)found(&lib, "told").addr;
    int (*knows)(uint64_t) = (int (*)(uint64_t))(uintptr_t)found(&lib, "knows").addr;
    uint64_t add = found(&lib, "__unw_add_dynamic_eh_frame_section").addr;
    uint64_t remove = found(&lib, "__unw_remove_dynamic_eh_frame_section").addr;
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

/* ---- all kinds of unwinders at once, and memory that is refused ---- */

enum { HOME = 2000, SLOTS = 3 * HOME, STEPS = 60000, LARGEST = 4 };

/* Units of one to four slots of addresses, and what the unwinders know of them. */
static struct {
    ml_unwinders *w;
    table t[SLOTS];
    ml_unwind reg[SLOTS];
    unsigned slots[SLOTS]; /* of the unit that begins there; 0: none */
    unsigned unit[SLOTS];  /* the first slot of the unit there, and one; 0: nothing is there */
    unsigned dead[SLOTS];  /* likewise of the last unit that was there */
    unsigned long live, singles, calls, arrays, callocs;
    uint64_t state, from[SLOTS], to[SLOTS]; /* of the arrays */
    bool told, refuse, seen[SLOTS];         /* told: there are unwinders */
    int (*knows)(uint64_t start);
    unsigned long (*tables)(void); /* NULL: libgcc is not there */
    void (*each_object)(void (*see)(const void **array));
    void (*read_all)(void);
} churn;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    churn.callocs++;
    return churn.refuse && dice(&churn.state) % 3 == 0 ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return churn.refuse && dice(&churn.state) % 3 == 0 ? NULL : __real_realloc(p, size);
}

static void add_single(const void *at)
{
    (void)at;
    churn.singles++;
}

static void remove_single(const void *at)
{
    (void)at;
    churn.singles--;
}

/* Notes from where to where the code of an array is, and which tables are in it. */
static void see_array(const void **array)
{
    uint64_t from = UINT64_MAX, to = 0;
    for (; *array; array++) {
        const table *t = *array;
        if (t < churn.t || t >= churn.t + SLOTS)
            continue; /* one without entries */
        churn.seen[t - churn.t] = true;
        from = t->start < from ? t->start : from;
        to = t->start > to ? t->start : to;
    }
    if (from > to)
        return;
    churn.from[churn.arrays] = from;
    churn.to[churn.arrays++] = to;
}

static void see_all(void)
{
    memset(churn.seen, 0, sizeof churn.seen);
    churn.arrays = 0;
    churn.each_object(see_array);
    for (unsigned i = 0; i < SLOTS; i++)
        CHECK(!churn.slots[i] || churn.seen[i]);
}

/* While something is taken back, too, what lives is known. */
static void while_leaving(void)
{
    if (churn.calls++ % 64 < 2)
        see_all();
}

static void while_walking(void)
{
    for (unsigned k = 0; k < 8; k++) {
        unsigned i = dice(&churn.state) % SLOTS;
        CHECK(!churn.slots[i] || churn.knows(start_of(i)) >= 1);
    }
}

/* Some other thread throws. */
static void maybe_read(void)
{
    if (dice(&churn.state) % 8 == 0)
        churn.read_all();
}

/* A unit begins there, if there is room for it and memory. */
static void begin_unit(unsigned i)
{
    unsigned n = 1 + dice(&churn.state) % LARGEST, free = 0;
    while (free < n && (i + free) / HOME == i / HOME && i + free < SLOTS && !churn.unit[i + free])
        free++;
    ml_unwind_table told = {.at = (uint64_t)(uintptr_t)&churn.t[i],
                            .code = start_of(i),
                            .size = 4096 * (uint64_t)free,
                            .home = i / HOME,
                            .entries = dice(&churn.state) % 20 ? 1 : 100};
    ml_unwinders_vacate(churn.w, told.code, told.size);
    for (unsigned k = i; k < i + free; k++) {
        unsigned was = churn.dead[k] ? churn.dead[k] - 1 : k;
        CHECK(churn.slots[was] || !churn.knows(start_of(was)));
        for (unsigned j = was; j < SLOTS && churn.dead[j] == was + 1; j++)
            churn.dead[j] = 0;
    }
    churn.t[i] = table_for(told.code);
    bool enough = ml_unwind_register(churn.w, &told, &churn.reg[i]);
    CHECK(enough || churn.refuse);
    churn.slots[i] = enough ? free : 0;
    churn.live += enough;
    for (unsigned k = 0; k < free; k++)
        churn.unit[i + k] = enough ? i + 1 : 0;
    CHECK(churn.knows(start_of(i)) == (enough && churn.told));
}

static void end_unit(unsigned i)
{
    memcpy(&churn.dead[i], &churn.unit[i], churn.slots[i] * sizeof *churn.unit);
    memset(&churn.unit[i], 0, churn.slots[i] * sizeof *churn.unit);
    churn.slots[i] = 0;
    churn.live--;
    ml_unwind_unregister(&churn.reg[i]);
}

/* Every unit is known once to each; no array goes over a part of another. */
static void compare(void)
{
    CHECK(churn.singles == churn.live);
    while_walking();
    if (!churn.tables)
        return;
    CHECK(churn.tables() == churn.live);
    see_all();
    for (unsigned a = 0; a < churn.arrays; a++)
        for (unsigned b = 0; b < a; b++)
            CHECK(churn.from[a] > churn.to[b] || churn.to[a] < churn.from[b]);
}

/* The argument: a library like libunwind's, and one like libgcc's, or none. The units come and go,
** at first with nobody to tell; in turns more come than go, and more go. */
static void churning(const char *arg)
{
    char *path = strdup(arg), *gcc = strchr(path, ',');
    if (gcc)
        *gcc++ = 0;
    ml_library lib = opened(path), other = gcc ? opened(gcc) : (ml_library){0};
    churn.knows = (int (*)(uint64_t))(uintptr_t)found(&lib, "knows").addr;
    churn.w = ml_unwinders_new();
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = dice(&churn.state) % SLOTS, turn = step / 5000 % 3;
        churn.refuse = turn == 2;
        if (step == 2000) {
            ml_unwinders_add(churn.w, (uint64_t)(uintptr_t)add_single,
                             (uint64_t)(uintptr_t)remove_single, false);
            ml_unwinders_refresh(churn.w);
            churn.told = true;
            *(void (**)(void))(uintptr_t)found(&lib, "watch").addr = while_walking;
        }
        if (step == 2000 && gcc) {
            churn.tables = (unsigned long (*)(void))(uintptr_t)found(&other, "tables").addr;
            churn.each_object =
                (void (*)(void (*)(const void **)))(uintptr_t)found(&other, "each_object").addr;
            churn.read_all = (void (*)(void))(uintptr_t)found(&other, "read_all").addr;
            *(void (**)(void))(uintptr_t)found(&other, "on_leave").addr = while_leaving;
            *(void (**)(void))(uintptr_t)found(&other, "on_come").addr = maybe_read;
        }
        if (churn.read_all && dice(&churn.state) % 16 == 0)
            churn.read_all();
        if (step < 2000 ? !churn.unit[i] : !churn.unit[i] && (turn != 1 || step % 8 == 0))
            begin_unit(i);
        else if (churn.unit[i] && (turn != 0 || step % 8 == 0))
            end_unit(churn.unit[i] - 1);
        if (step >= 2000 && step % 500 == 0)
            compare();
    }
    churn.refuse = false;
    for (unsigned i = 0; i < SLOTS; i++)
        if (churn.slots[i])
            end_unit(i);
    CHECK(!churn.singles && !churn.live && (!gcc || !churn.tables()));
    ml_unwinders_free(churn.w);
    for (unsigned i = 0; i < SLOTS; i += 7)
        CHECK(!churn.knows(start_of(i)));
    ml_library_close(&lib);
    ml_library_close(&other);
    free(path);
}

static void churning_beside(const char *arg)
{
    beside(churning, arg);
}

/* ---- one that comes while another thread forks ---- */

static ml_unwinders *told_late;
static sem_t telling;
static int half;

static void hear_slowly(const void *unused)
{
    (void)unused;
    half = 1;
    sem_post(&telling);
    usleep(200 * 1000);
    half = 0;
}

static void hear_nothing(const void *unused)
{
    (void)unused;
}

static void *add_late(void *unused)
{
    ml_unwinders_add(told_late, (uint64_t)(uintptr_t)hear_slowly, (uint64_t)(uintptr_t)hear_nothing,
                     false);
    return unused;
}

static void late(const char *unused)
{
    (void)unused;
    static table t;
    ml_unwind u;
    pthread_t thread;
    int status;
    CHECK((told_late = ml_unwinders_new()) && sem_init(&telling, 0, 0) == 0);
    t = table_for(0x10000);
    tell(told_late, &t, 0x10000, 1, &u);
    CHECK(pthread_create(&thread, NULL, add_late, NULL) == 0 && sem_wait(&telling) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(half);
    CHECK(waitpid(child, &status, 0) == child && status == 0 && pthread_join(thread, NULL) == 0);
    ml_unwind_unregister(&u);
    ml_unwinders_free(told_late);
}

int main(int argc, char **argv)
{
    static const test tests[] = {
        {"unwinding", unwinding}, {"at_4gib", at_4gib},   {"between", between},
        {"counted", counted},     {"records", records},   {"scattered", scattered},
        {"left", left},           {"churning", churning}, {"churning_beside", churning_beside},
        {"late", late},
    };
    ml_diag_init(&diag);
    int status = run_test(tests, sizeof tests / sizeof *tests, argc, argv);
    ml_diag_free(&diag);
    ml_arena_free(&arena);
    return status;
}
