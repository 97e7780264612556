/* tls.c -- link: the thread-local segment of a load, and what its symbols are.
** takes sections with SHF_TLS and common symbols of type STT_TLS; gives them offsets in one block,
** .tdata before .tbss, as a static linker lays out PT_TLS; opens the storage through process/tls.c.
** A thread-local symbol's address (ml_entry.addr, the psABI's S) is its offset in that block.
** What relocations make of it is in tls_reloc.c.
** Spec: gABI chapter 5 "Program Header" (PT_TLS); Drepper, "ELF Handling For Thread-Local Storage",
** 3 and 4 (variant II).
** SPDX-License-Identifier: MIT */
#include "base/align.h"
#include "link/txn.h"

/* Bytes of a block: what a thread cannot have ends the process when it first asks. */
#define SEGMENT_MAX (UINT64_C(1) << 30)

static ml_where where_defined(const ml_txn *t, const ml_entry *e)
{
    const ml_input *in = &t->l->inputs[e->image];
    return (ml_where){.file = in->file, .member = in->member, .symbol = e->name};
}

int ml_segment_define(ml_txn *t, ml_entry *e)
{
    bool is_tls = e->type == ML_TYPE_TLS;
    if (e->def == ML_DEF_ABS && is_tls)
        return ml_fail(t->d, ML_E_FORMAT, where_defined(t, e), NULL,
                       "'%s' is thread-local, but has a fixed value", e->name);
    if (e->def != ML_DEF_SECTION || (e->flags & ML_ENT_NOWHERE))
        return 0;
    const ml_image *img = t->l->inputs[e->image].img;
    if (!is_tls && !(img->flags & ML_SEC_TLS))
        return 0;
    const ml_isec s = ml_image_section(img, e->section);
    if (s.flags & ML_SEC_TLS)
        e->type = ML_TYPE_TLS;
    else if (is_tls)
        return ml_fail(t->d, ML_E_FORMAT, where_defined(t, e), NULL,
                       "'%s' is thread-local, but its section %s is not", e->name, s.name);
    return 0;
}

/* ---- layout ---- */

static int too_large(ml_txn *t, uint64_t size)
{
    return ml_fail(t->d, ML_E_SPACE, (ml_where){0}, "allocate large buffers with malloc",
                   "the load needs 0x%llx bytes of thread-local storage and more, the limit is "
                   "1 GiB",
                   (unsigned long long)size);
}

static bool put(ml_segment *g, ml_piece *p)
{
    g->any = true;
    uint64_t align = ml_piece_align(p);
    if (align > g->align)
        g->align = align;
    p->offset = ml_align_up(g->size, align);
    if (p->size > SEGMENT_MAX || p->offset + p->size > SEGMENT_MAX)
        return false;
    g->size = p->offset + p->size;
    return true;
}

int ml_segment_place(ml_txn *t)
{
    ml_segment *g = &t->segment;
    *g = (ml_segment){.align = 1};
    for (unsigned c = ML_CLASS_TDATA; c <= ML_CLASS_TBSS; c++) {
        for (uint32_t i = 0; (t->classes & 1u << c) && i < t->npieces; i++)
            if (t->pieces[i].class == c && !put(g, &t->pieces[i]))
                return too_large(t, t->pieces[i].size);
        if (c == ML_CLASS_TDATA)
            g->filled = g->size;
    }
    g->image = ml_zalloc(&t->scratch, (size_t)g->filled, 1);
    if (!g->image)
        return ml_nomem(t->d);
    if (g->any && g->size == 0)
        g->size = 1; /* symbols without a size have a place all the same */
    return 0;
}

/* ---- opening ---- */

static int fail_spent(ml_txn *t, const ml_tls_object *o, ml_tls_room room)
{
    const ml_segment *g = &t->segment;
    const ml_input *in = &t->l->inputs[g->input];
    const ml_irels *rels = &in->img->rels[g->rels];
    ml_irel r = ml_image_rel(rels, g->rel);
    ml_where at = ml_binding_where(t, in, rels, &r, ml_target_row(t->target, r.type));
    if (o->align > ML_TLS_STATIC_ALIGN)
        return ml_fail(t->d, ML_E_SPACE, at, "compile with -fPIC -ftls-model=global-dynamic",
                       "needs static thread-local storage with an alignment of %llu bytes; the "
                       "process has it with %u at most",
                       (unsigned long long)o->align, (unsigned)ML_TLS_STATIC_ALIGN);
    uint64_t missing = o->size > room.left ? o->size - room.left : 0;
    const char *waiting =
        ml_format(&t->scratch, "; %llu more wait for units that were loaded later to be unloaded",
                  (unsigned long long)room.waiting);
    const char *hint = ml_format(
        &t->scratch,
        "start with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=%llu in the environment, or "
        "compile with -fPIC -ftls-model=global-dynamic",
        (unsigned long long)((room.optional + missing + 2 * ML_TLS_STATIC_ALIGN - 1) &
                             ~(uint64_t)(ML_TLS_STATIC_ALIGN - 1)));
    return ml_fail(t->d, ML_E_SPACE, at, hint,
                   "static thread-local storage is spent: the load needs %llu bytes, %llu are "
                   "left%s",
                   (unsigned long long)o->size, (unsigned long long)room.left,
                   room.waiting && waiting ? waiting : "");
}

int ml_segment_open(ml_txn *t)
{
    const ml_segment *g = &t->segment;
    ml_tls_room room;
    if (!g->any || t->o.fixed)
        return 0;
    ml_tls_object o = {.image = {g->image, (size_t)g->filled},
                       .size = g->size,
                       .align = g->align,
                       .place = g->fixed     ? ML_TLS_STATIC
                                : t->o.relax ? ML_TLS_EITHER
                                             : ML_TLS_DYNAMIC};
    /* A thread that cannot have its block ends the process: so see now whether one can. */
    void *trial = ml_heap_grow(NULL, (size_t)g->size, 1);
    if (!trial)
        return ml_nomem(t->d);
    ml_heap_free(trial);
    int rc = ml_tls_open(t->d, &o, &t->l->tls, &room);
    if (rc == -(int)ML_E_SPACE)
        return fail_spent(t, &o, room);
    t->l->stats.tls = t->l->tls.size;
    t->l->stats.tls_static = t->l->tls.is_static;
    return rc;
}

uint64_t ml_segment_address(const ml_linked *l, const ml_entry *e)
{
    if (e->def == ML_DEF_PROCESS)
        return e->value ? ml_tls_present(e->value, e->addr) : 0;
    const ml_tls *tls = e->def == ML_DEF_UNIT ? &e->unit->l->tls : &l->tls;
    return tls->module ? ml_tls_address(tls->module, e->addr) : 0;
}

/* ---- names ---- */

/* What local dynamic descriptors refer to: the start of the load's own block. */
uint64_t ml_segment_start(const ml_txn *t, unsigned which)
{
    (void)t, (void)which;
    return 0;
}

bool ml_segment_find(const ml_txn *t, const char *name, ml_tls_variable *out, uint32_t *held)
{
    const ml_session *s = t->s;
    uint32_t n = t->libraries.n;
    bool found = ml_tls_find(name, NULL, out);
    *held = 0;
    for (uint32_t i = 0; i < n + s->nheld && !found; i++) {
        const ml_library *lib = i < n ? &t->libraries.v[i] : &s->held[i - n]->lib;
        found = strchr(lib->path, '/') && ml_tls_find(name, lib->path, out);
        *held = found && i >= n ? i - n + 1 : 0;
    }
    return found;
}

bool ml_segment_bind(ml_txn *t, ml_entry *e)
{
    ml_tls_variable v;
    uint32_t held;
    if (!ml_segment_find(t, e->name, &v, &held))
        return false;
    e->def = ML_DEF_PROCESS;
    e->bind = ML_BIND_GLOBAL;
    e->type = ML_TYPE_TLS;
    e->addr = v.offset;
    e->value = v.module;
    e->section = 0;
    e->size = 0;
    e->provider = v.provider;
    e->image = held;
    return true;
}
