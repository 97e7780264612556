/* cache_license.c -- pkg: versions and licences in package.cache.
** takes and gives their texts; an identifier of the SPDX list is its place in spdx.def.
** A text that is no expression of SPDX is one of Cabal's old licences.
** Spec: SPDX 2.1 appendix IV (licence expressions); Distribution.SPDX, Distribution.License,
** Distribution.Types.Version (Cabal 3.4).
** SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "pkg/cache_impl.h"

static const char *const licenses[] = {
#define LICENSE_ID(name) name,
#define EXCEPTION_ID(name)
#include "pkg/spdx.def"
#undef EXCEPTION_ID
#undef LICENSE_ID
};

static const char *const exceptions[] = {
#define LICENSE_ID(name)
#define EXCEPTION_ID(name) name,
#include "pkg/spdx.def"
#undef EXCEPTION_ID
#undef LICENSE_ID
};

enum {
    LICENSES = sizeof licenses / sizeof *licenses,
    EXCEPTIONS = sizeof exceptions / sizeof *exceptions,
    NOT_FOUND = -1
};

static int find(const char *const *names, size_t n, ml_slice s)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(names[i], (const char *)s.p, s.n) == 0 && !names[i][s.n])
            return (int)i;
    return NOT_FOUND;
}

/* ---- versions ---- */

size_t ml_cache_numbers(ml_slice text, uint64_t *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n;) {
        uint64_t v = 0;
        for (; i < text.n && text.p[i] != '.'; i++)
            v = v > INT64_MAX / 10 - 1 ? v : v * 10 + (uint64_t)(text.p[i] - '0') % 10;
        if (n < room)
            out[n] = v;
        n++;
        i++;
    }
    return n;
}

enum { PACKED = 4, PACKED_MAX = 0xfffe }; /* so many numbers up to that share one word */

void ml_cache_put_version(ml_bytes *b, ml_slice text)
{
    uint64_t few[PACKED];
    size_t n = ml_cache_numbers(text, few, PACKED);
    uint64_t word = 0;
    bool packed = n <= PACKED;
    for (size_t i = 0; i < n && packed; i++) {
        packed = few[i] <= PACKED_MAX;
        word |= (few[i] + 1) << (48 - 16 * i);
    }
    ml_cache_put_u8(b, !packed);
    if (packed) {
        ml_cache_put_u64(b, word);
        return;
    }
    uint64_t *all = ml_heap_grow(NULL, n, sizeof *all);
    b->failed |= !all;
    if (!all)
        return;
    ml_cache_numbers(text, all, n);
    for (size_t i = 0; i < n; i++) {
        if (i == 1)
            ml_cache_put_u64(b, n - 1);
        ml_cache_put_u64(b, all[i]);
    }
    if (n == 1)
        ml_cache_put_u64(b, 0);
    ml_heap_free(all);
}

static void add_number(ml_cache_text *t, uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%s%llu", t->n ? "." : "", (unsigned long long)v);
    ml_cache_add(t, digits, (size_t)n);
}

ml_slice ml_cache_version(ml_cache_in *in)
{
    ml_cache_text t = {.arena = in->arena};
    uint8_t how = ml_cache_u8(in);
    if (how > 1)
        ml_cache_bad(in, "no such constructor");
    if (how == 0) {
        uint64_t word = ml_cache_u64(in);
        for (; word >> 48; word <<= 16)
            add_number(&t, (word >> 48) - 1);
        if (word)
            ml_cache_bad(in, "a version with a gap");
        return ml_cache_text_end(in, &t);
    }
    add_number(&t, ml_cache_u64(in));
    uint64_t n = ml_cache_count(in, 8);
    for (uint64_t i = 0; i < n && !in->bad; i++)
        add_number(&t, ml_cache_u64(in));
    return ml_cache_text_end(in, &t);
}

/* ---- reading licences ---- */

/* Old licences by number; version: 'n' has none, 'm' may have one, 'y' has one. */
static const struct {
    const char *name;
    char version;
} old[] = {{"GPL", 'm'},
           {"AGPL", 'm'},
           {"LGPL", 'm'},
           {"BSD2", 'n'},
           {"BSD3", 'n'},
           {"BSD4", 'n'},
           {"MIT", 'n'},
           {"ISC", 'n'},
           {"MPL", 'y'},
           {"Apache", 'm'},
           {"PublicDomain", 'n'},
           {"AllRightsReserved", 'n'},
           {"UnspecifiedLicense", 'n'},
           {"OtherLicense", 'n'}};
enum { UNSPECIFIED = 12, UNKNOWN = sizeof old / sizeof *old };

static void add_simple(ml_cache_in *in, ml_cache_text *t)
{
    uint8_t how = ml_cache_u8(in);
    if (how > 2)
        ml_cache_bad(in, "no such constructor");
    if (how == 2) {
        bool document = ml_cache_u8(in) == 1;
        if (document) {
            ml_slice s = ml_cache_string(in);
            ml_cache_adds(t, "DocumentRef-");
            ml_cache_add(t, s.p, s.n);
            ml_cache_adds(t, ":");
        }
        ml_slice s = ml_cache_string(in);
        ml_cache_adds(t, "LicenseRef-");
        ml_cache_add(t, s.p, s.n);
        return;
    }
    unsigned high = ml_cache_u8(in), id = high << 8 | ml_cache_u8(in);
    if (id < LICENSES)
        ml_cache_adds(t, licenses[id]);
    else if (!in->layout.foreign)
        ml_cache_bad(in, "a licence of another version of the SPDX list");
    if (how == 1)
        ml_cache_adds(t, "+");
}

static void add_exception(ml_cache_in *in, ml_cache_text *t)
{
    if (ml_cache_u8(in) != 1)
        return;
    uint8_t id = ml_cache_u8(in);
    ml_cache_adds(t, " WITH ");
    if (id < EXCEPTIONS)
        ml_cache_adds(t, exceptions[id]);
    else if (!in->layout.foreign)
        ml_cache_bad(in, "an exception of another version of the SPDX list");
}

/* OR stands in parentheses wherever it is printed, AND nowhere. */
static void add_expression(ml_cache_in *in, ml_cache_text *t, unsigned depth, bool operand_of_or)
{
    uint8_t how = ml_cache_u8(in);
    if (how > 2 || depth > ML_CACHE_DEPTH)
        ml_cache_bad(in, how > 2 ? "no such constructor" : "a licence nested too deeply");
    if (in->bad)
        return;
    if (how == 0) {
        add_simple(in, t);
        add_exception(in, t);
        return;
    }
    bool is_or = how == 2, parentheses = is_or && !operand_of_or;
    if (parentheses)
        ml_cache_adds(t, "(");
    add_expression(in, t, depth + 1, is_or);
    ml_cache_adds(t, is_or ? " OR " : " AND ");
    add_expression(in, t, depth + 1, is_or);
    if (parentheses)
        ml_cache_adds(t, ")");
}

static void add_old(ml_cache_in *in, ml_cache_text *t)
{
    uint8_t how = ml_cache_u8(in);
    if (how > UNKNOWN) {
        ml_cache_bad(in, "no such constructor");
    } else if (how == UNKNOWN) {
        ml_slice s = ml_cache_string(in);
        ml_cache_add(t, s.p, s.n);
    } else {
        ml_cache_adds(t, old[how].name);
        bool has = old[how].version == 'y' || (old[how].version == 'm' && ml_cache_u8(in) == 1);
        if (!has)
            return;
        ml_slice s = ml_cache_version(in);
        ml_cache_adds(t, "-");
        ml_cache_add(t, s.p, s.n);
    }
}

ml_slice ml_cache_license(ml_cache_in *in)
{
    ml_cache_text t = {.arena = in->arena};
    uint8_t side = ml_cache_u8(in);
    if (side > 1)
        ml_cache_bad(in, "no such constructor");
    else if (side == 1)
        add_old(in, &t);
    else if (ml_cache_u8(in) == 1)
        add_expression(in, &t, 0, false);
    return ml_cache_text_end(in, &t);
}

/* ---- writing licences ---- */

/* An expression is read twice: once to see that it is one, once to write it, since an operator
** stands before both its operands there. */
typedef struct expression {
    ml_slice s;
    size_t at;
    ml_bytes *out; /* NULL: only look */
    unsigned depth;
} expression;

static ml_slice word(expression *x)
{
    while (x->at < x->s.n && (x->s.p[x->at] == ' ' || x->s.p[x->at] == '\n'))
        x->at++;
    size_t from = x->at;
    const uint8_t *p = x->s.p;
    if (from < x->s.n && (p[from] == '(' || p[from] == ')'))
        x->at++;
    else
        while (x->at < x->s.n && p[x->at] > ' ' && p[x->at] != '(' && p[x->at] != ')')
            x->at++;
    return (ml_slice){p + from, x->at - from};
}

/* Takes the next word if it is this one. */
static bool accept(expression *x, const char *text)
{
    size_t before = x->at;
    if (ml_slice_is(word(x), text))
        return true;
    x->at = before;
    return false;
}

static void emit(expression *x, uint8_t v)
{
    if (x->out)
        ml_cache_put_u8(x->out, v);
}

/* Goes behind the text when the slice begins with it. */
static bool behind(ml_slice *s, const char *text)
{
    size_t n = strlen(text);
    if (!ml_slice_starts(*s, text))
        return false;
    *s = (ml_slice){s->p + n, s->n - n};
    return true;
}

static bool reference(expression *x, ml_slice w)
{
    ml_slice document = w;
    const uint8_t *colon = memchr(w.p, ':', w.n);
    bool has = colon && behind(&document, "DocumentRef-");
    if (has) {
        document.n = (size_t)(colon - document.p);
        w = (ml_slice){colon + 1, (size_t)(w.p + w.n - colon - 1)};
    }
    if (!behind(&w, "LicenseRef-") || memchr(w.p, '+', w.n) || memchr(w.p, ':', w.n))
        return false;
    emit(x, 2);
    emit(x, has);
    if (has && x->out)
        ml_cache_put_string(x->out, document);
    if (x->out)
        ml_cache_put_string(x->out, w);
    return true;
}

static bool simple(expression *x)
{
    ml_slice w = word(x);
    if (!w.n)
        return false;
    emit(x, 0);
    bool plus = w.p[w.n - 1] == '+';
    int id = find(licenses, LICENSES, (ml_slice){w.p, w.n - plus});
    if (id == NOT_FOUND) {
        if (!reference(x, w))
            return false;
    } else {
        emit(x, plus);
        emit(x, (uint8_t)(id >> 8));
        emit(x, (uint8_t)id);
    }
    bool with = accept(x, "WITH");
    emit(x, with);
    if (!with)
        return true;
    int exception = find(exceptions, EXCEPTIONS, word(x));
    emit(x, (uint8_t)exception);
    return exception != NOT_FOUND;
}

/* Looks at an operand without writing it. */
static bool parse(expression *x, int level);

static bool skip(expression *x, int level)
{
    ml_bytes *out = x->out;
    x->out = NULL;
    bool good = parse(x, level);
    x->out = out;
    return good;
}

enum { OR, AND, OPERAND };

static bool operand(expression *x)
{
    if (!accept(x, "("))
        return simple(x);
    if (x->depth++ > ML_CACHE_DEPTH || !parse(x, OR) || !accept(x, ")"))
        return false;
    x->depth--;
    return true;
}

/* Both operators bind to the right: A OR (B OR C). */
static bool parse(expression *x, int level)
{
    if (level == OPERAND)
        return operand(x);
    const char *name = level == OR ? "OR" : "AND";
    size_t from = x->at;
    if (x->out) { /* is there an operator behind it? */
        if (!skip(x, level + 1))
            return false;
        bool more = accept(x, name);
        x->at = from;
        if (more)
            emit(x, level == OR ? 2 : 1);
    }
    if (!parse(x, level + 1))
        return false;
    if (!accept(x, name))
        return true;
    bool good = x->depth++ <= ML_CACHE_DEPTH && parse(x, level);
    x->depth--;
    return good;
}

static bool is_expression(ml_slice s)
{
    expression x = {.s = s};
    return parse(&x, OR) && !word(&x).n && x.at == s.n;
}

static void put_old(ml_bytes *b, ml_slice s)
{
    const uint8_t *dash = memchr(s.p, '-', s.n);
    ml_slice name = {s.p, dash ? (size_t)(dash - s.p) : s.n};
    ml_slice version = dash ? (ml_slice){dash + 1, s.n - name.n - 1} : (ml_slice){NULL, 0};
    for (uint8_t i = 0; i < UNKNOWN; i++) {
        bool fits = old[i].version == 'm' || (old[i].version == 'y') == (dash != NULL);
        if (i == UNSPECIFIED || !fits || !ml_slice_is(name, old[i].name))
            continue;
        ml_cache_put_u8(b, i);
        if (old[i].version == 'm')
            ml_cache_put_u8(b, dash != NULL);
        if (dash)
            ml_cache_put_version(b, version);
        return;
    }
    ml_cache_put_u8(b, UNKNOWN);
    ml_cache_put_string(b, s);
}

void ml_cache_put_license(ml_bytes *b, ml_slice text)
{
    if (!text.n || ml_slice_is(text, "NONE")) {
        ml_cache_put_u16(b, 0);
    } else if (is_expression(text)) {
        ml_cache_put_u16(b, 1);
        expression x = {.s = text, .out = b};
        parse(&x, OR);
    } else {
        ml_cache_put_u8(b, 1);
        put_old(b, text);
    }
}
