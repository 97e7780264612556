/* unwind.c -- process: making unwinders know code that they did not load.
** What one unwinder was told is never taken back from another: libgcc aborts on a table that it
** does not know. So each unwinder stays in the process as long as it has been told of a table.
** See Note [Tables in windows].
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/unwind.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "process/runtime.h"

/* Note [Tables in windows]
** ~~~~~~~~~~~~~~~~~~~~~~~~
** libgcc up to version 12 keeps what it is told of in a list. At a throw it walks the list, which
** it keeps in the order of addresses once it has sorted an object's entries, and takes back what is
** at the other end of the list slowly: with 10,000 units each throw looks through 10,000 objects,
** and unloading them oldest first takes their square. It also takes an array of tables as one
** object. So tables whose code starts in the same window of addresses share one array; a change
** makes a new array known before the old one is forgotten, since other threads may throw meanwhile.
** The list expects objects that do not overlap, and gives up at the first one that begins below
** the address it looks for. Windows by address keep that promise: units are disjoint, and whoever
** starts in a lower window ends before the next window's first unit starts.
** libgcc from 13 on and LLVM's libunwind look up in other ways, and are told of each table. */

enum {
    MAX_UNWINDERS = 8,
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

/* The tables of one window, as two arrays that end in NULL: the one that unwinders know, and one to
** make the next from. */
typedef struct bucket {
    uint64_t window;
    uint32_t n, room[2];
    unsigned live; /* which array is known */
    const void **tables[2];
    uint64_t objects[2][MAX_UNWINDERS][OBJECT_WORDS]; /* libgcc's own, for either array */
} bucket;

struct ml_unwinders {
    unwinder list[MAX_UNWINDERS];
    bool found[ROWS];
    uint64_t loads;   /* when they were looked for; 0: never */
    bucket **buckets; /* by window */
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
    ml_heap_free(w->buckets);
    ml_heap_free(w);
}

/* ---- telling ---- */

static void tell_array(ml_unwinders *w, bucket *b, unsigned which, unsigned i)
{
    unwinder *u = &w->list[i];
    if (u->array_add)
        u->array_add(b->tables[which], b->objects[which][i]);
}

/* Makes the other array, which has been filled, the one that unwinders know. */
static void turn(ml_unwinders *w, bucket *b, uint32_t n)
{
    unsigned old = b->live, new = 1 - old;
    for (unsigned i = 0; i < MAX_UNWINDERS; i++) {
        if (n)
            tell_array(w, b, new, i);
        if (b->n && w->list[i].array_remove)
            w->list[i].array_remove(b->tables[old]);
    }
    b->live = new;
    b->n = n;
}

/* Tells one unwinder of everything. */
static void tell_all(ml_unwinders *w, unsigned i)
{
    for (uint32_t k = 0; k < w->n; k++) {
        bucket *b = w->buckets[k];
        if (w->list[i].array_add)
            tell_array(w, b, b->live, i);
        for (uint32_t m = 0; !w->list[i].array_add && m < b->n; m++)
            w->list[i].add(b->tables[b->live][m]);
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
    tell_all(w, (unsigned)(u - w->list));
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
    tell_all(w, (unsigned)(u - w->list));
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

/* Where the window's bucket is, or belongs. */
static uint32_t search(const ml_unwinders *w, uint64_t window)
{
    uint32_t lo = 0, hi = w->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (w->buckets[mid]->window < window)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The window's bucket, made when there is none; NULL when memory is short. */
static bucket *bucket_of(ml_unwinders *w, uint64_t window)
{
    uint32_t at = search(w, window);
    if (at < w->n && w->buckets[at]->window == window)
        return w->buckets[at];
    bucket *b = ML_ROOM(w->buckets, w->n, w->room) ? ml_heap_zalloc(1, sizeof *b) : NULL;
    if (!b)
        return NULL;
    b->window = window;
    memmove(&w->buckets[at + 1], &w->buckets[at], (w->n - at) * sizeof(bucket *));
    w->buckets[at] = b;
    w->n++;
    return b;
}

static void drop_if_empty(ml_unwinders *w, const bucket *b)
{
    if (b->n)
        return;
    uint32_t at = search(w, b->window);
    ml_heap_free(b->tables[0]);
    ml_heap_free(b->tables[1]);
    ml_heap_free(w->buckets[at]);
    w->n--;
    memmove(&w->buckets[at], &w->buckets[at + 1], (w->n - at) * sizeof(bucket *));
}

/* Makes room in the array that is not known, for one more and the NULL. The known one, which must
** not move, always has enough for what is there: so taking a table out needs no memory. */
static bool make_room(bucket *b)
{
    unsigned next = 1 - b->live;
    if (b->n + 2 <= b->room[next])
        return true;
    uint32_t room = b->n < 4 ? 8 : b->n * 2;
    const void **more = ml_heap_grow(b->tables[next], room, sizeof *more);
    if (!more)
        return false;
    b->tables[next] = more;
    b->room[next] = room;
    return true;
}

bool ml_unwind_register(ml_unwinders *w, uint64_t table, uint64_t window, ml_unwind *out)
{
    bucket *b = bucket_of(w, window);
    if (!b)
        return false;
    if (!make_room(b)) {
        drop_if_empty(w, b);
        return false;
    }
    const void **next = b->tables[1 - b->live];
    if (b->n)
        memcpy(next, b->tables[b->live], b->n * sizeof *next);
    next[b->n] = (const void *)(uintptr_t)table;
    next[b->n + 1] = NULL;
    turn(w, b, b->n + 1);
    for (unsigned i = 0; i < MAX_UNWINDERS; i++)
        if (w->list[i].add && !w->list[i].array_add)
            w->list[i].add((const void *)(uintptr_t)table);
    *out = (ml_unwind){table, window, w};
    return true;
}

void ml_unwind_unregister(ml_unwind *u)
{
    ml_unwinders *w = u->with;
    if (!u->table)
        return;
    bucket *b = w->buckets[search(w, u->window)];
    const void *table = (const void *)(uintptr_t)u->table, **next = b->tables[1 - b->live];
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n; i++)
        if (b->tables[b->live][i] != table)
            next[n++] = b->tables[b->live][i];
    if (next)
        next[n] = NULL;
    for (unsigned i = 0; i < MAX_UNWINDERS; i++)
        if (w->list[i].add && !w->list[i].array_add)
            w->list[i].remove(table);
    turn(w, b, n);
    drop_if_empty(w, b);
    *u = (ml_unwind){0};
}
