/* exports.c -- link: what the units of a session show to others.
** The first unit is found through its own table; only a second one makes a table of the session's
** worth building. Entering cannot fail after a reserve.
** SPDX-License-Identifier: MIT */
#include "link/unit.h"

enum { AHEAD = 8 };

const ml_entry *ml_exports_find(const ml_exports *x, const char *name, size_t len, uint32_t hash)
{
    if (!x->sole)
        return ml_table_find(&x->names, name, len, hash);
    const ml_entry *e = ml_table_find(&x->sole->l->names, name, len, hash);
    return e && e->unit == x->sole ? e : NULL;
}

bool ml_exports_reserve(ml_exports *x, const ml_linked *more)
{
    if (!x->sole && !x->names.count)
        return true;
    uint32_t n = more->names.count;
    if (x->sole)
        n += x->sole->l->names.count;
    return n >= more->names.count && ml_table_reserve(&x->names, n);
}

/* Enters the names of a unit. True when some took the place of names of others; each of these knows
** it. */
static bool put_all(ml_exports *x, const ml_unit *u)
{
    const ml_table *names = &u->l->names;
    bool covers = false;
    for (uint32_t i = 0; i < names->count; i++) {
        ml_entry *e = names->entries[i];
        if (i + AHEAD < names->count)
            ml_table_prefetch_slot(&x->names, names->entries[i + AHEAD]->hash);
        if (e->unit != u)
            continue;
        const ml_entry *other = ml_table_put(&x->names, e);
        if (!other || other->unit == u)
            continue;
        bool is_old = other->unit == u->other;
        e->covers |= !is_old || other->covers;
        covers |= !is_old;
    }
    return covers;
}

bool ml_exports_enter(ml_exports *x, ml_unit *u)
{
    const ml_table *names = &u->l->names;
    for (uint32_t i = 0; i < names->count; i++)
        if (ml_def_exported(names->entries[i]))
            names->entries[i]->unit = u;
    if (!x->sole && !x->names.count) {
        x->sole = u;
        return false;
    }
    if (x->sole)
        put_all(x, x->sole);
    x->sole = NULL;
    return put_all(x, u);
}

void ml_exports_enter_again(ml_exports *x, const ml_unit *u)
{
    if (!x->sole)
        put_all(x, u);
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
    if (x->sole == u)
        x->sole = NULL;
    else if (!x->sole)
        for (uint32_t i = 0; i < names->count; i++) {
            ml_entry *e = names->entries[i];
            if (e->unit != u || !ml_table_remove(&x->names, e))
                continue;
            ml_entry *own = covered_by(u, e);
            if (own)
                ml_table_put(&x->names, own);
        }
}
