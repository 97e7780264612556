/* runs.c -- process: the tables of a session as an unwinder takes them that takes arrays.
** takes tables as they come and go; keeps those that follow each other in one array.
** See Note [Tables in runs].
** SPDX-License-Identifier: MIT */
#include "process/runs.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"

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
** libgcc from 13 on and LLVM's libunwind look up in other ways: see Note [Doors] in doors.c. */

enum {
    MOST = 256,
    OBJECT_WORDS = 16 /* libgcc's struct object takes 6 or 7 */
};

/* Tables that follow each other, as two arrays that end in NULL: the one that is known, and one to
** make the next from. */
struct ml_tables {
    uint64_t objects[2][OBJECT_WORDS]; /* libgcc's own, for either array */
    uint64_t home;
    uint32_t n;
    unsigned live;       /* which array is known */
    uint64_t code[MOST]; /* where the tables' code begins; sorted */
    const void *tables[2][MOST + 1];
};

typedef struct ml_tables run;

/* The array that a change of a run writes, the first `at` tables in it: the other one, or, with
** nobody to know either, the same. */
static const void **change(run *r, const ml_taker *u, uint32_t at)
{
    const void **old = r->tables[r->live], **next = r->tables[1 - r->live];
    if (!u)
        return old;
    memcpy(next, old, at * sizeof *next);
    return next;
}

/* Makes the array that was written, of n tables, the one that is known. */
static void turn(const ml_taker *u, run *r, uint32_t n)
{
    unsigned old = r->live, new = u ? 1 - old : old;
    r->tables[new][n] = NULL;
    if (u && n)
        u->array_add(r->tables[new], r->objects[new]);
    if (u && r->n)
        u->array_remove(r->tables[old]);
    r->live = new;
    r->n = n;
}

/* How many runs begin at the address or below. */
static uint32_t runs_up_to(const ml_runs *v, uint64_t code)
{
    uint32_t lo = 0, hi = v->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (v->list[mid]->code[0] <= code)
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
static run *new_run(ml_runs *v, uint32_t at, uint64_t home)
{
    run *r = ML_ROOM(v->list, v->n, v->room) ? ml_heap_zalloc(1, sizeof *r) : NULL;
    if (!r)
        return NULL;
    memmove(&v->list[at + 1], &v->list[at], (v->n - at) * sizeof(run *));
    r->home = home;
    v->list[at] = r;
    v->n++;
    return r;
}

/* Moves the upper half of a full run into one of its own, which is known first and returned; NULL
** when memory is short. */
static run *split(ml_runs *v, const ml_taker *u, uint32_t at)
{
    run *low = v->list[at], *high = new_run(v, at + 1, low->home);
    uint32_t half = low->n / 2, rest = low->n - half;
    if (!high)
        return NULL;
    memcpy(high->code, low->code + half, rest * sizeof *high->code);
    memcpy(change(high, u, 0), low->tables[low->live] + half, rest * sizeof(void *));
    turn(u, high, rest);
    change(low, u, half);
    turn(u, low, half);
    return high;
}

/* The run for one more table; NULL when memory is short. Loads that follow each other fill runs. */
static run *run_for(ml_runs *v, const ml_taker *u, uint64_t code, uint64_t home)
{
    uint32_t next = runs_up_to(v, code), at = next;
    if (next && v->list[next - 1]->home == home)
        at = next - 1; /* it begins below; else one that begins above will do */
    if (at == v->n || v->list[at]->home != home)
        return new_run(v, next, home);
    run *r = v->list[at];
    if (r->n < MOST)
        return r;
    if (code > r->code[MOST - 1])
        return new_run(v, at + 1, home);
    run *high = split(v, u, at);
    return high && code > high->code[0] ? high : high ? r : NULL;
}

void ml_runs_tell(const ml_runs *v, const ml_taker *u)
{
    for (uint32_t k = 0; k < v->n; k++)
        u->array_add(v->list[k]->tables[v->list[k]->live], v->list[k]->objects[v->list[k]->live]);
}

void ml_runs_free(ml_runs *v)
{
    ml_heap_free(v->list);
    *v = (ml_runs){0};
}

bool ml_runs_add(ml_runs *v, const ml_taker *u, uint64_t table, uint64_t code, uint64_t home)
{
    run *r = run_for(v, u, code, home);
    if (!r)
        return false;
    uint32_t at = place_of(r, code), behind = r->n - at;
    const void **old = r->tables[r->live], **next = change(r, u, at);
    memmove(next + at + 1, old + at, behind * sizeof *next);
    next[at] = (const void *)(uintptr_t)table;
    memmove(r->code + at + 1, r->code + at, behind * sizeof *r->code);
    r->code[at] = code;
    turn(u, r, r->n + 1);
    return true;
}

void ml_runs_remove(ml_runs *v, const ml_taker *u, uint64_t code)
{
    uint32_t k = runs_up_to(v, code) - 1;
    run *r = v->list[k];
    uint32_t at = place_of(r, code), behind = r->n - at - 1;
    const void **old = r->tables[r->live], **next = change(r, u, at);
    memmove(next + at, old + at + 1, behind * sizeof *next);
    memmove(r->code + at, r->code + at + 1, behind * sizeof *r->code);
    turn(u, r, r->n - 1);
    if (!r->n) {
        ml_heap_free(r);
        v->n--;
        memmove(&v->list[k], &v->list[k + 1], (v->n - k) * sizeof(run *));
    }
}
