/* debug.c -- link: what a load shows to debuggers and profilers.
** takes a load that is sealed, while its images are there; makes it seen in the ways that its
** options name, and keeps its symbol table and lines for places.c. One symbol file and one
** registration for a whole load: debuggers take their time for each.
** SPDX-License-Identifier: MIT */
#include "link/debug.h"

#include <elf.h>

#include "link/txn.h"
#include "process/perf.h"

void ml_debug_warn(ml_debug *g, const char *text)
{
    if (text && g->nwarnings < ML_DEBUG_WARNINGS)
        g->warnings[g->nwarnings++] = text;
}

const ml_lines *ml_debug_lines(ml_debug *g)
{
    if (!g->lines_read) {
        g->lines_read = true;
        if (!ml_lines_read(&g->keep, g->section[ML_DEBUG_LINE], g->section[ML_DEBUG_LINE_STR],
                           g->section[ML_DEBUG_STR], g->most_lines, &g->lines))
            g->lines = (ml_lines){0};
    }
    return &g->lines;
}

/* ---- profilers ---- */

/* The rows of the line table between two addresses. */
static bool lines_of(ml_debug *g, ml_arena *a, ml_perf_function *f)
{
    const ml_lines *l = ml_debug_lines(g);
    const ml_line *first = ml_lines_find(l, f->addr), *end = first;
    if (!first)
        return true;
    while (end < l->v + l->n && end->addr < f->addr + f->size)
        end++;
    ml_perf_line *v = ml_nalloc(a, (size_t)(end - first), sizeof *v);
    const char *name = NULL;
    uint32_t file = 0;
    if (!v)
        return false;
    f->lines = v;
    for (const ml_line *row = first; row < end; row++) {
        if (row->line == 0)
            continue;
        if (!name || row->file != file) {
            size_t n = ml_lines_file(l, row, NULL, 0);
            char *text = ml_alloc(a, n + 1);
            if (!text)
                return false;
            ml_lines_file(l, row, text, n + 1);
            name = text;
            file = row->file;
        }
        v[f->nlines++] = (ml_perf_line){row->addr < f->addr ? f->addr : row->addr, row->line, name};
    }
    return true;
}

/* The functions of the load that have a size, cut at the end of its code: what an object says of a
** symbol's size is nobody's promise. False when memory is short. */
static bool functions_of(const ml_txn *t, ml_debug *g, ml_arena *a, bool lines,
                         ml_perf_function **out, size_t *n)
{
    ml_area text = ml_linked_area(t->l, false, ML_PART_TEXT);
    size_t most = g->symtab.n / sizeof(Elf64_Sym);
    ml_perf_function *v = ml_zalloc(a, most, sizeof *v);
    *out = v;
    *n = 0;
    for (size_t i = 0; v && i < most; i++) {
        Elf64_Sym s;
        memcpy(&s, g->symtab.p + i * sizeof s, sizeof s);
        if (ELF64_ST_TYPE(s.st_info) != STT_FUNC || !ml_area_has(text, s.st_value) ||
            s.st_size == 0)
            continue;
        uint64_t left = text.size - (s.st_value - text.addr);
        ml_perf_function *f = &v[*n];
        *f = (ml_perf_function){.name = (const char *)g->strtab.p + s.st_name,
                                .addr = s.st_value,
                                .size = s.st_size < left ? s.st_size : left};
        if (lines && !lines_of(g, a, f))
            return false;
        ++*n;
    }
    return v != NULL;
}

static int tell_perf(ml_txn *t, ml_debug *g, unsigned modes)
{
    ml_arena a = {0};
    ml_perf_function *v;
    size_t n;
    bool ok = functions_of(t, g, &a, modes & ML_SEEN_JITDUMP, &v, &n);
    if (ok && (modes & ML_SEEN_PERF))
        ml_debug_warn(g, ml_perf_map(&g->keep, v, n));
    if (ok && (modes & ML_SEEN_JITDUMP))
        ml_debug_warn(g, ml_perf_dump(&g->keep, t->target->machine, v, n));
    ml_arena_free(&a);
    return ok ? 0 : ml_nomem(t->d);
}

/* ---- all ---- */

int ml_debug_do(ml_txn *t)
{
    unsigned modes = t->o.debug;
    if (!modes)
        return 0;
    ml_debug *g = t->l->debug = ml_heap_zalloc(1, sizeof *g);
    if (!g)
        return ml_nomem(t->d);
    unsigned want = modes & ML_SEEN_GDB                         ? ML_DEBUG_ALL
                    : modes & (ML_SEEN_JITDUMP | ML_SEEN_LINES) ? ML_DEBUG_LINES
                                                                : 0;
    int rc = ml_symfile_make(t, want, g);
    if (rc == 0 && (modes & (ML_SEEN_PERF | ML_SEEN_JITDUMP)))
        rc = tell_perf(t, g, modes);
    if (rc == 0 && (modes & ML_SEEN_GDB)) {
        g->gdb.file = g->file;
        g->gdb.size = g->size;
        ml_debugger_register(&g->gdb);
    }
    return rc;
}

void ml_debug_undo(ml_linked *l)
{
    ml_debug *g = l->debug;
    if (!g)
        return;
    ml_debugger_unregister(&g->gdb);
    ml_heap_free(g->file);
    ml_arena_free(&g->keep);
    ml_heap_free(g);
    l->debug = NULL;
}
