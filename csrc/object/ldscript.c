/* ldscript.c -- stage OPEN: linker scripts that only name files.
** takes the text of a script; gives its items in order, copied into the caller's arena.
** The text is read once from left to right; nothing recurses, so nesting costs no stack. On failure
** nothing is given, and the error says which line.
** Spec: GNU ld manual, "Commands Dealing with Files", "Lexical Structure of Linker Scripts".
** SPDX-License-Identifier: MIT */
#include "object/ldscript.h"

#include <limits.h>

typedef enum tok { T_END, T_OPEN, T_CLOSE, T_COMMA, T_SEMICOLON, T_WORD, T_BAD } tok;

typedef struct scan {
    ml_diag *d;
    ml_arena *arena;
    const char *file;
    ml_slice text;
    size_t at;     /* next byte */
    unsigned line; /* of that byte */
    ml_slice word; /* of the last T_WORD, without quotes */
    bool quoted;
    unsigned begun; /* line on which the last token began */
    ml_script_item *items;
    size_t n, room;
} scan;

/* Every error of a script: the line stands before the reason. */
#define FAIL(s, code, hint, fmt, ...)                                                       \
    ml_fail((s)->d, code, (ml_where){.file = (s)->file}, hint, "line %u: " fmt, (s)->begun, \
            __VA_ARGS__)

static int peek(const scan *s, size_t ahead)
{
    return ahead < s->text.n - s->at ? s->text.p[s->at + ahead] : -1;
}

static void step(scan *s)
{
    if (s->text.p[s->at++] == '\n')
        s->line++;
}

static bool is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Skips blanks and comments; false when a comment does not end. */
static bool skip(scan *s)
{
    for (;;) {
        while (is_blank(peek(s, 0)))
            step(s);
        s->begun = s->line;
        if (peek(s, 0) != '/' || peek(s, 1) != '*')
            return true;
        s->at += 2;
        while (peek(s, 0) >= 0 && !(peek(s, 0) == '*' && peek(s, 1) == '/'))
            step(s);
        if (peek(s, 0) < 0)
            return false;
        s->at += 2;
    }
}

static bool ends_word(const scan *s)
{
    int c = peek(s, 0);
    return c < 0x21 || c == 0x7f || c == '(' || c == ')' || c == ',' || c == ';' || c == '"' ||
           (c == '/' && peek(s, 1) == '*');
}

static tok quoted(scan *s)
{
    size_t from = ++s->at;
    while (peek(s, 0) >= 0x20 && peek(s, 0) != '"')
        s->at++;
    if (peek(s, 0) != '"') {
        FAIL(s, ML_E_FORMAT, NULL, "%s", "the closing quote is missing");
        return T_BAD;
    }
    s->word = (ml_slice){s->text.p + from, s->at++ - from};
    s->quoted = true;
    return T_WORD;
}

static tok next(scan *s)
{
    if (!skip(s)) {
        FAIL(s, ML_E_FORMAT, NULL, "%s", "the comment that begins here does not end");
        return T_BAD;
    }
    int c = peek(s, 0);
    if (c < 0)
        return T_END;
    static const char marks[] = "(),;";
    static const tok toks[] = {T_OPEN, T_CLOSE, T_COMMA, T_SEMICOLON};
    const char *mark = c ? strchr(marks, c) : NULL;
    if (mark) {
        s->at++;
        return toks[mark - marks];
    }
    if (c == '"')
        return quoted(s);
    size_t from = s->at;
    while (!ends_word(s))
        s->at++;
    if (s->at == from) {
        FAIL(s, ML_E_FORMAT, NULL, "byte 0x%02x does not belong into a linker script", (unsigned)c);
        return T_BAD;
    }
    s->word = (ml_slice){s->text.p + from, s->at - from};
    s->quoted = false;
    return T_WORD;
}

static bool is_word(const scan *s, const char *what)
{
    return !s->quoted && ml_slice_is(s->word, what);
}

static int add(scan *s, ml_script_item item, ml_slice name)
{
    if (!ML_ARENA_ROOM(s->arena, s->items, s->n, s->room))
        return ml_nomem(s->d);
    item.name = ml_strndup(s->arena, (const char *)name.p, name.n);
    if (!item.name)
        return ml_nomem(s->d);
    item.line = s->begun;
    s->items[s->n++] = item;
    return 0;
}

/* A path may begin with `=` or `$SYSROOT`: the system root, which for a running process is `/`. */
static ml_slice without_sysroot(ml_slice w)
{
    static const char sysroot[] = "$SYSROOT";
    size_t n = sizeof sysroot - 1;
    if (w.n > 1 && w.p[0] == '=')
        return (ml_slice){w.p + 1, w.n - 1};
    if (w.n > n && ml_slice_starts(w, sysroot))
        return (ml_slice){w.p + n, w.n - n};
    return w;
}

/* One name of INPUT or GROUP: a file, or `-lNAME`. */
static int add_input(scan *s, bool as_needed, unsigned group)
{
    ml_script_item item = {.what = ML_SCRIPT_FILE, .as_needed = as_needed, .group = group};
    ml_slice name = s->word;
    if (name.n > 1 && name.p[0] == '-' && name.p[1] == 'l') {
        item.what = ML_SCRIPT_LIB;
        name = (ml_slice){name.p + 2, name.n - 2};
    } else {
        name = without_sysroot(name);
    }
    if (name.n == 0)
        return FAIL(s, ML_E_FORMAT, NULL, "%s", "empty name");
    return add(s, item, name);
}

static int expect_open(scan *s, const char *command)
{
    tok t = next(s);
    if (t == T_BAD)
        return -(int)ML_E_FORMAT;
    if (t != T_OPEN)
        return FAIL(s, ML_E_FORMAT, NULL, "'(' is missing after %s", command);
    return 0;
}

/* The list behind INPUT( or GROUP(, with any number of AS_NEEDED( in it, up to its `)`. */
static int inputs(scan *s, const char *command, unsigned group)
{
    int r = expect_open(s, command);
    unsigned begun = s->begun;
    size_t as_needed = 0; /* AS_NEEDED lists that are open */
    while (r == 0) {
        tok t = next(s);
        if (t == T_BAD)
            return -(int)ML_E_FORMAT;
        if (t == T_CLOSE && as_needed-- == 0)
            return 0;
        if (t == T_WORD && is_word(s, "AS_NEEDED")) {
            r = expect_open(s, "AS_NEEDED");
            as_needed++;
        } else if (t == T_WORD) {
            r = add_input(s, as_needed > 0, group);
        } else if (t != T_COMMA && t != T_CLOSE) {
            s->begun = begun;
            return FAIL(s, ML_E_FORMAT, NULL, "the ')' of %s is missing", command);
        }
    }
    return r;
}

/* OUTPUT_FORMAT(default [, big, little]) and SEARCH_DIR(folder): the first name counts. */
static int named(scan *s, const char *command, ml_script_what what)
{
    int r = expect_open(s, command);
    if (r < 0)
        return r;
    for (size_t n = what == ML_SCRIPT_FORMAT ? 3 : 1, i = 0; i < n; i++) {
        tok t = next(s);
        if (t == T_BAD)
            return -(int)ML_E_FORMAT;
        ml_slice name = what == ML_SCRIPT_DIR ? without_sysroot(s->word) : s->word;
        if (t != T_WORD || name.n == 0)
            return FAIL(s, ML_E_FORMAT, NULL, "%s wants a name between '(' and ')'", command);
        r = i == 0 ? add(s, (ml_script_item){.what = what}, name) : 0;
        t = r == 0 ? next(s) : T_BAD;
        if (t == T_BAD)
            return r < 0 ? r : -(int)ML_E_FORMAT;
        if (t == T_CLOSE)
            return 0;
        if (t != T_COMMA)
            break;
    }
    return FAIL(s, ML_E_FORMAT, NULL, "the ')' of %s is missing", command);
}

/* A command of ld's that is not for us, or no command at all: words of a command are upper case. */
static int unknown(scan *s)
{
    int shown = s->word.n < 60 ? (int)s->word.n : 60;
    const char *word = (const char *)s->word.p;
    for (size_t i = 0; i < s->word.n; i++)
        if (!(word[i] >= 'A' && word[i] <= 'Z') && word[i] != '_')
            return FAIL(
                s, ML_E_FORMAT,
                "linker scripts are the only text that can be loaded; compile sources first",
                "not a linker script: '%.*s' is no command", shown, word);
    return FAIL(s, ML_E_UNSUPPORTED,
                "understood are GROUP, INPUT, AS_NEEDED, OUTPUT_FORMAT and SEARCH_DIR",
                "linker-script command '%.*s' is not supported", shown, word);
}

static int command(scan *s, unsigned *groups)
{
    if (is_word(s, "INPUT"))
        return inputs(s, "INPUT", 0);
    if (is_word(s, "GROUP"))
        return inputs(s, "GROUP", ++*groups);
    if (is_word(s, "OUTPUT_FORMAT"))
        return named(s, "OUTPUT_FORMAT", ML_SCRIPT_FORMAT);
    if (is_word(s, "SEARCH_DIR"))
        return named(s, "SEARCH_DIR", ML_SCRIPT_DIR);
    return unknown(s);
}

int ml_script_parse(ml_diag *d, ml_arena *a, const char *file, ml_slice text,
                    ml_script_item **items, size_t *n)
{
    scan s = {.d = d, .arena = a, .file = file, .text = text, .line = 1, .begun = 1};
    if (text.n >= UINT_MAX) /* lines and groups are counted in unsigned */
        return FAIL(&s, ML_E_UNSUPPORTED, NULL, "%s", "the script is larger than 4 GiB");
    unsigned groups = 0;
    for (;;) {
        tok t = next(&s);
        if (t == T_END)
            break;
        if (t == T_SEMICOLON)
            continue;
        if (t == T_BAD)
            return -(int)ML_E_FORMAT;
        if (t != T_WORD)
            return FAIL(&s, ML_E_FORMAT, NULL, "%s", "a command was expected");
        int r = command(&s, &groups);
        if (r < 0)
            return r;
    }
    *items = s.items;
    *n = s.n;
    return 0;
}
