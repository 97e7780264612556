/* tree.c -- pkg: what is in the folders that packages name.
** takes paths; gives what is there. A folder is listed at the second question about a name in it:
** the first one costs a third of a listing, and is often the only one.
** SPDX-License-Identifier: MIT */
#include "pkg/tree.h"

#include <string.h>

#include "base/hash.h"

#define LONGEST 4096 /* bytes of a path, the NUL included: the system takes no longer ones */

typedef struct entry {
    const char *name; /* NULL: free */
    uint32_t len, hash;
    ml_kind_of_file kind;
    bool known; /* else a link, or the file system does not tell: ask */
} entry;

typedef struct ml_tree_folder {
    const char *path;
    size_t len;
    uint32_t hash;
    bool asked, listed;
    bool gone;      /* listed, and there is none */
    bool refused;   /* is there, but cannot be listed: each file is asked about */
    entry *entries; /* once listed: open addressing */
    size_t n, room; /* room is 0 or a power of two */
} folder;

void ml_tree_free(ml_tree *t)
{
    ml_arena_free(&t->arena);
    *t = (ml_tree){0};
}

/* ---- folders by path ---- */

static bool more_slots(ml_tree *t)
{
    size_t room = t->room ? t->room * 2 : 64;
    folder **slots = ml_zalloc(&t->arena, room, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < t->room; i++) {
        if (!t->slots[i])
            continue;
        size_t at = t->slots[i]->hash & (room - 1);
        while (slots[at])
            at = (at + 1) & (room - 1);
        slots[at] = t->slots[i];
    }
    t->slots = slots;
    t->room = room;
    return true;
}

/* The folder of that path, made when it is new; NULL when memory is short. */
static folder *folder_of(ml_tree *t, const char *path, size_t len)
{
    if (t->n + 1 > t->room / 2 && !more_slots(t))
        return NULL;
    uint32_t hash = ml_hash(path, len);
    size_t at = hash & (t->room - 1);
    for (; t->slots[at]; at = (at + 1) & (t->room - 1)) {
        folder *f = t->slots[at];
        if (f->hash == hash && f->len == len && memcmp(f->path, path, len) == 0)
            return f;
    }
    folder *f = ml_zalloc(&t->arena, 1, sizeof *f);
    const char *copy = ml_strndup(&t->arena, path, len);
    if (!f || !copy)
        return NULL;
    *f = (folder){.path = copy, .len = len, .hash = hash};
    t->slots[at] = f;
    t->n++;
    return f;
}

/* ---- names in a folder ---- */

static entry *find(const folder *f, const char *name, size_t len, uint32_t hash)
{
    if (!f->room)
        return NULL;
    size_t at = hash & (f->room - 1);
    for (; f->entries[at].name; at = (at + 1) & (f->room - 1)) {
        entry *e = &f->entries[at];
        if (e->hash == hash && e->len == len && memcmp(e->name, name, len) == 0)
            return e;
    }
    return &f->entries[at];
}

static bool more_entries(ml_tree *t, folder *f)
{
    folder bigger = {.room = f->room ? f->room * 2 : 16};
    bigger.entries = ml_zalloc(&t->arena, bigger.room, sizeof *bigger.entries);
    if (!bigger.entries)
        return false;
    for (size_t i = 0; i < f->room; i++) {
        const entry *e = &f->entries[i];
        if (e->name)
            *find(&bigger, e->name, e->len, e->hash) = *e;
    }
    f->entries = bigger.entries;
    f->room = bigger.room;
    return true;
}

typedef struct listing {
    ml_tree *tree;
    folder *folder;
    bool no_memory;
} listing;

static bool add(void *ud, const char *name, const ml_kind_of_file *kind)
{
    listing *l = ud;
    folder *f = l->folder;
    size_t len = strlen(name);
    const char *copy = ml_strndup(&l->tree->arena, name, len);
    if (!copy || (f->n + 1 > f->room / 2 && !more_entries(l->tree, f))) {
        l->no_memory = true;
        return false;
    }
    uint32_t hash = ml_hash(name, len);
    entry *e = find(f, name, len, hash);
    f->n += e->name == NULL;
    *e = (entry){copy, (uint32_t)len, hash, kind ? *kind : ML_NOTHING, kind != NULL};
    return true;
}

/* False when memory is short, or the folder is there and cannot be listed. */
static bool list(ml_tree *t, folder *f)
{
    listing l = {.tree = t, .folder = f};
    if (ml_os_folder_each(f->len ? f->path : "/", add, &l)) {
        f->listed = true;
    } else if (!l.no_memory && ml_os_kind(f->len ? f->path : "/") == ML_NOTHING) {
        f->listed = f->gone = true;
    } else {
        f->refused = true;
    }
    return f->listed;
}

/* ---- questions ---- */

static bool is_dots(const char *name, size_t len)
{
    return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* path: NUL-terminated, without a slash at its end. */
static ml_kind_of_file kind_of(ml_tree *t, const char *path, size_t len)
{
    size_t slash = len;
    while (slash && path[slash - 1] != '/')
        slash--;
    const char *name = path + slash;
    size_t name_len = len - slash;
    if (!slash || !name_len || is_dots(name, name_len))
        return ml_os_kind(path);
    while (slash && path[slash - 1] == '/')
        slash--;
    folder *f = folder_of(t, path, slash);
    if (!f || (!f->asked && !t->eager) || f->refused || (!f->listed && !list(t, f))) {
        if (f)
            f->asked = true;
        return ml_os_kind(path);
    }
    entry *e = f->gone ? NULL : find(f, name, name_len, ml_hash(name, name_len));
    if (!e || !e->name)
        return ML_NOTHING;
    if (!e->known) {
        e->kind = ml_os_kind(path);
        e->known = true;
    }
    return e->kind;
}

ml_kind_of_file ml_tree_below(ml_tree *t, ml_slice where, ml_slice name)
{
    char path[LONGEST];
    size_t len = where.n;
    if (where.n >= sizeof path - 1 || name.n >= sizeof path - 1 - where.n)
        return ML_NOTHING;
    if (where.n)
        memcpy(path, where.p, where.n);
    if (where.n && name.n)
        path[len++] = '/';
    if (name.n)
        memcpy(path + len, name.p, name.n);
    len += name.n;
    bool ends_in_slash = len > 1 && path[len - 1] == '/';
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (!len || memchr(path, 0, len))
        return ML_NOTHING;
    path[len] = 0;
    ml_kind_of_file kind = kind_of(t, path, len);
    return ends_in_slash && kind != ML_FOLDER ? ML_NOTHING : kind;
}

ml_kind_of_file ml_tree_kind(ml_tree *t, ml_slice path)
{
    return ml_tree_below(t, path, (ml_slice){0});
}

static bool append(char *to, size_t *at, ml_slice part)
{
    if (part.n >= LONGEST - *at)
        return false;
    if (part.n)
        memcpy(to + *at, part.p, part.n);
    *at += part.n;
    return true;
}

bool ml_tree_has(ml_tree *t, ml_slice where, ml_tree_name name)
{
    char path[LONGEST];
    size_t n = 0;
    if (!append(path, &n, name.before) || !append(path, &n, name.stem))
        return false;
    for (size_t i = name.before.n; name.module && i < n; i++)
        if (path[i] == '.')
            path[i] = '/';
    ml_slice whole = {(const uint8_t *)path, n + name.behind.n};
    return append(path, &n, name.behind) && ml_tree_below(t, where, whole) == ML_PLAIN;
}
