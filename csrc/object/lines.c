/* lines.c -- object: runs line number programs.
** Spec: DWARF 5 sections 6.2.4 (header) and 6.2.5 (program); DWARF 2 to 4, the same sections.
** SPDX-License-Identifier: MIT */
#include "object/lines.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/leb128.h"
#include "base/search.h"

enum { FORM_DATA2 = 5, FORM_DATA4, FORM_DATA8, FORM_STRING, FORM_BLOCK, FORM_DATA1 = 0x0b };
enum { FORM_STRP = 0x0e, FORM_UDATA, FORM_DATA16 = 0x1e, FORM_LINE_STRP };
enum { CONTENT_PATH = 1, CONTENT_FOLDER };

/* Addresses below this are no code's: linkers put 0 or 1 where what they dropped would be. */
enum { LOWEST = 4096 };

/* A place in the bytes; `bad` once something went past their end, all reads give 0 then. */
typedef struct reader {
    const uint8_t *p, *end;
    bool bad;
} reader;

static uint64_t fixed(reader *r, unsigned bytes)
{
    uint64_t v = 0;
    if ((size_t)(r->end - r->p) < bytes) {
        r->bad = true;
        r->p = r->end;
        return 0;
    }
    for (unsigned i = 0; i < bytes && i < 8; i++)
        v |= (uint64_t)r->p[i] << 8 * i;
    r->p += bytes;
    return v;
}

static uint64_t leb(reader *r, bool has_sign)
{
    uint64_t v = 0, at = 0;
    r->bad |= !ml_leb128(r->p, &at, (uint64_t)(r->end - r->p), has_sign, &v);
    r->p = r->bad ? r->end : r->p + at;
    return v;
}

static uint64_t uleb(reader *r)
{
    return leb(r, false);
}

static uint64_t sleb(reader *r)
{
    return leb(r, true);
}

static void skip(reader *r, uint64_t bytes)
{
    if ((uint64_t)(r->end - r->p) < bytes) {
        r->bad = true;
        r->p = r->end;
    } else {
        r->p += bytes;
    }
}

static const char *text(reader *r)
{
    const uint8_t *nul = memchr(r->p, 0, (size_t)(r->end - r->p));
    if (!nul) {
        r->bad = true;
        r->p = r->end;
        return NULL;
    }
    const char *s = (const char *)r->p;
    r->p = nul + 1;
    return s;
}

/* One unit's table while it is read. */
typedef struct unit {
    ml_arena *a;
    ml_lines *out;
    ml_slice line_str, str;
    size_t most; /* rows */
    reader r;
    unsigned version, offset_size;
    uint8_t min_length, line_range, opcode_base;
    int8_t line_base;
    const uint8_t *lengths; /* operands of standard opcode i: [i - 1] */
    const char **folders;
    size_t nfolders, room_folders;
    size_t first_file; /* index in out->files of the unit's file 0 */
    /* the state machine's registers */
    uint64_t addr, file, line;
    size_t sequence; /* index in out->v of its first row */
} unit;

/* ---- the header ---- */

static bool add_folder(unit *u, const char *name)
{
    if (!ML_ARENA_ROOM(u->a, u->folders, u->nfolders, u->room_folders))
        return false;
    u->folders[u->nfolders++] = name;
    return true;
}

static bool add_file(unit *u, const char *name, uint64_t folder)
{
    ml_lines *o = u->out;
    if (!ML_ARENA_ROOM(u->a, o->files, o->nfiles, o->room_files))
        return false;
    const char *f = folder < u->nfolders ? u->folders[folder] : NULL;
    o->files[o->nfiles++] = (ml_line_file){f, name};
    return true;
}

/* Before version 5: lists that end with an empty name; folder 0, the compiler's own, is not told,
** and the first file is number 1. */
static bool read_names(unit *u)
{
    const char *name;
    bool ok = add_folder(u, NULL);
    while (ok && (name = text(&u->r)) && *name)
        ok = add_folder(u, name);
    ok = ok && add_file(u, NULL, 0);
    while (ok && !u->r.bad && (name = text(&u->r)) && *name) {
        uint64_t folder = uleb(&u->r);
        uleb(&u->r); /* time, size */
        uleb(&u->r);
        ok = add_file(u, name, folder);
    }
    return ok;
}

static const char *string_at(ml_slice s, uint64_t offset)
{
    return ml_slice_str(s, offset);
}

/* A value of an entry: its text or number; what is not understood gives neither and is skipped. */
static void read_form(unit *u, uint64_t form, const char **name, uint64_t *number)
{
    reader *r = &u->r;
    switch (form) {
    case FORM_STRING: *name = text(r); break;
    case FORM_LINE_STRP: *name = string_at(u->line_str, fixed(r, u->offset_size)); break;
    case FORM_STRP: *name = string_at(u->str, fixed(r, u->offset_size)); break;
    case FORM_DATA1: *number = fixed(r, 1); break;
    case FORM_DATA2: *number = fixed(r, 2); break;
    case FORM_DATA4: *number = fixed(r, 4); break;
    case FORM_DATA8: *number = fixed(r, 8); break;
    case FORM_DATA16: skip(r, 16); break;
    case FORM_UDATA: *number = uleb(r); break;
    case FORM_BLOCK: skip(r, uleb(r)); break;
    default: r->bad = true; /* its size is not known */
    }
}

/* Version 5: entries of a described format, for folders and for files alike. Each field takes at
** least a byte, so that the count of a hostile file is not worked through. */
static bool read_entries(unit *u, bool files)
{
    reader *r = &u->r;
    unsigned nformat = (unsigned)fixed(r, 1);
    const uint8_t *formats = r->p;
    for (unsigned i = 0; i < 2 * nformat; i++)
        uleb(r);
    reader format = {formats, r->p, false};
    uint64_t n = uleb(r);
    if (nformat == 0 && n)
        r->bad = true;
    for (uint64_t i = 0; i < n && !r->bad; i++) {
        const char *name = NULL;
        uint64_t folder = 0;
        reader f = format;
        for (unsigned k = 0; k < nformat && !r->bad; k++) {
            uint64_t content = uleb(&f), number = 0;
            const char *s = NULL;
            read_form(u, uleb(&f), &s, &number);
            if (content == CONTENT_PATH)
                name = s;
            else if (content == CONTENT_FOLDER)
                folder = number;
        }
        if (!(files ? add_file(u, name, folder) : add_folder(u, name)))
            return false;
    }
    return true;
}

/* Reads up to the program. False when memory is short; a unit that cannot be read is r.bad. */
static bool read_header(unit *u)
{
    reader *r = &u->r;
    u->version = (unsigned)fixed(r, 2);
    if (u->version < 2 || u->version > 5) {
        r->bad = true;
        return true;
    }
    if (u->version == 5)
        skip(r, 2); /* sizes of an address and of a segment selector */
    uint64_t left = fixed(r, u->offset_size);
    if (left > (uint64_t)(r->end - r->p)) {
        r->bad = true;
        return true;
    }
    const uint8_t *program = r->p + left;
    u->min_length = (uint8_t)fixed(r, 1);
    if (u->version >= 4)
        skip(r, 1); /* operations in an instruction: 1 but for VLIW */
    skip(r, 1);     /* default_is_stmt */
    u->line_base = (int8_t)(uint8_t)fixed(r, 1);
    u->line_range = (uint8_t)fixed(r, 1);
    u->opcode_base = (uint8_t)fixed(r, 1);
    u->lengths = r->p;
    skip(r, u->opcode_base ? u->opcode_base - 1u : 0);
    if (u->line_range == 0 || u->opcode_base == 0)
        r->bad = true;
    u->first_file = u->out->nfiles;
    bool ok = u->version < 5 ? read_names(u) : read_entries(u, false) && read_entries(u, true);
    r->p = program;
    return ok;
}

/* ---- the program ---- */

static void begin_sequence(unit *u)
{
    u->addr = 0;
    u->file = u->line = 1;
    u->sequence = u->out->n;
}

/* Adds a row, or changes the one of the same address: the last one counts. */
static bool row(unit *u, uint64_t line)
{
    ml_lines *o = u->out;
    uint64_t file = u->first_file + u->file;
    if (file >= o->nfiles || u->file >= o->nfiles)
        file = u->first_file; /* may be past the end: see ml_lines_file */
    ml_line v = {u->addr, (uint32_t)line, (uint32_t)file};
    if (o->n > u->sequence && o->v[o->n - 1].addr == u->addr) {
        o->v[o->n - 1] = v;
        return true;
    }
    if (o->n >= u->most)
        return true;
    if (!ML_ARENA_ROOM(u->a, o->v, o->n, o->room))
        return false;
    o->v[o->n++] = v;
    return true;
}

static bool end_sequence(unit *u)
{
    bool ok = row(u, 0);
    if (u->out->n > u->sequence && u->out->v[u->sequence].addr < LOWEST)
        u->out->n = u->sequence; /* code that was dropped */
    begin_sequence(u);
    return ok;
}

static bool extended(unit *u)
{
    reader *r = &u->r;
    uint64_t n = uleb(r);
    if (n == 0 || n > (uint64_t)(r->end - r->p)) {
        r->bad = true;
        return true;
    }
    const uint8_t *next = r->p + n;
    bool ok = true;
    switch (fixed(r, 1)) {
    case 1: ok = end_sequence(u); break;
    case 2: u->addr = fixed(r, n - 1 < 8 ? (unsigned)n - 1 : 8); break;
    case 3: /* define_file, before version 5 */
        if (u->version < 5) {
            const char *name = text(r);
            ok = add_file(u, name, uleb(r));
        }
        break;
    default: break; /* discriminators, and what vendors add */
    }
    r->p = next;
    return ok;
}

static bool standard(unit *u, uint8_t op)
{
    reader *r = &u->r;
    switch (op) {
    case 1: return row(u, u->line);
    case 2: u->addr += u->min_length * uleb(r); break;
    case 3: u->line += sleb(r); break;
    case 4: u->file = uleb(r); break;
    case 5: uleb(r); break; /* column */
    case 6:                 /* is_stmt, basic block */
    case 7: break;
    case 8: u->addr += u->min_length * (uint64_t)((255u - u->opcode_base) / u->line_range); break;
    case 9: u->addr += fixed(r, 2); break;
    default:
        for (unsigned i = 0; i < u->lengths[op - 1]; i++)
            uleb(r);
    }
    return true;
}

static bool run(unit *u)
{
    reader *r = &u->r;
    begin_sequence(u);
    while (!r->bad && r->p < r->end) {
        uint8_t op = (uint8_t)fixed(r, 1);
        bool ok;
        if (op >= u->opcode_base) {
            unsigned k = (unsigned)(op - u->opcode_base);
            u->addr += u->min_length * (uint64_t)(k / u->line_range);
            u->line += (uint64_t)(int64_t)(u->line_base + (int)(k % u->line_range));
            ok = row(u, u->line);
        } else {
            ok = op == 0 ? extended(u) : standard(u, op);
        }
        if (!ok)
            return false;
    }
    u->out->n = u->sequence; /* a sequence without an end covers nobody knows what */
    return true;
}

/* ---- all of it ---- */

/* By address; where one sequence ends and the next begins, the end comes first. */
static int by_address(const void *a, const void *b)
{
    const ml_line *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    return (x->line != 0) - (y->line != 0);
}

bool ml_lines_read(ml_arena *a, ml_slice line, ml_slice line_str, ml_slice str, size_t most,
                   ml_lines *out)
{
    *out = (ml_lines){0};
    if (line.n == 0)
        return true;
    reader all = {line.p, line.p + line.n, false};
    while (!all.bad && all.end - all.p >= 4) {
        unit u = {
            .a = a, .out = out, .line_str = line_str, .str = str, .most = most, .offset_size = 4};
        uint64_t n = fixed(&all, 4);
        if (n == UINT32_MAX) {
            u.offset_size = 8;
            n = fixed(&all, 8);
        }
        if (n > (uint64_t)(all.end - all.p))
            break;
        u.r = (reader){all.p, all.p + n, false};
        all.p += n;
        if (!read_header(&u) || (!u.r.bad && !run(&u)))
            return false;
    }
    if (out->n)
        qsort(out->v, out->n, sizeof *out->v, by_address);
    return true;
}

const ml_line *ml_lines_find(const ml_lines *l, uint64_t addr)
{
    size_t n = ML_UPTO(l->v, l->n, addr, addr);
    return n && l->v[n - 1].line ? &l->v[n - 1] : NULL;
}

size_t ml_lines_file(const ml_lines *l, const ml_line *row, char *buf, size_t size)
{
    const ml_line_file *f = row->file < l->nfiles ? &l->files[row->file] : NULL;
    if (size)
        buf[0] = 0;
    if (!f || !f->name)
        return 0;
    bool whole = f->name[0] == '/' || !f->folder || !*f->folder;
    int n = snprintf(buf, size, "%s%s%s", whole ? "" : f->folder, whole ? "" : "/", f->name);
    return n < 0 ? 0 : (size_t)n;
}
