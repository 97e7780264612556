/* txn.c -- link: a load from begin to commit or abort.
** What a transaction acquires outside itself is a block of address space, open archives and opened
** libraries; abort gives back all three, commit hands them to the unit and the session.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Bytes up to which a file is read before it is known what it is (most objects; not an archive of
** which nothing may be wanted); bytes that tell it. */
enum { WHOLE_READ = 64 << 10, HEAD = 4096 };

int ml_txn_begin(ml_session *s, ml_diag *d, const ml_options *o, ml_txn **out)
{
    int rc = o->replace ? ml_replace_allowed(d, o->replace) : 0;
    if (rc < 0)
        return rc;
    ml_txn *t = ml_heap_zalloc(1, sizeof *t);
    ml_linked *l = ml_heap_zalloc(1, sizeof *l);
    if (!t || !l ||
        (s->sources.n && !(t->sources.v = ml_heap_zalloc(s->sources.n, sizeof *t->sources.v)))) {
        ml_heap_free(t);
        ml_heap_free(l);
        return ml_nomem(d);
    }
    t->s = s;
    t->d = d;
    t->o = *o;
    if (o->fixed && o->crossing == ML_CROSS_LAZY) /* nothing will run there */
        t->o.crossing = ML_CROSS_STUBS;
    t->l = l;
    t->scratch.bulk = &ml_os_bulk;
    l->keep.bulk = &ml_os_bulk;
    t->scratch.slow = l->keep.slow = l->names.slow = &t->slow_pages;
    t->target = &ml_target_x86_64;
    for (uint32_t i = 0; i < s->sources.n; i++) /* what the old version brought comes anew */
        if (!o->replace || s->sources.v[i].owner != o->replace)
            t->sources.v[t->sources.n++] = s->sources.v[i];
    t->sources.room = s->sources.n;
    s->loads++;
    *out = t;
    return 0;
}

void ml_txn_drop(ml_txn *t)
{
    ml_table_deinit(&t->renames[0]);
    ml_table_deinit(&t->renames[1]);
    ml_edits_drop(t->edits);
    ml_table_deinit(&t->comdats);
    ml_table_deinit(&t->refs);
    ml_table_deinit(&t->members);
    ml_table_deinit(&t->idents);
    for (uint32_t i = t->nested.n; i-- > 0;)
        ml_source_close(&t->nested.v[i]);
    ml_heap_free(t->nested.v);
    ml_heap_free(t->sources.v);
    ml_heap_free(t->libraries.v);
    ml_heap_free(t->kept);
    ml_heap_free(t->open);
    ml_heap_free(t->queue);
    ml_heap_free(t->asked);
    ml_heap_free(t->pulls);
    ml_heap_free(t->yielding);
    ml_heap_free(t->duplicates);
    ml_heap_free(t->far);
    ml_heap_free(t->movable);
    ml_heap_free(t->buffer);
    ml_contents_close(t);
    ml_arena_free(&t->scratch);
    ml_heap_free(t);
}

void ml_source_close(ml_source *src)
{
    ml_archive_close(src->ar);
    ml_heap_free(src->bytes);
    ml_edits_drop(src->edits);
}

void ml_txn_abort(ml_txn *t)
{
    ml_effects_undo(t->l);
    if (t->taken)
        ml_linked_give(t->s->space, t->l);
    ml_space_tidy(t->s->space);
    for (uint32_t i = t->libraries.n; i-- > 0;)
        ml_library_close(&t->libraries.v[i]);
    for (uint32_t i = t->sources.n; i-- > 0;)
        if (t->sources.v[i].fresh)
            ml_source_close(&t->sources.v[i]);
    ml_linked_free(t->l);
    ml_session *s = t->s;
    s->loads--;
    ml_txn_drop(t);
    ml_unit_sweep(s);
}

/* Takes an open archive into the transaction; closes it when that fails. */
static int take_archive(ml_txn *t, ml_source src, bool whole)
{
    src.fresh = true;
    if (!ML_ROOM(t->sources.v, t->sources.n, t->sources.room)) {
        ml_source_close(&src);
        return ml_nomem(t->d);
    }
    src.edits = ml_edits_hold(t->edits);
    t->sources.v[t->sources.n++] = src;
    return whole ? ml_sources_whole(t, &t->sources.v[t->sources.n - 1]) : 0;
}

int ml_txn_add_archive(ml_txn *t, const char *path, unsigned set)
{
    ml_archive *ar;
    int rc = ml_archive_open(t->d, path, &ar);
    return rc < 0 ? rc : take_archive(t, (ml_source){.ar = ar, .set = set}, false);
}

int ml_txn_add_library(ml_txn *t, const char *name)
{
    ml_library lib;
    if (!ML_ROOM(t->libraries.v, t->libraries.n, t->libraries.room))
        return ml_nomem(t->d);
    int rc = ml_library_open(t->d, &t->l->keep, name, &lib);
    if (rc == 0)
        t->libraries.v[t->libraries.n++] = lib;
    return rc;
}

void ml_txn_allow_libc(ml_txn *t)
{
    t->allow_libc = true;
}

/* What was read of a file. */
typedef struct content {
    ml_slice head;         /* its first bytes */
    const ml_early *early; /* NULL: they are in bytes as well */
    ml_slice bytes;
} content;

static int add_object(ml_txn *t, const char *path, const char *member, content c,
                      const ml_entry *by)
{
    const ml_image *img;
    uint64_t start = ml_os_now_ns();
    int rc = ml_commit_check_nested(t, path, member);
    if (rc < 0)
        return rc;
    if (c.early)
        rc = ml_image_parse_apart(t->d, &t->scratch, path, c.head, c.early, c.bytes,
                                  t->target->machine, &img);
    else
        rc = ml_image_parse(t->d, &t->scratch, path, member, c.bytes, t->target->machine, &img);
    uint64_t parsed = ml_os_now_ns();
    t->l->stats.ns_parse += parsed - start;
    if (rc < 0)
        return rc;
    rc = ml_select_image(t, img, by);
    t->l->stats.ns_select += ml_os_now_ns() - parsed;
    return rc;
}

int ml_txn_object(ml_txn *t, const char *path, const char *member, ml_slice bytes,
                  const ml_entry *by)
{
    return add_object(t, path, member, (content){.bytes = bytes}, by);
}

/* The first bytes of a file, or all of it when it is not large: *whole says which. */
static int read_head(ml_txn *t, const ml_os_file *f, ml_slice *out, bool *whole)
{
    *whole = f->id.size <= WHOLE_READ;
    size_t n = *whole ? (size_t)f->id.size : HEAD;
    uint8_t *p = ml_alloc(&t->scratch, n + 1);
    if (!p)
        return ml_nomem(t->d);
    p[n] = 0;
    *out = (ml_slice){p, n};
    return ml_os_pread(t->d, f, 0, p, n);
}

/* A file that is read as it is; *kind is set, the rest is left to the caller unless it is an
** object. An archive stays open. */
static int open_file(ml_txn *t, const char *path, ml_kind *kind, content *c, ml_os_file *f)
{
    bool whole;
    int rc = ml_os_open(t->d, path, f);
    if (rc < 0)
        return rc;
    *c = (content){0};
    rc = read_head(t, f, &c->head, &whole);
    if (rc == 0) {
        *kind = ml_kind_of(c->head, f->id.size);
        c->bytes = c->head;
        if (*kind == ML_KIND_OBJECT && !whole)
            rc = ml_contents_read(t, f, c->head, &c->bytes, &c->early);
    }
    if (rc < 0 || (*kind != ML_KIND_ARCHIVE && *kind != ML_KIND_THIN))
        ml_os_close(f);
    return rc;
}

int ml_txn_add(ml_txn *t, const char *path, bool whole, ml_kind *kind)
{
    content c;
    ml_os_file f;
    ml_archive *ar;
    if (!(path = ml_strdup(&t->scratch, path)))
        return ml_nomem(t->d);
    uint64_t start = ml_os_now_ns();
    int rc = open_file(t, path, kind, &c, &f);
    t->l->stats.ns_read += ml_os_now_ns() - start;
    if (rc < 0)
        return rc;
    switch (*kind) {
    case ML_KIND_OBJECT: return add_object(t, path, NULL, c, NULL);
    case ML_KIND_TEXT: return 0;
    case ML_KIND_SHARED: /* without a slash the loader would search for it elsewhere */
        if (!strchr(path, '/') && !(path = ml_format(&t->scratch, "./%s", path)))
            return ml_nomem(t->d);
        return ml_txn_add_library(t, path);
    case ML_KIND_ARCHIVE:
    case ML_KIND_THIN:
        rc = ml_archive_open_file(t->d, path, &f, &ar);
        return rc < 0 ? rc : take_archive(t, (ml_source){.ar = ar}, whole);
    default: return ml_kind_refuse(t->d, path, NULL, *kind, c.bytes, t->target->machine);
    }
}

/* An archive may be asked for members by a later load: its bytes are a copy of its own. */
static int add_archive_bytes(ml_txn *t, const char *name, ml_slice bytes, bool whole)
{
    ml_source src = {.bytes = ml_heap_grow(NULL, bytes.n, 1)};
    if (!src.bytes)
        return ml_nomem(t->d);
    memcpy(src.bytes, bytes.p, bytes.n);
    int rc = ml_archive_open_bytes(t->d, name, (ml_slice){src.bytes, bytes.n}, &src.ar);
    if (rc == 0)
        return take_archive(t, src, whole);
    ml_heap_free(src.bytes);
    return rc;
}

int ml_txn_add_bytes(ml_txn *t, const char *name, ml_slice bytes, bool whole, ml_kind *kind)
{
    *kind = ml_kind_of(bytes, bytes.n);
    if (!(name = ml_strdup(&t->scratch, name)))
        return ml_nomem(t->d);
    if (*kind == ML_KIND_ARCHIVE)
        return add_archive_bytes(t, name, bytes, whole);
    if (*kind == ML_KIND_THIN || *kind == ML_KIND_SHARED || *kind == ML_KIND_TEXT)
        return ml_fail(t->d, ML_E_KIND, (ml_where){.file = name},
                       "write it to a file and load that", "%s cannot be loaded from memory",
                       ml_kind_name(*kind));
    if (*kind != ML_KIND_OBJECT)
        return ml_kind_refuse(t->d, name, NULL, *kind, bytes, t->target->machine);
    uint8_t *p = ml_alloc(&t->scratch, bytes.n);
    if (!p)
        return ml_nomem(t->d);
    memcpy(p, bytes.p, bytes.n);
    return ml_txn_object(t, name, NULL, (ml_slice){p, bytes.n}, NULL);
}

int ml_txn_link(ml_txn *t)
{
    ml_link_stats *s = &t->l->stats;
    int rc = ml_sources_check(t);
    uint64_t start = ml_os_now_ns();
    if (rc == 0)
        rc = ml_assemble(t);
    uint64_t placed = ml_os_now_ns();
    s->ns_place = placed - start;
    if (rc == 0)
        rc = ml_relocate(t);
    if (rc == 0)
        rc = ml_frames_check(t);
    if (rc == 0)
        rc = ml_ctors_collect(t);
    if (rc == 0)
        rc = ml_sites_collect(t);
    if (rc == 0)
        rc = ml_carry_collect(t);
    if (rc == 0)
        rc = ml_missing_collect(t);
    uint64_t relocated = ml_os_now_ns();
    s->ns_relocate = relocated - placed;
    if (rc == 0 && !t->o.fixed)
        rc = ml_protect_seal(t, ML_PART_TEXT, /* the rest when their slots are filled */
                             t->nifuncs ? ML_PART_TEXT : ML_PART_DATA);
    s->ns_protect = ml_os_now_ns() - relocated;
    return rc;
}

ml_slice ml_txn_bytes(const ml_txn *t, uint64_t *base)
{
    *base = t->l->block.addr;
    return (ml_slice){t->view, t->l->layout[0].size};
}
