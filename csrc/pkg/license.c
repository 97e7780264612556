/* license.c -- pkg: licences: SPDX expressions, else the words of older formats.
** takes bytes; gives the expression with single spaces and only the parentheses that it needs.
** Any word of an SPDX identifier's form counts as one: the list grows with every year.
** Spec: SPDX 2.3, annex D "License expressions"; Cabal prints an OR that is not inside another one
** in parentheses, at the outermost level, too.
** SPDX-License-Identifier: MIT */
#include "pkg/bytes.h"
#include "pkg/value.h"

enum { MAX_DEPTH = 100 };

static bool id_char(uint8_t ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') ||
           ch == '-' || ch == '.' || ch == ':';
}

static ml_slice word(ml_pkg_cursor *c)
{
    const uint8_t *start = c->at;
    while (c->at < c->end && id_char(*c->at))
        c->at++;
    return (ml_slice){start, (size_t)(c->at - start)};
}

/* The operator at the cursor, behind spaces: it is taken only when it is there. */
static bool take(ml_pkg_cursor *c, const char *op)
{
    ml_pkg_cursor before = *c;
    ml_pkg_skip_space(c);
    if (c->at > before.at || c->at[-1] == ')') {
        ml_slice w = word(c);
        if (ml_slice_is(w, op) &&
            (ml_pkg_space(c->at, c->end) || (c->at < c->end && *c->at == '('))) {
            ml_pkg_skip_space(c);
            return true;
        }
    }
    *c = before;
    return false;
}

/* What an expression was made of decides whether it needs parentheses inside another one. */
typedef enum shape { NOTHING, SIMPLE, AND, OR } shape;

static shape read_or(ml_pkg_cursor *c, ml_bytes *out, unsigned depth);

static shape read_simple(ml_pkg_cursor *c, ml_bytes *out, unsigned depth)
{
    if (c->at < c->end && *c->at == '(') {
        if (!depth)
            return NOTHING;
        c->at++;
        ml_pkg_skip_space(c);
        shape s = read_or(c, out, depth - 1);
        ml_pkg_skip_space(c);
        if (s == NOTHING || c->at == c->end || *c->at != ')')
            return NOTHING;
        c->at++;
        return s;
    }
    ml_slice w = word(c);
    if (!w.n || ml_slice_is(w, "AND") || ml_slice_is(w, "OR") || ml_slice_is(w, "WITH"))
        return NOTHING;
    ml_bytes_slice(out, w);
    if (c->at < c->end && *c->at == '+') {
        c->at++;
        ml_bytes_char(out, '+');
    }
    if (take(c, "WITH")) {
        w = word(c);
        if (!w.n)
            return NOTHING;
        ml_bytes_text(out, " WITH ");
        ml_bytes_slice(out, w);
    }
    return SIMPLE;
}

static shape read_and(ml_pkg_cursor *c, ml_bytes *out, unsigned depth)
{
    shape all = NOTHING;
    do {
        ml_bytes part = {0};
        shape s = read_simple(c, &part, depth);
        bool more = all != NOTHING;
        /* The first part learns only behind the next operator that it is one. */
        ml_pkg_cursor ahead = *c;
        bool inside = more || (s != NOTHING && take(&ahead, "AND"));
        if (more)
            ml_bytes_text(out, " AND ");
        if (s == OR && inside)
            ml_bytes_char(out, '(');
        ml_bytes_slice(out, (ml_slice){part.p, part.n});
        if (s == OR && inside)
            ml_bytes_char(out, ')');
        out->failed = out->failed || part.failed;
        ml_bytes_free(&part);
        if (s == NOTHING)
            return NOTHING;
        all = more ? AND : s;
    } while (take(c, "AND"));
    return all;
}

static shape read_or(ml_pkg_cursor *c, ml_bytes *out, unsigned depth)
{
    shape all = read_and(c, out, depth);
    while (all != NOTHING && take(c, "OR")) {
        ml_bytes_text(out, " OR ");
        all = read_and(c, out, depth) == NOTHING ? NOTHING : OR;
    }
    return all;
}

/* The whole rest of the value as an expression, or false with the cursor where it was. */
static bool expression(ml_pkg_cursor *c, ml_bytes *out)
{
    ml_pkg_cursor before = *c;
    ml_bytes text = {0};
    shape s = read_or(c, &text, MAX_DEPTH);
    ml_pkg_skip_space(c);
    bool good = s != NOTHING && c->at == c->end;
    if (good) {
        ml_bytes_text(out, s == OR ? "(" : "");
        ml_bytes_slice(out, (ml_slice){text.p, text.n});
        ml_bytes_text(out, s == OR ? ")" : "");
    } else {
        *c = before;
    }
    out->failed = out->failed || text.failed;
    ml_bytes_free(&text);
    return good;
}

int ml_pkg_read_license(ml_pkg_cursor *c, ml_slice *out)
{
    const uint8_t *start = c->at;
    *out = word(c);
    bool one = c->at == c->end && out->n > 0;
    c->at = start;
    if (one && ml_slice_is(*out, "NONE")) { /* as if it were not there */
        c->at = c->end;
        *out = (ml_slice){c->at, 0};
        return 1;
    }
    ml_bytes text = {0};
    bool good = expression(c, &text);
    if (good && !ml_bytes_keep(&text, &c->all->arena, out))
        good = text.failed = true;
    bool failed = text.failed;
    ml_bytes_free(&text);
    if (failed)
        return ml_nomem(c->d);
    if (good)
        return 1;
    if (!word(c).n)
        return ml_pkg_unexpected(c, c->at, "white space, \"NONE\" or \"(\"");
    ml_pkg_skip_space(c);
    return ml_pkg_unexpected(c, c->at, "space or end of input");
}
