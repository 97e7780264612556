/* error.c -- base: records of what went wrong.
** SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[ML_E_COUNT] = {
    [ML_OK] = "ok",
#define ERR(CODE, name, text) [ML_E_##CODE] = #name,
#include "base/err.def"
#undef ERR
};

const char *ml_code_name(ml_code code)
{
    return code < ML_E_COUNT ? code_names[code] : "unknown";
}

void ml_diag_init(ml_diag *d)
{
    *d = (ml_diag){0};
}

void ml_diag_free(ml_diag *d)
{
    ml_arena_free(&d->arena);
    ml_diag_init(d);
}

static void append(ml_diag *d, ml_error *e)
{
    e->next = NULL;
    if (d->last)
        d->last->next = e;
    else
        d->first = e;
    d->last = e;
}

int ml_nomem(ml_diag *d)
{
    d->count++;
    if (d->no_room.code == ML_OK) {
        d->no_room = (ml_error){.code = ML_E_NOMEM, .text = "not enough memory"};
        append(d, &d->no_room);
    }
    return -(int)ML_E_NOMEM;
}

/* Copies *s into the diag's arena; false when memory is short. */
static bool keep(ml_diag *d, const char **s)
{
    if (!*s)
        return true;
    *s = ml_strdup(&d->arena, *s);
    return *s != NULL;
}

int ml_fail(ml_diag *d, ml_code code, ml_where at, const char *hint, const char *fmt, ...)
{
    if (d->count >= ML_DIAG_MAX) {
        d->count++;
        return -(int)code;
    }
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ml_error *e = ml_zalloc(&d->arena, 1, sizeof *e);
    if (!e)
        return ml_nomem(d);
    *e = (ml_error){.code = code, .at = at, .text = text, .hint = hint};
    if (n >= (int)sizeof text)
        memcpy(text + sizeof text - 4, "...", 4);
    if (!keep(d, &e->text) || !keep(d, &e->hint) || !keep(d, &e->at.file) ||
        !keep(d, &e->at.member) || !keep(d, &e->at.section) || !keep(d, &e->at.symbol) ||
        !keep(d, &e->at.reloc) || !keep(d, &e->at.func))
        return ml_nomem(d);
    d->count++;
    append(d, e);
    return -(int)code;
}

/* A place in a buffer that counts on when the buffer is full. */
typedef struct out {
    char *buf;
    size_t size, n;
} out;

static void put(out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t room = o->n < o->size ? o->size - o->n : 0;
    int n = vsnprintf(room ? o->buf + o->n : NULL, room, fmt, ap);
    va_end(ap);
    if (n > 0)
        o->n += (size_t)n;
}

size_t ml_error_text(const ml_error *e, char *buf, size_t size)
{
    out o = {buf, size, 0};
    const ml_where *w = &e->at;
    if (w->file && w->member)
        put(&o, "%s(%s): ", w->file, w->member);
    else if (w->file)
        put(&o, "%s: ", w->file);
    if (w->line && o.n)
        o.n--; /* file:line */
    if (w->line)
        put(&o, "%s%u:%u: ", o.n ? "" : "line ", w->line, w->column);
    if (w->section && w->has_offset)
        put(&o, "%s+0x%" PRIx64, w->section, w->offset);
    else if (w->section)
        put(&o, "%s", w->section);
    else if (w->has_offset)
        put(&o, "offset %" PRIu64, w->offset);
    if (w->func)
        put(&o, " (in %s)", w->func);
    if (w->section || w->has_offset)
        put(&o, ": ");
    if (w->reloc && w->symbol)
        put(&o, "%s against '%s': ", w->reloc, w->symbol);
    else if (w->reloc)
        put(&o, "%s: ", w->reloc);
    put(&o, "%s", e->text);
    if (size && o.n >= size)
        buf[size - 1] = 0;
    return o.n;
}
