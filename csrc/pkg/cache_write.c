/* cache_write.c -- pkg: from packages to package.cache.
** takes packages whose strings are UTF-8; gives the bytes that GHC 9.0's ghc-pkg writes for them.
** Spec: cache.h; ghc-pkg's Note [Recompute abi-depends] for what GHC's part says of hashes.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* memmem, memrchr */
#include "base/hash.h"
#include "pkg/cache_impl.h"

static const ml_slice none = {NULL, 0};

static ml_slice text(const ml_pkg_info *p, ml_pkg_field f)
{
    return p->v[f].text;
}

ml_slice ml_cache_package_name(const ml_pkg_info *p)
{
    ml_slice main = text(p, ML_PKG_PACKAGE_NAME);
    return main.n ? main : text(p, ML_PKG_NAME);
}

/* Splits at the first `mark`; false when there is none. */
static bool split(ml_slice s, char mark, ml_slice *head, ml_slice *tail)
{
    const uint8_t *m = s.n ? memchr(s.p, mark, s.n) : NULL;
    if (!m)
        return false;
    *head = (ml_slice){s.p, (size_t)(m - s.p)};
    *tail = (ml_slice){m + 1, s.n - head->n - 1};
    return true;
}

/* ---- modules of units ---- */

/* The two parts number the constructors of a unit differently. */
typedef struct part {
    uint8_t definite, indefinite;
} part;

static const part ghc_part = {0, 1}, cabal_part = {1, 0};

static void put_module(ml_bytes *b, const part *k, ml_slice s, unsigned depth);

/* The item A=unit:Mod that ends before a comma outside brackets; *rest is what follows it. */
static ml_slice next_instance(ml_slice s, ml_slice *rest)
{
    unsigned open = 0;
    for (size_t i = 0; i < s.n; i++) {
        open += s.p[i] == '[';
        open -= s.p[i] == ']' && open;
        if (s.p[i] != ',' || open)
            continue;
        *rest = (ml_slice){s.p + i + 1, s.n - i - 1};
        return (ml_slice){s.p, i};
    }
    *rest = none;
    return s;
}

static void put_instance(ml_bytes *b, const part *k, ml_slice s, unsigned depth)
{
    ml_slice name = s, module = none;
    split(s, '=', &name, &module);
    ml_cache_put_short(b, name);
    put_module(b, k, module, depth);
}

static void put_substitution(ml_bytes *b, const part *k, ml_slice s, unsigned depth)
{
    uint64_t n = 0;
    for (ml_slice rest = s; rest.n; n++)
        next_instance(rest, &rest);
    ml_cache_put_u64(b, n);
    for (ml_slice rest = s; rest.n;)
        put_instance(b, k, next_instance(rest, &rest), depth);
}

static void put_unit(ml_bytes *b, const part *k, ml_slice s, unsigned depth)
{
    ml_slice component, inside;
    bool indefinite = depth < ML_CACHE_DEPTH && split(s, '[', &component, &inside);
    ml_cache_put_u8(b, indefinite ? k->indefinite : k->definite);
    ml_cache_put_short(b, indefinite ? component : s);
    if (!indefinite)
        return;
    inside.n -= inside.n && inside.p[inside.n - 1] == ']';
    put_substitution(b, k, inside, depth + 1);
}

/* unit:Mod or <Hole>; the colon that counts is the last one. */
static void put_module(ml_bytes *b, const part *k, ml_slice s, unsigned depth)
{
    bool hole = s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>';
    ml_cache_put_u8(b, hole);
    if (hole) {
        ml_cache_put_short(b, (ml_slice){s.p + 1, s.n - 2});
        return;
    }
    const uint8_t *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
    ml_slice unit = colon ? (ml_slice){s.p, (size_t)(colon - s.p)} : none;
    ml_slice name = colon ? (ml_slice){colon + 1, s.n - unit.n - 1} : s;
    put_unit(b, k, unit, depth);
    ml_cache_put_short(b, name);
}

static void put_instances(ml_bytes *b, const part *k, ml_pkg_list l)
{
    ml_cache_put_u64(b, l.n);
    for (size_t i = 0; i < l.n; i++)
        put_instance(b, k, l.at[i], 0);
}

/* Mod, or Mod from unit:Mod2 */
static void put_exports(ml_bytes *b, const part *k, ml_pkg_list l)
{
    static const char from[] = " from ";
    enum { FROM = sizeof from - 1 };
    ml_cache_put_u64(b, l.n);
    for (size_t i = 0; i < l.n; i++) {
        ml_slice s = l.at[i];
        const uint8_t *mark = s.n ? memmem(s.p, s.n, from, FROM) : NULL;
        ml_slice name = {s.p, mark ? (size_t)(mark - s.p) : s.n};
        ml_cache_put_short(b, name);
        ml_cache_put_u8(b, mark != NULL);
        if (mark)
            put_module(b, k, (ml_slice){mark + FROM, s.n - name.n - FROM}, 0);
    }
}

/* ---- lists ---- */

static void put_strings(ml_bytes *b, const ml_pkg_info *p, ml_pkg_field f)
{
    ml_pkg_list l = p->v[f].list;
    ml_cache_put_u64(b, l.n);
    for (size_t i = 0; i < l.n; i++)
        ml_cache_put_string(b, l.at[i]);
}

static void put_shorts(ml_bytes *b, const ml_pkg_info *p, ml_pkg_field f)
{
    ml_pkg_list l = p->v[f].list;
    ml_cache_put_u64(b, l.n);
    for (size_t i = 0; i < l.n; i++)
        ml_cache_put_short(b, l.at[i]);
}

static void put_maybe(ml_bytes *b, ml_slice s, void (*put)(ml_bytes *b, ml_slice s))
{
    ml_cache_put_u8(b, s.n != 0);
    if (s.n)
        put(b, s);
}

/* ---- the record in ghc-pkg's part ---- */

static void put_whole(ml_bytes *b, const ml_pkg_info *p)
{
    ml_cache_put_short(b, ml_cache_package_name(p));
    ml_cache_put_version(b, text(p, ML_PKG_VERSION));
    put_maybe(b, text(p, ML_PKG_LIB_NAME), ml_cache_put_short);
    ml_cache_put_short(b, none); /* component id: not in the text format */
    ml_cache_put_u8(b, !ml_slice_is(text(p, ML_PKG_VISIBILITY), "public"));
    ml_cache_put_short(b, text(p, ML_PKG_ID));
    put_instances(b, &cabal_part, p->v[ML_PKG_INSTANTIATED_WITH].list);
    ml_cache_put_string(b, text(p, ML_PKG_KEY));
    ml_cache_put_license(b, text(p, ML_PKG_LICENSE));
    for (ml_pkg_field f = ML_PKG_COPYRIGHT; f <= ML_PKG_CATEGORY; f++)
        ml_cache_put_short(b, text(p, f));
    ml_cache_put_short(b, text(p, ML_PKG_ABI));
    ml_cache_put_u8(b, p->v[ML_PKG_INDEFINITE].yes);
    ml_cache_put_u8(b, p->v[ML_PKG_EXPOSED].yes);
    put_exports(b, &cabal_part, p->v[ML_PKG_EXPOSED_MODULES].list);
    put_shorts(b, p, ML_PKG_HIDDEN_MODULES);
    ml_cache_put_u8(b, p->v[ML_PKG_TRUSTED].yes);
    put_strings(b, p, ML_PKG_IMPORT_DIRS);
    put_strings(b, p, ML_PKG_LIBRARY_DIRS);
    put_strings(b, p, ML_PKG_DYNAMIC_LIBRARY_DIRS);
    ml_cache_put_string(b, text(p, ML_PKG_DATA_DIR));
    put_strings(b, p, ML_PKG_HS_LIBRARIES);
    put_strings(b, p, ML_PKG_EXTRA_LIBRARIES);
    put_strings(b, p, ML_PKG_EXTRA_GHCI_LIBRARIES);
    put_strings(b, p, ML_PKG_INCLUDE_DIRS);
    put_strings(b, p, ML_PKG_INCLUDES);
    put_shorts(b, p, ML_PKG_DEPENDS);
    ml_pkg_list hashes = p->v[ML_PKG_ABI_DEPENDS].list;
    ml_cache_put_u64(b, hashes.n);
    for (size_t i = 0; i < hashes.n; i++) {
        ml_slice id = hashes.at[i], hash = none;
        split(hashes.at[i], '=', &id, &hash);
        ml_cache_put_short(b, id);
        ml_cache_put_short(b, hash);
    }
    for (ml_pkg_field f = ML_PKG_CC_OPTIONS; f <= ML_PKG_HADDOCK_HTML; f++)
        put_strings(b, p, f);
    put_maybe(b, text(p, ML_PKG_PKGROOT), ml_cache_put_string);
}

/* ---- hashes that abi-depends gets ---- */

typedef struct slot {
    ml_slice id, abi;
    unsigned times; /* 0: free */
} slot;

typedef struct units {
    slot *at;
    size_t mask;
} units;

static slot *find(const units *u, ml_slice id)
{
    size_t i = ml_hash((const char *)id.p, id.n) & u->mask;
    while (u->at[i].times && !ml_slice_equal(u->at[i].id, id))
        i = (i + 1) & u->mask;
    return &u->at[i];
}

static void enter(units *u, ml_slice id, ml_slice abi)
{
    slot *s = find(u, id);
    if (!s->times++) {
        s->id = id;
        s->abi = abi;
    }
}

static bool units_open(units *u, const ml_cache_input *in)
{
    size_t n = in->n + in->nbelow, size = 8;
    while (size < n * 2)
        size *= 2;
    u->mask = size - 1;
    u->at = ml_heap_zalloc(size, sizeof *u->at);
    for (size_t i = 0; u->at && i < in->n; i++)
        enter(u, text(in->packages[i], ML_PKG_ID), text(in->packages[i], ML_PKG_ABI));
    for (size_t i = 0; u->at && i < in->nbelow; i++)
        enter(u, in->below[i].id, in->below[i].abi);
    return u->at != NULL;
}

/* The units of abi-depends that there are once and only once, with the hashes they have now. True
** when that is what the package says. */
static bool put_hashes(ml_bytes *b, const units *u, ml_pkg_list l)
{
    uint64_t n = 0;
    bool right = true;
    for (int pass = 0; pass < 2; pass++) {
        if (pass)
            ml_cache_put_u64(b, n);
        for (size_t i = 0; i < l.n; i++) {
            ml_slice id = l.at[i], hash = none;
            split(l.at[i], '=', &id, &hash);
            const slot *s = find(u, id);
            right &= s->times == 1 && ml_slice_equal(s->abi, hash);
            n += !pass && s->times == 1;
            if (pass && s->times == 1) {
                ml_cache_put_short(b, id);
                ml_cache_put_string(b, s->abi);
            }
        }
    }
    return right;
}

/* ---- the record in GHC's part ---- */

static void put_names(ml_bytes *b, const ml_pkg_info *p)
{
    ml_slice name = ml_cache_package_name(p), version = text(p, ML_PKG_VERSION);
    ml_cache_put_u64(b, name.n + (version.n ? 1 + version.n : 0));
    ml_bytes_put(b, name.p, name.n);
    if (version.n)
        ml_cache_put_u8(b, '-');
    ml_bytes_put(b, version.p, version.n);
    ml_cache_put_short(b, name);
    enum { USUAL = 16 };
    uint64_t numbers[USUAL];
    size_t n = ml_cache_numbers(version, numbers, USUAL);
    uint64_t *all = n > USUAL ? ml_heap_grow(NULL, n, sizeof *all) : numbers;
    b->failed |= !all;
    ml_cache_put_u64(b, n);
    if (all && n > USUAL)
        ml_cache_numbers(version, all, n);
    for (size_t i = 0; all && i < n; i++)
        ml_cache_put_u64(b, all[i]);
    if (all != numbers)
        ml_heap_free(all);
    ml_cache_put_u64(b, 0); /* tags */
    put_maybe(b, text(p, ML_PKG_LIB_NAME), ml_cache_put_short);
}

/* True when abi-depends is right. */
static bool put_for_ghc(ml_bytes *b, const units *u, const ml_pkg_info *p)
{
    static const ml_pkg_field strings[] = {
        ML_PKG_IMPORT_DIRS,          ML_PKG_HS_LIBRARIES,   ML_PKG_EXTRA_LIBRARIES,
        ML_PKG_EXTRA_GHCI_LIBRARIES, ML_PKG_LIBRARY_DIRS,   ML_PKG_DYNAMIC_LIBRARY_DIRS,
        ML_PKG_FRAMEWORKS,           ML_PKG_FRAMEWORK_DIRS, ML_PKG_LD_OPTIONS,
        ML_PKG_CC_OPTIONS,           ML_PKG_INCLUDES,       ML_PKG_INCLUDE_DIRS,
        ML_PKG_HADDOCK_INTERFACES,   ML_PKG_HADDOCK_HTML};
    put_names(b, p);
    ml_cache_put_short(b, text(p, ML_PKG_ID));
    ml_cache_put_short(b, text(p, ML_PKG_ID)); /* instance of */
    put_instances(b, &ghc_part, p->v[ML_PKG_INSTANTIATED_WITH].list);
    ml_cache_put_string(b, text(p, ML_PKG_ABI));
    put_shorts(b, p, ML_PKG_DEPENDS);
    bool right = put_hashes(b, u, p->v[ML_PKG_ABI_DEPENDS].list);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        put_strings(b, p, strings[i]);
    put_exports(b, &ghc_part, p->v[ML_PKG_EXPOSED_MODULES].list);
    put_shorts(b, p, ML_PKG_HIDDEN_MODULES);
    ml_cache_put_u8(b, p->v[ML_PKG_INDEFINITE].yes);
    ml_cache_put_u8(b, p->v[ML_PKG_EXPOSED].yes);
    ml_cache_put_u8(b, p->v[ML_PKG_TRUSTED].yes);
    return right;
}

/* ---- the file ---- */

int ml_cache_record(ml_diag *d, const ml_pkg_info *p, ml_bytes *out)
{
    put_whole(out, p);
    return out->failed ? ml_nomem(d) : 0;
}

int ml_cache_write(ml_diag *d, const ml_cache_input *in, ml_bytes *out, uint8_t *broken)
{
    static const uint8_t head[20] = {0, 'g', 'h', 'c', 'p', 'k', 'g', 0, 0, 0, 0, 1};
    units u;
    if (!units_open(&u, in))
        return ml_nomem(d);
    ml_bytes_put(out, head, sizeof head); /* version 1.0, no more header */
    size_t at = out->n;
    ml_cache_put_u32(out, 0);
    size_t from = out->n;
    ml_cache_put_u64(out, in->n);
    for (size_t i = 0; i < in->n; i++) {
        bool right = put_for_ghc(out, &u, in->packages[i]);
        if (broken)
            broken[i] = !right;
    }
    ml_heap_free(u.at);
    size_t length = out->n - from;
    ml_cache_put_u64(out, in->n);
    for (size_t i = 0; i < in->n; i++)
        put_whole(out, in->packages[i]);
    if (out->failed)
        return ml_nomem(d);
    if (length > UINT32_MAX)
        return ml_fail(d, ML_E_RANGE, (ml_where){0}, "use several databases",
                       "GHC's part of the cache would have more than 4 GiB");
    for (unsigned i = 0; i < 4; i++)
        out->p[at + i] = (uint8_t)(length >> (24 - 8 * i));
    return 0;
}
