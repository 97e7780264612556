/* store.c -- pkg: reads a database, whatever its form.
** takes a path; gives the packages of one state of it, and what is to be said about its cache.
**
** Note [Reading beside writers]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** No lock is taken: who copies files into a folder would not respect it, and who only reads may not
** be allowed to take it. A fresh cache is one file, replaced by rename: whoever reads it reads a
** state. Many files are one when nothing changed from before their names were listed until the last
** of them was read. Otherwise all that was read, errors too, is thrown away, and the reading begins
** again at the path, where another folder may be by now.
** Whether something changed is asked when all is read: of the folder, for files that came and went,
** and of each file, for its content. The answer is in the times of changes: see Note [Times of
** changes] in os/time.c. A file that is put or removed while the reading begins may have an earlier
** time, and does no harm: the kernel lists a folder only when that is done.
** A change that is made but not tidied yet is read through its journal.
**
** Spec: ghc-pkg 9.0 for the rules of the cache: it counts as long as no .conf file is newer.
** SPDX-License-Identifier: MIT */
#include "pkg/store.h"

#include <stdlib.h>

#include "pkg/journal.h"
#include "pkg/show.h"
#include "pkg/text.h"

/* An attempt to read that was none: the database was being changed. */
enum { AGAIN = 1 };
/* While others keep changing it: so many seconds, and attempts however long one takes. */
enum { PATIENCE = 5, ATTEMPTS = 4 };

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
    ml_store_view *v;
    ml_pkg_infos *all;
    int64_t since; /* ml_os_tick_ns when it began */
    ml_directory dir;
    ml_file_id folder;  /* as it was then */
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

/* Sets v->newer when a .conf file is newer than the cache: 1; else 0. */
static int find_newer(reading *r, const ml_file_id *cache)
{
    for (size_t i = 0; i < r->n; i++) {
        ml_file_id conf;
        if (!ml_store_is_conf(r->names[i]))
            continue;
        int there = ml_directory_stat(r->d, &r->dir, r->names[i], &conf);
        if (there < 0)
            return there;
        if (there && conf.mtime_ns > cache->mtime_ns) {
            r->v->newer = r->names[i];
            return 1;
        }
    }
    return 0;
}

/* Sets v->cache; when it is ML_CACHE_FRESH the packages are read. */
static int read_cache(reading *r)
{
    ml_store_view *v = r->v;
    ml_file_id cache;
    ml_slice bytes;
    int there = ml_directory_stat(r->d, &r->dir, ML_STORE_CACHE, &cache);
    int newer = there > 0 ? find_newer(r, &cache) : there;
    v->cache = there ? ML_CACHE_STALE : ML_CACHE_MISSING;
    if (newer || !there)
        return newer < 0 ? newer : 0;
    const char *file = ml_format(&r->all->arena, "%s/" ML_STORE_CACHE, r->dir.path);
    if (!file)
        return ml_nomem(r->d);
    int e = ml_directory_read(&v->error, &r->all->arena, &r->dir, ML_STORE_CACHE, &bytes);
    if (e == 0) /* gone meanwhile */
        return AGAIN;
    if (e > 0)
        e = ml_cache_read(&v->error, file, bytes, r->all);
    v->cache = e >= 0                   ? ML_CACHE_FRESH
               : -e == ML_E_UNSUPPORTED ? ML_CACHE_FOREIGN
                                        : ML_CACHE_CORRUPT;
    return -e == ML_E_NOMEM ? ml_nomem(r->d) : 0;
}

/* ---- a folder ---- */

/* Is the folder, with all in it that counts, as it was when the reading began? What cannot be asked
** cannot be read either, and is an error already. */
static bool is_unchanged(const reading *r)
{
    ml_diag ignored;
    ml_diag_init(&ignored);
    ml_file_id id;
    bool same = true;
    for (size_t i = 0; i < r->n && same; i++)
        if (ml_store_is_conf(r->names[i]) || strcmp(r->names[i], ML_STORE_CACHE) == 0)
            same = ml_directory_stat(&ignored, &r->dir, r->names[i], &id) <= 0 ||
                   !ml_os_may_have_changed(&id, r->since);
    /* Last, as it tells of files that went. By its time alone, too: a server has its own clock. */
    same = same && ml_directory_stat(&ignored, &r->dir, ".", &id) > 0 &&
           id.ctime_ns == r->folder.ctime_ns && !ml_os_may_have_changed(&id, r->since);
    ml_diag_free(&ignored);
    return same;
}

/* 0: read; unless v->cache is ML_CACHE_FRESH it counts only if nothing has changed meanwhile. */
static int read_files(reading *r, bool use_cache)
{
    int e = ml_directory_list(r->d, &r->v->arena, &r->dir, &r->names, &r->n);
    if (e == 0 && use_cache)
        e = read_cache(r);
    if (e != 0 || r->v->cache == ML_CACHE_FRESH)
        return e;
    if (ml_os_may_have_changed(&r->folder, r->since))
        return AGAIN; /* it would be in vain */
    e = read_confs(r);
    if (r->v->kind == ML_STORE_OLD_FOLDER)
        r->v->cache = ML_CACHE_NONE;
    return e;
}

static int read_folder(reading *r, bool use_cache)
{
    int e = ml_directory_open(r->d, r->v->path, &r->dir);
    if (e < 0)
        return e;
    e = ml_directory_stat(r->d, &r->dir, ".", &r->folder);
    if (e > 0) {
        e = read_files(r, use_cache);
        if (r->v->cache != ML_CACHE_FRESH && e != AGAIN && !is_unchanged(r))
            e = AGAIN;
    }
    ml_directory_close(&r->dir);
    return e;
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

/* Is the file that the path names now there since before the reading began, and unchanged? */
static bool is_file_unchanged(const reading *r)
{
    ml_diag ignored;
    ml_diag_init(&ignored);
    ml_os_file f;
    bool same = ml_os_open(&ignored, r->v->path, &f) == 0;
    if (same) {
        same = !ml_os_may_have_changed(&f.id, r->since);
        ml_os_close(&f);
    }
    ml_diag_free(&ignored);
    return same;
}

static int parse_file(const reading *r, ml_slice text)
{
    const char *file = ml_strdup(&r->all->arena, r->v->path);
    if (!file)
        return ml_nomem(r->d);
    if (is_old(text))
        return ml_pkg_show_parse(r->d, r->all, file, text);
    return ml_fail(r->d, ML_E_KIND, (ml_where){.file = r->v->path},
                   "a database is a folder of .conf files, or one file of GHC 6 that begins with "
                   "'['; make one with: moonlink pkg init",
                   "is no package database");
}

static int read_file(const reading *r)
{
    r->v->kind = ML_STORE_FILE;
    ml_slice text;
    int e = ml_os_read_all(r->d, &r->all->arena, r->v->path, &text, NULL);
    if (!is_file_unchanged(r))
        return AGAIN;
    return e < 0 ? e : parse_file(r, text);
}

/* ---- whatever it is ---- */

/* 0, AGAIN, or an error. */
static int read_once(ml_diag *d, const char *path, bool use_cache, ml_store_view *v,
                     ml_pkg_infos *all)
{
    reading r = {.d = d, .v = v, .all = all, .since = ml_os_tick_ns(), .dir = {.fd = -1}};
    int e = ml_store_place(d, &v->arena, path, &v->path);
    if (e < 0)
        return e;
    return e > 0 ? read_folder(&r, use_cache) : read_file(&r);
}

int ml_store_read(ml_diag *d, const char *path, bool use_cache, ml_store_view *v, ml_pkg_infos *all)
{
    const ml_bulk *bulk = all->arena.bulk;
    uint64_t start = ml_os_now_ns();
    *v = (ml_store_view){0};
    for (unsigned i = 1;; i++) {
        int e = read_once(d, path, use_cache, v, all);
        if (e <= 0)
            return e;
        ml_diag_free(d); /* what was read, errors too, is of a state that was none */
        ml_store_view_free(v);
        ml_pkg_infos_free(all);
        all->arena.bulk = bulk;
        if (i >= ATTEMPTS && ml_os_now_ns() - start > PATIENCE * 1000000000ull)
            return ml_fail(d, ML_E_STATE, (ml_where){.file = path}, "try again",
                           "the database is being changed all the time");
        ml_os_next_tick();
    }
}
