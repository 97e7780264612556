/* exports.c -- link: what the units of a session show to others.
** The first unit is found through its own table; only a second one makes a table of the session's
** worth building. Entering cannot fail after a reserve.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

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

static bool put_all(ml_exports *x, const ml_unit *u)
{
    const ml_table *names = &u->l->names;
    bool covers = false;
    for (uint32_t i = 0; i < names->count; i++) {
        if (i + AHEAD < names->count)
            ml_table_prefetch_slot(&x->names, names->entries[i + AHEAD]->hash);
        if (names->entries[i]->unit != u)
            continue;
        const ml_entry *other = ml_table_put(&x->names, names->entries[i]);
        covers |= other && other->unit != u && other->unit != u->other;
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

void ml_exports_enter_again(ml_exports *x, ml_unit *u)
{
    if (!x->sole)
        u->covers |= put_all(x, u);
}

void ml_exports_leave(ml_exports *x, const ml_unit *u)
{
    const ml_table *names = &u->l->names;
    if (x->sole == u)
        x->sole = NULL;
    else if (!x->sole)
        for (uint32_t i = 0; i < names->count; i++)
            if (names->entries[i]->unit == u)
                ml_table_remove(&x->names, names->entries[i]);
}
