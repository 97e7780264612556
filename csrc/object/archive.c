/* archive.c -- stage OPEN: ar archives, their headers and their members.
** takes a path or bytes; gives members one by one, and the bytes of those that are asked for.
** Every number of a header is checked in read_head, the only place that looks at one: after it a
** content lies inside the archive and the end of a member is behind its beginning, so that a walk
** ends. An archive that lies on disk is read with pread and compared with its identity after each
** member.
** Spec: ar(5); GNU binutils "Archive file format" (thin: /N and /N:ORIGIN); 4.4BSD ar(5) (#1/N).
** SPDX-License-Identifier: MIT */
#include "object/archive.h"

#include "object/archive_impl.h"
#include "object/kind.h"

/* The header, all of it text: name[16] date[12] uid[6] gid[6] mode[8] size[10] end[2]. */
enum { MAGIC = 8, HEAD = 60, NAME_LEN = 16, SIZE_AT = 48, SIZE_LEN = 10, END_AT = 58 };
enum { LONGEST_NAME = 64 << 10, MOST_SPECIALS = 8 };

static ml_where place(const ml_archive *ar, uint64_t off)
{
    return (ml_where){.file = ar->path, .offset = off, .has_offset = true};
}

static int check_within(ml_diag *d, const ml_archive *ar, const char *member, uint64_t off,
                        uint64_t len)
{
    if (ml_within(ar->size, off, len))
        return 0;
    ml_where at = place(ar, off);
    at.member = member;
    return ml_fail(d, ML_E_TRUNCATED, at, "the archive may be incomplete",
                   "%llu bytes should be here, but the archive ends at %llu",
                   (unsigned long long)len, (unsigned long long)ar->size);
}

int ml_archive_fetch_to(ml_diag *d, const ml_archive *ar, uint64_t off, void *to, size_t len)
{
    int r = check_within(d, ar, NULL, off, len);
    if (r < 0 || len == 0)
        return r;
    if (!ar->bytes.p)
        return ml_os_pread(d, &ar->file, off, to, len);
    memcpy(to, ar->bytes.p + off, len);
    return 0;
}

int ml_archive_fetch(ml_diag *d, const ml_archive *ar, uint64_t off, uint64_t len, ml_arena *a,
                     ml_slice *out)
{
    int r = check_within(d, ar, NULL, off, len);
    if (r < 0)
        return r;
    if (ar->bytes.p) {
        *out = (ml_slice){ar->bytes.p + off, (size_t)len};
        return 0;
    }
    uint8_t *p = ml_nalloc(a, (size_t)len, 1);
    if (!p)
        return ml_nomem(d);
    r = ml_archive_fetch_to(d, ar, off, p, (size_t)len);
    if (r == 0)
        *out = (ml_slice){p, (size_t)len};
    return r;
}

/* Digits and nothing but blanks around them; false also when the number does not fit. */
static bool decimal(const uint8_t *p, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0, digits = 0;
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '9'; i++, digits++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, p[i] - '0', &v))
            return false;
    while (i < n && (p[i] == ' ' || p[i] == 0))
        i++;
    *out = v;
    return digits > 0 && i == n;
}

/* Cuts at a NUL, then the blanks at the end: what both kinds of archive fill the name with. */
static size_t name_length(const uint8_t *p, size_t n)
{
    const uint8_t *nul = memchr(p, 0, n);
    if (nul)
        n = (size_t)(nul - p);
    while (n > 0 && p[n - 1] == ' ')
        n--;
    return n;
}

static ml_ar_role bsd_role(const char *name)
{
    if (!strcmp(name, "__.SYMDEF") || !strcmp(name, "__.SYMDEF SORTED"))
        return ML_AR_BSD32;
    if (!strcmp(name, "__.SYMDEF_64") || !strcmp(name, "__.SYMDEF_64 SORTED"))
        return ML_AR_BSD64;
    return ML_AR_MEMBER;
}

/* "/N" or, in a thin archive, "/N:ORIGIN": a name in the table of long names. */
static int long_name(ml_diag *d, ml_archive *ar, uint64_t off, const uint8_t *raw, size_t n,
                     ml_ar_head *h)
{
    const uint8_t *colon = ar->thin ? memchr(raw, ':', n) : NULL;
    size_t digits = colon ? (size_t)(colon - raw) : n;
    uint64_t at = 0;
    if (!decimal(raw + 1, digits - 1, &at) ||
        (colon && (!decimal(colon + 1, n - digits - 1, &h->origin) || h->origin == 0)))
        return ml_fail(d, ML_E_FORMAT, place(ar, off), NULL,
                       "the member's name is neither a name nor a reference to a long name");
    h->name = ml_slice_str(ar->names, at);
    if (!h->name || !*h->name)
        return ml_fail(d, ML_E_FORMAT, place(ar, off), NULL,
                       "the member's name is at %llu of the name table, which has %zu bytes",
                       (unsigned long long)at, ar->names.n);
    return 0;
}

/* "#1/N": the name is the first N bytes of the content, filled up with NULs. */
static int bsd_name(ml_diag *d, ml_archive *ar, uint64_t off, const uint8_t *raw, ml_ar_head *h)
{
    uint64_t n = 0;
    if (ar->thin || !decimal(raw + 3, NAME_LEN - 3, &n) || n > h->size || n > LONGEST_NAME)
        return ml_fail(d, ML_E_FORMAT, place(ar, off), NULL,
                       "the member's name '#1/...' does not fit its content of %llu bytes",
                       (unsigned long long)h->size);
    char *name = ml_alloc(&ar->arena, (size_t)n + 1);
    if (!name)
        return ml_nomem(d);
    int r = ml_archive_fetch_to(d, ar, h->data, name, (size_t)n);
    name[n] = 0;
    h->name = name;
    h->data += n;
    h->size -= n;
    return r;
}

/* Tells name and role from the first 16 bytes. h->data and h->size are those of the header. */
static int read_name(ml_diag *d, ml_archive *ar, uint64_t off, const uint8_t *raw, ml_ar_head *h)
{
    size_t n = name_length(raw, NAME_LEN);
    static const struct {
        const char *name;
        ml_ar_role role;
    } gnu[] = {{"/", ML_AR_GNU32}, {"//", ML_AR_NAMES}, {"/SYM64/", ML_AR_GNU64}};
    for (size_t i = 0; i < sizeof gnu / sizeof *gnu; i++)
        if (n == strlen(gnu[i].name) && memcmp(raw, gnu[i].name, n) == 0) {
            h->role = gnu[i].role;
            h->name = gnu[i].name;
            return 0;
        }
    if (n > 0 && raw[0] == '/')
        return long_name(d, ar, off, raw, n, h);
    if (n >= 3 && memcmp(raw, "#1/", 3) == 0) {
        int r = bsd_name(d, ar, off, raw, h);
        h->role = r == 0 ? bsd_role(h->name) : ML_AR_MEMBER;
        return r;
    }
    const uint8_t *slash = memchr(raw, '/', n);
    h->name = ml_strndup(&ar->arena, (const char *)raw, slash ? (size_t)(slash - raw) : n);
    if (!h->name)
        return ml_nomem(d);
    h->role = bsd_role(h->name);
    return 0;
}

static int read_head(ml_diag *d, ml_archive *ar, uint64_t off, ml_ar_head *out)
{
    uint8_t raw[HEAD];
    int r = ml_archive_fetch_to(d, ar, off, raw, HEAD);
    if (r < 0)
        return r;
    if (raw[END_AT] != '`' || raw[END_AT + 1] != '\n')
        return ml_fail(d, ML_E_FORMAT, place(ar, off), "rebuild the archive, or run ranlib on it",
                       "a member's header should be here, but it does not end as one");
    ml_ar_head h = {.data = off + HEAD};
    uint64_t size;
    if (!decimal(raw + SIZE_AT, SIZE_LEN, &size))
        return ml_fail(d, ML_E_FORMAT, place(ar, off), NULL, "the member's size is not a number");
    h.size = size;
    r = read_name(d, ar, off, raw, &h);
    if (r < 0)
        return r;
    if (ar->thin && h.role == ML_AR_MEMBER) {
        h.path = h.name;
        size = 0;
    }
    r = check_within(d, ar, h.name, off + HEAD, size);
    if (r < 0)
        return r;
    h.end = off + HEAD + size;
    *out = h;
    return 0;
}

static bool is_head(const ml_archive *ar, uint64_t off)
{
    uint8_t end[2] = {0};
    ml_diag quiet;
    ml_diag_init(&quiet);
    bool is = ml_within(ar->size, off, HEAD) &&
              ml_archive_fetch_to(&quiet, ar, off + END_AT, end, 2) == 0 && end[0] == '`' &&
              end[1] == '\n';
    ml_diag_free(&quiet);
    return is;
}

/* Headers stand at even offsets; but some archivers do not fill up an odd content. */
static uint64_t next_head(const ml_archive *ar, uint64_t end)
{
    if (end % 2 == 0)
        return end;
    return !is_head(ar, end + 1) && is_head(ar, end) ? end : end + 1;
}

/* "//": names ended by "/\n" or "\n" become C strings in a copy. The last byte may lack its end. */
static int read_names(ml_diag *d, ml_archive *ar, const ml_ar_head *h)
{
    if (ar->names.p)
        return 0;
    uint8_t *p = h->size < SIZE_MAX ? ml_alloc(&ar->arena, (size_t)h->size + 1) : NULL;
    if (!p)
        return ml_nomem(d);
    size_t n = (size_t)h->size;
    int r = ml_archive_fetch_to(d, ar, h->data, p, n);
    if (r < 0)
        return r;
    p[n] = 0;
    for (uint8_t *at = p; (at = memchr(at, '\n', n - (size_t)(at - p))); at++) {
        if (at > p && at[-1] == '/')
            at[-1] = 0;
        *at = 0;
    }
    ar->names = (ml_slice){p, n + 1};
    return 0;
}

/* Index and name table stand first. The last header that is read is already a member's. */
static int read_specials(ml_diag *d, ml_archive *ar)
{
    ar->first = MAGIC;
    for (int i = 0; i < MOST_SPECIALS && ml_within(ar->size, ar->first, HEAD); i++) {
        ml_ar_head h;
        int r = read_head(d, ar, ar->first, &h);
        if (r < 0)
            return r;
        if (h.role == ML_AR_MEMBER)
            return 0;
        if (h.role == ML_AR_NAMES)
            r = read_names(d, ar, &h);
        else if (ar->armap.role == ML_AR_MEMBER)
            ar->armap = h;
        if (r < 0)
            return r;
        ar->first = next_head(ar, h.end);
    }
    return 0;
}

static int not_archive(ml_diag *d, const ml_archive *ar)
{
    uint8_t head[64];
    size_t n = ar->size < sizeof head ? (size_t)ar->size : sizeof head;
    int r = ml_archive_fetch_to(d, ar, 0, head, n);
    if (r < 0)
        return r;
    ml_kind k = ml_kind_of((ml_slice){head, n}, ar->size);
    return ml_fail(d, ML_E_KIND, (ml_where){.file = ar->path}, NULL, "not an archive but: %s",
                   ml_kind_name(k));
}

/* Everything behind "the bytes are within reach". */
static int start(ml_diag *d, ml_archive *ar)
{
    uint8_t magic[MAGIC] = {0};
    int r = ar->size < MAGIC ? 0 : ml_archive_fetch_to(d, ar, 0, magic, MAGIC);
    if (r < 0)
        return r;
    ar->thin = memcmp(magic, "!<thin>\n", MAGIC) == 0;
    if (!ar->thin && memcmp(magic, "!<arch>\n", MAGIC) != 0)
        return not_archive(d, ar);
    if (ar->thin && ar->owned)
        return ml_fail(d, ML_E_UNSUPPORTED, (ml_where){.file = ar->path},
                       "give the thin archive by its path",
                       "a thin archive in memory has no folder to look for its members");
    return read_specials(d, ar);
}

static ml_archive *new_archive(ml_diag *d, const char *path)
{
    ml_arena a = {0};
    ml_archive *ar = ml_zalloc(&a, 1, sizeof *ar);
    const char *copy = ar ? ml_strdup(&a, path) : NULL;
    if (!copy) {
        ml_arena_free(&a);
        ml_nomem(d);
        return NULL;
    }
    ar->arena = a;
    ar->path = copy;
    ar->file.fd = -1;
    return ar;
}

int ml_archive_open_file(ml_diag *d, const char *path, ml_os_file *f, ml_archive **out)
{
    ml_archive *ar = new_archive(d, path);
    if (!ar) {
        ml_os_close(f);
        return -(int)ML_E_NOMEM;
    }
    ar->file = *f;
    ar->file.path = ar->path;
    ar->size = f->id.size;
    f->fd = -1;
    int r = start(d, ar);
    if (r < 0)
        ml_archive_close(ar);
    else
        *out = ar;
    return r;
}

int ml_archive_open(ml_diag *d, const char *path, ml_archive **out)
{
    ml_os_file f;
    int r = ml_os_open(d, path, &f);
    return r < 0 ? r : ml_archive_open_file(d, path, &f, out);
}

int ml_archive_open_bytes(ml_diag *d, const char *name, ml_slice bytes, ml_archive **out)
{
    ml_archive *ar = new_archive(d, name);
    if (!ar)
        return -(int)ML_E_NOMEM;
    ar->bytes = bytes;
    ar->owned = true;
    ar->size = bytes.n;
    int r = start(d, ar);
    if (r < 0)
        ml_archive_close(ar);
    else
        *out = ar;
    return r;
}

void ml_archive_close(ml_archive *ar)
{
    if (!ar)
        return;
    ml_archive_close(ar->inner); /* is never thin, so it has no inner one itself */
    if (ar->file.fd >= 0)
        ml_os_close(&ar->file);
    ml_arena a = ar->arena; /* the archive lies in it */
    ml_arena_free(&a);
}

const char *ml_archive_path(const ml_archive *ar)
{
    return ar->path;
}

bool ml_archive_thin(const ml_archive *ar)
{
    return ar->thin;
}

/* A thin member's path as it can be opened: relative to the folder of the archive. */
static const char *beside(const ml_archive *ar, const char *path, ml_arena *a)
{
    const char *slash = strrchr(ar->path, '/');
    size_t folder = slash && *path != '/' ? (size_t)(slash - ar->path) + 1 : 0;
    size_t len = strlen(path);
    char *p = ml_nalloc(a, folder + len + 1, 1);
    if (!p)
        return NULL;
    memcpy(p, ar->path, folder);
    memcpy(p + folder, path, len + 1);
    return p;
}

/* Passes on why the file of a thin member cannot be read, seen from the archive. */
static int thin_failed(ml_diag *d, const ml_archive *ar, const char *member, const char *path,
                       const ml_diag *why)
{
    ml_where at = {.file = ar->path, .member = member};
    const ml_error *e = why->first;
    if (!e || e->code == ML_E_NOMEM)
        return ml_nomem(d);
    if (e->code == ML_E_NOENT)
        return ml_fail(d, ML_E_NOENT, (ml_where){.file = ar->path},
                       "a thin archive needs its members' files where they were when it was made",
                       "thin archive member '%s' is missing (looked in %s)", member, path);
    return ml_fail(d, e->code, at, e->hint, "%s: %s", path, e->text);
}

/* The archive in which a thin member lies, opened; kept for the next member out of it. */
static int open_inner(ml_diag *d, ml_archive *ar, const char *path)
{
    if (ar->inner && !strcmp(ar->inner->path, path))
        return 0;
    ml_archive *inner = NULL;
    int r = ml_archive_open(d, path, &inner);
    if (r == 0 && inner->thin) {
        ml_archive_close(inner);
        return ml_fail(d, ML_E_UNSUPPORTED, (ml_where){.file = path}, NULL,
                       "a thin archive cannot be a member of a thin archive");
    }
    if (r == 0) {
        ml_archive_close(ar->inner);
        ar->inner = inner;
    }
    return r;
}

/* A thin member that lies in another archive: its name and place there. */
static int inner_member(ml_diag *d, ml_archive *ar, const ml_ar_head *h, ml_member *out)
{
    const char *path = beside(ar, h->path, &ar->arena);
    if (!path)
        return ml_nomem(d);
    ml_diag why;
    ml_diag_init(&why);
    ml_ar_head in = {0};
    int r = open_inner(&why, ar, path);
    if (r == 0)
        r = read_head(&why, ar->inner, h->origin, &in);
    if (r < 0)
        r = thin_failed(d, ar, h->name, path, &why);
    ml_diag_free(&why);
    const char *name = r == 0 ? ml_strdup(&ar->arena, in.name) : NULL;
    if (r == 0 && !name)
        r = ml_nomem(d);
    if (r == 0)
        *out = (ml_member){.name = name, .offset = in.data, .size = in.size, .path = h->path};
    return r;
}

static int member_of(ml_diag *d, ml_archive *ar, uint64_t off, const ml_ar_head *h, ml_member *out)
{
    ml_member m = {.name = h->name, .size = h->size, .path = h->path};
    int r = 0;
    if (h->path && h->origin)
        r = inner_member(d, ar, h, &m);
    else if (!h->path)
        m.offset = h->data;
    m.header = off;
    if (r == 0)
        *out = m;
    return r;
}

int ml_archive_member(ml_diag *d, ml_archive *ar, uint64_t off, ml_member *out)
{
    ml_ar_head h;
    int r = read_head(d, ar, off, &h);
    if (r < 0)
        return r;
    if (h.role != ML_AR_MEMBER)
        return ml_fail(d, ML_E_FORMAT, place(ar, off), NULL,
                       "a member should be here, but it is the table '%s'", h.name);
    return member_of(d, ar, off, &h, out);
}

/* Nothing but the padding that some archivers leave behind the last member. */
static int rest_is_padding(ml_diag *d, const ml_archive *ar, uint64_t off, bool *yes)
{
    uint8_t rest[HEAD];
    *yes = off >= ar->size;
    if (*yes || ar->size - off >= HEAD)
        return 0;
    size_t n = (size_t)(ar->size - off);
    int r = ml_archive_fetch_to(d, ar, off, rest, n);
    *yes = true;
    for (size_t i = 0; r == 0 && i < n; i++)
        *yes = *yes && (rest[i] == '\n' || rest[i] == 0);
    return r;
}

int ml_archive_next(ml_diag *d, ml_archive *ar, uint64_t *pos, ml_member *out)
{
    uint64_t at = *pos ? next_head(ar, *pos) : ar->first;
    for (;;) {
        bool end;
        int r = rest_is_padding(d, ar, at, &end);
        if (r < 0 || end)
            return r;
        ml_ar_head h;
        r = read_head(d, ar, at, &h);
        if (r == 0 && h.role == ML_AR_MEMBER)
            r = member_of(d, ar, at, &h, out);
        if (r < 0)
            return r;
        *pos = h.end;
        if (h.role == ML_AR_MEMBER)
            return 1;
        at = next_head(ar, h.end);
    }
}

/* [off, off + size) of the file of a thin member, or all of it when off is 0. */
static int read_outside(ml_diag *d, ml_arena *a, const char *path, const ml_member *m,
                        ml_slice *out)
{
    if (m->offset == 0)
        return ml_os_read_all(d, a, path, out, NULL);
    ml_os_file f;
    int r = ml_os_open(d, path, &f);
    if (r < 0)
        return r;
    uint8_t *p = ml_within(f.id.size, m->offset, m->size) ? ml_nalloc(a, (size_t)m->size, 1) : NULL;
    if (p)
        r = ml_os_pread(d, &f, m->offset, p, (size_t)m->size);
    else if (ml_within(f.id.size, m->offset, m->size))
        r = ml_nomem(d);
    else
        r = ml_fail(d, ML_E_TRUNCATED, (ml_where){.file = path}, NULL,
                    "the file has become shorter than the archive in it");
    ml_os_close(&f);
    if (r == 0)
        *out = (ml_slice){p, (size_t)m->size};
    return r;
}

static int read_thin(ml_diag *d, const ml_archive *ar, const ml_member *m, ml_arena *a,
                     ml_slice *out)
{
    const char *path = beside(ar, m->path, a);
    if (!path)
        return ml_nomem(d);
    ml_diag why;
    ml_diag_init(&why);
    int r = read_outside(&why, a, path, m, out);
    if (r < 0)
        r = thin_failed(d, ar, m->name, path, &why);
    ml_diag_free(&why);
    return r;
}

int ml_archive_read(ml_diag *d, ml_archive *ar, const ml_member *m, ml_arena *a, ml_slice *out)
{
    ml_member checked = *m;
    if (!m->path && m->offset == 0) { /* ml_archive_find saw no header: say why */
        int r = ar->bytes.p ? 0 : ml_os_unchanged(d, &ar->file);
        if (r == 0)
            r = ml_archive_member(d, ar, m->header, &checked);
        if (r < 0)
            return r;
    }
    if (checked.path)
        return read_thin(d, ar, &checked, a, out);
    ml_slice got;
    int r = ml_archive_fetch(d, ar, checked.offset, checked.size, a, &got);
    if (r == 0 && !ar->bytes.p)
        r = ml_os_unchanged(d, &ar->file);
    if (r == 0)
        *out = got;
    return r;
}

int ml_archive_slurp(ml_diag *d, ml_archive *ar, ml_arena *a)
{
    if (ar->bytes.p || ar->thin)
        return 0;
    ml_slice all;
    int r = ml_archive_fetch(d, ar, 0, ar->size, a, &all);
    if (r == 0)
        r = ml_os_unchanged(d, &ar->file);
    if (r == 0)
        ar->bytes = all;
    return r;
}

void ml_archive_unslurp(ml_archive *ar)
{
    if (ar->file.fd >= 0)
        ar->bytes = (ml_slice){NULL, 0};
}
