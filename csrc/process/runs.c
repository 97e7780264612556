/* runs.c -- process: the tables of a session, and how unwinders know them.
** takes tables as they come and go; gives them to unwinders, and takes many back at a time.
** Invariant: a table that is alive is known to every unwinder at any time, whatever changes, since
** other threads may throw meanwhile: what is new is told before the old is taken back.
** Spec: LSB 5.0 core, 10.6.1.1 "The Common Information Entry Format"; libgcc unwind-dw2-fde.c of
** GCC 12; LLVM libunwind.
** SPDX-License-Identifier: MIT */
#include "process/runs.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/search.h"
#include "base/slice.h"
#include "os/os.h"
#include "process/objects.h"

/* Note [Tables in runs]
** ~~~~~~~~~~~~~~~~~~~~~
** libgcc up to version 12 keeps what it is told of in a list. At a throw it walks the list, which
** it keeps in the order of addresses once it has sorted an object's entries; to take one back it
** walks the list, too: 10,000 units took 48 ms to forget. It also takes an array of tables as one
** object. So up to MOST tables that follow each other in the address space are a *run*, whose array
** it is told of: 10,000 units are a list of twenty. MOST is what balances the walk with the sorting
** of a run's entries at the next throw: where tables have more than two each, a run is for USUAL.
** The order in an array does not matter: a table keeps its place while the run lasts, and in a free
** place stands a table without entries. A change makes another array known before the old one is
** forgotten, by another object: see Note [Objects that are still read]. Copying it took longer than
** all else: so a run has two arrays, which differ in one place (`changed`), and a change brings the
** other one up to date there and is made in it.
** libgcc reads an array when it first looks for an address in it, and never again, unless memory
** is short. So where nobody has thrown since it was told of one, what stands in it can be changed
** without a word: 10,000 units that go one by one are a change in libgcc's list for each run, not
** for each unit. With other threads it cannot: libgcc reads an array twice, and aborts if the
** second time there is more.
** The list expects objects that do not overlap, and gives up at the first one that begins below
** the address it looks for. So nobody else's code may lie between the first and the last of a run,
** another session's, say: all of it is in one reservation of address space (`home`), which is ours
** alone.
** libgcc from 13 on looks up in another way, and is told of each table. */

/* Note [Doors]
** ~~~~~~~~~~~~
** LLVM's libunwind keeps all entries in one list, each beside the address of the table that it
** came in by, and to take a table back it goes through the whole list: 10,000 tables took 21 ms. It
** reads a table by going from record to record by their lengths, wherever these lead. So the tables
** of a run come in by a *door*: a CIE of ours that is exactly as long as it is far to a table.
** Before the next table enters, the length is changed. Each of their entries is known by the door's
** address, and one walk through the list takes them all back.
** A table that is taken back alone is dead until that walk: its entries stay where they are. Nobody
** asks for them while no code stands at their addresses, which is so until a load gets these
** addresses (ml_runs_vacate) or the address space goes (such tables are in a run of their own).
** (Who asks by hand for an address that he knows to be unloaded makes libunwind read what is gone.)
** Then the living of the run are told once more, by its other record, before the first is taken
** back. A walk costs 1 ns an entry, telling 0.7 us a table. So runs are for MOST tables where loads
** follow each other, and for FEW where they take the place of what was there: a unit that was
** reloaded once is likely to be reloaded again. Where the dead of all runs are too many, it is the
** run with most of them that gets rid of its own. */

enum {
    MOST = 512,
    USUAL = 256,
    FEW = 16,
    DEALT = 12, /* tables that a run for FEW begins with */
    PIECES = MOST / DEALT + 1,
    MOST_ENTRIES = 1024, /* of a run of more than USUAL tables, or with a door and SOME of them */
    SOME = 2,
    LINGERING = 1 << 14, /* so many more entries of the dead than of the living may stay */
    LENGTH_AT = 4,       /* in a door's record: its 64-bit length, */
    COUNTED_FROM = 12,
    RECORD = 24
};

/* Of a table. Place 0 is never taken: libgcc takes nothing back that begins with four zeros, as an
** array does whose first table lies at a multiple of 4 GiB. */
typedef struct place {
    uint64_t code; /* 0: it is free */
    uint32_t entries;
} place;

typedef struct ml_run {
    uint64_t home, last;    /* last: where the highest code begins that it has had */
    uint32_t n, most;       /* tables; places, which are numbered from 1 */
    uint32_t free;          /* no free place is below */
    uint32_t changed;       /* the arrays differ in this place alone */
    unsigned known, door;   /* which array is told of; which record the tables came in by */
    uint64_t entries;       /* of the tables */
    uint64_t buried;        /* entries of the dead */
    uint64_t from, to;      /* where code of the dead was */
    const void **tables[2]; /* by places; each ends in NULL */
    place *places;
    uint8_t records[2][RECORD];
    ml_object *objects[2]; /* libgcc's own, for either array */
} run;

/* An extended length, a CIE of version 1 without augmentation, factors 1 and column 0. */
static const uint8_t record_of_door[RECORD] = {
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, /* length */
    0,    0,    0,    0,    1, 0, 1, 1, 0, 0, 0, 0,
};

/* A table without entries: the second word, whose address never ends in 32 zeros. */
static _Alignas(8) const uint32_t zeros[2];
static const void *const no_table = &zeros[1];

/* ---- telling ---- */

/* Whoever takes tables that way; NULL: nobody. */
static const ml_taker *taker_by(const ml_takers *who, ml_way way)
{
    for (unsigned i = 0; i < who->n; i++)
        if (who->list[i].way == way)
            return &who->list[i];
    return NULL;
}

/* Lets a table in by the record. */
static void let_in(const ml_taker *taker, uint8_t *record, const void *table)
{
    uint64_t from = (uint64_t)(uintptr_t)record + COUNTED_FROM;
    /* downwards too: sums are modulo 2^64 */
    ml_put64(record + LENGTH_AT, (uint64_t)(uintptr_t)table - from);
    taker->add(record);
}

/* Tells of all tables of a run. */
static void tell_run(run *r, const ml_taker *one)
{
    if (one->way == ML_WAY_ARRAYS) {
        one->array_add(r->tables[r->known], r->objects[r->known]);
        return;
    }
    for (const void **t = r->tables[r->known]; *t; t++) {
        if (*t != no_table && one->way == ML_WAY_DOORS)
            let_in(one, r->records[r->door], *t);
        else if (*t != no_table)
            one->add(*t);
    }
}

/* Whatever came in by the record goes. */
static void close_record(const ml_takers *who, const uint8_t *record)
{
    for (unsigned i = 0; i < who->n; i++)
        if (who->list[i].way == ML_WAY_DOORS)
            who->list[i].remove(record);
}

/* Puts a table, or none, into the array that is known. False when that is not enough: then it has
** been read, maybe by a signal handler just now. */
static bool change_unread(run *r, uint32_t at, const void *table)
{
    const ml_object *o = r->objects[r->known];
    if (!ml_os_single_threaded() || !ml_object_is_unread(o))
        return false;
    r->tables[0][at] = r->tables[1][at] = table;
    atomic_signal_fence(memory_order_seq_cst);
    return ml_object_is_unread(o);
}

/* Puts a table, or none, into a place of a run, which then has n. */
static void change(run *r, const ml_taker *arrays, uint32_t at, const void *table, uint32_t n)
{
    if (arrays && r->n && n && change_unread(r, at, table)) {
        r->n = n;
        return;
    }
    unsigned new = 1 - r->known;
    r->tables[new][r->changed] = r->tables[r->known][r->changed];
    r->tables[new][at] = table;
    if (arrays && n) {
        r->objects[new] = ml_object_renew(r->objects[new]);
        arrays->array_add(r->tables[new], r->objects[new]);
    }
    if (arrays && r->n)
        arrays->array_remove(r->tables[r->known]);
    r->known = new;
    r->changed = at;
    r->n = n;
}

/* ---- the dead ---- */

static void bury(ml_runs *v, run *r, uint64_t code, uint64_t size, uint32_t entries)
{
    bool first = !r->buried;
    r->from = first || code < r->from ? code : r->from;
    r->to = first || code + size > r->to ? code + size : r->to;
    r->buried += entries;
    v->buried += entries;
}

/* Rids unwinders of the dead of a run. */
static void renew(ml_runs *v, const ml_takers *who, run *r)
{
    unsigned old = r->door;
    r->door = 1 - old;
    for (unsigned i = 0; i < who->n; i++)
        if (who->list[i].way == ML_WAY_DOORS)
            tell_run(r, &who->list[i]);
    close_record(who, r->records[old]);
    v->buried -= r->buried;
    r->buried = 0;
}

static run *most_buried(const ml_runs *v)
{
    run *most = v->list[0].run;
    for (uint32_t i = 1; i < v->n; i++)
        if (v->list[i].run->buried > most->buried)
            most = v->list[i].run;
    return most;
}

/* ---- the list ---- */

/* Nobody knows its arrays. */
static void drop(run *r)
{
    ml_object_leave(r->objects[0]);
    ml_object_leave(r->objects[1]);
    ml_heap_free(r);
}

static run *allocate(uint64_t home, uint32_t most)
{
    size_t words = most + 2;
    run *r = ml_heap_zalloc(1, sizeof *r + (most + 1) * sizeof(place) + 2 * words * sizeof(void *));
    if (!r)
        return NULL;
    if (!(r->objects[0] = ml_object_new()) || !(r->objects[1] = ml_object_new())) {
        drop(r);
        return NULL;
    }
    r->places = (place *)(r + 1);
    r->tables[0] = (const void **)(r->places + most + 1);
    r->tables[1] = r->tables[0] + words;
    r->tables[0][0] = r->tables[1][0] = no_table;
    memcpy(r->records[0], record_of_door, RECORD);
    memcpy(r->records[1], record_of_door, RECORD);
    r->home = home;
    r->most = most;
    r->free = 1;
    return r;
}

/* Room for so many more runs in the list. False when memory is short. */
static bool room_for(ml_runs *v, uint32_t more)
{
    while (v->n + more > v->room)
        if (!ML_ROOM(v->list, v->room, v->room))
            return false;
    return true;
}

/* An empty run for a table, at number `at`; NULL when memory is short. */
static run *new_run(ml_runs *v, uint32_t at, const ml_unwind_table *t)
{
    run *r = room_for(v, 1) ? allocate(t->home, t->alone ? 1 : MOST) : NULL;
    if (!r)
        return NULL;
    memmove(&v->list[at + 1], &v->list[at], (v->n - at) * sizeof *v->list);
    v->list[at] = (struct ml_run_from){t->code, r};
    v->n++;
    return r;
}

/* Nobody knows its tables any longer. */
static void free_run(ml_runs *v, const ml_takers *who, run *r)
{
    const ml_taker *arrays = taker_by(who, ML_WAY_ARRAYS);
    if (arrays && r->n)
        arrays->array_remove(r->tables[r->known]);
    close_record(who, r->records[r->door]);
    v->buried -= r->buried;
    drop(r);
}

/* A run that has no tables any more. */
static void end_run(ml_runs *v, const ml_takers *who, uint32_t at)
{
    free_run(v, who, v->list[at].run);
    v->n--;
    memmove(&v->list[at], &v->list[at + 1], (v->n - at) * sizeof *v->list);
}

/* ---- dealing ---- */

typedef struct card {
    uint64_t code;
    uint32_t at; /* its place */
} card;

static int by_code(const void *a, const void *b)
{
    const card *x = a, *y = b;
    return x->code < y->code ? -1 : x->code > y->code;
}

static void sort(const run *r, card *out)
{
    uint32_t n = 0;
    for (uint32_t k = 1; k <= r->most; k++)
        if (r->places[k].code)
            out[n++] = (card){r->places[k].code, k};
    qsort(out, n, sizeof *out, by_code);
}

/* Fills a new run with n tables of another. */
static void fill(run *to, const run *from, const card *cards, uint32_t n)
{
    for (uint32_t k = 1; k <= n; k++) {
        uint32_t at = cards[k - 1].at;
        to->places[k] = from->places[at];
        to->tables[0][k] = to->tables[1][k] = from->tables[from->known][at];
        to->entries += from->places[at].entries;
    }
    to->n = n;
    to->free = n + 1;
    to->last = cards[n - 1].code;
}

/* Deals the tables of a run, by address, to new ones of `most` places, `each` to one, and ends it.
** False when memory is short: then nothing was changed. */
static bool deal(ml_runs *v, const ml_takers *who, uint32_t at, uint32_t each, uint32_t most)
{
    run *old = v->list[at].run, *made[PIECES];
    uint32_t pieces = (old->n + each - 1) / each, n = 0;
    card cards[MOST];
    if (!room_for(v, pieces))
        return false;
    while (n < pieces && (made[n] = allocate(old->home, most)))
        n++;
    if (n < pieces) {
        while (n > 0)
            drop(made[--n]);
        return false;
    }
    sort(old, cards);
    memmove(&v->list[at + pieces], &v->list[at + 1], (v->n - at - 1) * sizeof *v->list);
    v->n += pieces - 1;
    for (uint32_t i = 0; i < pieces; i++) {
        const card *first = &cards[i * each];
        fill(made[i], old, first, old->n - i * each < each ? old->n - i * each : each);
        v->list[at + i] = (struct ml_run_from){first->code, made[i]};
        for (unsigned m = 0; m < who->n; m++)
            if (who->list[m].way != ML_WAY_TABLES)
                tell_run(made[i], &who->list[m]);
    }
    free_run(v, who, old);
    return true;
}

/* ---- from outside ---- */

static uint32_t runs_up_to(const ml_runs *v, uint64_t code)
{
    return (uint32_t)ML_UPTO(v->list, v->n, code, code);
}

static bool fits(const run *r, const ml_takers *who, const ml_unwind_table *t)
{
    const uint32_t most = taker_by(who, ML_WAY_DOORS) ? SOME : USUAL;
    return r->n < r->most && (r->n < most || r->entries + t->entries <= MOST_ENTRIES);
}

/* The run for one more table, with a free place; NULL when memory is short. Loads that follow each
** other fill runs. */
static run *run_for(ml_runs *v, const ml_takers *who, const ml_unwind_table *t)
{
    uint32_t next = runs_up_to(v, t->code), at = next;
    if (next && v->list[next - 1].run->home == t->home)
        at = next - 1; /* it begins below; else one that begins above will do */
    if (at == v->n || v->list[at].run->home != t->home)
        return new_run(v, next, t);
    run *r = v->list[at].run;
    if (!fits(r, who, t)) {
        if (t->code > r->last || t->code < v->list[at].code)
            return new_run(v, next, t);
        if (!deal(v, who, at, (r->n + 1) / 2, r->most))
            return NULL;
        at += v->list[at + 1].code < t->code;
    }
    if (t->code < v->list[at].code)
        v->list[at].code = t->code;
    return v->list[at].run;
}

void ml_runs_tell(ml_runs *v, const ml_taker *one)
{
    for (uint32_t i = 0; i < v->n; i++)
        tell_run(v->list[i].run, one);
}

void ml_runs_free(ml_runs *v)
{
    ml_heap_free(v->list);
    *v = (ml_runs){0};
}

bool ml_runs_add(ml_runs *v, const ml_takers *who, const ml_unwind_table *t, uint32_t *at)
{
    const void *table = (const void *)(uintptr_t)t->at;
    run *r = run_for(v, who, t);
    if (!r)
        return false;
    uint32_t k = r->free;
    while (r->places[k].code)
        k++;
    r->free = k + 1;
    r->last = t->code > r->last ? t->code : r->last;
    r->places[k] = (place){t->code, t->entries};
    r->entries += t->entries;
    v->entries += t->entries;
    change(r, taker_by(who, ML_WAY_ARRAYS), k, table, r->n + 1);
    for (unsigned i = 0; i < who->n; i++) {
        if (who->list[i].way == ML_WAY_DOORS)
            let_in(&who->list[i], r->records[r->door], table);
        else if (who->list[i].way == ML_WAY_TABLES)
            who->list[i].add(table);
    }
    *at = k;
    return true;
}

/* At which place the table is: where it was put, unless its run was dealt since. */
static uint32_t place_of(const run *r, const ml_unwind *u)
{
    uint32_t k = u->place;
    if (k <= r->most && r->places[k].code == u->code)
        return k;
    for (k = 1; r->places[k].code != u->code;)
        k++;
    return k;
}

void ml_runs_remove(ml_runs *v, const ml_takers *who, const ml_unwind *u)
{
    uint32_t at = runs_up_to(v, u->code) - 1;
    run *r = v->list[at].run;
    uint32_t k = place_of(r, u), entries = r->places[k].entries;
    for (unsigned i = 0; i < who->n; i++)
        if (who->list[i].way == ML_WAY_TABLES)
            who->list[i].remove(r->tables[r->known][k]);
    r->places[k] = (place){0};
    r->free = k < r->free ? k : r->free;
    r->entries -= entries;
    v->entries -= entries;
    if (taker_by(who, ML_WAY_DOORS))
        bury(v, r, u->code, u->size, entries);
    change(r, taker_by(who, ML_WAY_ARRAYS), k, no_table, r->n - 1);
    if (!r->n)
        end_run(v, who, at);
    else if (v->buried > v->entries + LINGERING)
        renew(v, who, most_buried(v));
}

void ml_runs_vacate(ml_runs *v, const ml_takers *who, uint64_t addr, uint64_t size)
{
    if (!v->buried)
        return;
    /* a table of the run before the one that begins at the address or below may reach that far */
    uint32_t i = runs_up_to(v, addr);
    for (i = i > 2 ? i - 2 : 0; i < v->n && v->list[i].code < addr + size; i++) {
        run *r = v->list[i].run;
        if (!r->buried || addr >= r->to || r->from >= addr + size)
            continue;
        if (r->most <= FEW || !deal(v, who, i, DEALT, FEW))
            renew(v, who, r);
    }
}
