/* string.c -- pkg: string literals of Haskell: \n, \1234, \x41, \o101, \NUL, \^A, \&, gaps.
** takes bytes of a literal; gives UTF-8, and back.
** SPDX-License-Identifier: MIT */
#include "pkg/string.h"

#include "pkg/utf8.h"

static const char *const ascii_names[] = {
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS",  "HT",  "LF",
    "VT",  "FF",  "CR",  "SO",  "SI",  "DLE", "DC1", "DC2", "DC3", "DC4", "NAK",
    "SYN", "ETB", "CAN", "EM",  "SUB", "ESC", "FS",  "GS",  "RS",  "US",  "SP"};

enum { NONE = 0xffffffff }; /* an escape that stands for no character */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static const uint8_t *fail(ml_string_error *e, const uint8_t *at, const char *expected)
{
    *e = (ml_string_error){at, expected, false};
    return NULL;
}

static int digit(uint8_t c, uint32_t base)
{
    int v = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : 99;
    return v < (int)base ? v : -1;
}

static const uint8_t *number(const uint8_t *p, const uint8_t *end, uint32_t base, uint32_t *code,
                             ml_string_error *e)
{
    if (p == end || digit(*p, base) < 0)
        return fail(e, p, base == 16 ? "hexadecimal digit" : base == 8 ? "octal digit" : "digit");
    uint32_t n = 0;
    for (; p < end && digit(*p, base) >= 0; p++) {
        n = n * base + (uint32_t)digit(*p, base);
        if (n > 0x10ffff)
            return fail(e, p, NULL);
    }
    *code = n;
    return p;
}

/* The name of a control character; the longest that fits, so that \SOH is not \SO and an H. */
static const uint8_t *named(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
    size_t best = 0;
    for (uint32_t i = 0; i <= 0x21; i++) {
        const char *name = i == 0x21 ? "DEL" : ascii_names[i];
        size_t n = strlen(name);
        if (n > best && (size_t)(end - p) >= n && memcmp(p, name, n) == 0) {
            best = n;
            *code = i == 0x21 ? 0x7f : i;
        }
    }
    return best ? p + best : NULL;
}

/* An escape whose backslash is before p. */
static const uint8_t *escape(const uint8_t *p, const uint8_t *end, uint32_t *code,
                             ml_string_error *e)
{
    static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
    static const char *const any = "space, \"&\" or escape code";
    if (p == end)
        return fail(e, p, any);
    uint8_t c = *p;
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        *code = (uint8_t)to[simple - from];
        return p + 1;
    }
    if (c == '&') {
        *code = NONE;
        return p + 1;
    }
    if (is_space(c)) {
        while (p < end && is_space(*p))
            p++;
        *code = NONE;
        return p < end && *p == '\\' ? p + 1 : fail(e, p, "space or end of string gap");
    }
    if (c == 'x' || c == 'X')
        return number(p + 1, end, 16, code, e);
    if (c == 'o' || c == 'O')
        return number(p + 1, end, 8, code, e);
    if (c >= '0' && c <= '9')
        return number(p, end, 10, code, e);
    if (c == '^') {
        if (end - p < 2 || p[1] < '@' || p[1] > '_')
            return fail(e, p + 1, "uppercase letter or \"@\"");
        *code = p[1] - (uint32_t)'@';
        return p + 2;
    }
    const uint8_t *q = named(p, end, code);
    return q ? q : fail(e, p, any);
}

const uint8_t *ml_string_read(ml_arena *a, const uint8_t *p, const uint8_t *end, ml_slice *out,
                              ml_string_error *e)
{
    static const char *const expected = "string character or end of string";
    const uint8_t *start = ++p;
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20)
        p++;
    *out = (ml_slice){start, (size_t)(p - start)};
    if (p < end && *p == '"')
        return p + 1;
    /* No escape is shorter than what it stands for: up to the closing quote is room enough. */
    const uint8_t *close = p;
    while (close < end && *close != '"')
        close += *close == '\\' && end - close > 1 ? 2 : 1;
    uint8_t *to = ml_nalloc(a, (size_t)(close - start) + 4, 2);
    if (!to) {
        *e = (ml_string_error){p, NULL, true};
        return NULL;
    }
    memcpy(to, start, out->n);
    out->p = to;
    to += out->n;
    for (;;) {
        const uint8_t *run = p;
        while (p < end && *p != '"' && *p != '\\' && *p >= 0x20)
            p++;
        memcpy(to, run, (size_t)(p - run));
        to += p - run;
        if (p == end || *p < 0x20)
            return fail(e, p, expected);
        if (*p++ == '"')
            break;
        uint32_t code = NONE;
        p = escape(p, end, &code, e);
        if (!p)
            return NULL;
        if (code != NONE)
            to += ml_utf8_put(to, code);
    }
    out->n = (size_t)(to - out->p);
    return p;
}

const uint8_t *ml_char_read(ml_arena *a, const uint8_t *p, const uint8_t *end, ml_slice *out,
                            ml_string_error *e)
{
    uint32_t code;
    const uint8_t *start = ++p;
    if (p == end || *p == '\'' || *p < 0x20)
        return fail(e, p, "character");
    if (*p == '\\') {
        p = escape(p + 1, end, &code, e);
        if (!p)
            return NULL;
        if (code == NONE)
            return fail(e, start, "character");
    } else {
        size_t n = ml_utf8_next(p, end, &code);
        p += n ? n : 1;
    }
    if (p == end || *p != '\'')
        return fail(e, p, "end of character");
    uint8_t *to = ml_alloc(a, 4);
    if (!to) {
        *e = (ml_string_error){p, NULL, true};
        return NULL;
    }
    *out = (ml_slice){to, ml_utf8_put(to, code)};
    return p + 1;
}

/* One character as `show` writes it; `after` is the byte behind it. */
static void write_char(ml_bytes *out, uint32_t c, uint8_t after)
{
    static const char *const short_names[] = {"\\a", "\\b", "\\t", "\\n", "\\v", "\\f", "\\r"};
    if (c == '"' || c == '\\') {
        ml_bytes_char(out, '\\');
        ml_bytes_char(out, (char)c);
    } else if (c >= 7 && c <= 13) {
        ml_bytes_text(out, short_names[c - 7]);
    } else if (c < 0x20) {
        ml_bytes_format(out, "\\%s%s", ascii_names[c], c == 14 && after == 'H' ? "\\&" : "");
    } else if (c == 0x7f) {
        ml_bytes_text(out, "\\DEL");
    } else {
        ml_bytes_format(out, "\\%u%s", c, after >= '0' && after <= '9' ? "\\&" : "");
    }
}

void ml_string_write(ml_bytes *out, ml_slice s)
{
    ml_bytes_char(out, '"');
    const uint8_t *p = s.p, *end = s.n ? s.p + s.n : p;
    while (p < end) {
        const uint8_t *run = p;
        while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
            p++;
        ml_bytes_put(out, run, (size_t)(p - run));
        if (p == end)
            break;
        uint32_t code;
        size_t n = ml_utf8_next(p, end, &code);
        if (!n) {
            code = 0xfffd;
            n = 1;
        }
        p += n;
        write_char(out, code, p < end ? *p : 0);
    }
    ml_bytes_char(out, '"');
}
