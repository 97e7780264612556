/* sleep.c -- link: names whose entries nobody has asked for.
** takes the definitions of a large object; gives each an entry when somebody wants to see it.
** SPDX-License-Identifier: MIT */
#include "link/sleep.h"

#include "base/hash.h"
#include "base/search.h"
#include "os/os.h"

/* Note [Names that sleep]
** ~~~~~~~~~~~~~~~~~~~~~~~
** Most definitions of a large object are plain ones that nobody refers to by name from elsewhere,
** neither while it is loaded nor later: of the 49,600 of GHC's base, all but a few thousand. What
** is known of them stands in the symbol table of their file. An entry for each would be written
** once, and read by every stage, for nothing: 5 MB of fresh memory and 1 of 8 ms.
**
** So the table of names holds a mark in the place of the entry, its number shifted over a set bit,
** which no pointer has, and so does `bind` of the input. ml_table_at and ml_input_bound give the
** entry: it is made then, "wakes", as all stages so far would have left it. Walks that look for
** something that a sleeper cannot be go past it (ml_table_awake). A definition may sleep that is
** strong, visible, in a section with memory that nothing thread-local, indirect or merged lies in,
** and as large as it says: see may_sleep in select.c.
**
** Waking cannot fail, since it happens in look-ups that cannot: the room for all entries of an
** object is taken with it, and costs address space only, as long as nobody writes there. First
** calls look names up in threads of their own: in a session that has any, in a unit that is in
** their scope, and in the new version of a unit, nobody sleeps after commit. */

static size_t room_for(uint32_t n)
{
    size_t page = ml_os_page();
    return (n * sizeof(ml_entry) + page - 1) & ~(page - 1);
}

ml_sleepers *ml_sleepers_add(ml_table *t, const ml_image *img, uint32_t input, ml_entry **bind)
{
    uint32_t n = img->nsymbols - img->first_global;
    const ml_sleepers *last = t->nsleepers ? &t->sleepers[t->nsleepers - 1] : NULL;
    uint64_t first = last ? last->first + last->n : 0;
    if (first + n > ML_TABLE_MOST || !ML_ROOM(t->sleepers, t->nsleepers, t->room_sleepers))
        return NULL;
    size_t size = room_for(n);
    uint64_t room = ml_os_reserve(0, size);
    if (room && !ml_os_protect(room, size, ML_PROT_RW)) {
        ml_os_unreserve(room, size);
        room = 0;
    }
    if (!room)
        return NULL;
    ml_sleepers *s = &t->sleepers[t->nsleepers++];
    *s = (ml_sleepers){.img = {.symtab = img->symtab,
                               .strtab = img->strtab,
                               .xindex = img->xindex,
                               .first_global = img->first_global},
                       .first = first,
                       .n = n,
                       .input = input,
                       .bind = bind,
                       .room = (ml_entry *)(uintptr_t)room};
    return s;
}

void ml_sleepers_free(ml_table *t)
{
    for (uint32_t i = 0; i < t->nsleepers; i++)
        ml_os_unreserve((uint64_t)(uintptr_t)t->sleepers[i].room, room_for(t->sleepers[i].n));
    ml_heap_free(t->sleepers);
}

static uint32_t number_of(const ml_entry *mark)
{
    return (uint32_t)((uintptr_t)mark >> 1);
}

static ml_sleepers *group_of(const ml_table *t, uint32_t number)
{
    return &t->sleepers[ML_UPTO(t->sleepers, t->nsleepers, first, number) - 1];
}

const char *ml_sleeper_name(const ml_table *t, const ml_entry *mark)
{
    const ml_sleepers *s = group_of(t, number_of(mark));
    uint32_t symbol = number_of(mark) - (uint32_t)s->first + s->img.first_global;
    return ml_image_symbol(&s->img, symbol).name;
}

/* Where the next entry goes. Who wakes many wakes most: their pages come some at a time, since
** faults would take as long as all else. */
static ml_entry *take_room(ml_sleepers *g)
{
    enum { SOME = 1024 };
    uint32_t i = g->awake++, n = g->n - i < SOME ? g->n - i : SOME;
    if (i && i % SOME == 0) {
        size_t page = ml_os_page();
        uintptr_t from = (uintptr_t)&g->room[i] & ~(page - 1);
        ml_os_populate(from, (uintptr_t)&g->room[i + n] - from);
    }
    return &g->room[i];
}

/* The entry behind a mark; it is not yet in its place in the table. */
static ml_entry *wake(const ml_table *t, const ml_entry *mark)
{
    ml_sleepers *g = group_of(t, number_of(mark));
    uint32_t nth = number_of(mark) - (uint32_t)g->first, symbol = nth + g->img.first_global;
    ml_isym s = ml_image_symbol(&g->img, symbol);
    size_t len = strlen(s.name);
    ml_entry *e = take_room(g);
    g->asleep--;
    *e = (ml_entry){.name = s.name,
                    .hash = ml_hash(s.name, len),
                    .len = (uint32_t)len,
                    .def = ML_DEF_SECTION,
                    .bind = s.bind,
                    .type = s.type,
                    .vis = s.vis,
                    .image = g->input,
                    .symbol = symbol,
                    .section = s.section,
                    .value = s.value,
                    .size = s.size,
                    .addr = g->at ? g->base + g->at[s.section] + s.value : 0,
                    .unit = g->unit};
    g->bind[nth] = e;
    return e;
}

ml_entry *ml_sleeper_wake(const ml_table *t, const ml_entry *mark)
{
    ml_entry *e = wake(t, mark);
    ml_table_replace(t, mark, e);
    return e;
}

ml_entry *ml_sleeper_wake_at(const ml_table *t, uint32_t i)
{
    return t->entries[i] = wake(t, t->entries[i]);
}

uint32_t ml_table_keys(const ml_table *t, uint32_t first, ml_key *keys, const ml_table *other)
{
    uint32_t n = t->count - first < ML_TABLE_BATCH ? t->count - first : ML_TABLE_BATCH;
    for (uint32_t k = 0; k < n; k++) {
        const ml_entry *e = t->entries[first + k];
        if (ml_is_asleep(e)) {
            const char *name = ml_sleeper_name(t, e);
            size_t len = strlen(name);
            keys[k] = (ml_key){name, len, ml_hash(name, len), NULL};
        } else {
            keys[k] = (ml_key){e->name, e->len, e->hash, NULL};
        }
        ml_table_prefetch_slot(other, keys[k].hash);
    }
    return n;
}

void ml_table_wake(const ml_table *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->nsleepers; i++)
        n += t->sleepers[i].asleep;
    for (uint32_t i = 0; n && i < t->count; i++)
        ml_table_at(t, i);
}
