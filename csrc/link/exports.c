/* exports.c -- link: what the units of a session show to others.
** A few units are found through their own tables, the latest first; only more of them make a table
** of the session's worth building. Entering cannot fail after a reserve.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/lazy.h"
#include "link/sleep.h"

enum { AHEAD = 8 };

static bool has_table(const ml_exports *x)
{
    return x->names.count != 0;
}

/* What one unit shows under a name; NULL: nothing. */
static ml_entry *shown_by(const ml_unit *u, const char *name, size_t len, uint32_t hash)
{
    ml_entry *e = ml_table_find(&u->l->names, name, len, hash);
    return e && e->unit == u ? e : NULL;
}

const ml_entry *ml_exports_find(const ml_exports *x, const char *name, size_t len, uint32_t hash)
{
    const ml_entry *e = NULL;
    if (has_table(x))
        return ml_table_find(&x->names, name, len, hash);
    for (unsigned i = x->nfew; i-- > 0 && !e;)
        e = shown_by(x->few[i], name, len, hash);
    return e;
}

uint32_t ml_exports_count(const ml_exports *x)
{
    uint32_t n = x->names.count;
    for (unsigned i = 0; i < x->nfew; i++)
        n += x->few[i]->l->names.count; /* each below 2^29 */
    return n;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Adds to v, which holds n, the places in `names` of what `shown` has. */
static uint32_t add_shared(const ml_table *shown, const ml_table *names, uint32_t *v, uint32_t n)
{
    ml_key keys[ML_TABLE_BATCH];
    for (uint32_t i = 0, batch; i < shown->count; i += batch) {
        batch = ml_table_keys(shown, i, keys, names);
        for (uint32_t k = 0; k < batch; k++) {
            uint32_t place = ml_table_place(names, keys[k].name, keys[k].len, keys[k].hash);
            if (place && ml_table_at(shown, i + k)->unit)
                v[n++] = place - 1;
        }
    }
    return n;
}

const uint32_t *ml_exports_shared(const ml_exports *x, const ml_table *names, ml_arena *a,
                                  uint32_t *n)
{
    uint32_t *v = ml_nalloc(a, ml_exports_count(x), sizeof *v), all;
    *n = 0;
    if (!v)
        return NULL;
    all = add_shared(&x->names, names, v, 0);
    for (unsigned i = 0; i < x->nfew; i++)
        all = add_shared(&x->few[i]->l->names, names, v, all);
    if (all)
        qsort(v, all, sizeof *v, ascending);
    for (uint32_t i = 0; i < all; i++)
        if (!i || v[i] != v[i - 1])
            v[(*n)++] = v[i];
    return v;
}

/* The table is replaced by a larger one: first calls may be looking into it. */
static bool replace_table(ml_session *s, uint32_t n)
{
    ml_table grown, old = s->exports.names;
    if (!ml_table_copy(&old, n, &grown))
        return false;
    ml_session_hold(s);
    s->exports.names = grown;
    ml_session_let_go(s);
    ml_table_deinit(&old);
    return true;
}

bool ml_exports_reserve(ml_session *s, const ml_linked *more)
{
    ml_exports *x = &s->exports;
    if (!has_table(x) && x->nfew < ML_EXPORTS_FEW)
        return true;
    uint64_t n = more->names.count;
    for (unsigned i = 0; i < x->nfew; i++)
        n += x->few[i]->l->names.count;
    if (n > UINT32_MAX)
        return false;
    if (!s->has_lazy)
        return ml_table_reserve(&x->names, (uint32_t)n);
    return ml_table_has_room(&x->names, (uint32_t)n) || replace_table(s, (uint32_t)n);
}

/* e takes the place of what another unit shows: both know it. True unless that is the old version
** of the same. */
static bool cover(const ml_unit *u, ml_entry *e, const ml_entry *other)
{
    bool is_old = other->unit == u->other;
    e->covers |= !is_old || other->covers;
    return !is_old;
}

/* Enters the names of a unit into the table. True when some took the place of names of others; each
** of these knows it. */
static bool put_all(ml_exports *x, const ml_unit *u)
{
    const ml_table *names = &u->l->names;
    bool covers = false;
    for (uint32_t i = 0; i < names->count; i++) {
        ml_entry *e = ml_table_at(names, i);
        if (i + AHEAD < names->count)
            ml_table_prefetch_slot(&x->names, ml_table_at(names, i + AHEAD)->hash);
        if (e->unit != u)
            continue;
        const ml_entry *other = ml_table_put(&x->names, e);
        if (other && other->unit != u)
            covers |= cover(u, e, other);
    }
    return covers;
}

/* The same for two units without a table: the smaller one's names are looked up in the other. */
static bool cover_all(const ml_unit *u, const ml_unit *v)
{
    bool first = u->l->names.count <= v->l->names.count, covers = false;
    const ml_unit *small = first ? u : v, *large = first ? v : u;
    const ml_table *names = &small->l->names, *others = &large->l->names;
    ml_key keys[ML_TABLE_BATCH];
    for (uint32_t i = 0, n; i < names->count; i += n) {
        n = ml_table_keys(names, i, keys, others);
        for (uint32_t k = 0; k < n; k++) {
            const ml_key *key = &keys[k];
            ml_entry *same = shown_by(large, key->name, key->len, key->hash);
            ml_entry *e = same ? ml_table_at(names, i + k) : NULL;
            if (e && e->unit == small)
                covers |= cover(u, first ? e : same, first ? same : e);
        }
    }
    return covers;
}

/* Makes the table, for which there is room. */
static void make_table(ml_exports *x)
{
    for (unsigned i = 0; i < x->nfew; i++)
        put_all(x, x->few[i]);
    x->nfew = 0;
}

bool ml_exports_lists(const ml_exports *x)
{
    return has_table(x) || x->nfew == ML_EXPORTS_FEW;
}

bool ml_exports_enter(ml_exports *x, ml_unit *u)
{
    const ml_table *names = &u->l->names;
    bool covers = false;
    for (uint32_t i = 0; i < names->count; i++) {
        ml_entry *e = ml_table_awake(names, i);
        if (e && ml_def_exported(e))
            e->unit = u;
    }
    for (uint32_t i = 0; i < names->nsleepers; i++)
        names->sleepers[i].unit = u;
    if (!has_table(x) && x->nfew == ML_EXPORTS_FEW)
        make_table(x);
    if (has_table(x))
        return put_all(x, u);
    for (unsigned i = 0; i < x->nfew; i++)
        covers |= cover_all(u, x->few[i]);
    x->few[x->nfew++] = u;
    return covers;
}

/* Takes a unit out of the few. True when it was there. */
static bool take_out(ml_exports *x, const ml_unit *u)
{
    for (unsigned i = 0; i < x->nfew; i++) {
        if (x->few[i] != u)
            continue;
        x->nfew--;
        memmove(&x->few[i], &x->few[i + 1], (x->nfew - i) * sizeof *x->few);
        return true;
    }
    return false;
}

void ml_exports_enter_again(ml_exports *x, ml_unit *u)
{
    if (has_table(x))
        put_all(x, u);
    else if (take_out(x, u))
        x->few[x->nfew++] = u;
}

static ml_entry *defined_by(const ml_unit *u, const ml_entry *e)
{
    ml_entry *own = ml_table_find(&u->l->names, e->name, e->len, e->hash);
    return own && own->unit == u && u->state <= ML_UNIT_LIVE ? own : NULL;
}

/* Who has the name of an entry that was taken out: the old version, or the latest that has it. */
static ml_entry *covered_by(const ml_unit *u, const ml_entry *e)
{
    ml_entry *own = u->other ? defined_by(u->other, e) : NULL;
    for (const ml_unit *k = e->covers ? u->s->last : NULL; k && !own; k = k->prev)
        own = k == u ? NULL : defined_by(k, e);
    return own;
}

void ml_exports_leave(ml_exports *x, const ml_unit *u)
{
    const ml_table *names = &u->l->names;
    if (take_out(x, u))
        return;
    for (uint32_t i = 0; has_table(x) && i < names->count; i++) {
        ml_entry *e = ml_table_awake(names, i); /* what was entered is */
        if (!e || e->unit != u || !ml_table_remove(&x->names, e))
            continue;
        ml_entry *own = covered_by(u, e);
        if (own)
            ml_table_put(&x->names, own);
    }
}
