/* journal.c -- pkg: journals of changes.
** takes a folder; gives the files of an unfinished change, and whether each belongs to the state
** that counts.
** A journal is read as any file: its names are used only when they are such as a journal has.
** SPDX-License-Identifier: MIT */
#include "pkg/journal.h"

#include <stdlib.h>

/* ---- the file: words that end with NUL ---- */

static const char head[] = "moonlink journal 1";
static const char by_cache[] = "cache", by_itself[] = "whole", put[] = "put", removed[] = "remove",
                  end[] = "end";

uint64_t ml_journal_hash(ml_slice record)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < record.n; i++)
        h = (h ^ record.p[i]) * 0x100000001b3u;
    return h;
}

static void word(ml_bytes *out, const char *s)
{
    ml_bytes_put(out, s, strlen(s) + 1);
}

static void number(ml_bytes *out, uint64_t v)
{
    char digits[17];
    for (unsigned i = 0; i < 16; i++)
        digits[i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
    digits[16] = 0;
    word(out, digits);
}

int ml_journal_write(ml_diag *d, const ml_journal *j, ml_bytes *out)
{
    word(out, head);
    word(out, j->whole ? by_itself : by_cache);
    for (size_t i = 0; i < j->n; i++) {
        const ml_journal_entry *e = &j->at[i];
        word(out, e->temp ? put : removed);
        if (e->temp)
            word(out, e->temp);
        word(out, e->name);
        ml_bytes_put(out, e->id.p, e->id.n);
        word(out, "");
        if (e->temp)
            number(out, e->hash);
    }
    word(out, end);
    return out->failed ? ml_nomem(d) : 0;
}

typedef struct cursor {
    ml_slice rest;
    bool bad;
} cursor;

static const char *next(cursor *c)
{
    const uint8_t *nul = c->rest.n ? memchr(c->rest.p, 0, c->rest.n) : NULL;
    c->bad |= !nul;
    if (!nul)
        return "";
    const char *s = (const char *)c->rest.p;
    size_t n = (size_t)(nul - c->rest.p) + 1;
    c->rest = (ml_slice){c->rest.p + n, c->rest.n - n};
    return s;
}

bool ml_journal_is_temp(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strncmp(name, ML_JOURNAL_TEMP, strlen(ML_JOURNAL_TEMP)) == 0 &&
           strcmp(name + n - 4, ".tmp") == 0 && !strchr(name, '/');
}

static bool is_conf(const char *name)
{
    size_t n = strlen(name);
    return n >= 5 && strcmp(name + n - 5, ".conf") == 0 && !strchr(name, '/');
}

/* True for an entry, false at the end or when c->bad. */
static bool next_entry(cursor *c, ml_journal_entry *e)
{
    const char *what = next(c);
    bool is_put = strcmp(what, put) == 0;
    if (!is_put && strcmp(what, removed) != 0) {
        c->bad |= strcmp(what, end) != 0;
        return false;
    }
    *e = (ml_journal_entry){.temp = is_put ? next(c) : NULL, .name = next(c)};
    const char *id = next(c);
    e->id = (ml_slice){(const uint8_t *)id, strlen(id)};
    e->hash = is_put ? strtoull(next(c), NULL, 16) : 0;
    c->bad |= !is_conf(e->name) || (is_put && !ml_journal_is_temp(e->temp));
    return !c->bad;
}

int ml_journal_read(ml_diag *d, ml_arena *a, const ml_directory *dir, ml_journal *out)
{
    *out = (ml_journal){0};
    ml_slice bytes;
    int there = ml_directory_read(d, a, dir, ML_JOURNAL_NAME, &bytes);
    if (there <= 0)
        return there;
    cursor c = {.rest = bytes};
    if (strcmp(next(&c), head) != 0)
        return 0;
    out->whole = strcmp(next(&c), by_itself) == 0;
    ml_journal_entry e;
    size_t room = 0;
    while (next_entry(&c, &e)) {
        if (!ML_ARENA_ROOM(a, out->at, out->n, room))
            return ml_nomem(d);
        out->at[out->n++] = e;
    }
    return !c.bad;
}

/* ---- what counts ---- */

typedef struct known {
    ml_slice id;
    const ml_pkg_info *info;
} known;

static int by_id(const void *a, const void *b)
{
    const ml_slice *x = a, *y = b; /* the first member of both kinds of elements */
    size_t n = x->n < y->n ? x->n : y->n;
    int c = n ? memcmp(x->p, y->p, n) : 0;
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* The packages of the cache by id; *n of them, or none when there is no cache that can be read. */
static int read_known(ml_diag *d, const ml_directory *dir, ml_pkg_infos *all, known **out)
{
    *out = NULL;
    ml_slice bytes;
    int there = ml_directory_read(d, &all->arena, dir, ML_STORE_CACHE, &bytes);
    if (there <= 0)
        return there;
    ml_diag ignored;
    ml_diag_init(&ignored);
    int e = ml_cache_read(&ignored, ML_STORE_CACHE, bytes, all);
    ml_diag_free(&ignored);
    if (e < 0)
        return 0;
    known *k = ml_nalloc(&all->arena, all->n + 1, sizeof *k);
    if (!k)
        return ml_nomem(d);
    for (size_t i = 0; i < all->n; i++)
        k[i] = (known){all->at[i].v[ML_PKG_ID].text, &all->at[i]};
    if (all->n)
        qsort(k, all->n, sizeof *k, by_id);
    *out = k;
    return 1;
}

/* Does the cache have this unit, and (any: false) in this very form? */
static int has(ml_diag *d, const known *k, size_t n, const ml_journal_entry *e, bool any)
{
    const known *found = n ? bsearch(&e->id, k, n, sizeof *k, by_id) : NULL;
    if (!found || any)
        return found != NULL;
    while (found > k && by_id(&found[-1].id, &e->id) == 0)
        found--;
    int yes = 0;
    for (; !yes && found < k + n && by_id(&found->id, &e->id) == 0; found++) {
        ml_bytes record = {0};
        int bad = ml_cache_record(d, found->info, &record);
        yes = bad < 0 ? bad : ml_journal_hash((ml_slice){record.p, record.n}) == e->hash;
        ml_bytes_free(&record);
    }
    return yes;
}

static int by_entry(const void *a, const void *b)
{
    const ml_journal_entry *const *x = a, *const *y = b;
    return by_id(&(*x)->id, &(*y)->id);
}

/* A file that goes because its unit gets another one follows that one; else it is done when the
** cache has no such unit. */
static int decide_removals(ml_diag *d, ml_arena *a, ml_journal *j, const known *k, size_t n)
{
    const ml_journal_entry **puts = ml_nalloc(a, j->n + 1, sizeof *puts);
    if (!puts)
        return ml_nomem(d);
    size_t nputs = 0;
    for (size_t i = 0; i < j->n; i++)
        if (j->at[i].temp)
            puts[nputs++] = &j->at[i];
    if (nputs)
        qsort(puts, nputs, sizeof *puts, by_entry);
    for (size_t i = 0; i < j->n; i++) {
        ml_journal_entry *e = &j->at[i];
        const ml_journal_entry **other =
            nputs ? bsearch(&(const ml_journal_entry *){e}, puts, nputs, sizeof *puts, by_entry)
                  : NULL;
        if (!e->temp)
            e->done = other ? (*other)->done : !has(d, k, n, e, true);
    }
    return 0;
}

/* Without a cache: a change that has begun to touch the files was made. */
static int decide_by_files(ml_diag *d, const ml_directory *dir, ml_journal *j)
{
    bool begun = false;
    for (size_t i = 0; i < j->n && !begun; i++) {
        ml_file_id id;
        const ml_journal_entry *e = &j->at[i];
        int there = ml_directory_stat(d, dir, e->temp ? e->temp : e->name, &id);
        if (there < 0)
            return there;
        begun = !there;
    }
    for (size_t i = 0; i < j->n; i++)
        j->at[i].done = begun;
    return 0;
}

int ml_journal_decide(ml_diag *d, ml_arena *a, const ml_directory *dir, ml_journal *j)
{
    if (j->whole) {
        for (size_t i = 0; i < j->n; i++)
            j->at[i].done = true;
        return 0;
    }
    ml_pkg_infos all = {0};
    known *k;
    int e = read_known(d, dir, &all, &k);
    if (e == 0)
        e = decide_by_files(d, dir, j);
    else if (e > 0) {
        for (size_t i = 0; i < j->n && e >= 0; i++)
            if (j->at[i].temp) {
                e = has(d, k, all.n, &j->at[i], false);
                j->at[i].done = e > 0;
            }
        if (e >= 0)
            e = decide_removals(d, a, j, k, all.n);
    }
    ml_pkg_infos_free(&all);
    return e < 0 ? e : 0;
}
