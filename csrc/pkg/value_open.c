/* value_open.c -- pkg: units with holes: instantiations of signatures (Backpack).
** takes `unit:Module`, `<Module>`, `comp[A=unit:Mod,B=<B>]:Module`; gives the same text, with
** instantiations in the order of their modules and each once.
** Spec: Cabal, Distribution.Backpack.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "pkg/bytes.h"
#include "pkg/value.h"

static bool next_is(const ml_pkg_cursor *c, char what)
{
    return c->at < c->end && *c->at == (uint8_t)what;
}

static int expect(ml_pkg_cursor *c, char what, const char *shown)
{
    if (!next_is(c, what))
        return ml_pkg_unexpected(c, c->at, shown);
    c->at++;
    return 1;
}

static int variable(ml_pkg_cursor *c, ml_bytes *out)
{
    ml_slice module;
    const uint8_t *start = c->at++;
    int r = ml_pkg_read_module(c, &module);
    if (r <= 0)
        return r < 0 ? r : ml_pkg_unexpected(c, c->at, NULL);
    r = expect(c, '>', "\">\"");
    if (r > 0)
        ml_bytes_put(out, start, (size_t)(c->at - start));
    return r;
}

int ml_pkg_read_open_module(ml_pkg_cursor *c, ml_bytes *out, unsigned depth)
{
    if (next_is(c, '<'))
        return variable(c, out);
    ml_slice unit, module;
    if (ml_pkg_read_id(c, &unit) == 0)
        return ml_pkg_unexpected(c, c->at, "\"<\"");
    ml_bytes_slice(out, unit);
    if (next_is(c, '[')) {
        if (!depth)
            return ml_pkg_bad_value(c, c->at, "instantiations are nested too deeply");
        c->at++;
        ml_pkg_list list;
        int r = ml_pkg_read_instances(c, &list, depth - 1);
        if (r < 0)
            return r;
        ml_bytes_char(out, '[');
        for (size_t i = 0; i < list.n; i++) {
            ml_bytes_text(out, i ? "," : "");
            ml_bytes_slice(out, list.at[i]);
        }
        ml_bytes_char(out, ']');
        r = expect(c, ']', "\",\" or \"]\"");
        if (r < 0)
            return r;
    }
    int r = expect(c, ':', "\":\"");
    if (r < 0)
        return r;
    r = ml_pkg_read_module(c, &module);
    if (r <= 0)
        return r < 0 ? r : ml_pkg_unexpected(c, c->at, NULL);
    ml_bytes_char(out, ':');
    ml_bytes_slice(out, module);
    return 1;
}

/* Module=..., of which the module ends at the first "=". */
static size_t key_length(ml_slice s)
{
    const uint8_t *eq = memchr(s.p, '=', s.n);
    return eq ? (size_t)(eq - s.p) : s.n;
}

typedef struct numbered {
    ml_slice item;
    size_t i;
} numbered;

static int compare_modules(ml_slice x, ml_slice y)
{
    size_t nx = key_length(x), ny = key_length(y);
    int r = memcmp(x.p, y.p, nx < ny ? nx : ny);
    return r ? r : nx < ny ? -1 : nx > ny;
}

static int by_module(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    int r = compare_modules(x->item, y->item);
    return r ? r : x->i < y->i ? -1 : x->i > y->i;
}

/* The last of those with one module stays. */
static bool sort_unique(ml_arena *a, ml_slice *at, size_t *n)
{
    numbered *all = ml_nalloc(a, *n, sizeof *all);
    if (!all)
        return false;
    for (size_t i = 0; i < *n; i++)
        all[i] = (numbered){at[i], i};
    if (*n)
        qsort(all, *n, sizeof *all, by_module);
    size_t m = 0;
    for (size_t i = 0; i < *n; i++)
        if (i + 1 == *n || compare_modules(all[i].item, all[i + 1].item) != 0)
            at[m++] = all[i].item;
    *n = m;
    return true;
}

int ml_pkg_read_instances(ml_pkg_cursor *c, ml_pkg_list *out, unsigned depth)
{
    ml_slice *at = NULL, module;
    size_t n = 0, room = 0;
    *out = (ml_pkg_list){0};
    for (;; c->at++) {
        int r = ml_pkg_read_module(c, &module);
        if (r < 0)
            return r;
        if (r == 0)
            return n ? ml_pkg_unexpected(c, c->at, NULL) : 1;
        r = expect(c, '=', "\"=\"");
        if (r < 0)
            return r;
        ml_bytes text = {0};
        ml_bytes_slice(&text, module);
        ml_bytes_char(&text, '=');
        r = ml_pkg_read_open_module(c, &text, depth);
        bool kept = r > 0 && ML_ARENA_ROOM(&c->all->arena, at, n, room) &&
                    ml_bytes_keep(&text, &c->all->arena, &at[n]);
        ml_bytes_free(&text);
        if (r < 0)
            return r;
        if (!kept)
            return ml_nomem(c->d);
        n++;
        if (!next_is(c, ','))
            break;
    }
    if (!sort_unique(&c->all->arena, at, &n))
        return ml_nomem(c->d);
    *out = (ml_pkg_list){at, n};
    return 1;
}
