/* cache_read.c -- pkg: from package.cache to packages.
** takes the bytes of a cache; gives packages whose strings are slices of them, where they stand
** there as they are; the rest is put together in the arena.
** Nothing is believed: a count is compared with the bytes that are left before anything is
** allocated for it, and nesting is bounded.
** Spec: cache.h.
** SPDX-License-Identifier: MIT */
#include "pkg/cache_impl.h"

/* ---- primitives ---- */

void ml_cache_bad(ml_cache_in *in, const char *why)
{
    if (in->bad)
        return;
    in->bad = why;
    in->bad_at = in->at;
    in->at = in->end;
}

static const uint8_t *take(ml_cache_in *in, size_t n)
{
    if (n > (size_t)(in->end - in->at)) {
        ml_cache_bad(in, "not enough bytes");
        return NULL;
    }
    const uint8_t *p = in->at;
    in->at += n;
    return p;
}

uint8_t ml_cache_u8(ml_cache_in *in)
{
    const uint8_t *p = take(in, 1);
    return p ? *p : 0;
}

uint64_t ml_cache_u64(ml_cache_in *in)
{
    const uint8_t *p = take(in, 8);
    return p ? ml_get64be(p) : 0;
}

uint64_t ml_cache_count(ml_cache_in *in, size_t least)
{
    uint64_t n = ml_cache_u64(in);
    if (n <= (size_t)(in->end - in->at) / least)
        return n;
    ml_cache_bad(in, "not enough bytes");
    return 0;
}

static bool yes(ml_cache_in *in)
{
    uint8_t v = ml_cache_u8(in);
    if (v > 1)
        ml_cache_bad(in, "neither False nor True");
    return v == 1;
}

/* Which of n constructors. */
static uint8_t tag(ml_cache_in *in, uint8_t n)
{
    uint8_t v = ml_cache_u8(in);
    if (v < n)
        return v;
    ml_cache_bad(in, "no such constructor");
    return 0;
}

ml_slice ml_cache_bytes_of(ml_cache_in *in)
{
    size_t n = (size_t)ml_cache_count(in, 1);
    const uint8_t *p = take(in, n);
    return p ? (ml_slice){p, n} : (ml_slice){NULL, 0};
}

static bool all_ascii(const uint8_t *p, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        if (w & 0x8080808080808080u)
            return false;
    }
    for (; i < n; i++)
        if (p[i] & 0x80)
            return false;
    return true;
}

/* A list of characters: how many, then each in UTF-8. */
ml_slice ml_cache_string(ml_cache_in *in)
{
    size_t n = (size_t)ml_cache_count(in, 1);
    const uint8_t *p = in->at;
    if (all_ascii(p, n)) {
        take(in, n);
        return (ml_slice){p, n};
    }
    for (; n && !in->bad; n--) {
        uint8_t c = ml_cache_u8(in);
        take(in, c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3);
    }
    return in->bad ? (ml_slice){NULL, 0} : (ml_slice){p, (size_t)(in->at - p)};
}

/* ---- texts that are put together ---- */

void ml_cache_add(ml_cache_text *t, const void *s, size_t n)
{
    if (t->failed || !n)
        return;
    if (n > t->room - t->n) {
        size_t room = (t->n + n) * 2;
        char *p = ml_alloc(t->arena, room);
        t->failed = !p;
        if (!p)
            return;
        if (t->n)
            memcpy(p, t->p, t->n);
        t->p = p;
        t->room = room;
    }
    memcpy(t->p + t->n, s, n);
    t->n += n;
}

ml_slice ml_cache_text_end(ml_cache_in *in, ml_cache_text *t)
{
    in->short_of_memory |= t->failed;
    return t->failed ? (ml_slice){NULL, 0} : (ml_slice){(const uint8_t *)t->p, t->n};
}

static void add_slice(ml_cache_text *t, ml_slice s)
{
    ml_cache_add(t, s.p, s.n);
}

/* ---- modules of units ---- */

static void add_module(ml_cache_in *in, ml_cache_text *t, unsigned depth);

/* Map ModuleName OpenModule, as A=unit:Mod,B=<B> */
static void add_substitution(ml_cache_in *in, ml_cache_text *t, unsigned depth)
{
    uint64_t n = ml_cache_count(in, 8);
    for (uint64_t i = 0; i < n && !in->bad; i++) {
        ml_slice name = ml_cache_bytes_of(in);
        if (i)
            ml_cache_adds(t, ",");
        add_slice(t, name);
        ml_cache_adds(t, "=");
        add_module(in, t, depth);
    }
}

/* OpenUnitId: a unit, or a component with some holes filled. */
static void add_unit(ml_cache_in *in, ml_cache_text *t, unsigned depth)
{
    bool definite = tag(in, 2) == 1;
    add_slice(t, ml_cache_bytes_of(in));
    if (definite)
        return;
    ml_cache_adds(t, "[");
    add_substitution(in, t, depth + 1);
    ml_cache_adds(t, "]");
}

/* OpenModule: unit:Mod or <Hole>. */
static void add_module(ml_cache_in *in, ml_cache_text *t, unsigned depth)
{
    if (depth > ML_CACHE_DEPTH) {
        ml_cache_bad(in, "instantiations are nested too deeply");
        return;
    }
    bool hole = tag(in, 2) == 1;
    if (hole)
        ml_cache_adds(t, "<");
    else
        add_unit(in, t, depth);
    if (!hole)
        ml_cache_adds(t, ":");
    add_slice(t, ml_cache_bytes_of(in));
    if (hole)
        ml_cache_adds(t, ">");
}

/* ---- items of lists ---- */

typedef ml_slice item(ml_cache_in *in);

/* (ModuleName, OpenModule) */
static ml_slice instance(ml_cache_in *in)
{
    ml_cache_text t = {.arena = in->arena};
    add_slice(&t, ml_cache_bytes_of(in));
    ml_cache_adds(&t, "=");
    add_module(in, &t, 0);
    return ml_cache_text_end(in, &t);
}

/* ExposedModule: a name, and where it is re-exported from. */
static ml_slice export(ml_cache_in *in)
{
    ml_slice name = ml_cache_bytes_of(in);
    if (!yes(in))
        return name;
    ml_cache_text t = {.arena = in->arena};
    add_slice(&t, name);
    ml_cache_adds(&t, " from ");
    add_module(in, &t, 0);
    return ml_cache_text_end(in, &t);
}

/* AbiDependency */
static ml_slice id_hash(ml_cache_in *in)
{
    ml_cache_text t = {.arena = in->arena};
    add_slice(&t, ml_cache_bytes_of(in));
    ml_cache_adds(&t, "=");
    add_slice(&t, ml_cache_bytes_of(in));
    return ml_cache_text_end(in, &t);
}

static ml_pkg_list list(ml_cache_in *in, item *one)
{
    size_t n = (size_t)ml_cache_count(in, 8);
    if (!n)
        return (ml_pkg_list){NULL, 0};
    ml_slice *at = ml_nalloc(in->arena, n, sizeof *at);
    if (!at) {
        in->short_of_memory = true;
        ml_cache_bad(in, "no memory");
        return (ml_pkg_list){NULL, 0};
    }
    for (size_t i = 0; i < n; i++)
        at[i] = one(in);
    return (ml_pkg_list){at, n};
}

/* ---- the record ---- */

/* The name of a library inside a package, as one word: z-PKG-z-LIB. A run of z between two dashes
** gets one z more, so that it cannot be taken for the separator. */
static void add_part(ml_cache_text *t, ml_slice s)
{
    size_t run = 0; /* of z since the last dash */
    bool after_dash = false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c == '-') {
            if (after_dash && run)
                ml_cache_adds(t, "z");
            after_dash = true;
            run = 0;
        } else if (c == 'z') {
            run++;
        } else {
            after_dash = false;
        }
        ml_cache_add(t, &c, 1);
    }
}

static ml_slice library_name(ml_cache_in *in, ml_slice package, ml_slice lib)
{
    ml_cache_text t = {.arena = in->arena};
    ml_cache_adds(&t, "z-");
    add_part(&t, package);
    ml_cache_adds(&t, "-z-");
    add_part(&t, lib);
    return ml_cache_text_end(in, &t);
}

static const ml_slice none = {NULL, 0};

static void read_names(ml_cache_in *in, ml_pkg_info *p)
{
    ml_slice name = ml_cache_bytes_of(in);
    p->v[ML_PKG_NAME].text = name;
    p->v[ML_PKG_VERSION].text = ml_cache_version(in);
    if (tag(in, 2) == 1) {
        ml_slice lib = ml_cache_bytes_of(in);
        p->v[ML_PKG_PACKAGE_NAME].text = name;
        p->v[ML_PKG_LIB_NAME].text = lib;
        p->v[ML_PKG_NAME].text = library_name(in, name, lib);
    }
    ml_cache_bytes_of(in); /* component id: not in the text format */
    if (tag(in, 2) == 0)
        p->v[ML_PKG_VISIBILITY].text = (ml_slice){(const uint8_t *)"public", 6};
    p->v[ML_PKG_ID].text = ml_cache_bytes_of(in);
    p->v[ML_PKG_INSTANTIATED_WITH].list = list(in, instance);
    p->v[ML_PKG_KEY].text = ml_cache_string(in);
    p->v[ML_PKG_LICENSE].text = ml_cache_license(in);
}

static void read_modules(ml_cache_in *in, ml_pkg_info *p)
{
    p->v[ML_PKG_ABI].text = ml_cache_bytes_of(in);
    p->v[ML_PKG_INDEFINITE].yes = yes(in);
    p->v[ML_PKG_EXPOSED].yes = yes(in);
    p->v[ML_PKG_EXPOSED_MODULES].list = list(in, export);
    p->v[ML_PKG_HIDDEN_MODULES].list = list(in, ml_cache_bytes_of);
    p->v[ML_PKG_TRUSTED].yes = yes(in);
}

static void read_files(ml_cache_in *in, ml_pkg_info *p)
{
    p->v[ML_PKG_IMPORT_DIRS].list = list(in, ml_cache_string);
    p->v[ML_PKG_LIBRARY_DIRS].list = list(in, ml_cache_string);
    if (in->layout.statics)
        p->v[ML_PKG_LIBRARY_DIRS_STATIC].list = list(in, ml_cache_string);
    p->v[ML_PKG_DYNAMIC_LIBRARY_DIRS].list = list(in, ml_cache_string);
    if (in->layout.bytecode)
        p->v[ML_PKG_BYTECODE_LIBRARY_DIRS].list = list(in, ml_cache_string);
    p->v[ML_PKG_DATA_DIR].text = ml_cache_string(in);
    p->v[ML_PKG_HS_LIBRARIES].list = list(in, ml_cache_string);
    p->v[ML_PKG_EXTRA_LIBRARIES].list = list(in, ml_cache_string);
    if (in->layout.statics)
        p->v[ML_PKG_EXTRA_LIBRARIES_STATIC].list = list(in, ml_cache_string);
    p->v[ML_PKG_EXTRA_GHCI_LIBRARIES].list = list(in, ml_cache_string);
    p->v[ML_PKG_INCLUDE_DIRS].list = list(in, ml_cache_string);
    p->v[ML_PKG_INCLUDES].list = list(in, ml_cache_string);
}

static void read_needs(ml_cache_in *in, ml_pkg_info *p)
{
    p->v[ML_PKG_DEPENDS].list = list(in, ml_cache_bytes_of);
    p->v[ML_PKG_ABI_DEPENDS].list = list(in, id_hash);
    for (ml_pkg_field f = ML_PKG_CC_OPTIONS; f <= ML_PKG_HADDOCK_HTML; f++)
        p->v[f].list = list(in, ml_cache_string);
    p->v[ML_PKG_PKGROOT].text = yes(in) ? ml_cache_string(in) : none;
}

_Static_assert(ML_PKG_HADDOCK_HTML - ML_PKG_CC_OPTIONS == 6 &&
                   ML_PKG_CATEGORY - ML_PKG_COPYRIGHT == 8,
               "the fields that are read in loops stand together");

static void read_package(ml_cache_in *in, ml_pkg_info *p)
{
    read_names(in, p);
    for (ml_pkg_field f = ML_PKG_COPYRIGHT; f <= ML_PKG_CATEGORY; f++)
        p->v[f].text = ml_cache_bytes_of(in);
    read_modules(in, p);
    read_files(in, p);
    read_needs(in, p);
}

/* All packages of ghc-pkg's part; false when they do not fit. */
static bool read_packages(ml_cache_in *in, ml_pkg_infos *all)
{
    enum { LEAST = 280 }; /* a record without a letter in it has 297 bytes */
    uint64_t n = ml_cache_count(in, LEAST);
    if (!all->n && n) { /* room for all at once */
        all->at = ml_nalloc(&all->arena, (size_t)n, sizeof *all->at);
        all->room = all->at ? (size_t)n : 0;
    }
    for (uint64_t i = 0; i < n && !in->bad; i++) {
        ml_pkg_info *p = ml_pkg_infos_add(all);
        in->short_of_memory |= !p;
        if (in->short_of_memory)
            return false;
        read_package(in, p);
    }
    if (!in->bad && in->at != in->end)
        ml_cache_bad(in, "bytes behind the last package");
    return !in->bad && !in->short_of_memory;
}

/* ---- the file ---- */

static const char recache[] =
    "nothing is lost: the .conf files beside it have all packages; rebuild it with: moonlink pkg "
    "recache";

static int fail(ml_diag *d, ml_code code, const char *file, uint64_t at, const char *why)
{
    ml_where w = {.file = file, .offset = at, .has_offset = true};
    return ml_fail(d, code, w, recache, "%s", why);
}

static int fail_foreign(ml_diag *d, const char *file, const char *what)
{
    return ml_fail(d, ML_E_UNSUPPORTED, (ml_where){.file = file},
                   "the .conf files beside it are read instead; to change this database, use the "
                   "ghc-pkg of the GHC that it belongs to",
                   "the cache has the layout of another version of GHC (%s)", what);
}

/* Header and GHC's part; *out is ghc-pkg's part. */
static int skip_head(ml_diag *d, const char *file, ml_slice bytes, ml_slice *out)
{
    static const char magic[8] = "\0ghcpkg";
    if (bytes.n < sizeof magic || memcmp(bytes.p, magic, sizeof magic) != 0)
        return fail(d, ML_E_FORMAT, file, 0, "not a ghc-pkg db file, wrong file magic number");
    if (bytes.n < 24)
        return fail(d, ML_E_TRUNCATED, file, bytes.n, "not enough bytes");
    uint32_t major = ml_get32be(bytes.p + 8), extra = ml_get32be(bytes.p + 16);
    if (major != 1)
        return fail_foreign(d, file, "unsupported ghc-pkg db format version");
    ml_slice rest;
    if (!ml_slice_sub(bytes, 20 + (uint64_t)extra, 4, &rest))
        return fail(d, ML_E_TRUNCATED, file, bytes.n, "not enough bytes");
    uint64_t from = 24 + (uint64_t)extra + ml_get32be(rest.p);
    if (from > bytes.n || !ml_slice_sub(bytes, from, bytes.n - from, out))
        return fail(d, ML_E_TRUNCATED, file, bytes.n, "not enough bytes");
    return 0;
}

/* Does it fit one of the layouts that came later? */
static bool is_foreign(ml_slice part)
{
    for (int bytecode = 0; bytecode < 2; bytecode++) {
        ml_pkg_infos scratch = {0};
        ml_cache_in in = {.at = part.p,
                          .end = part.p + part.n,
                          .arena = &scratch.arena,
                          .layout = {.statics = true, .bytecode = bytecode, .foreign = true}};
        bool fits = read_packages(&in, &scratch);
        ml_pkg_infos_free(&scratch);
        if (fits)
            return true;
    }
    return false;
}

int ml_cache_read(ml_diag *d, const char *file, ml_slice bytes, ml_pkg_infos *all)
{
    ml_slice part = {NULL, 0};
    int e = skip_head(d, file, bytes, &part);
    if (e < 0)
        return e;
    size_t before = all->n;
    ml_cache_in in = {.at = part.p, .end = part.p + part.n, .arena = &all->arena};
    if (read_packages(&in, all))
        return 0;
    all->n = before;
    if (in.short_of_memory)
        return ml_nomem(d);
    if (is_foreign(part))
        return fail_foreign(d, file, "9.4 or later");
    bool cut = strcmp(in.bad, "not enough bytes") == 0;
    return fail(d, cut ? ML_E_TRUNCATED : ML_E_FORMAT, file, (uint64_t)(in.bad_at - bytes.p),
                in.bad);
}
