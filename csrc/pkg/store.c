/* store.c -- pkg: reads a database, whatever its form.
** takes a path; gives the packages of one state of it, and what is to be said about its cache.
** No lock is taken. A reader of a fresh cache sees a state since the cache is replaced by rename;
** a reader of .conf files looks at the cache before and after, and begins again when it has been
** replaced meanwhile; a change that is not tidied yet is read through its journal, which must be
** there to the end: the next change gives other files the names that it tells.
** Spec: ghc-pkg 9.0 for the rules of the cache: it counts as long as no .conf file is newer.
** SPDX-License-Identifier: MIT */
#include "pkg/store.h"

#include <stdlib.h>

#include "pkg/journal.h"
#include "pkg/show.h"
#include "pkg/text.h"

enum { ATTEMPTS = 16 }; /* while others keep changing the database */

void ml_store_view_free(ml_store_view *v)
{
    ml_diag_free(&v->error);
    ml_arena_free(&v->arena);
    *v = (ml_store_view){0};
}

bool ml_store_is_conf(const char *name)
{
    size_t n = strlen(name);
    return n >= 5 && memcmp(name + n - 5, ".conf", 5) == 0;
}

/* ---- ids ---- */

enum { NAME_BYTES = 255, SHOWN = 60 }; /* that a file system takes; of a bad id in an error */

/* The id with everything but printable ASCII escaped, cut. */
static const char *escaped(ml_slice id, char *buf)
{
    static const char hex[] = "0123456789abcdef";
    char *to = buf;
    size_t i = 0;
    for (; i < id.n && to - buf < SHOWN; i++) {
        uint8_t c = id.p[i];
        if (c > ' ' && c < 0x7f && c != '\\') {
            *to++ = (char)c;
        } else {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    memcpy(to, i < id.n ? "..." : "", i < id.n ? 4 : 1);
    return buf;
}

int ml_store_check_id(ml_diag *d, ml_slice id)
{
    char shown[SHOWN + 8];
    const char *why = NULL;
    if (!id.n)
        why = "is empty";
    else if (id.p[0] == '.')
        why = "begins with a dot";
    else if (id.n > NAME_BYTES - strlen(".conf"))
        why = "is too long for the name of a file";
    for (size_t i = 0; i < id.n && !why; i++)
        if (id.p[i] == '/' || id.p[i] < ' ' || id.p[i] == 0x7f)
            why = "has a character that a file's name cannot have";
    if (!why)
        return 0;
    return ml_fail(d, ML_E_ARGUMENT, (ml_where){0},
                   "a unit id is made of letters, digits and - _ . +: mend the field id",
                   "the unit id '%s' %s", escaped(id, shown), why);
}

/* ---- .conf files ---- */

typedef struct reading {
    ml_diag *d;
    ml_directory dir;
    ml_store_view *v;
    ml_pkg_infos *all;
    const char **names; /* in the folder */
    size_t n;
    ml_journal journal;
} reading;

static bool is_old(ml_slice text)
{
    size_t i = 0;
    while (i < text.n &&
           (text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\t' || text.p[i] == '\r'))
        i++;
    return i < text.n && text.p[i] == '[';
}

/* name: of the file to read, shown: of the file that it is, or will be. 0 when it is not there. */
static int read_conf(reading *r, const char *name, const char *shown)
{
    ml_slice text;
    int there = ml_directory_read(r->d, &r->all->arena, &r->dir, name, &text);
    if (there <= 0)
        return there;
    const char *file = ml_format(&r->all->arena, "%s/%s", r->dir.path, shown);
    if (!file)
        return ml_nomem(r->d);
    if (!is_old(text)) {
        int e = ml_pkg_text_parse(r->d, r->all, file, text);
        return e < 0 ? e : 1;
    }
    r->v->kind = ML_STORE_OLD_FOLDER;
    int e = ml_pkg_show_parse(r->d, r->all, file, text);
    return e < 0 ? e : 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ml_journal_entry *)a)->name, ((const ml_journal_entry *)b)->name);
}

/* The files of a change that is made but not tidied stand in for those of the folder. */
static int read_journalled(reading *r)
{
    for (size_t i = 0; i < r->journal.n; i++) {
        const ml_journal_entry *e = &r->journal.at[i];
        if (!e->temp)
            continue;
        int there = read_conf(r, e->temp, e->name);
        if (there == 0)
            there = read_conf(r, e->name, e->name);
        if (there < 0 && r->d->count >= ML_DIAG_MAX)
            return there;
    }
    return 0;
}

static int open_journal(reading *r)
{
    ml_journal *j = &r->journal;
    *j = (ml_journal){0};
    int e = ml_journal_read(r->d, &r->v->arena, &r->dir, j);
    if (e > 0)
        e = ml_journal_decide(r->d, &r->v->arena, &r->dir, j);
    if (e < 0)
        return e;
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++)
        if (j->at[i].done)
            j->at[n++] = j->at[i];
    j->n = n;
    if (n)
        qsort(j->at, n, sizeof *j->at, by_name);
    return 0;
}

static bool journalled(const reading *r, const char *name)
{
    const ml_journal_entry key = {.name = name};
    const ml_journal *j = &r->journal;
    return j->n && bsearch(&key, j->at, j->n, sizeof key, by_name);
}

/* All of them, and all errors of all of them. */
static int read_confs(reading *r)
{
    int e = open_journal(r);
    if (e < 0)
        return e;
    unsigned before = r->d->count;
    for (size_t i = 0; i < r->n; i++) {
        if (!ml_store_is_conf(r->names[i]) || journalled(r, r->names[i]))
            continue;
        e = read_conf(r, r->names[i], r->names[i]);
        if (e < 0 && r->d->count >= ML_DIAG_MAX)
            return e;
    }
    e = read_journalled(r);
    return e < 0 || r->d->count == before ? e : -(int)r->d->first->code;
}

/* ---- the cache ---- */

/* Sets v->cache; 1 when the packages were read. */
static int read_cache(reading *r, const ml_file_id *cache)
{
    ml_store_view *v = r->v;
    v->cache = ML_CACHE_FRESH;
    for (size_t i = 0; i < r->n; i++) {
        if (!ml_store_is_conf(r->names[i]))
            continue;
        ml_file_id conf;
        int there = ml_directory_stat(r->d, &r->dir, r->names[i], &conf);
        if (there < 0)
            return there;
        if (there && conf.mtime_ns > cache->mtime_ns) {
            v->cache = ML_CACHE_STALE;
            v->newer = r->names[i];
            return 0;
        }
    }
    const char *file = ml_format(&r->all->arena, "%s/" ML_STORE_CACHE, r->dir.path);
    if (!file)
        return ml_nomem(r->d);
    ml_slice bytes;
    int e = ml_directory_read(&v->error, &r->all->arena, &r->dir, ML_STORE_CACHE, &bytes);
    if (e > 0)
        e = ml_cache_read(&v->error, file, bytes, r->all);
    if (e >= 0)
        return 1;
    v->cache = -e == ML_E_UNSUPPORTED ? ML_CACHE_FOREIGN : ML_CACHE_CORRUPT;
    return -e == ML_E_NOMEM ? ml_nomem(r->d) : 0;
}

static bool same_file(const ml_file_id *a, const ml_file_id *b)
{
    return a->ino == b->ino && a->dev == b->dev && a->mtime_ns == b->mtime_ns && a->size == b->size;
}

/* What tells that a folder has changed. */
typedef struct marks {
    int has_cache, has_journal;
    ml_file_id cache, journal;
} marks;

static int look(const reading *r, marks *m)
{
    m->has_cache = ml_directory_stat(r->d, &r->dir, ML_STORE_CACHE, &m->cache);
    if (m->has_cache < 0)
        return m->has_cache;
    m->has_journal = ml_directory_stat(r->d, &r->dir, ML_JOURNAL_NAME, &m->journal);
    return m->has_journal < 0 ? m->has_journal : 0;
}

/* Was the folder in one state all the time? A journal that came meanwhile says nothing as long as
** the cache is the same; without a cache it is what makes a change. */
static bool is_settled(const marks *was, const marks *is)
{
    if (is->has_cache != was->has_cache || (is->has_cache && !same_file(&is->cache, &was->cache)))
        return false;
    if (!was->has_journal)
        return is->has_cache || !is->has_journal;
    return is->has_journal && same_file(&is->journal, &was->journal);
}

/* One attempt: 1 when what was read is a state, 0 when it changed meanwhile. */
static int read_once(reading *r, bool use_cache)
{
    r->v->kind = ML_STORE_FOLDER;
    r->v->cache = ML_CACHE_NONE;
    ml_diag_free(&r->v->error);
    marks before, after;
    int e = look(r, &before);
    if (e == 0)
        e = ml_directory_list(r->d, &r->v->arena, &r->dir, &r->names, &r->n);
    if (e < 0)
        return e;
    if (use_cache && !before.has_cache)
        r->v->cache = ML_CACHE_MISSING;
    e = use_cache && before.has_cache ? read_cache(r, &before.cache) : 0;
    if (e != 0)
        return e;
    e = read_confs(r);
    int bad = look(r, &after);
    if (bad < 0)
        return bad;
    return !is_settled(&before, &after) ? 0 : e < 0 ? e : 1;
}

static int read_folder(reading *r, bool use_cache)
{
    int e = 0;
    for (unsigned i = 0; e == 0 && i < ATTEMPTS; i++) {
        if (r->d->count)
            ml_diag_free(r->d); /* errors of a state that was none */
        r->all->n = 0;
        r->all->warned = 0;
        e = read_once(r, use_cache);
    }
    if (e == 0)
        return ml_fail(r->d, ML_E_STATE, (ml_where){.file = r->dir.path}, "try again",
                       "the database is being changed all the time");
    if (r->v->kind == ML_STORE_OLD_FOLDER)
        r->v->cache = ML_CACHE_NONE;
    return e < 0 ? e : 0;
}

/* ---- one file ---- */

static int place_of_file(ml_diag *d, ml_arena *a, const char *path, const char **where)
{
    ml_os_file f;
    char first[2] = "";
    int e = ml_os_open(d, path, &f);
    if (e < 0)
        return e;
    if (f.id.size >= sizeof first)
        e = ml_os_pread(d, &f, 0, first, sizeof first);
    ml_os_close(&f);
    if (e < 0 || memcmp(first, "[]", sizeof first) != 0)
        return e;
    const char *folder = ml_format(a, "%s.d", path);
    ml_directory dir;
    ml_diag ignored;
    ml_diag_init(&ignored);
    bool there = folder && ml_directory_open(&ignored, folder, &dir) == 0;
    ml_diag_free(&ignored);
    if (!folder || !there)
        return folder ? 0 : ml_nomem(d);
    ml_directory_close(&dir);
    *where = folder;
    return 1;
}

int ml_store_place(ml_diag *d, ml_arena *a, const char *path, const char **where)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    *where = ml_strndup(a, path, n);
    if (!*where)
        return ml_nomem(d);
    ml_directory dir;
    int e = ml_directory_open(d, *where, &dir);
    if (e == 0)
        ml_directory_close(&dir);
    if (-e != ML_E_KIND)
        return e < 0 ? e : 1;
    ml_diag_free(d);
    return place_of_file(d, a, *where, where);
}

static int read_file(ml_diag *d, ml_store_view *v, ml_pkg_infos *all)
{
    v->kind = ML_STORE_FILE;
    ml_slice text;
    int e = ml_os_read_all(d, &all->arena, v->path, &text, NULL);
    if (e < 0)
        return e;
    const char *file = ml_strdup(&all->arena, v->path);
    if (!file)
        return ml_nomem(d);
    if (is_old(text))
        return ml_pkg_show_parse(d, all, file, text);
    return ml_fail(d, ML_E_KIND, (ml_where){.file = v->path},
                   "a database is a folder of .conf files, or one file of GHC 6 that begins with "
                   "'['; make one with: moonlink pkg init",
                   "is no package database");
}

/* ---- whatever it is ---- */

int ml_store_read(ml_diag *d, const char *path, bool use_cache, ml_store_view *v, ml_pkg_infos *all)
{
    *v = (ml_store_view){0};
    ml_diag_init(&v->error);
    int e = ml_store_place(d, &v->arena, path, &v->path);
    if (e <= 0)
        return e < 0 ? e : read_file(d, v, all);
    reading r = {.d = d, .v = v, .all = all, .dir = {.fd = -1}};
    e = ml_directory_open(d, v->path, &r.dir);
    if (e < 0)
        return e;
    e = read_folder(&r, use_cache);
    ml_directory_close(&r.dir);
    return e;
}
