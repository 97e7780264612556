/* text_print.c -- pkg: today's text format: from a package to text.
** takes an ml_pkg_info; gives what `ghc-pkg describe` prints: values in one column, behind the
** longest name; what is too long for that in a block of its own, indented by four and followed by
** an empty line.
** Spec: Cabal, Distribution.Fields.Pretty; its widths come from Hughes and Peyton Jones' printer.
** SPDX-License-Identifier: MIT */
#include "pkg/string.h"
#include "pkg/text.h"
#include "pkg/utf8.h"

enum {
    LINE = 100,       /* columns of a line, of which two thirds may hold text */
    BLOCK_TEXT = 67,  /* that part of a line in a block */
    SINGLE_TEXT = 60, /* a value beside its name is shorter than this */
};

/* A value that is printed. */
typedef struct printed {
    const char *name;
    size_t name_len;
    ml_slice text;           /* of a scalar: as it is printed */
    const ml_pkg_list *list; /* or the items */
    ml_pkg_syntax syntax;
    bool commas;
} printed;

/* ---- tokens ---- */

static bool is_space_at(const uint8_t *p, const uint8_t *end)
{
    return *p == ' ' || (*p >= '\t' && *p <= '\r') || (*p >= 0x80 && ml_utf8_space(p, end));
}

/* A line that begins like this is a comment: what cannot be quoted stays on the line of its name.
** ghc-pkg prints it as any other value, and then does not read it. */
static bool is_comment(ml_slice s)
{
    return ml_slice_starts(s, "--");
}

/* Quotes are put where the parser would need them. Three kinds of tokens that ghc-pkg prints
** without quotes, and then cannot read, are among them: with a control character, with a leading
** quote, and with a leading brace where a value begins. */
static bool needs_quotes(ml_slice s, bool first)
{
    if (first && s.n && s.p[0] == '{')
        return true;
    if (!s.n || s.p[0] == '"' || s.p[s.n - 1] == ':' || is_comment(s))
        return true;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == ',' || s.p[i] == 0x7f ||
            (s.p[i] >= 0x80 && is_space_at(s.p + i, s.p + s.n)))
            return true;
    return false;
}

static bool is_token(ml_pkg_syntax syntax)
{
    return syntax == ML_PKG_SYNTAX_TOKEN || syntax == ML_PKG_SYNTAX_PATH;
}

static void put_item(ml_bytes *out, const printed *f, size_t i)
{
    ml_slice item = f->list->at[i];
    if (is_token(f->syntax) && needs_quotes(item, i == 0))
        ml_string_write(out, item);
    else
        ml_bytes_slice(out, item);
}

/* ---- lists ---- */

static bool must_not_wrap(const printed *f)
{
    for (size_t i = 0; !is_token(f->syntax) && i < f->list->n; i++)
        if (is_comment(f->list->at[i]))
            return true;
    return false;
}

static void put_separator(ml_bytes *out, const printed *f, bool last)
{
    bool comma = f->commas || f->syntax == ML_PKG_SYNTAX_INSTANCE;
    ml_bytes_text(out, comma && !last ? "," : "");
}

/* Writes the items, as many to a line as `width` characters hold, each line behind `indent`
** spaces. Returns the number of lines. An instantiation is one line. */
static size_t fill(ml_bytes *out, const printed *f, size_t width, size_t indent)
{
    size_t lines = 1, used = 0;
    ml_bytes_fill(out, ' ', indent);
    for (size_t i = 0; i < f->list->n; i++) {
        size_t start = out->n;
        put_item(out, f, i);
        put_separator(out, f, i + 1 == f->list->n);
        if (out->failed || f->syntax == ML_PKG_SYNTAX_INSTANCE)
            continue;
        size_t len = ml_utf8_length((ml_slice){out->p + start, out->n - start});
        if (i == 0) {
            used = len;
            continue;
        }
        bool wrap = used + 1 + len > width;
        size_t gap = wrap ? 1 + indent : 1;
        ml_bytes_fill(out, ' ', gap);
        if (out->failed)
            break;
        memmove(out->p + start + gap, out->p + start, out->n - gap - start);
        memset(out->p + start, ' ', gap);
        if (wrap)
            out->p[start] = '\n';
        lines += wrap;
        used = wrap ? len : used + 1 + len;
    }
    return lines;
}

/* ---- fields ---- */

static void put_name(ml_bytes *out, const printed *f)
{
    ml_bytes_put(out, f->name, f->name_len);
    ml_bytes_char(out, ':');
}

/* Text in a block: every line indented but empty ones. */
static void put_block(ml_bytes *out, ml_slice text)
{
    const uint8_t *p = text.p, *end = p + text.n;
    while (p < end) {
        const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
        const uint8_t *stop = nl ? nl : end;
        if (stop > p)
            ml_bytes_fill(out, ' ', 4);
        ml_bytes_put(out, p, (size_t)(stop - p));
        ml_bytes_char(out, '\n');
        if (!nl)
            break;
        p = nl + 1;
    }
}

/* Returns whether it became a block. */
static bool put_list(ml_bytes *out, const printed *f, size_t column)
{
    size_t start = out->n;
    put_name(out, f);
    ml_bytes_fill(out, ' ', 1 + column - f->name_len);
    size_t value = out->n;
    size_t narrow = column < LINE ? ((LINE - column) * 4 + 3) / 6 : 0;
    bool single = must_not_wrap(f);
    size_t lines = fill(out, f, single ? SIZE_MAX : narrow, 0);
    if (out->failed)
        return false;
    if (lines == 1 && !single)
        single = ml_utf8_length((ml_slice){out->p + value, out->n - value}) < SINGLE_TEXT;
    if (single) {
        ml_bytes_char(out, '\n');
        return false;
    }
    out->n = start;
    put_name(out, f);
    ml_bytes_char(out, '\n');
    fill(out, f, BLOCK_TEXT, 4);
    ml_bytes_char(out, '\n');
    return true;
}

static bool put_field(ml_bytes *out, const printed *f, size_t column)
{
    if (f->list)
        return put_list(out, f, column);
    put_name(out, f);
    if (!f->text.n) {
        ml_bytes_char(out, '\n');
        return false;
    }
    bool block = memchr(f->text.p, '\n', f->text.n) ||
                 (ml_utf8_length(f->text) >= SINGLE_TEXT && !is_comment(f->text));
    if (block) {
        ml_bytes_char(out, '\n');
        put_block(out, f->text);
        return true;
    }
    ml_bytes_fill(out, ' ', 1 + column - f->name_len);
    ml_bytes_slice(out, f->text);
    ml_bytes_char(out, '\n');
    return false;
}

/* ---- packages ---- */

/* What is printed of a scalar: quoted when it is a token; "" for nothing. */
static ml_slice scalar(const ml_pkg_info *info, unsigned row, ml_bytes *scratch)
{
    const ml_pkg_field_info *f = &ml_pkg_fields[row];
    ml_slice s = info->v[row].text;
    if (row == ML_PKG_VISIBILITY && !s.n && !info->v[ML_PKG_LIB_NAME].text.n)
        return (ml_slice){(const uint8_t *)"public", 6};
    if (row == ML_PKG_VISIBILITY && s.n != 6)
        return (ml_slice){0};
    if (f->value == ML_PKG_BOOL)
        return (ml_slice){(const uint8_t *)"True", info->v[row].yes ? 4 : 0};
    if (!s.n || !is_token(f->syntax) || !needs_quotes(s, true))
        return s;
    scratch->n = 0;
    ml_string_write(scratch, s);
    return (ml_slice){scratch->p, scratch->failed ? 0 : scratch->n};
}

static bool is_reexport(ml_slice s)
{
    return memchr(s.p, ' ', s.n) != NULL;
}

/* A field of the row, or false when it is absent. */
static bool prepare(const ml_pkg_info *info, unsigned row, ml_bytes *scratch, printed *f)
{
    const ml_pkg_field_info *i = &ml_pkg_fields[row];
    if (row == ML_PKG_PKGROOT || row == ML_PKG_HUGS_OPTIONS)
        return false;
    *f = (printed){.name = i->name, .name_len = strlen(i->name), .syntax = i->syntax};
    if (i->value != ML_PKG_LIST) {
        f->text = scalar(info, row, scratch);
        return f->text.n > 0;
    }
    f->list = &info->v[row].list;
    for (size_t k = 0; i->syntax == ML_PKG_SYNTAX_EXPORT && k < f->list->n && !f->commas; k++)
        f->commas = is_reexport(f->list->at[k]);
    return f->list->n > 0;
}

void ml_pkg_text_print(ml_bytes *out, const ml_pkg_info *info, const ml_pkg_print *how)
{
    printed fields[ML_PKG_FIELDS], f;
    ml_bytes scratch = {0}; /* of data-dir, the only scalar that may need quotes */
    size_t n = 0, column = 0, extras = how->no_extra ? 0 : info->extras;
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++)
        if (prepare(info, row, &scratch, &fields[n])) {
            column = fields[n].name_len > column ? fields[n].name_len : column;
            n++;
        }
    for (size_t i = 0; i < extras; i++)
        column = info->extra[i].name.n > column ? info->extra[i].name.n : column;
    bool margin = false;
    for (size_t i = 0; i < n; i++) {
        if (margin)
            ml_bytes_char(out, '\n');
        margin = put_field(out, &fields[i], column);
    }
    for (size_t i = 0; i < extras; i++) {
        const ml_pkg_extra *x = &info->extra[i];
        f = (printed){.name = (const char *)x->name.p, .name_len = x->name.n, .text = x->text};
        if (margin)
            ml_bytes_char(out, '\n');
        margin = put_field(out, &f, column);
    }
    if (how->pkgroot) {
        ml_bytes_text(out, "pkgroot: ");
        ml_string_write(out, *how->pkgroot);
        ml_bytes_char(out, '\n');
    }
    out->failed = out->failed || scratch.failed;
    ml_bytes_free(&scratch);
}
