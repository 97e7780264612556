/* sources.c -- stage SELECT: archives, and the members that are wanted from them.
** A member is read when a name of it is wanted, once per transaction.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/txn.h"

enum { DEEPEST = 16 }; /* archives in archives */

/* The entry of a member, made at the first look. Its name is the way to it, in words: the outermost
** archive, then the offset of each header on the way. Its image is 1 + index into t->nested when it
** is an archive itself. NULL: memory is short. */
static ml_entry *entry_of(ml_txn *t, const ml_source *src, uint64_t header)
{
    uint64_t way[DEEPEST + 2] = {(uintptr_t)src->ar};
    const size_t n = 1 + src->depth;
    if (src->within)
        memcpy(way, src->within, n * sizeof *way);
    way[n] = header;
    const char *key = (const char *)way;
    const size_t len = (n + 1) * sizeof *way;
    ml_entry *e = ml_table_intern(&t->members, &t->scratch, key, len, ml_hash(key, len));
    if (!e)
        ml_nomem(t->d);
    return e;
}

/* A second C library beside the process's own would have its own heap, its own stdio and its own
** errno: refused unless it was asked for. */
static int refuse_libc(ml_txn *t, ml_source *src)
{
    static const char start[] = "__libc_start_main";
    if (src->looked_at)
        return 0;
    if (src->set != 0 || t->allow_libc) {
        src->looked_at = true;
        return 0;
    }
    ml_member m;
    ml_provided p;
    int rc = ml_archive_find(t->d, src->ar, start, sizeof start - 1,
                             ml_hash(start, sizeof start - 1), 0, &m);
    if (rc < 0)
        return rc;
    src->looked_at = true;
    if (rc == 0 || !ml_library_find(&t->s->self, start, NULL, &p))
        return 0;
    return ml_fail(t->d, ML_E_REFUSED, (ml_where){.file = ml_archive_path(src->ar)},
                   "leave it out: its functions come from the process; or pass allow_second_libc = "
                   "true (--allow-second-libc)",
                   "a second C library; the process already has one");
}

/* A name as an index has it, which is from before the edits. NULL: no index has it. */
typedef struct original {
    const char *name;
    size_t len;
    uint32_t hash;
} original;

static original original_of(const ml_source *src, const ml_entry *e)
{
    if (!src->edits)
        return (original){e->name, e->len, e->hash};
    const char *name = ml_edits_original(src->edits, e->name);
    size_t len = name ? strlen(name) : 0;
    return (original){name, len, ml_hash(name, len)};
}

int ml_sources_seek(ml_txn *t, uint32_t i, const ml_entry *e, uint32_t from, bool sure,
                    uint32_t *number)
{
    ml_source *src = &t->sources.v[i];
    original o = original_of(src, e);
    ml_member m = {0};
    int found = 0;
    if (o.name && sure)
        found = ml_archive_find(t->d, src->ar, o.name, o.len, o.hash, from, &m);
    else if (o.name)
        found = ml_archive_may(t->d, src->ar, o.name, o.len, o.hash, from, &m.number);
    int rc = found < 0 ? found : refuse_libc(t, src);
    *number = m.number;
    return rc < 0 ? rc : found;
}

static int add_member(ml_txn *t, ml_source *src, const ml_member *m, const ml_entry *by);

/* An archive in an archive: opened from its bytes, once, in reach as long as the transaction. */
static int open_nested(ml_txn *t, const ml_source *src, const ml_member *m, ml_slice bytes,
                       ml_entry *e)
{
    if (src->depth >= DEEPEST)
        return ml_fail(t->d, ML_E_UNSUPPORTED,
                       (ml_where){.file = ml_archive_path(src->ar), .member = m->name}, NULL,
                       "archives in archives, more than %d deep", DEEPEST);
    ml_source nested = {.depth = src->depth + 1, .within = e->name};
    const char *path = ml_format(&t->scratch, "%s(%s)", ml_archive_path(src->ar), m->name);
    if (!path || !ML_ROOM(t->nested.v, t->nested.n, t->nested.room))
        return ml_nomem(t->d);
    int rc = ml_archive_open_bytes(t->d, path, bytes, &nested.ar);
    if (rc < 0)
        return rc;
    nested.edits = ml_edits_hold(src->edits);
    t->nested.v[t->nested.n++] = nested;
    e->image = t->nested.n;
    return 0;
}

static int use_nested(ml_txn *t, const ml_entry *e, const ml_entry *by)
{
    ml_source nested = t->nested.v[e->image - 1]; /* the list may move meanwhile */
    ml_member m;
    if (!by)
        return ml_sources_whole(t, &nested);
    original o = original_of(&nested, by);
    int rc = o.name ? ml_archive_find(t->d, nested.ar, o.name, o.len, o.hash, 0, &m) : 0;
    return rc == 1 ? add_member(t, &nested, &m, by) : rc;
}

/* Adds a member, unless that was done before. */
static int add_member(ml_txn *t, ml_source *src, const ml_member *m, const ml_entry *by)
{
    uint32_t before = t->members.count;
    ml_entry *e = entry_of(t, src, m->header);
    if (!e)
        return -(int)ML_E_NOMEM;
    if (e->image)
        return use_nested(t, e, by);
    if (t->members.count == before)
        return 0;
    ml_slice bytes;
    uint64_t start = ml_os_now_ns();
    int rc = ml_archive_read(t->d, src->ar, m, &t->scratch, &bytes);
    t->l->stats.ns_read += ml_os_now_ns() - start;
    if (rc < 0)
        return rc;
    ml_kind kind = ml_kind_of(bytes, bytes.n);
    if (kind == ML_KIND_ARCHIVE) {
        rc = open_nested(t, src, m, bytes, e);
        return rc < 0 ? rc : use_nested(t, e, by);
    }
    const char *path = ml_strdup(&t->scratch, ml_archive_path(src->ar));
    const char *name = ml_strdup(&t->scratch, m->name);
    if (!path || !name)
        return ml_nomem(t->d);
    if (!by && (kind == ML_KIND_TEXT || kind == ML_KIND_EMPTY || kind == ML_KIND_UNKNOWN))
        return 0; /* whole archives carry notes and tables of other tools */
    ml_edits *outer = t->edits;
    t->edits = src->edits;
    rc = ml_txn_object(t, path, name, bytes, by);
    t->edits = outer;
    return rc;
}

int ml_sources_whole(ml_txn *t, ml_source *src)
{
    uint64_t pos = 0;
    ml_member m;
    int rc = refuse_libc(t, src);
    uint64_t start = ml_os_now_ns();
    if (rc == 0)
        rc = ml_archive_slurp(t->d, src->ar, &t->scratch);
    t->l->stats.ns_read += ml_os_now_ns() - start;
    while (rc == 0 && (rc = ml_archive_next(t->d, src->ar, &pos, &m)) == 1)
        rc = add_member(t, src, &m, NULL);
    return rc;
}

/* Is the member's definition of e more than another common? 1, 0, or an error. A function is none
** that a common gives way to. */
static int defines_really(ml_txn *t, ml_source *src, const ml_member *m, const ml_entry *e)
{
    ml_arena a = {0};
    ml_slice bytes;
    const ml_image *img = NULL;
    const char *name = ml_edits_original(src->edits, e->name);
    int rc = ml_archive_read(t->d, src->ar, m, &a, &bytes);
    if (rc == 0 && ml_kind_of(bytes, bytes.n) == ML_KIND_OBJECT)
        rc = ml_image_parse(t->d, &a, ml_archive_path(src->ar), m->name, bytes, t->target->machine,
                            &img);
    for (uint32_t i = img ? img->first_global : 0; rc == 0 && img && i < img->nsymbols; i++) {
        ml_isym s = ml_image_symbol(img, i);
        if (s.section != ML_SEC_UNDEF && s.section != ML_SEC_COMMON && s.bind == ML_BIND_GLOBAL &&
            s.type != ML_TYPE_FUNC && s.type != ML_TYPE_IFUNC && strcmp(s.name, name) == 0)
            rc = 1;
    }
    ml_arena_free(&a);
    return rc;
}

int ml_sources_take(ml_txn *t, uint32_t i, ml_entry *e, uint32_t number)
{
    ml_source *src = &t->sources.v[i];
    original o = original_of(src, e);
    ml_member m;
    if (!o.name || !ml_archive_at(src->ar, number, o.name, o.len, &m))
        return 0;
    int rc = e->def == ML_DEF_COMMON ? defines_really(t, src, &m, e) : 1;
    if (rc == 1)
        rc = add_member(t, src, &m, e);
    return rc < 0 ? rc : 1;
}

int ml_sources_check(ml_txn *t)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < t->sources.n; i++)
        rc = refuse_libc(t, &t->sources.v[i]);
    return rc;
}

int ml_sources_have(ml_txn *t, unsigned set, const ml_entry *e)
{
    int rc = 0;
    uint32_t number;
    for (uint32_t i = 0; rc == 0 && i < t->sources.n; i++)
        if (t->sources.v[i].set == set)
            rc = ml_sources_seek(t, i, e, 0, true, &number);
    return rc;
}
