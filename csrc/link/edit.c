/* edit.c -- stage SELECT: names that change between an input's symbol table and the load's.
** takes edits of exact names, which the caller made out of his patterns; gives them to select.c,
** and to sources.c the way back, since an archive's index has the old names.
** SPDX-License-Identifier: MIT */
#include "link/edit.h"

#include "base/hash.h"
#include "link/txn.h"

ml_edits *ml_edits_new(void)
{
    ml_edits *x = ml_heap_zalloc(1, sizeof *x);
    if (x)
        x->users = 1;
    return x;
}

ml_edits *ml_edits_hold(ml_edits *x)
{
    if (x)
        x->users++;
    return x;
}

void ml_edits_drop(ml_edits *x)
{
    if (!x || --x->users)
        return;
    ml_table_deinit(&x->names);
    ml_table_deinit(&x->given);
    ml_arena_free(&x->arena);
    ml_heap_free(x);
}

bool ml_edits_add(ml_edits *x, const char *name, const ml_edit *edit)
{
    ml_edit own = *edit;
    ml_entry *e = ml_table_intern_str(&x->names, &x->arena, name);
    own.definition = ml_strdup(&x->arena, edit->definition);
    own.reference = ml_strdup(&x->arena, edit->reference);
    if (!e || !own.definition || !own.reference || !ML_ARENA_ROOM(&x->arena, x->v, x->n, x->room))
        return false;
    e->value = x->n;
    x->v[x->n++] = own;
    if (own.local)
        return true;
    ml_entry *given = ml_table_intern_str(&x->given, &x->arena, own.definition);
    if (!given)
        return false;
    if (!given->provider)
        given->provider = e->name;
    return true;
}

const ml_edit *ml_edits_find(const ml_edits *x, const char *name, size_t len, uint32_t hash)
{
    const ml_entry *e = x ? ml_table_find(&x->names, name, len, hash) : NULL;
    return e ? &x->v[e->value] : NULL;
}

const char *ml_edits_original(const ml_edits *x, const char *name)
{
    if (!x)
        return name;
    const ml_entry *e = ml_table_find_str(&x->given, name);
    if (e)
        return e->provider;
    return ml_table_find_str(&x->names, name) ? NULL : name;
}

int ml_txn_edit(ml_txn *t, const char *name, const ml_edit *edit)
{
    t->edited = true;
    if (!t->edits)
        t->edits = ml_edits_new();
    return t->edits && ml_edits_add(t->edits, name, edit) ? 0 : ml_nomem(t->d);
}

void ml_txn_edit_end(ml_txn *t)
{
    ml_edits_drop(t->edits);
    t->edits = NULL;
}
