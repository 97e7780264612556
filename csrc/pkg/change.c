/* change.c -- pkg: changes a database.
** takes the files that a change puts and removes, and the new cache; gives the database with all of
** them or none.
**
** Note [Changing a database]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~
** GHC reads package.cache alone, ghc-pkg reads it as long as no .conf file is newer. So the rename
** of a new cache is the moment at which a change is made, for all three programs at once, however
** many packages it has. Before it, the folder gets only files that nobody looks at:
**    moonlink-0.tmp ...   the new .conf files and the new cache, on disk
**    moonlink.journal     which of them belongs to which name, and which names go
** After it, the .conf files follow: renamed into place, none newer than the cache, so that it stays
** fresh; then the removals; then the journal goes. A writer that is killed in between leaves the
** journal, and the next one finishes, or undoes what was not made. Which of the two is decided for
** each file by what the cache says of its unit, for the cache is what everybody has seen since;
** that holds when a ghc-pkg has changed the database after the kill, too. A reader of .conf files
** asks the journal in the same way.
** A folder of old files has no cache: there the journal's own rename makes the change. A database
** that is one file is replaced by rename; what it was stays as FILE.old, as GHC 6's ghc-pkg left
** it.
** Writers exclude each other by ghc-pkg's own lock (os/lock.c); for one file, by a lock on it.
**
** SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "pkg/journal.h"
#include "pkg/store.h"

static const char new_cache[] = ML_JOURNAL_TEMP "cache.tmp";
static const char new_journal[] = ML_JOURNAL_TEMP "journal.tmp";
static const char new_file[] = ML_JOURNAL_TEMP "file.tmp";
static const char new_backup[] = ML_JOURNAL_TEMP "old.tmp";

enum { TEMP_NAME = 40, FEW = 16 }; /* more files than that go to disk together */

static void temp_name(char *buf, size_t i)
{
    snprintf(buf, TEMP_NAME, ML_JOURNAL_TEMP "%zu.tmp", i);
}

/* ---- what a killed writer left ---- */

/* Brings the files into the state that counts. */
static int settle(ml_diag *d, const ml_directory *dir, const ml_journal *j)
{
    for (size_t i = 0; i < j->n; i++) {
        const ml_journal_entry *e = &j->at[i];
        ml_file_id id;
        int there = e->temp && e->done ? ml_directory_stat(d, dir, e->temp, &id) : 0;
        if (there > 0)
            there = ml_directory_rename(d, dir, e->temp, e->name);
        if (there < 0)
            return there;
    }
    for (size_t i = 0; i < j->n; i++) {
        const ml_journal_entry *e = &j->at[i];
        int bad = !e->temp && e->done ? ml_directory_remove(d, dir, e->name) : 0;
        if (bad < 0)
            return bad;
    }
    int bad = ml_directory_sync(d, dir, false);
    return bad < 0 ? bad : ml_directory_remove(d, dir, ML_JOURNAL_NAME);
}

static int recover(ml_diag *d, const ml_directory *dir)
{
    ml_arena a = {0};
    ml_journal j;
    int e = ml_journal_read(d, &a, dir, &j);
    if (e > 0)
        e = ml_journal_decide(d, &a, dir, &j);
    if (e >= 0 && (j.n || j.whole))
        e = settle(d, dir, &j);
    const char **names = NULL;
    size_t n = 0;
    if (e >= 0)
        e = ml_directory_list(d, &a, dir, &names, &n);
    for (size_t i = 0; i < n && e >= 0; i++)
        if (ml_journal_is_temp(names[i]) || strcmp(names[i], ML_JOURNAL_NAME) == 0)
            e = ml_directory_remove(d, dir, names[i]);
    ml_arena_free(&a);
    return e < 0 ? e : 0;
}

/* ---- opening ---- */

/* Folder and name of a path. */
static bool split(const char *path, ml_arena *a, const char **folder, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    *folder = !slash ? "." : slash == path ? "/" : ml_strndup(a, path, (size_t)(slash - path));
    return *folder != NULL;
}

/* The lock is on the file that is there when it is held, which a rename may have replaced. */
static int lock_file(ml_diag *d, ml_store *s, bool wait)
{
    for (;;) {
        ml_file_id before, after;
        int there = ml_directory_stat(d, &s->dir, s->file, &before);
        if (there > 0)
            there = s->lock = ml_os_lock(d, &s->dir, s->file, false, wait);
        if (there >= 0)
            there = ml_directory_stat(d, &s->dir, s->file, &after);
        if (there < 0)
            return there;
        if (there && before.ino == after.ino)
            return 0;
        ml_os_unlock(s->lock);
        s->lock = -1;
        if (!there)
            return ml_fail(d, ML_E_NOENT, (ml_where){.file = s->path}, NULL, "no such file");
    }
}

static int open_file(ml_diag *d, ml_store *s, bool wait)
{
    const char *folder;
    if (!split(s->path, &s->arena, &folder, &s->file))
        return ml_nomem(d);
    int e = ml_directory_open(d, folder, &s->dir);
    if (e < 0)
        return e;
    e = lock_file(d, s, wait);
    if (e == 0)
        e = ml_directory_remove(d, &s->dir, new_file);
    return e;
}

static int open_folder(ml_diag *d, ml_store *s, bool wait)
{
    s->lock = ml_os_lock(d, &s->dir, ML_STORE_LOCK, true, wait);
    if (s->lock < 0)
        return s->lock;
    return recover(d, &s->dir);
}

void ml_store_close(ml_store *s)
{
    ml_directory_close(&s->dir);
    ml_os_unlock(s->lock);
    s->lock = -1;
    ml_arena_free(&s->arena);
}

/* Is the folder the one that the path leads to now? 1 or 0, or an error. Who makes it anew, or
** switches a link, leaves us with one that nobody sees. */
static int is_in_place(ml_diag *d, const ml_store *s)
{
    ml_arena a = {0};
    ml_directory dir = {.fd = -1};
    ml_file_id own = {0}, other = {0};
    const char *folder = s->path, *name;
    int e = s->kind == ML_STORE_FILE && !split(s->path, &a, &folder, &name) ? ml_nomem(d) : 0;
    if (e == 0)
        e = ml_directory_open(d, folder, &dir);
    if (e == 0)
        e = ml_directory_stat(d, &dir, ".", &other);
    if (e > 0)
        e = ml_directory_stat(d, &s->dir, ".", &own);
    ml_directory_close(&dir);
    ml_arena_free(&a);
    return e > 0 ? own.dev == other.dev && own.ino == other.ino : e;
}

/* What is at the path. */
static int open_once(ml_diag *d, const char *path, bool wait, ml_store *out)
{
    *out = (ml_store){.dir = {.fd = -1}, .lock = -1};
    int e = ml_store_place(d, &out->arena, path, &out->path);
    if (e < 0) {
        ml_arena_free(&out->arena);
        return e;
    }
    out->kind = e ? ML_STORE_FOLDER : ML_STORE_FILE;
    if (e > 0)
        e = ml_directory_open(d, out->path, &out->dir);
    if (e == 0)
        e = out->kind == ML_STORE_FILE ? open_file(d, out, wait) : open_folder(d, out, wait);
    if (e == 0)
        e = is_in_place(d, out);
    if (e <= 0)
        ml_store_close(out);
    return e;
}

int ml_store_open(ml_diag *d, const char *path, bool wait, ml_store *out)
{
    int e;
    do /* again when another took its place while we waited for the lock */
        e = open_once(d, path, wait, out);
    while (e == 0);
    return e < 0 ? e : 0;
}

/* The file that is locked while a database at that path is changed. */
static int locked_file(ml_diag *d, const char *path, ml_file_id *out)
{
    ml_store s = {.dir = {.fd = -1}, .lock = -1, .file = ML_STORE_LOCK};
    const char *folder;
    int e = ml_store_place(d, &s.arena, path, &s.path);
    if (e > 0)
        folder = s.path;
    else if (e == 0 && !split(s.path, &s.arena, &folder, &s.file))
        e = ml_nomem(d);
    if (e >= 0)
        e = ml_directory_open(d, folder, &s.dir);
    if (e >= 0)
        e = ml_directory_stat(d, &s.dir, s.file, out);
    ml_store_close(&s);
    return e;
}

bool ml_store_is_at(const ml_store *s, const char *path)
{
    ml_diag ignored;
    ml_diag_init(&ignored);
    const char *name = s->kind == ML_STORE_FILE ? s->file : ML_STORE_LOCK;
    ml_file_id own, other;
    bool same = ml_directory_stat(&ignored, &s->dir, name, &own) > 0 &&
                locked_file(&ignored, path, &other) > 0 && own.dev == other.dev &&
                own.ino == other.ino;
    ml_diag_free(&ignored);
    return same;
}

/* ---- writing what nobody looks at yet ---- */

static void forget(const ml_store *s, size_t n)
{
    ml_diag ignored;
    ml_diag_init(&ignored);
    ml_directory_remove(&ignored, &s->dir, ML_JOURNAL_NAME); /* first: the files are its own */
    char temp[TEMP_NAME];
    for (size_t i = 0; i < n; i++) {
        temp_name(temp, i);
        ml_directory_remove(&ignored, &s->dir, temp);
    }
    ml_directory_remove(&ignored, &s->dir, new_cache);
    ml_directory_remove(&ignored, &s->dir, new_journal);
    ml_diag_free(&ignored);
}

/* The time that the new cache must have at least: that of the newest .conf file. */
static int newest(ml_diag *d, const ml_store *s, int64_t *out)
{
    ml_arena a = {0};
    const char **names;
    size_t n;
    int e = ml_directory_list(d, &a, &s->dir, &names, &n);
    for (size_t i = 0; e >= 0 && i < n; i++) {
        ml_file_id id;
        e = ml_store_is_conf(names[i]) ? ml_directory_stat(d, &s->dir, names[i], &id) : 0;
        if (e > 0 && id.mtime_ns > *out)
            *out = id.mtime_ns;
    }
    ml_arena_free(&a);
    return e < 0 ? e : 0;
}

static int write_files(ml_diag *d, const ml_store *s, const ml_store_change *c, int64_t *mtime)
{
    char temp[TEMP_NAME];
    bool few = c->n <= FEW;
    for (size_t i = 0; i < c->n; i++) {
        if (c->files[i].remove)
            continue;
        temp_name(temp, i);
        ml_fresh how = {.like = c->files[i].name, .sync = few};
        int e = ml_directory_write(d, &s->dir, temp, c->files[i].bytes, &how);
        if (e < 0)
            return e;
        *mtime = how.mtime_ns > *mtime ? how.mtime_ns : *mtime;
    }
    return 0;
}

static int write_cache(ml_diag *d, const ml_store *s, const ml_store_change *c, int64_t mtime)
{
    int e = newest(d, s, &mtime);
    if (e < 0)
        return e;
    ml_fresh how = {.mtime_ns = mtime, .like = ML_STORE_CACHE, .sync = true};
    return ml_directory_write(d, &s->dir, new_cache, c->cache, &how);
}

/* The journal of a change; its strings are borrowed. */
static int make_journal(ml_diag *d, ml_arena *a, const ml_store *s, const ml_store_change *c,
                        ml_journal *out)
{
    *out = (ml_journal){.whole = s->kind == ML_STORE_OLD_FOLDER, .n = c->n};
    out->at = ml_zalloc(a, c->n + 1, sizeof *out->at);
    char *temps = ml_nalloc(a, c->n + 1, TEMP_NAME);
    if (!out->at || !temps)
        return ml_nomem(d);
    for (size_t i = 0; i < c->n; i++) {
        const ml_store_file *f = &c->files[i];
        char *temp = temps + i * TEMP_NAME;
        temp_name(temp, i);
        out->at[i] = (ml_journal_entry){.temp = f->remove ? NULL : temp,
                                        .name = f->name,
                                        .id = f->id,
                                        .hash = ml_journal_hash(f->record),
                                        .done = true};
    }
    return 0;
}

static int write_journal(ml_diag *d, const ml_store *s, const ml_journal *j, bool all)
{
    ml_bytes bytes = {0};
    int e = ml_journal_write(d, j, &bytes);
    ml_fresh how = {.sync = true};
    if (e == 0)
        e = ml_directory_write(d, &s->dir, new_journal, (ml_slice){bytes.p, bytes.n}, &how);
    ml_bytes_free(&bytes);
    if (e == 0) /* the files that it names are on disk before it is */
        e = ml_directory_sync(d, &s->dir, all);
    if (e == 0)
        e = ml_directory_rename(d, &s->dir, new_journal, ML_JOURNAL_NAME);
    return e;
}

/* ---- the change ---- */

static int commit_folder(ml_diag *d, ml_store *s, const ml_store_change *c, ml_diag *late)
{
    ml_arena a = {0};
    ml_journal j;
    int64_t mtime = 0;
    bool by_cache = s->kind == ML_STORE_FOLDER;
    int e = make_journal(d, &a, s, c, &j);
    if (e == 0)
        e = write_files(d, s, c, &mtime);
    if (e == 0 && by_cache)
        e = write_cache(d, s, c, mtime);
    if (e == 0 && c->n)
        e = write_journal(d, s, &j, c->n > FEW);
    if (e == 0 && by_cache) {
        e = ml_directory_sync(d, &s->dir, false);
        if (e == 0) /* this is the moment */
            e = ml_directory_rename(d, &s->dir, new_cache, ML_STORE_CACHE);
    }
    if (e < 0) {
        forget(s, c->n);
    } else if (ml_directory_sync(late, &s->dir, false) == 0 && c->n) {
        settle(late, &s->dir, &j);
    }
    ml_arena_free(&a);
    return e;
}

static int commit_file(ml_diag *d, ml_store *s, const ml_store_change *c, ml_diag *late)
{
    ml_fresh how = {.like = s->file, .sync = true};
    int e = ml_directory_write(d, &s->dir, new_file, c->files[0].bytes, &how);
    if (e < 0)
        return e;
    char *old = ml_format(&s->arena, "%s.old", s->file);
    e = old ? ml_directory_link(d, &s->dir, s->file, new_backup, old) : ml_nomem(d);
    if (e == 0)
        e = ml_directory_rename(d, &s->dir, new_file, s->file);
    if (e < 0) {
        ml_diag ignored;
        ml_diag_init(&ignored);
        ml_directory_remove(&ignored, &s->dir, new_file);
        ml_diag_free(&ignored);
        return e;
    }
    ml_directory_sync(late, &s->dir, false);
    return 0;
}

int ml_store_commit(ml_diag *d, ml_store *s, const ml_store_change *c, ml_diag *late)
{
    int e = is_in_place(d, s);
    if (e < 0)
        return e;
    if (e == 0)
        return ml_fail(d, ML_E_STATE, (ml_where){.file = s->path},
                       "begin anew, with what is there now",
                       "another database has taken the place of the one that is being changed");
    return s->kind == ML_STORE_FILE ? commit_file(d, s, c, late) : commit_folder(d, s, c, late);
}

/* ---- a new one ---- */

int ml_store_init(ml_diag *d, const char *path)
{
    bool made;
    int e = ml_directory_make(d, path, &made);
    if (e < 0)
        return e;
    if (!made)
        return ml_fail(d, ML_E_STATE, (ml_where){.file = path},
                       "name a folder that is not there yet", "already exists");
    ml_store s;
    e = ml_store_open(d, path, true, &s);
    if (e < 0)
        return e;
    ml_bytes cache = {0};
    e = ml_cache_write(d, &(ml_cache_input){0}, &cache, NULL);
    ml_diag late;
    ml_diag_init(&late);
    if (e == 0)
        e = commit_folder(d, &s, &(ml_store_change){.cache = {cache.p, cache.n}}, &late);
    ml_diag_free(&late);
    ml_bytes_free(&cache);
    ml_store_close(&s);
    return e;
}
