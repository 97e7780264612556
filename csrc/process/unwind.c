/* unwind.c -- process: making unwinders know code that they did not load.
** What one unwinder was told is never taken back from another: libgcc aborts on a table that it
** does not know. So each unwinder stays in the process as long as it has been told of a table.
** How each is told: runs.c.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/unwind.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "os/mutex.h"
#include "process/runs.h"
#include "process/runtime.h"

/* Who may unwind in a process. LLVM's libunwind has a __register_frame too, but that one takes a
** single entry, not a table: its own name for a table goes first. */
typedef struct row {
    const char *library; /* NULL: whatever is global */
    const char *add, *remove;
    ml_way way;
    const char *array_add, *array_remove; /* of ML_WAY_ARRAYS */
    const char *newer;                    /* who has this takes tables instead */
} row;

static const row rows[] = {
    {"libgcc_s.so.1", "__register_frame", "__deregister_frame", ML_WAY_ARRAYS,
     "__register_frame_info_table", "__deregister_frame_info", "__truncsfbf2" /* GCC_13.0.0 */},
    {"libunwind.so.1", "__unw_add_dynamic_eh_frame_section",
     "__unw_remove_dynamic_eh_frame_section", ML_WAY_DOORS, NULL, NULL, NULL},
    {NULL, "__unw_add_dynamic_eh_frame_section", "__unw_remove_dynamic_eh_frame_section",
     ML_WAY_DOORS, NULL, NULL, NULL},
    {NULL, "__register_frame", "__deregister_frame", ML_WAY_TABLES, NULL, NULL, NULL},
};

enum { ROWS = sizeof rows / sizeof *rows };

struct ml_unwinders {
    ml_takers takers;
    bool found[ROWS];
    uint64_t loads; /* when they were looked for; 0: never */
    ml_runs runs;
};

ml_unwinders *ml_unwinders_new(void)
{
    return ml_heap_zalloc(1, sizeof(ml_unwinders));
}

/* ---- who there is ---- */

/* Adds an unwinder and tells it of everything. False when there are too many, or it is known by
** another name. */
static bool enter(ml_unwinders *w, ml_taker taker)
{
    ml_takers *who = &w->takers;
    for (unsigned i = 0; i < who->n; i++)
        if (who->list[i].add == taker.add)
            return false;
    if (who->n == ML_TAKERS)
        return false;
    ml_mutex_take(ML_MUTEX_TABLES);
    who->list[who->n++] = taker;
    ml_runs_tell(&w->runs, &taker);
    ml_mutex_give(ML_MUTEX_TABLES);
    return true;
}

void ml_unwinders_add(ml_unwinders *w, uint64_t add, uint64_t remove, bool by_records)
{
    enter(w, (ml_taker){.add = (ml_take_table *)(uintptr_t)add,
                        .remove = (ml_take_table *)(uintptr_t)remove,
                        .way = by_records ? ML_WAY_DOORS : ML_WAY_TABLES});
}

void ml_unwinders_forget(ml_unwinders *w, uint64_t add)
{
    ml_takers *who = &w->takers;
    for (unsigned i = who->n; i-- > 0;)
        if ((uint64_t)(uintptr_t)who->list[i].add == add && !who->list[i].library)
            who->list[i] = who->list[--who->n];
}

/* Takes what a row names out of an open library. False when that has no such unwinder, or it is
** known already. */
static bool take(ml_unwinders *w, const row *r, void *library)
{
    uint64_t add = (uint64_t)(uintptr_t)dlsym(library, r->add);
    uint64_t remove = (uint64_t)(uintptr_t)dlsym(library, r->remove);
    bool single = r->way == ML_WAY_TABLES && ml_runtime_symbol(add, "__unw_add_dynamic_fde");
    if (!add || !remove || single)
        return false;
    ml_taker taker = {.add = (ml_take_table *)(uintptr_t)add,
                      .remove = (ml_take_table *)(uintptr_t)remove,
                      .way = r->way,
                      .library = library};
    if (r->way == ML_WAY_ARRAYS) {
        taker.array_add = (ml_take_array *)(uintptr_t)dlsym(library, r->array_add);
        taker.array_remove = (ml_leave_array *)(uintptr_t)dlsym(library, r->array_remove);
        if (dlsym(library, r->newer) || !taker.array_add || !taker.array_remove)
            taker.way = ML_WAY_TABLES;
    }
    return enter(w, taker);
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

void ml_unwinders_free(ml_unwinders *w)
{
    if (!w)
        return;
    ml_runs_free(&w->runs);
    for (unsigned i = 0; i < w->takers.n; i++)
        if (w->takers.list[i].library)
            dlclose(w->takers.list[i].library);
    ml_heap_free(w);
}

/* ---- tables ---- */

bool ml_unwind_register(ml_unwinders *w, const ml_unwind_table *t, ml_unwind *out)
{
    ml_unwind u = {.code = t->code, .size = t->size, .with = w};
    ml_mutex_take(ML_MUTEX_TABLES);
    bool added = ml_runs_add(&w->runs, &w->takers, t, &u.place);
    ml_mutex_give(ML_MUTEX_TABLES);
    if (added)
        *out = u;
    return added;
}

void ml_unwind_unregister(ml_unwind *u)
{
    if (!u->with)
        return;
    ml_mutex_take(ML_MUTEX_TABLES);
    ml_runs_remove(&u->with->runs, &u->with->takers, u);
    ml_mutex_give(ML_MUTEX_TABLES);
    *u = (ml_unwind){0};
}

void ml_unwinders_vacate(ml_unwinders *w, uint64_t addr, uint64_t size)
{
    ml_mutex_take(ML_MUTEX_TABLES);
    ml_runs_vacate(&w->runs, &w->takers, addr, size);
    ml_mutex_give(ML_MUTEX_TABLES);
}
