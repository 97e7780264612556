/* show.c -- pkg: databases of GHC 6.6 to 6.12: a Haskell list of records, as `show` writes it.
** takes bytes of the file; gives ml_pkg_info. Strings are slices of the input unless they have
** escapes. A package without an id of its own (before 6.12) gets NAME-VERSION, which is how its
** dependants name it.
** Spec: Cabal 1.1.6 to 1.8, InstalledPackageInfo; Haskell 2010 Report, 11.4 (derived Show).
** SPDX-License-Identifier: MIT */
#include "pkg/show.h"

#include <stdio.h>

#include "pkg/string.h"
#include "pkg/text.h"
#include "pkg/utf8.h"

enum { MAX_DEPTH = 100 };

typedef struct parser {
    const uint8_t *at, *end;
    const uint8_t *seen; /* places are counted on from here */
    unsigned line, column;
    ml_diag *d;
    ml_pkg_infos *all;
    const char *file;
    unsigned depth; /* of values in values */
    ml_pkg_shape shape;
    ml_slice *items;
    size_t room;
    ml_arena scratch;
} parser;

/* ---- places and tokens ---- */

static ml_where place(parser *ps, const uint8_t *at)
{
    for (; ps->seen < at; ps->seen++)
        if (*ps->seen == '\n') {
            ps->line++;
            ps->column = 1;
        } else if ((*ps->seen & 0xc0) != 0x80) {
            ps->column++;
        }
    return (ml_where){.file = ps->file, .line = ps->line, .column = ps->column};
}

static int expected(parser *ps, const char *what)
{
    static const char hint[] = "the file must be a list of InstalledPackageInfo records";
    ml_where at = place(ps, ps->at);
    if (ps->at == ps->end)
        return ml_fail(ps->d, ML_E_TRUNCATED, at, hint, "the file ends where %s should be", what);
    if (*ps->at >= ' ' && *ps->at < 0x7f)
        return ml_fail(ps->d, ML_E_FORMAT, at, hint, "'%c' where %s should be", *ps->at, what);
    return ml_fail(ps->d, ML_E_FORMAT, at, hint, "byte 0x%02x where %s should be", *ps->at, what);
}

static void skip_space(parser *ps)
{
    while (ps->at < ps->end && (*ps->at == ' ' || (*ps->at >= '\t' && *ps->at <= '\r')))
        ps->at++;
}

static bool next_is(parser *ps, char c)
{
    skip_space(ps);
    return ps->at < ps->end && *ps->at == (uint8_t)c;
}

static bool take(parser *ps, char c)
{
    if (!next_is(ps, c))
        return false;
    ps->at++;
    return true;
}

static int want(parser *ps, char c)
{
    char what[] = {'\'', c, '\'', 0};
    return take(ps, c) ? 0 : expected(ps, what);
}

static bool letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* A name of Haskell, maybe qualified; n is 0 when there is none. */
static ml_slice name(parser *ps)
{
    skip_space(ps);
    const uint8_t *start = ps->at, *p = start;
    if (p < ps->end && letter(*p))
        while (p < ps->end && (letter(*p) || digit(*p) || *p == '\'' || *p == '.'))
            p++;
    ps->at = p;
    return (ml_slice){start, (size_t)(p - start)};
}

static int literal(parser *ps, bool character, ml_slice *out)
{
    ml_string_error e = {0};
    const uint8_t *p = character ? ml_char_read(&ps->all->arena, ps->at, ps->end, out, &e)
                                 : ml_string_read(&ps->all->arena, ps->at, ps->end, out, &e);
    if (p) {
        ps->at = p;
        return 0;
    }
    if (e.no_memory)
        return ml_nomem(ps->d);
    ps->at = e.at;
    return expected(ps, e.expected ? e.expected : "the number of a character");
}

/* Values within values: each reader of one that can hold others goes through here. */
static int deeper(parser *ps)
{
    if (ps->depth++ < MAX_DEPTH)
        return 0;
    return ml_fail(ps->d, ML_E_FORMAT, place(ps, ps->at), NULL,
                   "values are nested more than %d deep", MAX_DEPTH);
}

/* ---- values that nobody wants ---- */

static int skip_value(parser *ps);

/* Values, or fields with values, up to the closing bracket. */
static int skip_all(parser *ps, char close, bool fields)
{
    ps->at++;
    if (take(ps, close))
        return 0;
    do {
        if (fields) {
            if (!name(ps).n)
                return expected(ps, "the name of a field");
            if (want(ps, '=') < 0)
                return -(int)ML_E_FORMAT;
        }
        int r = skip_value(ps);
        if (r < 0)
            return r;
    } while (take(ps, ','));
    return want(ps, close);
}

static void skip_number(parser *ps)
{
    while (ps->at < ps->end && (digit(*ps->at) || letter(*ps->at) || *ps->at == '.' ||
                                ((*ps->at == '-' || *ps->at == '+') && (ps->at[-1] | 32) == 'e')))
        ps->at++;
}

/* Whether what follows may be an argument of a constructor. */
static bool more_arguments(parser *ps)
{
    skip_space(ps);
    if (ps->at == ps->end)
        return false;
    uint8_t c = *ps->at;
    return letter(c) || digit(c) || c == '"' || c == '\'' || c == '(' || c == '[' || c == '{';
}

static int skip_one(parser *ps)
{
    ml_slice text;
    skip_space(ps);
    uint8_t c = ps->at < ps->end ? *ps->at : 0;
    switch (c) {
    case '"': return literal(ps, false, &text);
    case '\'': return literal(ps, true, &text);
    case '[': return skip_all(ps, ']', false);
    case '(': return skip_all(ps, ')', false);
    case '{': return skip_all(ps, '}', true);
    default: break;
    }
    if (letter(c)) {
        name(ps);
        return 0;
    }
    if (c == '-')
        take(ps, '-');
    skip_space(ps);
    if (ps->at == ps->end || !digit(*ps->at))
        return expected(ps, "a value");
    skip_number(ps);
    return 0;
}

/* One value: a constructor takes what follows as its arguments. */
static int skip_value(parser *ps)
{
    int r = deeper(ps);
    if (r < 0)
        return r;
    do {
        r = skip_one(ps);
    } while (r >= 0 && more_arguments(ps));
    ps->depth--;
    return r;
}

/* ---- values that are wanted ---- */

/* "x", or a constructor with it: PackageName "x"; *con is that constructor. */
static int string_value(parser *ps, ml_slice *out, ml_slice *con)
{
    bool paren = take(ps, '(');
    *con = name(ps);
    if (!next_is(ps, '"'))
        return expected(ps, "a string");
    int r = literal(ps, false, out);
    return r < 0 || !paren ? r : want(ps, ')');
}

static int bool_value(parser *ps, bool *out)
{
    ml_slice s = name(ps);
    *out = ml_slice_is(s, "True");
    if (*out || ml_slice_is(s, "False"))
        return 0;
    ps->at -= s.n;
    return expected(ps, "True or False");
}

static int no_comma(parser *ps, bool *more, char close)
{
    *more = take(ps, ',');
    return *more ? 0 : want(ps, close);
}

/* Version {versionBranch = [1,0], versionTags = []} as 1.0 */
static int version_value(parser *ps, ml_bytes *out)
{
    bool paren = take(ps, '('), more = true;
    if (!ml_slice_is(name(ps), "Version") || want(ps, '{') < 0)
        return ps->d->count ? -(int)ML_E_FORMAT : expected(ps, "Version");
    while (more) {
        ml_slice field = name(ps);
        int r = want(ps, '=');
        if (r >= 0 && ml_slice_is(field, "versionBranch")) {
            r = want(ps, '[');
            more = r >= 0 && !take(ps, ']');
            for (size_t n = 0; more && r >= 0; n++) {
                skip_space(ps);
                const uint8_t *start = ps->at;
                while (ps->at < ps->end && digit(*ps->at))
                    ps->at++;
                if (ps->at == start)
                    return expected(ps, "a number");
                ml_bytes_text(out, n ? "." : "");
                ml_bytes_put(out, start, (size_t)(ps->at - start));
                r = no_comma(ps, &more, ']');
            }
        } else if (r >= 0) {
            r = skip_value(ps);
        }
        r = r < 0 ? r : no_comma(ps, &more, '}');
        if (r < 0)
            return r;
    }
    return paren ? want(ps, ')') : 0;
}

/* PackageIdentifier {pkgName = "x", pkgVersion = Version {...}}; the slices lie in the arena. */
static int identifier_value(parser *ps, ml_slice *pkg, ml_slice *version)
{
    bool more = true;
    ml_slice con;
    *pkg = *version = (ml_slice){0};
    int r = want(ps, '{');
    while (r >= 0 && more) {
        ml_slice field = name(ps);
        r = want(ps, '=');
        if (r < 0)
            return r;
        if (ml_slice_is(field, "pkgName")) {
            r = string_value(ps, pkg, &con);
            if (con.n && ps->shape < ML_PKG_6_10)
                ps->shape = ML_PKG_6_10;
        } else if (ml_slice_is(field, "pkgVersion")) {
            ml_bytes text = {0};
            r = version_value(ps, &text);
            if (r >= 0 && !ml_bytes_keep(&text, &ps->all->arena, version))
                r = ml_nomem(ps->d);
            ml_bytes_free(&text);
        } else {
            r = skip_value(ps);
        }
        r = r < 0 ? r : no_comma(ps, &more, '}');
    }
    return r;
}

static int join(parser *ps, ml_slice pkg, ml_slice version, ml_slice *out)
{
    if (!version.n) {
        *out = pkg;
        return 0;
    }
    uint8_t *to = ml_alloc(&ps->all->arena, pkg.n + version.n + 1);
    if (!to)
        return ml_nomem(ps->d);
    if (pkg.n)
        memcpy(to, pkg.p, pkg.n);
    to[pkg.n] = '-';
    memcpy(to + pkg.n + 1, version.p, version.n);
    *out = (ml_slice){to, pkg.n + version.n + 1};
    return 0;
}

/* A dependency, or the id of a package: InstalledPackageId "x" or PackageIdentifier {...}. */
static int id_value(parser *ps, ml_slice *out)
{
    ml_slice pkg, version;
    const uint8_t *start = ps->at;
    if (!ml_slice_is(name(ps), "PackageIdentifier")) {
        ps->at = start;
        return string_value(ps, out, &pkg);
    }
    int r = identifier_value(ps, &pkg, &version);
    return r < 0 ? r : join(ps, pkg, version, out);
}

/* BSD3, UnknownLicense "x", GPL (Just (Version {...})), GPL Nothing */
static int license_value(parser *ps, ml_slice *out)
{
    *out = name(ps);
    if (!out->n)
        return expected(ps, "a licence");
    if (next_is(ps, '"'))
        return literal(ps, false, out);
    const uint8_t *start = ps->at;
    bool paren = take(ps, '(');
    ml_slice maybe = name(ps);
    if (ml_slice_is(maybe, "Just")) {
        ml_bytes text = {0};
        ml_slice version = {0}, con = *out;
        int r = version_value(ps, &text);
        if (r >= 0 && !ml_bytes_keep(&text, &ps->all->arena, &version))
            r = ml_nomem(ps->d);
        ml_bytes_free(&text);
        r = r < 0 ? r : join(ps, con, version, out);
        return r < 0 || !paren ? r : want(ps, ')');
    }
    if (paren || (maybe.n && !ml_slice_is(maybe, "Nothing"))) {
        ps->at = start;
        return expected(ps, "the argument of a licence");
    }
    return 0;
}

/* ---- fields ---- */

/* Whether a text could be written in the text format: names that go into file names and lists. */
static int check(parser *ps, unsigned row, const uint8_t *start, ml_slice *s)
{
    ml_pkg_syntax syntax = ml_pkg_fields[row].syntax;
    if (syntax != ML_PKG_SYNTAX_NAME && syntax != ML_PKG_SYNTAX_VERSION &&
        syntax != ML_PKG_SYNTAX_ID && syntax != ML_PKG_SYNTAX_MODULE &&
        syntax != ML_PKG_SYNTAX_EXPORT)
        return 0;
    ml_diag d = {0};
    ml_slice text = *s;
    int r = ml_pkg_text_value(&d, ps->all, (ml_pkg_field)row, text, s);
    ml_diag_free(&d);
    return r >= 0
               ? 0
               : ml_fail(ps->d, ML_E_FORMAT, place(ps, start), NULL,
                         "'%.*s' cannot be the %s of a package", text.n < 200 ? (int)text.n : 200,
                         (const char *)text.p, ml_pkg_fields[row].name);
}

static int list_value(parser *ps, unsigned row, ml_pkg_list *out)
{
    size_t n = 0;
    int r = want(ps, '[');
    bool more = r >= 0 && !take(ps, ']');
    while (more && r >= 0) {
        if (!ML_ARENA_ROOM(&ps->scratch, ps->items, n, ps->room))
            return ml_nomem(ps->d);
        skip_space(ps);
        const uint8_t *start = ps->at;
        r = id_value(ps, &ps->items[n]);
        r = r < 0 ? r : check(ps, row, start, &ps->items[n]);
        n++;
        r = r < 0 ? r : no_comma(ps, &more, ']');
    }
    ml_slice *at = r >= 0 ? ml_nalloc(&ps->all->arena, n, sizeof *at) : NULL;
    if (r < 0 || !at)
        return r < 0 ? r : ml_nomem(ps->d);
    if (n)
        memcpy(at, ps->items, n * sizeof *at);
    *out = (ml_pkg_list){at, n};
    return 0;
}

static unsigned row_of(ml_slice field)
{
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++)
        if (ml_pkg_fields[row].old && ml_slice_is(field, ml_pkg_fields[row].old))
            return row;
    return ML_PKG_FIELDS;
}

static int known_field(parser *ps, unsigned row, ml_pkg_value *v)
{
    ml_slice con;
    skip_space(ps);
    const uint8_t *start = ps->at;
    switch (ml_pkg_fields[row].value) {
    case ML_PKG_BOOL: return bool_value(ps, &v->yes);
    case ML_PKG_LIST: return list_value(ps, row, &v->list);
    default: break;
    }
    int r = row == ML_PKG_LICENSE ? license_value(ps, &v->text) : string_value(ps, &v->text, &con);
    if (row == ML_PKG_ID)
        ps->shape = ML_PKG_6_12;
    return r < 0 ? r : check(ps, row, start, &v->text);
}

static int package_field(parser *ps, ml_pkg_info *info)
{
    ml_slice *pkg = &info->v[ML_PKG_NAME].text, *version = &info->v[ML_PKG_VERSION].text;
    skip_space(ps);
    const uint8_t *start = ps->at;
    if (!ml_slice_is(name(ps), "PackageIdentifier")) {
        ps->at = start;
        return expected(ps, "PackageIdentifier");
    }
    int r = identifier_value(ps, pkg, version);
    r = r < 0 ? r : check(ps, ML_PKG_NAME, start, pkg);
    return r < 0 ? r : check(ps, ML_PKG_VERSION, start, version);
}

static int one_field(parser *ps, ml_pkg_info *info)
{
    skip_space(ps);
    const uint8_t *start = ps->at;
    ml_slice field = name(ps);
    if (!field.n)
        return expected(ps, "the name of a field");
    int r = want(ps, '=');
    if (r < 0)
        return r;
    unsigned row = row_of(field);
    if (row < ML_PKG_FIELDS)
        return known_field(ps, row, &info->v[row]);
    if (ml_slice_is(field, "package") || ml_slice_is(field, "sourcePackageId"))
        return package_field(ps, info);
    ml_where at = place(ps, start);
    ml_pkg_warning w = {ps->file, at.line, at.column, true, NULL};
    if (!ml_pkg_warn(ps->all, w, "Unknown field: \"%.*s\"", field.n < 200 ? (int)field.n : 200,
                     (const char *)field.p))
        return ml_nomem(ps->d);
    return skip_value(ps);
}

static int record(parser *ps)
{
    ml_pkg_info info = {.file = ps->file};
    if (!name(ps).n)
        return expected(ps, "a record");
    int r = want(ps, '{');
    bool more = r >= 0 && !take(ps, '}');
    while (more && r >= 0) {
        r = one_field(ps, &info);
        r = r < 0 ? r : no_comma(ps, &more, '}');
    }
    if (r >= 0 && !info.v[ML_PKG_ID].text.n)
        r = join(ps, info.v[ML_PKG_NAME].text, info.v[ML_PKG_VERSION].text,
                 &info.v[ML_PKG_ID].text);
    r = r < 0 ? r : ml_pkg_complete(ps->d, &ps->all->arena, &info);
    ml_pkg_info *to = r < 0 ? NULL : ml_pkg_infos_add(ps->all);
    if (r >= 0 && !to)
        return ml_nomem(ps->d);
    if (to)
        *to = info;
    return r;
}

/* ---- the file ---- */

bool ml_pkg_show_is(ml_slice text)
{
    if (!text.n)
        return false;
    parser ps = {.at = text.p, .end = text.p + text.n};
    if (take(&ps, '['))
        return true;
    return name(&ps).n && next_is(&ps, '{') && ps.at[-1] != '\n' && take(&ps, '{') && name(&ps).n &&
           next_is(&ps, '=');
}

static int file(parser *ps)
{
    int r = 0;
    if (!take(ps, '[')) {
        r = record(ps);
    } else {
        bool more = !take(ps, ']');
        while (more && r >= 0) {
            r = record(ps);
            const uint8_t *behind = ps->at;
            r = r < 0 ? r : no_comma(ps, &more, ']');
            if (more && behind + 1 < ps->end && behind[1] == '\n')
                ps->all->lines = true;
        }
    }
    skip_space(ps);
    return r < 0 || ps->at == ps->end ? r : expected(ps, "the end of the file");
}

int ml_pkg_show_parse(ml_diag *d, ml_pkg_infos *all, const char *file_name, ml_slice text)
{
    if (!text.n)
        text.p = (const uint8_t *)"";
    if (!ml_utf8_valid(text) && !ml_utf8_mend(&all->arena, text, &text))
        return ml_nomem(d);
    parser ps = {.d = d, .all = all, .file = file_name, .line = 1, .column = 1};
    ps.at = ps.seen = text.p;
    ps.end = text.p + text.n;
    ps.shape = ML_PKG_6_6;
    size_t n = all->n, warned = all->warned;
    int r = file(&ps);
    if (r < 0) {
        all->n = n;
        all->warned = warned;
    } else {
        all->shape = ps.shape;
    }
    ml_arena_free(&ps.scratch);
    return r;
}
