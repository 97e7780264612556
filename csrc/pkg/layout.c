/* layout.c -- pkg: the outer shape of the text format, by indentation or by braces.
** takes bytes without carriage returns; gives fields with the bytes of their values.
** The lexer has two states, at the beginning of a line and inside one, because a brace at the
** beginning of a line is a token of its own, without the indentation before it.
** Spec: the grammar of .cabal files (Cabal, Distribution.Fields), of which package descriptions
** use the outer level only.
** SPDX-License-Identifier: MIT */
#include "pkg/layout.h"

#include <stdio.h>

enum { MAX_DEPTH = 200 }; /* sections in sections */

typedef enum token_kind {
    END,
    INDENT, /* a line begins: n is its indentation */
    NAME,
    STRING,
    OPERATOR,
    COLON,
    OPEN,
    CLOSE,
    BAD, /* a character that belongs to no token */
} token_kind;

typedef struct token {
    token_kind kind;
    ml_slice text;
    unsigned line, column, indent;
} token;

typedef struct lexer {
    const uint8_t *at, *end;
    const uint8_t *bol; /* where columns count from: bytes of no-break spaces count once */
    unsigned line;
    bool in_line; /* else at the beginning of one */
} lexer;

typedef struct parser {
    lexer lx;
    ml_diag *d;
    ml_pkg_infos *all;
    ml_arena *scratch;
    const char *file;
    ml_pkg_raws out;
    const uint8_t
        *bad;       /* the first control character, or NULL: there the text ends for the lexer */
    unsigned depth; /* of sections: what is inside is not kept */
} parser;

/* ---- characters ---- */

enum { N = 1, S = 2, B = N | S }; /* in names, in operators, in both */

/* clang-format off */
static const uint8_t classes[256] = { /* names take every printable character but punctuation */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, S, 0, S, S, S, S, N, 0, 0, S, S, S, B, B, S, /* sp ! " # $ % & ' ( ) * + , - . / */
    N, N, N, N, N, N, N, N, N, N, 0, N, S, S, S, S, /* 0 1 2 3 4 5 6 7 8 9 : ; < = > ? */
    S, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, /* @ A B C D E F G H I J K L M N O */
    N, N, N, N, N, N, N, N, N, N, N, 0, S, 0, S, N, /* P Q R S T U V W X Y Z [ \ ] ^ _ */
    N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, /* ` a b c d e f g h i j k l m n o */
    N, N, N, N, N, N, N, N, N, N, N, 0, S, 0, S, 0 /* p q r s t u v w x y z { | } ~ del */
};
/* clang-format on */

static bool is_name(uint8_t c)
{
    return c >= 0x80 || classes[c] & N;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_nbsp(const uint8_t *p, const uint8_t *end)
{
    return end - p >= 2 && p[0] == 0xc2 && p[1] == 0xa0;
}

static const uint8_t *line_end(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return nl ? nl : end;
}

static bool at_comment(const uint8_t *p, const uint8_t *end)
{
    return end - p >= 2 && p[0] == '-' && p[1] == '-';
}

/* ---- tokens ---- */

static unsigned column_of(const lexer *lx, const uint8_t *p)
{
    return (unsigned)(p - lx->bol) + 1;
}

static void next_line(lexer *lx, const uint8_t *newline)
{
    lx->at = lx->bol = newline + 1;
    lx->line++;
    lx->in_line = false;
}

static token make(lexer *lx, token_kind kind, const uint8_t *to)
{
    token t = {kind, {lx->at, (size_t)(to - lx->at)}, lx->line, column_of(lx, lx->at), 0};
    lx->at = to;
    return t;
}

/* White space before a line's first character: *nbsp counts no-break spaces among it. */
static const uint8_t *skip_indent(const uint8_t *p, const uint8_t *end, unsigned *nbsp)
{
    for (;; p++) {
        while (p < end && is_blank(*p))
            p++;
        if (!is_nbsp(p, end))
            return p;
        p++;
        ++*nbsp;
    }
}

/* A token at the beginning of a line, or kind BAD to say that there was none (an empty line). */
static bool lex_line_start(lexer *lx, token *out)
{
    unsigned nbsp = 0;
    const uint8_t *p = skip_indent(lx->at, lx->end, &nbsp);
    if (p == lx->end) {
        *out = make(lx, END, lx->at);
        return true;
    }
    if (*p == '\n') {
        next_line(lx, p);
        return false;
    }
    if (!nbsp && at_comment(p, lx->end)) {
        lx->at = line_end(p, lx->end);
        return false;
    }
    if (!nbsp && (*p == '{' || *p == '}')) {
        lx->at = p;
        *out = make(lx, *p == '{' ? OPEN : CLOSE, p + 1);
        return true;
    }
    unsigned indent = (unsigned)(p - lx->at) - nbsp;
    *out = make(lx, INDENT, p);
    out->indent = indent;
    lx->bol += nbsp;
    lx->in_line = true;
    return true;
}

/* A string in quotes: any quote that follows a backslash may be part of it, and the longest one
** that ends is taken. */
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *last = NULL;
    for (p++; p < end && *p != '\n' && *p != '\t'; p++)
        if (*p == '"') {
            last = p + 1;
            if (p[-1] != '\\')
                break;
        }
    return last;
}

static token lex_word(lexer *lx)
{
    const uint8_t *name = lx->at, *op = lx->at;
    while (name < lx->end && is_name(*name))
        name++;
    while (op < lx->end && classes[*op] & S)
        op++;
    if (name == lx->at && op == lx->at)
        return make(lx, BAD, lx->at);
    return name >= op ? make(lx, NAME, name) : make(lx, OPERATOR, op);
}

static token lex(lexer *lx)
{
    for (;;) {
        token t;
        if (!lx->in_line) {
            if (lex_line_start(lx, &t))
                return t;
            continue;
        }
        while (lx->at < lx->end && is_blank(*lx->at))
            lx->at++;
        if (lx->at == lx->end)
            return make(lx, END, lx->at);
        if (*lx->at == '\n') {
            next_line(lx, lx->at);
            continue;
        }
        if (at_comment(lx->at, lx->end)) {
            lx->at = line_end(lx->at, lx->end);
            continue;
        }
        switch (*lx->at) {
        case ':': return make(lx, COLON, lx->at + 1);
        case '{': return make(lx, OPEN, lx->at + 1);
        case '}': return make(lx, CLOSE, lx->at + 1);
        case '(':
        case ')':
        case '[':
        case ']': return make(lx, OPERATOR, lx->at + 1);
        case '"': {
            const uint8_t *to = string_end(lx->at, lx->end);
            return to ? make(lx, STRING, to) : make(lx, BAD, lx->at);
        }
        default: return lex_word(lx);
        }
    }
}

static token peek(const parser *ps)
{
    lexer copy = ps->lx;
    return lex(&copy);
}

/* ---- errors ---- */

static void describe_char(uint8_t c, char *buf, size_t size)
{
    static const char *const ctl[] = {"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a",
                                      "b",   "t",   "n",   "v",   "f",   "r",   "SO",  "SI",
                                      "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB",
                                      "CAN", "EM",  "SUB", "ESC", "FS",  "GS",  "RS",  "US"};
    if (c < 0x20)
        snprintf(buf, size, "'\\%s'", ctl[c]);
    else if (c == 0x7f)
        snprintf(buf, size, "'\\DEL'");
    else if (c >= 0x80)
        snprintf(buf, size, "'\\%u'", c);
    else
        snprintf(buf, size, "'%c'", c);
}

static void describe(const parser *ps, const token *t, char *buf, size_t size)
{
    char c[16];
    int n = t->text.n < 60 ? (int)t->text.n : 60;
    switch (t->kind) {
    case INDENT: snprintf(buf, size, "new line"); break;
    case NAME: snprintf(buf, size, "symbol \"%.*s\"", n, (const char *)t->text.p); break;
    case STRING: snprintf(buf, size, "string %.*s", n, (const char *)t->text.p); break;
    case OPERATOR: snprintf(buf, size, "operator \"%.*s\"", n, (const char *)t->text.p); break;
    case COLON: snprintf(buf, size, "\":\""); break;
    case OPEN: snprintf(buf, size, "\"{\""); break;
    case CLOSE: snprintf(buf, size, "\"}\""); break;
    case END:
    case BAD:
        if (t->text.p == ps->lx.end && !ps->bad) {
            snprintf(buf, size, "end of input");
            break;
        }
        describe_char(*t->text.p, c, sizeof c);
        snprintf(buf, size, "character in input %s", c);
    }
}

static int unexpected(parser *ps, token t, const char *expected)
{
    char what[128];
    describe(ps, &t, what, sizeof what);
    ml_where at = {.file = ps->file, .line = t.line, .column = t.column};
    const char *hint =
        t.kind == INDENT || t.kind == END ? "a field is written `name: value`" : NULL;
    return ml_fail(ps->d, ML_E_FORMAT, at, hint, "unexpected %s\nexpecting %s", what, expected);
}

static int expect(parser *ps, token_kind kind, const char *expected)
{
    token t = lex(&ps->lx);
    return t.kind == kind ? 0 : unexpected(ps, t, expected);
}

/* ---- values ---- */

static bool warn(parser *ps, unsigned line, unsigned column, const char *text, ml_slice name)
{
    int n = name.n < 60 ? (int)name.n : 60;
    ml_pkg_warning w = {ps->file, line, column, true, NULL};
    return ml_pkg_warn(ps->all, w, text, n, (const char *)name.p);
}

/* Values whose comment lines became blanks lie elsewhere than the text: only then is it copied. */
static int take_out_comments(parser *ps, ml_pkg_raw *raw)
{
    uint8_t *copy =
        (uint8_t *)ml_strndup(&ps->all->arena, (const char *)raw->value.p, raw->value.n);
    if (!copy)
        return ml_nomem(ps->d);
    const uint8_t *p = raw->value.p, *end = p + raw->value.n;
    unsigned line = raw->value_line;
    for (const uint8_t *nl; (nl = memchr(p, '\n', (size_t)(end - p))) != NULL;) {
        const uint8_t *start = nl + 1;
        for (p = start; p < end && is_blank(*p); p++)
            continue;
        line++;
        if (!at_comment(p, end))
            continue;
        const uint8_t *eol = line_end(p, end);
        memset(copy + (p - raw->value.p), ' ', (size_t)(eol - p));
        if (!warn(ps, line, (unsigned)(p - start) + 1,
                  "a comment line inside the value of %.*s is not part of it", raw->name))
            return ml_nomem(ps->d);
        p = eol;
    }
    raw->value.p = copy;
    return 0;
}

static int keep(parser *ps, const ml_pkg_raw *raw)
{
    if (ps->depth)
        return 0;
    ml_pkg_raws *out = &ps->out;
    if (!ML_ARENA_ROOM(ps->scratch, out->at, out->n, out->room))
        return ml_nomem(ps->d);
    out->at[out->n++] = *raw;
    return 0;
}

static void start_value(ml_pkg_raw *raw, const lexer *lx, const uint8_t *p)
{
    raw->value = (ml_slice){p, 0};
    raw->value_line = lx->line;
    raw->value_column = column_of(lx, p);
}

/* The value of a field by layout: the rest of its line and all lines that are indented by at least
** `level`. The lexer stays behind the last of them. */
static int layout_value(parser *ps, ml_pkg_raw *raw, unsigned level)
{
    lexer lx = ps->lx;
    const uint8_t *end = lx.end, *p = lx.at;
    bool comment = false, inner = false; /* a comment was seen; one stands before a line */
    while (p < end && is_blank(*p))
        p++;
    if (p < end && *p != '\n') {
        start_value(raw, &lx, p);
        lx.at = line_end(p, end);
        raw->value.n = (size_t)(lx.at - p);
        ps->lx = lx;
    }
    while (lx.at < end) {
        next_line(&lx, lx.at);
        unsigned nbsp = 0;
        p = skip_indent(lx.at, end, &nbsp);
        if (p == end || (*p != '\n' && !at_comment(p, end) && p - lx.at - nbsp < level))
            break;
        if (!nbsp && at_comment(p, end)) {
            comment = raw->value.n > 0;
            lx.at = line_end(p, end);
            continue;
        }
        if (*p == '\n') {
            lx.at = p;
            continue;
        }
        if (p - lx.at - nbsp < level)
            break;
        lx.bol += nbsp;
        if (!raw->value.n)
            start_value(raw, &lx, p);
        inner = inner || comment;
        lx.at = line_end(p, end);
        raw->value.n = (size_t)(lx.at - raw->value.p);
        lx.in_line = true;
        ps->lx = lx;
    }
    ps->lx.in_line = true;
    return inner ? take_out_comments(ps, raw) : 0;
}

/* The value of a field in braces, up to the next brace, or its first line only. */
static int braces_value(parser *ps, ml_pkg_raw *raw, bool first_only)
{
    lexer lx = ps->lx;
    const uint8_t *end = lx.end;
    bool comment = false, inner = false, fresh = !lx.in_line;
    while (lx.at < end && !(first_only && raw->value.n)) {
        const uint8_t *p = lx.at;
        while (p < end && is_blank(*p))
            p++;
        if (p == end || *p == '{' || *p == '}')
            break;
        if (*p == '\n') {
            next_line(&lx, p);
            fresh = true;
            continue;
        }
        if (fresh && at_comment(p, end)) {
            comment = raw->value.n > 0;
            lx.at = line_end(p, end);
            continue;
        }
        fresh = false;
        if (!raw->value.n)
            start_value(raw, &lx, p);
        inner = inner || comment;
        while (p < end && *p != '\n' && *p != '{' && *p != '}')
            p++;
        lx.at = p;
        raw->value.n = (size_t)(p - raw->value.p);
        lx.in_line = true;
        ps->lx = lx;
    }
    ps->lx.in_line = true;
    return inner ? take_out_comments(ps, raw) : 0;
}

static int field_in_braces(parser *ps, ml_pkg_raw *raw)
{
    lex(&ps->lx); /* the brace */
    ps->lx.in_line = true;
    int r = braces_value(ps, raw, false);
    if (r < 0)
        return r;
    r = expect(ps, CLOSE, "field contents or \"}\"");
    return r < 0 ? r : keep(ps, raw);
}

/* ---- elements ---- */

static int elements(parser *ps, unsigned level, bool in_braces);

static int section(parser *ps, const token *name, unsigned level, bool by_layout)
{
    while (peek(ps).kind == NAME || peek(ps).kind == STRING || peek(ps).kind == OPERATOR)
        lex(&ps->lx);
    token t = peek(ps);
    if (t.kind != OPEN && !by_layout)
        return unexpected(ps, t, "\":\", section parameter or \"{\"");
    if (t.kind == COLON)
        return unexpected(ps, t, "section parameter, \"{\", field or section name or end of file");
    if (!ps->depth && !warn(ps, name->line, name->column,
                            "\"%.*s\" is not followed by a colon: ignored", name->text))
        return ml_nomem(ps->d);
    if (ps->depth >= MAX_DEPTH) {
        ml_where at = {.file = ps->file, .line = name->line, .column = name->column};
        return ml_fail(ps->d, ML_E_FORMAT, at, NULL, "sections are nested more than %d deep",
                       MAX_DEPTH);
    }
    if (t.kind == OPEN)
        lex(&ps->lx);
    ps->depth++;
    int r = elements(ps, t.kind == OPEN ? 0 : level, t.kind == OPEN);
    ps->depth--;
    return r;
}

/* A field or a section behind its name. level: the indentation that its own lines need; by_layout
** is false inside a line, where everything needs braces. */
static int element(parser *ps, const token *name, unsigned level, bool by_layout)
{
    ml_pkg_raw raw = {.name = name->text, .line = name->line, .column = name->column};
    if (peek(ps).kind != COLON)
        return section(ps, name, level, by_layout);
    lex(&ps->lx);
    const uint8_t *p = raw.value.p = ps->lx.at;
    while (p < ps->lx.end && is_blank(*p))
        p++;
    bool maybe = p < ps->lx.end && (*p == '{' || *p == '\n' || *p == '-');
    if (maybe && peek(ps).kind == OPEN)
        return field_in_braces(ps, &raw);
    int r = by_layout ? layout_value(ps, &raw, level) : braces_value(ps, &raw, true);
    return r < 0 ? r : keep(ps, &raw);
}

/* Elements up to the end of the text, to a line that is indented less than `level`, or to the
** closing brace. */
static int elements(parser *ps, unsigned level, bool in_braces)
{
    for (;;) {
        lexer before = ps->lx;
        token t = lex(&ps->lx);
        bool by_layout = t.kind == INDENT && t.indent >= level;
        unsigned own = t.indent + 1;
        if (by_layout) {
            t = lex(&ps->lx);
            if (t.kind != NAME)
                return unexpected(ps, t, "field or section name");
        }
        if (t.kind != NAME) {
            if (in_braces)
                return t.kind == CLOSE ? 0 : unexpected(ps, t, "field or section name or \"}\"");
            ps->lx = before;
            return 0;
        }
        int r = element(ps, &t, own, by_layout);
        if (r < 0)
            return r;
    }
}

/* The first byte that no token may contain, or NULL. */
static const uint8_t *find_control(ml_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < 0x20 && s.p[i] != '\t' && s.p[i] != '\n') || s.p[i] == 0x7f)
            return s.p + i;
    return NULL;
}

int ml_pkg_layout(ml_diag *d, ml_pkg_infos *all, ml_arena *scratch, const char *file, ml_slice text,
                  ml_pkg_raws *out)
{
    parser ps = {.d = d, .all = all, .scratch = scratch, .file = file, .out = *out};
    if (ml_slice_starts(text, "\xef\xbb\xbf"))
        text = (ml_slice){text.p + 3, text.n - 3};
    ps.bad = find_control(text);
    ps.lx = (lexer){.at = text.p, .bol = text.p, .line = 1};
    ps.lx.end = ps.bad ? ps.bad : text.p + text.n;
    int r = elements(&ps, 0, false);
    if (r < 0)
        return r;
    token t = lex(&ps.lx);
    if (t.kind != END || ps.bad)
        return unexpected(&ps, t, "field or section name or end of file");
    *out = ps.out;
    return 0;
}
