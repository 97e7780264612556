/* doors.c -- process: the tables of a session, and how they reach unwinders that take one by one.
** takes tables as they come and go; gives them to unwinders, and takes many back at a time.
** Invariant: a table that is alive is known to every unwinder at any time, whatever changes.
** Spec: LSB 5.0 core, 10.6.1.1 "The Common Information Entry Format"; LLVM libunwind.
** SPDX-License-Identifier: MIT */
#include "process/doors.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/slice.h"

/* Note [Doors]
** ~~~~~~~~~~~~
** LLVM's libunwind keeps all entries in one list, each beside the address of the table that it
** came in by, and to take a table back it goes through the whole list: 10,000 tables took 21 ms. It
** reads a table by going from record to record by their lengths, wherever these lead. So tables
** come in by a *door*: a CIE of ours that is exactly as long as it is far to a table. Before the
** next table enters, the length is changed. Each of their entries is known by the door's address,
** and one walk through the list takes them all back.
** A table that is taken back alone is dead until that walk: its entries stay where they are. Nobody
** asks for them while no code stands at their addresses, which is so until a load gets these
** addresses (ml_doors_vacate) or the address space goes (such tables have a door of their own).
** (Who asks by hand for an address that he knows to be unloaded makes libunwind read what is gone.)
** Then the living of the door are told once more, by its other record, before the first is taken
** back: other threads may throw meanwhile. A walk costs 1 ns an entry, telling 0.7 us a table. So
** doors are for MOST tables where loads follow each other, and for FEW where they take the place of
** what was there: a unit that was reloaded once is likely to be reloaded again. Where the dead of
** all doors are too many, it is not the door of the latest that gets rid of them, which may have
** just that one, but one that has had some for long. */

enum {
    MOST = 128,
    FEW = 16,
    MOST_ENTRIES = 1024, /* of a door of more than one table */
    LINGERING = 1 << 14, /* so many more entries of the dead than of the living may stay */
    LENGTH_AT = 4,       /* in a door's record: its 64-bit length, */
    COUNTED_FROM = 12,
    RECORD = 24
};

typedef struct table {
    uint64_t at; /* where it is; 0: a free place */
    uint64_t code, size;
    uint32_t entries;
    bool dead;
} table;

struct ml_door {
    table *places;
    uint64_t from, to;        /* where code of the dead was */
    uint32_t number;          /* in the list of doors */
    uint32_t n, dead;         /* places taken; of these, dead */
    uint32_t entries, buried; /* of all these tables; of the dead */
    uint32_t first;           /* no free place is below */
    uint32_t most, room;      /* how many places there may be, and are */
    uint32_t live;            /* which record the tables came in by */
    uint8_t records[2][RECORD];
};

/* An extended length, a CIE of version 1 without augmentation, factors 1 and column 0. */
static const uint8_t record_of_door[RECORD] = {
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, /* length */
    0,    0,    0,    0,    1, 0, 1, 1, 0, 0, 0, 0,
};

/* ---- the list: doors with dead tables first ---- */

static void swap(ml_doors *d, uint32_t a, uint32_t b)
{
    ml_door *door = d->list[a];
    d->list[a] = d->list[b];
    d->list[b] = door;
    d->list[a]->number = a;
    d->list[b]->number = b;
}

static void bury(ml_doors *d, ml_door *door, table *p)
{
    if (door->dead++ == 0) {
        swap(d, door->number, d->haunted++);
        door->from = p->code;
        door->to = p->code;
    }
    door->from = p->code < door->from ? p->code : door->from;
    door->to = p->code + p->size > door->to ? p->code + p->size : door->to;
    door->buried += p->entries;
    d->buried += p->entries;
    p->dead = true;
}

/* A table that nobody knows any longer. */
static void clear(ml_doors *d, ml_door *door, uint32_t at)
{
    table *p = &door->places[at];
    door->n--;
    door->entries -= p->entries;
    d->entries -= p->entries;
    door->first = at < door->first ? at : door->first;
    *p = (table){0};
}

/* A door that had dead tables has none left. */
static void forget_dead(ml_doors *d, ml_door *door)
{
    swap(d, door->number, --d->haunted);
    d->buried -= door->buried;
    d->entries -= door->buried;
    door->entries -= door->buried;
    door->n -= door->dead;
    door->dead = door->buried = door->first = 0;
}

/* ---- telling ---- */

/* Lets a table in by the record. */
static void let_in(const ml_taker *taker, uint8_t *record, uint64_t at)
{
    const void *by = (const void *)(uintptr_t)at;
    if (taker->way == ML_WAY_DOORS) {
        uint64_t from = (uint64_t)(uintptr_t)record + COUNTED_FROM;
        ml_put64(record + LENGTH_AT, at - from); /* downwards too: sums are modulo 2^64 */
        by = record;
    }
    taker->add(by);
}

static bool takes(const ml_taker *taker, ml_way way)
{
    return taker->add && taker->way == way;
}

static bool anyone(const ml_taker *takers, ml_way way)
{
    bool found = false;
    for (unsigned i = 0; i < ML_TAKERS; i++)
        found |= takes(&takers[i], way);
    return found;
}

/* Whatever came in by the record goes. */
static void close_record(const ml_taker *takers, const uint8_t *record)
{
    for (unsigned i = 0; i < ML_TAKERS; i++)
        if (takes(&takers[i], ML_WAY_DOORS))
            takers[i].remove(record);
}

/* Rids unwinders of the dead of a door. */
static void renew(ml_doors *d, const ml_taker *takers, ml_door *door)
{
    unsigned old = door->live, new = 1 - old;
    for (uint32_t k = 0; k < door->room; k++) {
        table *p = &door->places[k];
        if (p->dead)
            *p = (table){0};
        for (unsigned i = 0; p->at && i < ML_TAKERS; i++)
            if (takes(&takers[i], ML_WAY_DOORS))
                let_in(&takers[i], door->records[new], p->at);
    }
    close_record(takers, door->records[old]);
    door->live = new;
    forget_dead(d, door);
}

void ml_doors_tell(ml_doors *d, const ml_taker *one)
{
    for (uint32_t m = 0; m < d->n; m++) {
        ml_door *door = d->list[m];
        for (uint32_t k = 0; k < door->room; k++)
            if (door->places[k].at && !door->places[k].dead)
                let_in(one, door->records[door->live], door->places[k].at);
    }
}

/* ---- doors ---- */

/* Room for more tables. The places' numbers stay. */
static bool make_places(ml_door *door)
{
    uint32_t room = door->room ? 2 * door->room : door->most < 4 ? door->most : 4;
    table *places = ml_heap_grow(door->places, room, sizeof *places);
    if (!places)
        return false;
    memset(places + door->room, 0, (room - door->room) * sizeof *places);
    door->places = places;
    door->room = room;
    return true;
}

static bool fits(const ml_door *door, const ml_unwind_table *t)
{
    return door && door->n < door->most && !t->passes &&
           (uint64_t)door->entries + t->entries <= MOST_ENTRIES;
}

/* A door with a free place; NULL when memory is short. */
static ml_door *new_door(ml_doors *d, const ml_unwind_table *t)
{
    ml_door *door = ML_ROOM(d->list, d->n, d->room) ? ml_heap_zalloc(1, sizeof *door) : NULL;
    if (!door)
        return NULL;
    memcpy(door->records[0], record_of_door, RECORD);
    memcpy(door->records[1], record_of_door, RECORD);
    door->most = t->passes ? 1 : d->replacing ? FEW : MOST;
    door->number = d->n;
    d->list[d->n++] = door;
    return door;
}

/* Its last table has gone. */
static void end_door(ml_doors *d, const ml_taker *takers, ml_door *door)
{
    close_record(takers, door->records[door->live]);
    if (door->dead)
        forget_dead(d, door);
    swap(d, door->number, --d->n);
    d->open = d->open == door ? NULL : d->open;
    ml_heap_free(door->places);
    ml_heap_free(door);
}

void ml_doors_free(ml_doors *d, const ml_taker *takers)
{
    while (d->n)
        end_door(d, takers, d->list[d->n - 1]);
    ml_heap_free(d->list);
    *d = (ml_doors){0};
}

bool ml_doors_add(ml_doors *d, const ml_taker *takers, const ml_unwind_table *t, ml_door **door,
                  uint32_t *place)
{
    ml_door *to = fits(d->open, t) ? d->open : new_door(d, t);
    if (!to)
        return false;
    uint32_t k = to->first;
    while (k < to->room && to->places[k].at)
        k++;
    if (k == to->room && !make_places(to)) {
        if (!to->n)
            end_door(d, takers, to);
        return false;
    }
    to->places[k] = (table){.at = t->at, .code = t->code, .size = t->size, .entries = t->entries};
    to->n++;
    to->first = k + 1;
    to->entries += t->entries;
    d->entries += t->entries;
    d->open = t->passes ? d->open : to;
    d->replacing = false;
    for (unsigned i = 0; i < ML_TAKERS; i++)
        if (takers[i].add && takers[i].way != ML_WAY_ARRAYS)
            let_in(&takers[i], to->records[to->live], t->at);
    *door = to;
    *place = k;
    return true;
}

void ml_doors_remove(ml_doors *d, const ml_taker *takers, ml_door *door, uint32_t place)
{
    table *p = &door->places[place];
    for (unsigned i = 0; i < ML_TAKERS; i++)
        if (takes(&takers[i], ML_WAY_TABLES))
            takers[i].remove((const void *)(uintptr_t)p->at);
    if (anyone(takers, ML_WAY_DOORS))
        bury(d, door, p);
    else
        clear(d, door, place);
    if (door->dead == door->n)
        end_door(d, takers, door);
    else if (d->buried > d->entries - d->buried + LINGERING)
        renew(d, takers, d->list[0]);
}

void ml_doors_vacate(ml_doors *d, const ml_taker *takers, uint64_t addr, uint64_t size)
{
    for (uint32_t k = d->haunted; k-- > 0;) {
        ml_door *door = d->list[k];
        if (addr >= door->to || door->from >= addr + size)
            continue;
        renew(d, takers, door);
        d->replacing = true;
        d->open = d->open && d->open->most > FEW ? NULL : d->open;
    }
}
