/* table.c -- link: the table of names. Linear probing, at most half full; removal shifts back, so
** that there are no tombstones and ten thousand loads and unloads leave it as it was.
** SPDX-License-Identifier: MIT */
#include "link/table.h"

#include <string.h>

#include "base/hash.h"
#include "os/os.h"

enum { FIRST_SLOTS = 64, POOL = 16 << 10, MUCH = 256 << 10, ALIGN = sizeof(void *) };

void ml_table_init(ml_table *t)
{
    *t = (ml_table){0};
}

/* Slots, all free. Names come in no order, so that nearly every page of them is written: many are
** taken as huge pages, whose first use costs a fault for each 2 MiB and not for each 4 KiB. */
static ml_slot *slots_new(const ml_table *t, uint32_t n)
{
    bool slow = false;
    size_t size = n * sizeof(ml_slot);
    if (size % ml_os_bulk.unit != 0)
        return ml_heap_zalloc(n, sizeof(ml_slot));
    /* brought in, all of it: what is read first is brought in twice */
    return ml_os_bulk.get(size, t->slow ? t->slow : &slow).p;
}

static void slots_free(ml_table *t)
{
    size_t size = ((size_t)t->mask + 1) * sizeof(ml_slot);
    if (t->slots && size % ml_os_bulk.unit == 0)
        ml_os_bulk.put(t->slots, size);
    else
        ml_heap_free(t->slots);
}

void ml_table_deinit(ml_table *t)
{
    slots_free(t);
    ml_heap_free(t->entries);
    ml_sleepers_free(t);
    ml_table_init(t);
}

static bool has_name(const ml_table *t, const ml_entry *e, const char *name, size_t len)
{
    if (!ml_is_asleep(e))
        return e->len == len && memcmp(e->name, name, len) == 0;
    const char *own = ml_sleeper_name(t, e);
    return strlen(own) == len && memcmp(own, name, len) == 0;
}

/* The slot that holds the name, or the free one where it would go. Needs slots. */
static inline uint32_t probe(const ml_table *t, const char *name, size_t len, uint32_t hash)
{
    uint32_t i = hash & t->mask;
    for (; t->slots[i].index; i = (i + 1) & t->mask) {
        if (t->slots[i].hash != hash)
            continue;
        if (has_name(t, t->entries[t->slots[i].index - 1], name, len))
            break;
    }
    return i;
}

uint32_t ml_table_place(const ml_table *t, const char *name, size_t len, uint32_t hash)
{
    return t->slots ? t->slots[probe(t, name, len, hash)].index : 0;
}

ml_entry *ml_table_find(const ml_table *t, const char *name, size_t len, uint32_t hash)
{
    uint32_t place = ml_table_place(t, name, len, hash);
    return place ? ml_table_at(t, place - 1) : NULL;
}

static bool resize(ml_table *t, uint32_t nslots)
{
    ml_slot *slots = slots_new(t, nslots);
    if (!slots)
        return false;
    for (uint32_t k = 0; t->slots && k <= t->mask; k++) {
        if (!t->slots[k].index)
            continue;
        uint32_t i = t->slots[k].hash & (nslots - 1);
        while (slots[i].index)
            i = (i + 1) & (nslots - 1);
        slots[i] = t->slots[k];
    }
    slots_free(t);
    t->slots = slots;
    t->mask = nslots - 1;
    return true;
}

bool ml_table_reserve(ml_table *t, uint32_t n)
{
    if (n > ML_TABLE_MOST - t->count)
        return false;
    uint32_t want = t->count + n, nslots = t->slots ? t->mask + 1 : FIRST_SLOTS;
    if (want > t->room) {
        /* cannot overflow: count is below 2^29 */
        uint32_t room = t->room ? t->room * 2 : FIRST_SLOTS / 2;
        if (room < want)
            room = want;
        ml_entry **entries = ml_heap_grow(t->entries, room, sizeof *entries);
        if (!entries)
            return false;
        t->entries = entries;
        t->room = room;
        const size_t fresh = (room - t->count) * sizeof *entries;
        if (fresh >= MUCH) /* one call for all of its pages */
            ml_os_bulk.touch(entries + t->count, fresh);
    }
    while (nslots / 2 < want)
        nslots *= 4;
    return (t->slots && nslots == t->mask + 1) || resize(t, nslots);
}

bool ml_table_has_room(const ml_table *t, uint32_t n)
{
    uint64_t want = (uint64_t)t->count + n;
    return t->slots && want <= t->room && want <= (t->mask + 1) / 2;
}

bool ml_table_copy(const ml_table *t, uint32_t n, ml_table *out)
{
    ml_table_init(out);
    if (n < t->count) /* it grows by doubling */
        n = t->count;
    if (n > ML_TABLE_MOST - t->count || !ml_table_reserve(out, t->count + n)) {
        ml_table_deinit(out);
        return false;
    }
    for (uint32_t i = 0; i < t->count; i++)
        ml_table_put(out, ml_table_at(t, i));
    return true;
}

/* An entry and, right behind it, so many more bytes: all zero. Many are cleared at a time, since
** clearing each by itself takes three times as long. */
static ml_entry *entry_new(ml_table *t, ml_arena *a, size_t more)
{
    if (more > UINT32_MAX - 2 * POOL)
        return NULL;
    size_t size = (sizeof(ml_entry) + more + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size > t->pool_left) {
        size_t room = size > POOL / 4 ? size : POOL;
        uint8_t *pool = ml_alloc(a, room);
        if (!pool)
            return NULL;
        memset(pool, 0, room);
        t->pool = pool;
        t->pool_left = room;
    }
    ml_entry *e = (ml_entry *)(void *)t->pool;
    t->pool += size;
    t->pool_left -= size;
    return e;
}

/* A new entry. kept: the name is not copied. A copy stands behind the entry: comparing it then
** finds it in the cache. */
static inline ml_entry *entry_of(ml_table *t, ml_arena *a, ml_key key, bool kept)
{
    ml_entry *e = key.len <= UINT32_MAX ? entry_new(t, a, kept ? 0 : key.len + 1) : NULL;
    if (!e)
        return NULL;
    if (!kept) {
        char *copy = (char *)(e + 1);
        memcpy(copy, key.name, key.len);
        key.name = copy;
    }
    e->name = key.name;
    e->len = (uint32_t)key.len;
    e->hash = key.hash;
    return e;
}

/* Enters a name at the free slot i; there is room. */
static inline ml_entry *enter(ml_table *t, ml_arena *a, uint32_t i, ml_key key, bool kept)
{
    ml_entry *e = key.mark;
    if (!e && !(e = entry_of(t, a, key, kept)))
        return NULL;
    t->entries[t->count++] = e;
    t->slots[i] = (ml_slot){key.hash, t->count};
    return e;
}

ml_entry *ml_table_intern(ml_table *t, ml_arena *a, const char *name, size_t len, uint32_t hash)
{
    if (!ml_table_reserve(t, 1))
        return NULL;
    uint32_t i = probe(t, name, len, hash);
    return t->slots[i].index ? ml_table_at(t, t->slots[i].index - 1)
                             : enter(t, a, i, (ml_key){name, len, hash, NULL}, false);
}

bool ml_table_intern_all(ml_table *t, ml_arena *a, const ml_key *keys, unsigned n, bool kept,
                         ml_entry **out, uint32_t *fresh)
{
    *fresh = 0;
    if (!ml_table_reserve(t, n))
        return false;
    for (unsigned k = 0; k < n; k++) {
        uint32_t i = probe(t, keys[k].name, keys[k].len, keys[k].hash);
        if (t->slots[i].index) {
            out[k] = ml_table_at(t, t->slots[i].index - 1);
            continue;
        }
        out[k] = enter(t, a, i, keys[k], kept);
        if (!out[k])
            return false;
        *fresh |= 1u << k;
    }
    return true;
}

ml_entry *ml_table_find_str(const ml_table *t, const char *name)
{
    size_t len = strlen(name);
    return ml_table_find(t, name, len, ml_hash(name, len));
}

ml_entry *ml_table_intern_str(ml_table *t, ml_arena *a, const char *name)
{
    size_t len = strlen(name);
    return ml_table_intern(t, a, name, len, ml_hash(name, len));
}

void ml_table_replace(const ml_table *t, const ml_entry *mark, ml_entry *e)
{
    uint32_t i = e->hash & t->mask;
    while (t->entries[t->slots[i].index - 1] != mark)
        i = (i + 1) & t->mask;
    t->entries[t->slots[i].index - 1] = e;
}

ml_entry *ml_table_put(ml_table *t, ml_entry *e)
{
    uint32_t i = probe(t, e->name, e->len, e->hash);
    if (t->slots[i].index) {
        ml_entry *old = ml_table_at(t, t->slots[i].index - 1);
        t->entries[t->slots[i].index - 1] = e;
        return old;
    }
    t->entries[t->count++] = e;
    t->slots[i] = (ml_slot){e->hash, t->count};
    return NULL;
}

/* Closes the gap at slot i: moves back what was displaced over it. */
static void shift_back(ml_table *t, uint32_t i)
{
    for (uint32_t k = (i + 1) & t->mask; t->slots[k].index; k = (k + 1) & t->mask) {
        uint32_t home = t->slots[k].hash & t->mask;
        if (((k - home) & t->mask) >= ((k - i) & t->mask)) {
            t->slots[i] = t->slots[k];
            i = k;
        }
    }
    t->slots[i] = (ml_slot){0, 0};
}

bool ml_table_remove(ml_table *t, const ml_entry *e)
{
    if (!t->slots)
        return false;
    uint32_t i = probe(t, e->name, e->len, e->hash);
    uint32_t index = t->slots[i].index;
    if (!index || t->entries[index - 1] != e)
        return false;
    shift_back(t, i);
    uint32_t last = t->count--;
    if (index == last)
        return true;
    ml_entry *moved = ml_table_at(t, last - 1);
    t->entries[index - 1] = moved;
    uint32_t k = moved->hash & t->mask;
    while (t->slots[k].index != last)
        k = (k + 1) & t->mask;
    t->slots[k].index = index;
    return true;
}
