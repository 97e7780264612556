/* unwind.c -- process: making unwinders know code that they did not load.
** What one unwinder was told is never taken back from another: libgcc aborts on a table that it
** does not know. So each unwinder stays in the process as long as it has been told of a table.
** See Note [Tables in runs].
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/unwind.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "process/runtime.h"

/* Note [Tables in runs]
** ~~~~~~~~~~~~~~~~~~~~~
** libgcc up to version 12 keeps what it is told of in a list. At a throw it walks the list, which
** it keeps in the order of addresses once it has sorted an object's entries; to take one back it
** walks the list, too: 10,000 units took 48 ms to forget. It also takes an array of tables as one
** object. So up to MOST tables that follow each other in the address space share an array, which is
** sorted by the addresses of their code: 10,000 units are a list of forty. A change makes a new
** array known before the old one is forgotten, since other threads may throw meanwhile; a full run
** is split. MOST is what balances the walk with the copy of the array, and with the sorting of a
** run's entries at the next throw.
** The list expects objects that do not overlap, and gives up at the first one that begins below
** the address it looks for. So nobody else's code may lie between the first and the last of a run,
** another session's, say: all of it is in one reservation of address space (`home`), which is ours
** alone.
** libgcc from 13 on and LLVM's libunwind look up in other ways, and are told of each table. The
** latter goes through all that it knows to take one back, whatever is done here: what it was told
** can be removed by nothing but the table's own address. */

enum {
    MAX_UNWINDERS = 8,
    MOST = 256,
    OBJECT_WORDS = 16 /* libgcc's struct object takes 6 or 7 */
};

/* Who may unwind in a process. LLVM's libunwind has a __register_frame too, but that one takes a
** single entry, not a table: its own name for a table goes first. */
typedef struct row {
    const char *library; /* NULL: whatever is global */
    const char *add, *remove;
    const char *array_add, *array_remove; /* for an array of tables; NULL: takes none */
    const char *newer;                    /* who has this needs no arrays */
} row;

static const row rows[] = {
    {"libgcc_s.so.1", "__register_frame", "__deregister_frame", "__register_frame_info_table",
     "__deregister_frame_info", "__truncsfbf2" /* GCC_13.0.0 */},
    {"libunwind.so.1", "__unw_add_dynamic_eh_frame_section",
     "__unw_remove_dynamic_eh_frame_section", NULL, NULL, NULL},
    {NULL, "__unw_add_dynamic_eh_frame_section", "__unw_remove_dynamic_eh_frame_section", NULL,
     NULL, NULL},
    {NULL, "__register_frame", "__deregister_frame", NULL, NULL, NULL},
};

enum { ROWS = sizeof rows / sizeof *rows };

typedef void take_table(const void *table);
typedef void add_array(const void *tables, void *object);
typedef void *remove_array(const void *tables);

typedef struct unwinder {
    take_table *add, *remove; /* add: also who it is; NULL: a free place */
    add_array *array_add;     /* NULL: wants each table */
    remove_array *array_remove;
    void *library; /* keeps it in the process; NULL: it lies in a load */
} unwinder;

/* Tables that follow each other, as two arrays that end in NULL: the one that is known, and one to
** make the next from. */
typedef struct run {
    uint64_t objects[2][OBJECT_WORDS]; /* libgcc's own, for either array */
    uint64_t home;
    uint32_t n;
    unsigned live;       /* which array is known */
    uint64_t code[MOST]; /* where the tables' code begins; sorted */
    const void *tables[2][MOST + 1];
} run;

struct ml_unwinders {
    unwinder list[MAX_UNWINDERS];
    bool found[ROWS];
    uint64_t loads; /* when they were looked for; 0: never */
    run **runs;     /* by address */
    uint32_t n, room;
};

ml_unwinders *ml_unwinders_new(void)
{
    return ml_heap_zalloc(1, sizeof(ml_unwinders));
}

void ml_unwinders_free(ml_unwinders *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < MAX_UNWINDERS; i++)
        if (w->list[i].library)
            dlclose(w->list[i].library);
    ml_heap_free(w->runs);
    ml_heap_free(w);
}

/* ---- telling ---- */

/* Whoever takes arrays; NULL: nobody. Only libgcc_s does, and there is one in a process. */
static const unwinder *of_arrays(const ml_unwinders *w)
{
    for (unsigned i = 0; i < MAX_UNWINDERS; i++)
        if (w->list[i].array_add)
            return &w->list[i];
    return NULL;
}

/* Makes the other array, of which n tables have been filled in, the one that is known. */
static void turn(ml_unwinders *w, run *r, uint32_t n)
{
    const unwinder *u = of_arrays(w);
    unsigned old = r->live, new = 1 - old;
    r->tables[new][n] = NULL;
    if (u && n)
        u->array_add(r->tables[new], r->objects[new]);
    if (u && r->n)
        u->array_remove(r->tables[old]);
    r->live = new;
    r->n = n;
}

/* Tells one unwinder of everything. */
static void tell_all(ml_unwinders *w, const unwinder *u)
{
    for (uint32_t k = 0; k < w->n; k++) {
        run *r = w->runs[k];
        if (u->array_add)
            u->array_add(r->tables[r->live], r->objects[r->live]);
        for (uint32_t m = 0; !u->array_add && m < r->n; m++)
            u->add(r->tables[r->live][m]);
    }
}

/* ---- who there is ---- */

static unwinder *free_place(ml_unwinders *w, uint64_t add)
{
    unwinder *place = NULL;
    for (unsigned i = MAX_UNWINDERS; i-- > 0;) {
        if ((uint64_t)(uintptr_t)w->list[i].add == add)
            return NULL; /* known, by another name */
        if (!w->list[i].add)
            place = &w->list[i];
    }
    return place;
}

void ml_unwinders_add(ml_unwinders *w, uint64_t add, uint64_t remove)
{
    unwinder *u = free_place(w, add);
    if (!u)
        return;
    *u = (unwinder){.add = (take_table *)(uintptr_t)add, .remove = (take_table *)(uintptr_t)remove};
    tell_all(w, u);
}

void ml_unwinders_forget(ml_unwinders *w, uint64_t add)
{
    for (unsigned i = 0; i < MAX_UNWINDERS; i++)
        if ((uint64_t)(uintptr_t)w->list[i].add == add && !w->list[i].library)
            w->list[i] = (unwinder){0};
}

/* Takes what a row names out of an open library. False when that has no such unwinder, or it is
** known already. */
static bool take(ml_unwinders *w, const row *r, void *library)
{
    uint64_t add = (uint64_t)(uintptr_t)dlsym(library, r->add);
    uint64_t remove = (uint64_t)(uintptr_t)dlsym(library, r->remove);
    bool single = strcmp(r->add, "__register_frame") == 0 && !r->library &&
                  ml_runtime_symbol(add, "__unw_add_dynamic_fde");
    unwinder *u = add && remove && !single ? free_place(w, add) : NULL;
    if (!u)
        return false;
    *u = (unwinder){.add = (take_table *)(uintptr_t)add,
                    .remove = (take_table *)(uintptr_t)remove,
                    .library = library};
    if (r->array_add && !dlsym(library, r->newer)) {
        u->array_add = (add_array *)(uintptr_t)dlsym(library, r->array_add);
        u->array_remove = (remove_array *)(uintptr_t)dlsym(library, r->array_remove);
        if (!u->array_add || !u->array_remove)
            u->array_add = NULL, u->array_remove = NULL;
    }
    tell_all(w, u);
    return true;
}

/* How many files the process's loader has loaded so far. */
static int count_loads(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    *(uint64_t *)ud = info->dlpi_adds;
    return 1;
}

void ml_unwinders_refresh(ml_unwinders *w)
{
    uint64_t loads = 0;
    dl_iterate_phdr(count_loads, &loads);
    if (loads == w->loads)
        return;
    w->loads = loads;
    for (unsigned i = 0; i < ROWS; i++) {
        const row *r = &rows[i];
        if (w->found[i])
            continue;
        void *library = dlopen(r->library, RTLD_LAZY | (r->library ? RTLD_NOLOAD : 0));
        w->found[i] = library && take(w, r, library);
        if (library && !w->found[i])
            dlclose(library);
    }
    dlerror(); /* what was not found is nobody's business */
}

/* ---- tables ---- */

/* How many runs begin at the address or below. */
static uint32_t runs_up_to(const ml_unwinders *w, uint64_t code)
{
    uint32_t lo = 0, hi = w->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (w->runs[mid]->code[0] <= code)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Where the code stands in a run, or belongs. */
static uint32_t place_of(const run *r, uint64_t code)
{
    uint32_t lo = 0, hi = r->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (r->code[mid] < code)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* An empty run at number `at`; NULL when memory is short. It is filled before the next search. */
static run *new_run(ml_unwinders *w, uint32_t at, uint64_t home)
{
    run *r = ML_ROOM(w->runs, w->n, w->room) ? ml_heap_zalloc(1, sizeof *r) : NULL;
    if (!r)
        return NULL;
    memmove(&w->runs[at + 1], &w->runs[at], (w->n - at) * sizeof(run *));
    r->home = home;
    w->runs[at] = r;
    w->n++;
    return r;
}

/* Moves the upper half of a full run into one of its own, which is known first and returned; NULL
** when memory is short. */
static run *split(ml_unwinders *w, uint32_t at)
{
    run *low = w->runs[at], *high = new_run(w, at + 1, low->home);
    uint32_t half = low->n / 2, rest = low->n - half;
    if (!high)
        return NULL;
    memcpy(high->code, low->code + half, rest * sizeof *high->code);
    memcpy(high->tables[1], low->tables[low->live] + half, rest * sizeof high->tables[1][0]);
    turn(w, high, rest);
    memcpy(low->tables[1 - low->live], low->tables[low->live], half * sizeof low->tables[0][0]);
    turn(w, low, half);
    return high;
}

/* The run for one more table; NULL when memory is short. Loads that follow each other fill runs. */
static run *run_for(ml_unwinders *w, uint64_t code, uint64_t home)
{
    uint32_t next = runs_up_to(w, code), at = next;
    if (next && w->runs[next - 1]->home == home)
        at = next - 1; /* it begins below; else one that begins above will do */
    if (at == w->n || w->runs[at]->home != home)
        return new_run(w, next, home);
    run *r = w->runs[at];
    if (r->n < MOST)
        return r;
    if (code > r->code[MOST - 1])
        return new_run(w, at + 1, home);
    run *high = split(w, at);
    return high && code > high->code[0] ? high : high ? r : NULL;
}

bool ml_unwind_register(ml_unwinders *w, uint64_t table, uint64_t code, uint64_t home,
                        ml_unwind *out)
{
    run *r = run_for(w, code, home);
    if (!r)
        return false;
    uint32_t at = place_of(r, code), behind = r->n - at;
    const void **old = r->tables[r->live], **next = r->tables[1 - r->live];
    memcpy(next, old, at * sizeof *next);
    next[at] = (const void *)(uintptr_t)table;
    memcpy(next + at + 1, old + at, behind * sizeof *next);
    memmove(r->code + at + 1, r->code + at, behind * sizeof *r->code);
    r->code[at] = code;
    turn(w, r, r->n + 1);
    for (unsigned i = 0; i < MAX_UNWINDERS; i++)
        if (w->list[i].add && !w->list[i].array_add)
            w->list[i].add((const void *)(uintptr_t)table);
    *out = (ml_unwind){table, code, w};
    return true;
}

void ml_unwind_unregister(ml_unwind *u)
{
    ml_unwinders *w = u->with;
    if (!u->table)
        return;
    for (unsigned i = 0; i < MAX_UNWINDERS; i++)
        if (w->list[i].add && !w->list[i].array_add)
            w->list[i].remove((const void *)(uintptr_t)u->table);
    uint32_t k = runs_up_to(w, u->code) - 1;
    run *r = w->runs[k];
    uint32_t at = place_of(r, u->code), behind = r->n - at - 1;
    const void **old = r->tables[r->live], **next = r->tables[1 - r->live];
    memcpy(next, old, at * sizeof *next);
    memcpy(next + at, old + at + 1, behind * sizeof *next);
    memmove(r->code + at, r->code + at + 1, behind * sizeof *r->code);
    turn(w, r, r->n - 1);
    if (!r->n) {
        ml_heap_free(r);
        w->n--;
        memmove(&w->runs[k], &w->runs[k + 1], (w->n - k) * sizeof(run *));
    }
    *u = (ml_unwind){0};
}
