/* text.c -- pkg: today's text format: from fields to a package.
** takes the fields that layout.c found; gives an ml_pkg_info. Fields are read in the order of
** fields.def, as ghc-pkg does: so the first error is the one that it reports.
** Spec: Cabal, Distribution.Types.InstalledPackageInfo.FieldGrammar.
** SPDX-License-Identifier: MIT */
#include "pkg/text.h"

#include <stdlib.h>
#include <strings.h>

#include "pkg/string.h"
#include "pkg/utf8.h"
#include "pkg/value.h"

enum { FEW = 64, NO_RAW = -1 };

/* All fields of one text, chained by row; the last chain has the fields that no row knows. */
typedef struct reader {
    ml_diag *d;
    ml_pkg_infos *all;
    const char *file;
    ml_arena scratch;
    ml_pkg_raws raws;
    ptrdiff_t *next;
    ptrdiff_t first[ML_PKG_FIELDS + 1], last[ML_PKG_FIELDS + 1];
    ml_slice few[FEW];
    ml_slice *items; /* of the list that is being read */
    size_t n, room;
} reader;

/* ---- which field is which ---- */

static const uint8_t name_lengths[ML_PKG_FIELDS] = {
#define FIELD(NAME, text, value, syntax, old) sizeof(text) - 1,
#include "pkg/fields.def"
#undef FIELD
};

static bool same_name(ml_slice s, const char *name)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c != (uint8_t)name[i] && (c < 'A' || c > 'Z' || c + 32 != name[i]))
            return false;
    }
    return true;
}

/* Texts have their fields in the order of the rows, more or less: the search begins behind the
** row that was found last. */
static unsigned row_of(ml_slice name, unsigned hint)
{
    for (unsigned i = 0, row = hint; i < ML_PKG_FIELDS; i++) {
        row = row + 1 >= ML_PKG_FIELDS ? 0 : row + 1;
        if (name.n == name_lengths[row] && same_name(name, ml_pkg_fields[row].name))
            return row;
    }
    return ML_PKG_FIELDS;
}

static int chain(reader *r)
{
    for (unsigned row = 0; row <= ML_PKG_FIELDS; row++)
        r->first[row] = r->last[row] = NO_RAW;
    r->next = ml_nalloc(&r->scratch, r->raws.n, sizeof *r->next);
    if (!r->next)
        return ml_nomem(r->d);
    unsigned hint = ML_PKG_FIELDS - 1;
    for (size_t i = 0; i < r->raws.n; i++) {
        unsigned row = row_of(r->raws.at[i].name, hint);
        if (row < ML_PKG_FIELDS)
            hint = row;
        r->next[i] = NO_RAW;
        if (r->last[row] == NO_RAW)
            r->first[row] = (ptrdiff_t)i;
        else
            r->next[r->last[row]] = (ptrdiff_t)i;
        r->last[row] = (ptrdiff_t)i;
    }
    return 0;
}

/* ---- one value ---- */

static ml_pkg_cursor cursor_of(reader *r, const ml_pkg_raw *raw)
{
    const uint8_t *end = raw->value.p + raw->value.n;
    return (ml_pkg_cursor){raw->value.p, end, raw, r->all, r->d, r->file, false};
}

static ml_pkg_item *const readers[] = {
    [ML_PKG_SYNTAX_NAME] = ml_pkg_read_name,
    [ML_PKG_SYNTAX_VERSION] = ml_pkg_read_version,
    [ML_PKG_SYNTAX_VISIBILITY] = ml_pkg_read_visibility,
    [ML_PKG_SYNTAX_ID] = ml_pkg_read_id,
    [ML_PKG_SYNTAX_KEY] = ml_pkg_read_key,
    [ML_PKG_SYNTAX_LICENSE] = ml_pkg_read_license,
    [ML_PKG_SYNTAX_HASH] = ml_pkg_read_hash,
    [ML_PKG_SYNTAX_EXPORT] = ml_pkg_read_export,
    [ML_PKG_SYNTAX_MODULE] = ml_pkg_read_quoted_module,
    [ML_PKG_SYNTAX_PATH] = ml_pkg_read_token,
    [ML_PKG_SYNTAX_TOKEN] = ml_pkg_read_token,
    [ML_PKG_SYNTAX_ID_HASH] = ml_pkg_read_id_hash,
};

static int at_end(ml_pkg_cursor *c, const char *expected)
{
    const uint8_t *before = c->at;
    ml_pkg_skip_space(c);
    if (c->at == c->end)
        return 0;
    return ml_pkg_unexpected(c, c->at, c->at > before ? "space or end of input" : expected);
}

static int read_word(ml_pkg_cursor *c, ml_pkg_syntax syntax, ml_slice *out)
{
    *out = (ml_slice){0};
    if (c->at == c->end)
        return 0;
    ml_pkg_skip_space(c);
    int n = readers[syntax](c, out);
    if (n < 0)
        return n;
    if (syntax == ML_PKG_SYNTAX_HASH && !out->n)
        return ml_pkg_unexpected(c, c->at, "white space or end of input");
    return at_end(c, "white space or end of input");
}

static int read_bool(ml_pkg_cursor *c, bool *out)
{
    ml_pkg_skip_space(c);
    const uint8_t *start = c->at;
    while (c->at < c->end && ((*c->at | 32) >= 'a' && (*c->at | 32) <= 'z'))
        c->at++;
    size_t n = (size_t)(c->at - start);
    if (!n)
        return ml_pkg_unexpected(c, start, "white space");
    bool yes = n == 4 && same_name((ml_slice){start, n}, "true");
    if (!yes && !(n == 5 && same_name((ml_slice){start, n}, "false")))
        return ml_pkg_bad_value(c, c->at, "unexpected Not a boolean: %.*s", n < 200 ? (int)n : 200,
                                (const char *)start);
    *out = yes;
    if (memcmp(start, yes ? "True" : "False", n) != 0) {
        int r =
            ml_pkg_odd_value(c, c->at, "Boolean values are case sensitive, use 'True' or 'False'.");
        if (r < 0)
            return r;
    }
    return at_end(c, "white space or end of input");
}

/* The lines of a text without the indentation that they have in common; what stands between two
** lines was blank. */
static int read_text(reader *r, const ml_pkg_raw *raw, ml_slice *out)
{
    *out = raw->value;
    const uint8_t *p = raw->value.p, *end = p + raw->value.n;
    if (!raw->value.n || !memchr(p, '\n', raw->value.n))
        return 0;
    size_t first = raw->value_column - 1, least = first;
    for (const uint8_t *nl = p; (nl = memchr(nl, '\n', (size_t)(end - nl))) != NULL;) {
        const uint8_t *line = ++nl;
        while (nl < end && (*nl == ' ' || *nl == '\t'))
            nl++;
        if (nl < end && *nl != '\n' && (size_t)(nl - line) < least)
            least = (size_t)(nl - line);
    }
    /* Beside the name, the first line has no indentation of its own. */
    size_t indent = raw->value_line == raw->line ? 0 : first - least;
    uint8_t *to = ml_alloc(&r->all->arena, indent + raw->value.n + 1);
    if (!to)
        return ml_nomem(r->d);
    *out = (ml_slice){to, 0};
    memset(to, ' ', indent);
    to += indent;
    while (p < end) {
        const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
        const uint8_t *stop = nl ? nl : end;
        memcpy(to, p, (size_t)(stop - p));
        to += stop - p;
        if (!nl)
            break;
        *to++ = '\n';
        const uint8_t *line = p = nl + 1;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (p < end && *p == '\n')
            continue; /* blank */
        size_t blanks = (size_t)(p - line), more = blanks > least ? blanks - least : 0;
        memset(to, ' ', more);
        to += more;
    }
    out->n = (size_t)(to - out->p);
    return 0;
}

/* ---- lists ---- */

static int add_item(reader *r, ml_slice item)
{
    if (r->items == r->few && r->n == FEW) {
        r->items = ml_nalloc(&r->scratch, FEW * 2, sizeof *r->items);
        if (!r->items)
            return ml_nomem(r->d);
        memcpy(r->items, r->few, sizeof r->few);
        r->room = FEW * 2;
    }
    if (!ML_ARENA_ROOM(&r->scratch, r->items, r->n, r->room))
        return ml_nomem(r->d);
    r->items[r->n++] = item;
    return 0;
}

static bool take_comma(ml_pkg_cursor *c)
{
    if (c->at == c->end || *c->at != ',')
        return false;
    c->at++;
    ml_pkg_skip_space(c);
    return true;
}

/* What may begin an item, in the words of ghc-pkg. */
static const char *item_expected(ml_pkg_syntax syntax, bool end)
{
    switch (syntax) {
    case ML_PKG_SYNTAX_PATH:
    case ML_PKG_SYNTAX_TOKEN:
        return end ? "white space, string, identifier or end of input"
                   : "white space, string or identifier";
    case ML_PKG_SYNTAX_MODULE:
    case ML_PKG_SYNTAX_EXPORT:
        return end ? "space, \"\\\"\", white space or end of input" : "white space or \"\\\"\"";
    default: return end ? "white space or end of input" : "white space";
    }
}

/* Items with commas between all of them or none; a comma may lead, or, if none does, trail. */
static int read_items(reader *r, ml_pkg_cursor *c, ml_pkg_syntax syntax)
{
    bool lax = syntax == ML_PKG_SYNTAX_EXPORT;
    bool leading = !lax && take_comma(c), commas = leading, want = leading;
    for (size_t n = 0;; n++) {
        ml_slice item;
        int got = readers[syntax](c, &item);
        if (got < 0)
            return got;
        if (!got && (want || c->at < c->end))
            return ml_pkg_unexpected(c, c->at,
                                     n == 0 && !want ? "white space, comma or end of input"
                                                     : item_expected(syntax, !want));
        if (!got)
            return 0;
        int e = add_item(r, item);
        if (e < 0)
            return e;
        ml_pkg_skip_space(c);
        if (c->at == c->end)
            return 0;
        bool comma = (lax || commas || n == 0) && take_comma(c);
        if (n == 0 && !lax)
            commas = comma || leading;
        if (commas && !comma)
            return ml_pkg_unexpected(c, c->at, "space, comma, white space or end of input");
        want = comma && (lax || leading);
    }
}

static int read_list(reader *r, unsigned row, ml_pkg_list *out)
{
    ml_pkg_syntax syntax = ml_pkg_fields[row].syntax;
    r->items = r->few;
    r->room = FEW;
    r->n = 0;
    for (ptrdiff_t i = r->first[row]; i != NO_RAW; i = r->next[i]) {
        ml_pkg_cursor c = cursor_of(r, &r->raws.at[i]);
        ml_pkg_skip_space(&c);
        if (c.at == c.end)
            continue;
        int e = read_items(r, &c, syntax);
        if (e < 0)
            return e;
    }
    if (!r->n)
        return 0;
    ml_slice *at = ml_nalloc(&r->all->arena, r->n, sizeof *at);
    if (!at)
        return ml_nomem(r->d);
    memcpy(at, r->items, r->n * sizeof *at);
    *out = (ml_pkg_list){at, r->n};
    return 0;
}

/* ---- fields ---- */

static bool warn_at(reader *r, const ml_pkg_raw *raw, const char *text)
{
    ml_pkg_warning w = {.file = r->file, .line = raw->line, .column = raw->column};
    return ml_pkg_warn(r->all, w, "%s", text);
}

static int warn_repeated(reader *r, unsigned row)
{
    ml_bytes b = {0};
    ml_bytes_format(&b, "The field \"%s\" is specified more than once at positions ",
                    ml_pkg_fields[row].name);
    for (ptrdiff_t i = r->first[row]; i != NO_RAW && b.n < 400; i = r->next[i])
        ml_bytes_format(&b, "%s%u:%u", i == r->first[row] ? "" : ", ", r->raws.at[i].line,
                        r->raws.at[i].column);
    ml_bytes_char(&b, 0);
    bool good = !b.failed && warn_at(r, &r->raws.at[r->first[row]], (const char *)b.p);
    ml_bytes_free(&b);
    return good ? 0 : ml_nomem(r->d);
}

static int read_scalar(reader *r, unsigned row, const ml_pkg_raw *raw, ml_pkg_value *out)
{
    ml_pkg_cursor c = cursor_of(r, raw);
    switch (ml_pkg_fields[row].value) {
    case ML_PKG_BOOL: return read_bool(&c, &out->yes);
    case ML_PKG_TEXT: return read_text(r, raw, &out->text);
    case ML_PKG_LIST: { /* instantiations: one value of many items */
        ml_pkg_skip_space(&c);
        int e = ml_pkg_read_instances(&c, &out->list, 32);
        return e < 0 ? e : at_end(&c, "white space or end of input");
    }
    default: return read_word(&c, ml_pkg_fields[row].syntax, &out->text);
    }
}

static int read_field(reader *r, unsigned row, ml_pkg_value *out)
{
    ptrdiff_t i = r->first[row];
    if (i == NO_RAW)
        return 0;
    if (row == ML_PKG_HUGS_OPTIONS)
        for (; i != NO_RAW; i = r->next[i])
            if (!warn_at(r, &r->raws.at[i],
                         "The field \"hugs-options\" is deprecated in the Cabal specification "
                         "version 1.22. hugs isn't supported anymore"))
                return ml_nomem(r->d);
    if (ml_pkg_fields[row].value == ML_PKG_LIST &&
        ml_pkg_fields[row].syntax != ML_PKG_SYNTAX_INSTANCE)
        return read_list(r, row, &out->list);
    bool repeated = r->next[i] != NO_RAW;
    int e = repeated ? warn_repeated(r, row) : 0;
    if (repeated) /* the first one is not looked at */
        i = r->next[i];
    for (; i != NO_RAW && e >= 0; i = r->next[i])
        e = read_scalar(r, row, &r->raws.at[i], out);
    return e;
}

/* ---- fields that no row knows ---- */

/* In any case, and the later one first where names are equal: the order of ghc-pkg's warnings. */
static int by_name(const void *a, const void *b)
{
    const ml_pkg_raw *x = *(const ml_pkg_raw *const *)a, *y = *(const ml_pkg_raw *const *)b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int r = strncasecmp((const char *)x->name.p, (const char *)y->name.p, n);
    if (!r)
        r = x->name.n < y->name.n ? -1 : x->name.n > y->name.n;
    return r ? r : x < y ? -1 : x > y;
}

static int warn_unknown(reader *r, const ml_pkg_raw *raw)
{
    ml_bytes name = {0};
    for (size_t i = 0; i < raw->name.n && i < 100; i++) {
        uint8_t c = raw->name.p[i];
        if (c >= 0x80)
            ml_bytes_format(&name, "\\%u", c);
        else
            ml_bytes_char(&name, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    ml_pkg_warning w = {.file = r->file, .line = raw->line, .column = raw->column};
    bool good = !name.failed && ml_pkg_warn(r->all, w, "Unknown field: \"%.*s\"", (int)name.n,
                                            (const char *)name.p);
    ml_bytes_free(&name);
    return good ? 0 : ml_nomem(r->d);
}

static int read_extra(reader *r, ml_pkg_info *info)
{
    size_t n = 0;
    for (ptrdiff_t i = r->first[ML_PKG_FIELDS]; i != NO_RAW; i = r->next[i])
        n++;
    if (!n)
        return 0;
    const ml_pkg_raw **raws = ml_nalloc(&r->scratch, n, sizeof *raws);
    ml_pkg_extra *extra = ml_nalloc(&r->all->arena, n, sizeof *extra);
    if (!raws || !extra)
        return ml_nomem(r->d);
    size_t k = 0;
    for (ptrdiff_t i = r->first[ML_PKG_FIELDS]; i != NO_RAW; i = r->next[i], k++) {
        raws[k] = &r->raws.at[i];
        extra[k].name = raws[k]->name;
        int e = read_text(r, raws[k], &extra[k].text);
        if (e < 0)
            return e;
    }
    info->extra = extra;
    info->extras = n;
    qsort(raws, n, sizeof *raws, by_name);
    int e = 0;
    for (k = 0; k < n && e >= 0; k++)
        e = warn_unknown(r, raws[k]);
    return e;
}

/* ---- the package ---- */

/* Cabal gives its warnings the latest first; ours about what it drops silently come behind. */
static int order_warnings(reader *r, size_t from, size_t ours)
{
    ml_pkg_infos *all = r->all;
    size_t n = all->warned - from, theirs = n - ours;
    if (n < 2)
        return 0;
    ml_pkg_warning *copy = ml_nalloc(&r->scratch, n, sizeof *copy), *at = all->warnings + from;
    if (!copy)
        return ml_nomem(r->d);
    memcpy(copy, at, n * sizeof *copy);
    for (size_t i = 0; i < theirs; i++)
        at[i] = copy[n - 1 - i];
    memcpy(at + theirs, copy, ours * sizeof *copy);
    return 0;
}

static int read_all(reader *r, ml_slice text)
{
    size_t warned = r->all->warned;
    int e = ml_pkg_layout(r->d, r->all, &r->scratch, r->file, text, &r->raws);
    size_t ours = r->all->warned - warned;
    e = e < 0 ? e : chain(r);
    if (e < 0)
        return e;
    ml_pkg_info info = {.file = r->file};
    e = read_extra(r, &info);
    if (e < 0)
        return e;
    e = read_field(r, ML_PKG_HUGS_OPTIONS, &info.v[ML_PKG_HUGS_OPTIONS]);
    r->first[ML_PKG_HUGS_OPTIONS] = NO_RAW;
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++) {
        int one = read_field(r, row, &info.v[row]);
        e = e < 0 ? e : one;
    }
    e = e < 0 ? e : order_warnings(r, warned, ours);
    e = e < 0 ? e : ml_pkg_complete(r->d, &r->all->arena, &info);
    if (e < 0)
        return e;
    ml_pkg_info *to = ml_pkg_infos_add(r->all);
    if (!to)
        return ml_nomem(r->d);
    *to = info;
    return 0;
}

/* Carriage returns end lines, too; then there is a copy with newlines. So there is where bytes are
** not UTF-8. */
static bool normalize(ml_arena *a, ml_slice *text)
{
    if (!ml_utf8_valid(*text) && !ml_utf8_mend(a, *text, text))
        return false;
    if (!text->n || !memchr(text->p, '\r', text->n))
        return true;
    uint8_t *to = ml_alloc(a, text->n);
    if (!to)
        return false;
    const uint8_t *p = text->p, *end = p + text->n;
    text->p = to;
    for (; p < end; p++)
        if (*p != '\r')
            *to++ = *p;
        else if (p + 1 == end || p[1] != '\n')
            *to++ = '\n';
    text->n = (size_t)(to - text->p);
    return true;
}

int ml_pkg_text_parse(ml_diag *d, ml_pkg_infos *all, const char *file, ml_slice text)
{
    if (!text.n)
        text.p = (const uint8_t *)"";
    if (!normalize(&all->arena, &text))
        return ml_nomem(d);
    reader r = {.d = d, .all = all, .file = file};
    size_t warned = all->warned;
    int e = read_all(&r, text);
    if (e < 0)
        all->warned = warned;
    ml_arena_free(&r.scratch);
    return e;
}

int ml_pkg_text_value(ml_diag *d, ml_pkg_infos *all, ml_pkg_field field, ml_slice value,
                      ml_slice *out)
{
    *out = (ml_slice){0};
    ml_pkg_syntax syntax = ml_pkg_fields[field].syntax;
    bool list = ml_pkg_fields[field].value == ML_PKG_LIST;
    if (!value.n && !list)
        return 0;
    if (!value.n)
        value.p = (const uint8_t *)"";
    ml_pkg_raw raw = {.value = value, .line = 1, .column = 1, .value_line = 1, .value_column = 1};
    ml_pkg_cursor c = {value.p, value.p + value.n, &raw, all, d, NULL, false};
    if (!value.n)
        return ml_pkg_unexpected(&c, c.at, NULL);
    if (syntax != ML_PKG_SYNTAX_INSTANCE)
        return read_word(&c, syntax, out);
    ml_pkg_list one;
    int e = ml_pkg_read_instances(&c, &one, 32);
    e = e < 0 ? e : at_end(&c, NULL);
    if (e >= 0 && one.n != 1)
        return ml_pkg_unexpected(&c, c.end, "\",\"");
    if (e >= 0)
        *out = one.at[0];
    return e;
}
