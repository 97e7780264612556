/* value.c -- pkg: one item of a field's value: tokens, names, versions, ids.
** takes bytes of the value; gives canonical text. What is expected where is said in the words of
** ghc-pkg's parser.
** Spec: Cabal, Distribution.Parsec and the types of InstalledPackageInfo.
** SPDX-License-Identifier: MIT */
#include "pkg/value.h"

#include <stdarg.h>
#include <stdio.h>

#include "pkg/string.h"
#include "pkg/utf8.h"

/* ---- places and messages ---- */

/* Columns count characters; a tab goes on to the next multiple of eight within the value. */
static unsigned column_at(unsigned base, const uint8_t *from, const uint8_t *to)
{
    unsigned n = 0;
    for (; from < to; from++)
        if (*from == '\t')
            n = (n + 8) & ~7u;
        else if ((*from & 0xc0) != 0x80)
            n++;
    return base + n;
}

void ml_pkg_place(const ml_pkg_cursor *c, const uint8_t *at, unsigned *line, unsigned *column)
{
    const ml_pkg_raw *raw = c->raw;
    const uint8_t *p = raw->value.p;
    if (!raw->value.n) {
        *line = raw->line;
        *column = raw->column;
        return;
    }
    *line = raw->value_line;
    unsigned base = raw->value_column;
    for (const uint8_t *nl; (nl = memchr(p, '\n', (size_t)(at - p))) != NULL;) {
        ++*line;
        const uint8_t *start = p = nl + 1;
        while (p < at && (*p == ' ' || *p == '\t'))
            p++;
        base = (unsigned)(p - start) + 1;
    }
    *column = column_at(base, p, at);
}

int ml_pkg_bad_value(ml_pkg_cursor *c, const uint8_t *at, const char *fmt, ...)
{
    if (c->quiet)
        return -(int)ML_E_FORMAT;
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ml_where w = {.file = c->file};
    ml_pkg_place(c, at, &w.line, &w.column);
    return ml_fail(c->d, ML_E_FORMAT, w, NULL, "%s", text);
}

int ml_pkg_unexpected(ml_pkg_cursor *c, const uint8_t *at, const char *expected)
{
    const char *between = expected ? "\nexpecting " : "";
    expected = expected ? expected : "";
    if (at >= c->end)
        return ml_pkg_bad_value(c, at, "unexpected end of input%s%s", between, expected);
    uint32_t code = 0;
    size_t n = ml_utf8_next(at, c->end, &code);
    ml_bytes shown = {0};
    ml_string_write(&shown, (ml_slice){at, n ? n : 1});
    int len = shown.n > 2 ? (int)shown.n - 2 : 0;
    int r = *at == '"' || *at == '\''
                ? ml_pkg_bad_value(c, at, "unexpected '%s%c'%s%s", *at == '"' ? "" : "\\", *at,
                                   between, expected)
                : ml_pkg_bad_value(c, at, "unexpected '%.*s'%s%s", len, (const char *)shown.p + 1,
                                   between, expected);
    ml_bytes_free(&shown);
    return r;
}

int ml_pkg_odd_value(ml_pkg_cursor *c, const uint8_t *at, const char *text)
{
    ml_pkg_warning w = {.file = c->file};
    ml_pkg_place(c, at, &w.line, &w.column);
    return ml_pkg_warn(c->all, w, "%s", text) ? 0 : ml_nomem(c->d);
}

/* ---- characters ---- */

size_t ml_pkg_space(const uint8_t *p, const uint8_t *end)
{
    if (p == end)
        return 0;
    if (*p < 0x80)
        return *p == ' ' || (*p >= '\t' && *p <= '\r');
    return ml_utf8_space(p, end);
}

void ml_pkg_skip_space(ml_pkg_cursor *c)
{
    for (size_t n; (n = ml_pkg_space(c->at, c->end)) != 0;)
        c->at += n;
}

/* What a character may be part of; the short names are for the table. */
enum {
    ALNUM = 1,
    ID = 2,
    KEY = 4,
    MODULE = 8,
    TOKEN_END = 16,
    DIGIT = 32,
    UPPER = 64,
    L = ALNUM | ID | KEY | MODULE,
    U = L | UPPER,
    D = L | DIGIT,
    I = ID | KEY,
    V = ID | KEY | MODULE,
    K = KEY,
    M = MODULE,
    C = KEY | TOKEN_END,
    E = TOKEN_END,
};

/* clang-format off */
static const uint8_t classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, E, E, E, E, E, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    E, 0, 0, 0, 0, 0, 0, M, 0, 0, 0, I, C, I, I, 0, /* sp ! " # $ % & ' ( ) * + , - . / */
    D, D, D, D, D, D, D, D, D, D, K, 0, K, K, K, 0, /* 0 1 2 3 4 5 6 7 8 9 : ; < = > ? */
    0, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, /* @ A B C D E F G H I J K L M N O */
    U, U, U, U, U, U, U, U, U, U, U, K, 0, K, 0, V, /* P Q R S T U V W X Y Z [ \ ] ^ _ */
    0, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* ` a b c d e f g h i j k l m n o */
    L, L, L, L, L, L, L, L, L, L, L, 0, 0, 0, 0, 0 /* p q r s t u v w x y z { | } ~ del */
};
/* clang-format on */

bool ml_pkg_alnum(const uint8_t *p, const uint8_t *end)
{
    return p < end && (*p < 0x80 ? classes[*p] & ALNUM : !ml_utf8_space(p, end));
}

/* The longest run of characters of a class, to which everything above ASCII belongs but spaces. */
static ml_slice run(ml_pkg_cursor *c, uint8_t class)
{
    const uint8_t *start = c->at, *p = start, *end = c->end;
    while (p < end && (classes[*p] & class || (*p >= 0x80 && !ml_utf8_space(p, end))))
        p++;
    c->at = p;
    return (ml_slice){start, (size_t)(p - start)};
}

static int run_item(ml_pkg_cursor *c, uint8_t class, ml_slice *out)
{
    *out = run(c, class);
    return out->n > 0;
}

/* ---- items ---- */

static int quoted(ml_pkg_cursor *c, ml_slice *out)
{
    ml_string_error e = {0};
    const uint8_t *p = ml_string_read(&c->all->arena, c->at, c->end, out, &e);
    if (!p)
        return e.no_memory ? ml_nomem(c->d) : ml_pkg_unexpected(c, e.at, e.expected);
    c->at = p;
    return 1;
}

int ml_pkg_read_token(ml_pkg_cursor *c, ml_slice *out)
{
    const uint8_t *p = c->at, *end = c->end;
    if (p < end && *p == '"')
        return quoted(c, out);
    while (p < end && !(classes[*p] & TOKEN_END) && (*p < 0x80 || !ml_utf8_space(p, end)))
        p++;
    *out = (ml_slice){c->at, (size_t)(p - c->at)};
    c->at = p;
    if (out->n == 2 && out->p[0] == '-' && out->p[1] == '-') {
        int r = ml_pkg_odd_value(
            c, p,
            "Double-dash token found. Note: there are no end-of-line comments in .cabal files, "
            "only "
            "whole line comments. Use \"--\" (quoted double dash) to silence this warning, if you "
            "actually want -- token");
        return r < 0 ? r : 1;
    }
    return out->n > 0;
}

int ml_pkg_read_id(ml_pkg_cursor *c, ml_slice *out)
{
    return run_item(c, ID, out);
}

int ml_pkg_read_key(ml_pkg_cursor *c, ml_slice *out)
{
    int r = run_item(c, KEY, out);
    return r ? r : ml_pkg_unexpected(c, c->at, "white space");
}

int ml_pkg_read_hash(ml_pkg_cursor *c, ml_slice *out)
{
    *out = run(c, ALNUM);
    return 1;
}

int ml_pkg_read_id_hash(ml_pkg_cursor *c, ml_slice *out)
{
    const uint8_t *start = c->at;
    if (!run(c, ID).n)
        return 0;
    if (c->at == c->end || *c->at != '=')
        return ml_pkg_unexpected(c, c->at, "\"=\"");
    c->at++;
    run(c, ALNUM);
    *out = (ml_slice){start, (size_t)(c->at - start)};
    return 1;
}

/* Behind an opening quote, if there is one, and its inverse. */
static bool open_quote(ml_pkg_cursor *c)
{
    bool yes = c->at < c->end && *c->at == '"';
    c->at += yes;
    return yes;
}

static int close_quote(ml_pkg_cursor *c, bool open)
{
    if (!open)
        return 1;
    if (c->at == c->end || *c->at != '"')
        return ml_pkg_unexpected(c, c->at, "\"\\\"\"");
    c->at++;
    return 1;
}

int ml_pkg_read_version(ml_pkg_cursor *c, ml_slice *out)
{
    bool quote = open_quote(c);
    const uint8_t *start = c->at;
    for (;; c->at++) {
        const uint8_t *p = c->at;
        while (p < c->end && classes[*p] & DIGIT)
            p++;
        size_t n = (size_t)(p - c->at);
        if (!n)
            return ml_pkg_unexpected(c, p, "version digit (integral without leading zeroes)");
        if (n > 1 && *c->at == '0')
            return ml_pkg_bad_value(c, p, "unexpected Version digit with leading zero");
        if (n > 9)
            return ml_pkg_bad_value(
                c, p, "unexpected At most 9 numbers are allowed per version number part");
        c->at = p;
        if (p == c->end || *p != '.')
            break;
    }
    *out = (ml_slice){start, (size_t)(c->at - start)};
    if (c->at < c->end && *c->at == '-') {
        while (c->at < c->end && *c->at == '-') {
            c->at++;
            if (!run(c, ALNUM).n)
                return ml_pkg_unexpected(c, c->at, NULL);
        }
        int r = ml_pkg_odd_value(c, c->at, "version with tags");
        if (r < 0)
            return r;
    }
    return close_quote(c, quote);
}

/* Words of letters and digits with "-" between them; a word of digits alone could be a version. */
int ml_pkg_read_name(ml_pkg_cursor *c, ml_slice *out)
{
    bool quote = open_quote(c);
    const uint8_t *start = c->at;
    for (;; c->at++) {
        ml_slice word = run(c, ALNUM);
        if (!word.n && c->at < c->end && *c->at == '-')
            return ml_pkg_bad_value(c, c->at + 1, "unexpected Empty component, after %.*s",
                                    (int)(c->at - start < 200 ? c->at - start : 200),
                                    (const char *)start);
        bool letter = false;
        for (size_t i = 0; i < word.n && !letter; i++)
            letter = !(classes[word.p[i]] & DIGIT);
        if (!letter)
            return ml_pkg_unexpected(
                c, c->at, word.p == start && !word.n ? "white space or end of input" : NULL);
        if (c->at == c->end || *c->at != '-')
            break;
    }
    *out = (ml_slice){start, (size_t)(c->at - start)};
    return close_quote(c, quote);
}

int ml_pkg_read_visibility(ml_pkg_cursor *c, ml_slice *out)
{
    int r = ml_pkg_read_token(c, out);
    if (r < 0)
        return r;
    bool known = ml_slice_is(*out, "public") || ml_slice_is(*out, "private");
    return known ? 1
                 : ml_pkg_bad_value(c, c->at, "unexpected Unknown visibility: %.*s",
                                    (int)(out->n < 200 ? out->n : 200), (const char *)out->p);
}

/* ---- modules ---- */

int ml_pkg_read_module(ml_pkg_cursor *c, ml_slice *out)
{
    const uint8_t *start = c->at;
    for (;; c->at++) {
        const uint8_t *p = c->at;
        if (p == c->end || !(classes[*p] & UPPER || (*p >= 0x80 && !ml_utf8_space(p, c->end))))
            return p == start ? 0 : ml_pkg_unexpected(c, p, NULL);
        run(c, MODULE);
        if (c->at == c->end || *c->at != '.')
            break;
    }
    *out = (ml_slice){start, (size_t)(c->at - start)};
    return 1;
}

int ml_pkg_read_quoted_module(ml_pkg_cursor *c, ml_slice *out)
{
    bool quote = open_quote(c);
    int r = ml_pkg_read_module(c, out);
    if (r <= 0)
        return r < 0 || !quote ? r : ml_pkg_unexpected(c, c->at, NULL);
    return close_quote(c, quote);
}

int ml_pkg_read_export(ml_pkg_cursor *c, ml_slice *out)
{
    int r = ml_pkg_read_quoted_module(c, out);
    if (r <= 0)
        return r;
    const uint8_t *behind = c->at;
    ml_pkg_skip_space(c);
    if (c->at == c->end || *c->at != 'f') {
        c->at = behind;
        return 1;
    }
    if (c->end - c->at < 4 || memcmp(c->at, "from", 4) != 0)
        return ml_pkg_unexpected(c, c->at, "\"from\"");
    c->at += 4;
    if (!ml_pkg_space(c->at, c->end))
        return ml_pkg_unexpected(c, c->at, "space");
    ml_pkg_skip_space(c);
    ml_bytes text = {0};
    ml_bytes_slice(&text, *out);
    ml_bytes_text(&text, " from ");
    r = ml_pkg_read_open_module(c, &text, 32);
    if (r > 0 && !ml_bytes_keep(&text, &c->all->arena, out))
        r = ml_nomem(c->d);
    ml_bytes_free(&text);
    return r;
}
