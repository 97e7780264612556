/* tls.c -- process: blocks of thread-local storage, by way of the process's own loader.
** takes an image; gives a module id and, for a static block, its offset from the thread pointer.
** Spec: dlopen(3), dlinfo(3), dl_iterate_phdr(3); Drepper, "ELF Handling For Thread-Local Storage".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dl_iterate_phdr, dlinfo */
#include "process/tls.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

/* Note [TLS by the loader]
** ~~~~~~~~~~~~~~~~~~~~~~~~
** Only the loader that made the threads' control blocks knows how to give each thread, those that
** run already included, a block of thread-local storage: it keeps the list of threads, of module
** ids and of what is free below the thread pointer. So a load's thread-local sections are given to
** it as a shared object of a few hundred bytes, in a file in memory, with a PT_TLS segment and no
** code. Module ids are then real ones, for the real __tls_get_addr; new threads get the image; what
** a thread has goes when the thread ends, the rest with dlclose.
**
** The object asks by its relocations. TPOFF64 against its own block demands a static block, at one
** offset from every thread pointer, which glibc fills in all threads that run; it fails when the
** room that glibc sets aside at start (1,664 bytes, alignment 64 at most) is spent. TLSDESC takes
** such a block from a smaller part (512 bytes: glibc.rtld.optional_static_tls) and is content
** without. DTPMOD64 alone: dynamic. The offset tells how it went.
**
** glibc gets a static block back only when the object that is closed has the last one. An object
** that is not the last is therefore not closed: it is marked as retired, in its own memory, so that
** any session finds it in the loader's list, and is closed when it has become the last. While the
** process has one thread, a retired block can be used again: the image is written into the object,
** for threads to come, and into the calling thread's block. The sizes of static blocks are
** multiples of their alignment, since glibc does not get back what rounding had cost. */

/* The tunable, in bytes, as the variable of the environment said it when glibc read it, at start:
** the last of several counts. */
static uint64_t read_optional_room(void)
{
    enum { DEFAULT = 512, MOST = 1 << 30 };
    static const char name[] = "glibc.rtld.optional_static_tls=";
    uint64_t bytes = DEFAULT;
    char text[2048];
    const char *at = ml_os_started_with("GLIBC_TUNABLES", text, sizeof text) ? text : "";
    while ((at = strstr(at, name))) {
        at += sizeof name - 1;
        bytes = strtoull(at, NULL, 0);
    }
    return bytes < MOST ? bytes : MOST;
}

static uint64_t optional_room(void)
{
    static _Atomic(uint64_t) known; /* one more; 0: not yet. It never changes */
    uint64_t bytes = atomic_load_explicit(&known, memory_order_relaxed);
    if (!bytes) {
        bytes = read_optional_room() + 1;
        atomic_store_explicit(&known, bytes, memory_order_relaxed);
    }
    return bytes - 1;
}

/* The most that a static block can have, in bytes, and how far one lies below another. A retired
** block is the last one when no other lies below. Where a library's block lies the loader tells
** only by its address; within this distance it is taken for a static one. */
static uint64_t static_most(void)
{
    enum { BY_DEFAULT = 64 << 10 }; /* glibc has never room for so much without the tunable */
    return BY_DEFAULT + optional_room();
}

void *__tls_get_addr(void *index); /* of the loader; no header declares it */

uint64_t ml_tls_pointer(void)
{
    return (uint64_t)(uintptr_t)__builtin_thread_pointer();
}

uint64_t ml_tls_address(uint64_t module, uint64_t offset)
{
    struct {
        uint64_t module, offset;
    } index = {module, offset};
    return (uint64_t)(uintptr_t)__tls_get_addr(&index);
}

/* ---- the loader's list ---- */

/* Our cell in a file of the loader's list, or NULL. */
static ml_tls_cell *cell_of(const struct dl_phdr_info *info)
{
    const ElfW(Phdr) *load = info->dlpi_phdr;
    if (info->dlpi_phnum != 4 || strncmp(info->dlpi_name, "/proc/", 6) != 0 ||
        load->p_type != PT_LOAD || load->p_offset != 0 ||
        load->p_memsz < ML_TLS_CELL_AT + sizeof(ml_tls_cell))
        return NULL;
    uint8_t *p = (uint8_t *)(uintptr_t)(info->dlpi_addr + load->p_vaddr + ML_TLS_CELL_AT);
    return memcmp(p, ml_tls_magic, sizeof ml_tls_magic) == 0 ? (void *)p : NULL;
}

/* A walk over the list. Cells of others may be looked at only while the list is locked: in the
** functions that dl_iterate_phdr calls. */
typedef struct walk {
    int64_t lowest; /* offset of the static block of ours that lies lowest; 0: there is none */
    bool retired;   /* it is */
    bool below;     /* another static block lies below it */
    uint64_t reach; /* below that one, of another */
    uint64_t size, align;
    uint64_t fit;         /* size of the smallest retired block that has so much room; 0: none */
    ml_tls_cell *claimed; /* is ours now */
} walk;

static int64_t static_offset(const ml_tls_cell *c)
{
    return c && c->size ? c->tp : 0;
}

static int find_lowest(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    walk *w = ud;
    const ml_tls_cell *c = cell_of(info);
    int64_t tp = static_offset(c);
    if (tp < w->lowest) {
        w->lowest = tp;
        w->retired = c->state == ML_TLS_RETIRED;
    }
    return 0;
}

static int find_below(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    walk *w = ud;
    if (cell_of(info) || !info->dlpi_tls_data)
        return 0;
    uint64_t lowest = ml_tls_pointer() + (uint64_t)w->lowest;
    w->below |= lowest - (uint64_t)(uintptr_t)info->dlpi_tls_data - 1 < w->reach;
    return 0;
}

static bool claim(ml_tls_cell *c, walk *w)
{
    int retired = ML_TLS_RETIRED;
    if (!atomic_compare_exchange_strong(&c->state, &retired, ML_TLS_CLAIMED))
        return false;
    w->claimed = c;
    return true;
}

static int claim_lowest(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    walk *w = ud;
    ml_tls_cell *c = cell_of(info);
    return c && static_offset(c) == w->lowest && claim(c, w);
}

static bool has_room_for(const ml_tls_cell *c, const walk *w)
{
    return static_offset(c) < 0 && c->state == ML_TLS_RETIRED && c->size >= w->size &&
           c->align >= w->align;
}

static int find_fit(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    walk *w = ud;
    const ml_tls_cell *c = cell_of(info);
    if (c && has_room_for(c, w) && (!w->fit || c->size < w->fit))
        w->fit = c->size;
    return 0;
}

static int claim_fit(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    walk *w = ud;
    ml_tls_cell *c = cell_of(info);
    return c && has_room_for(c, w) && c->size == w->fit && claim(c, w);
}

static int count_waiting(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    const ml_tls_cell *c = cell_of(info);
    if (static_offset(c) < 0 && c->state == ML_TLS_RETIRED)
        *(uint64_t *)ud += c->size;
    return 0;
}

/* Closes what is retired and has become the last. */
static void sweep(void)
{
    for (;;) {
        walk w = {0};
        dl_iterate_phdr(find_lowest, &w);
        if (!w.retired)
            return;
        w.reach = static_most();
        dl_iterate_phdr(find_below, &w);
        if (!w.below)
            dl_iterate_phdr(claim_lowest, &w);
        if (!w.claimed)
            return;
        dlclose(w.claimed->handle);
    }
}

/* A retired block for the object, with its image in place: see the Note. NULL: there is none. */
static ml_tls_cell *reuse(const ml_tls_object *o)
{
    walk w = {.size = o->size, .align = o->align};
    if (ml_os_thread_count() != 1)
        return NULL;
    dl_iterate_phdr(find_fit, &w);
    if (w.fit)
        dl_iterate_phdr(claim_fit, &w);
    ml_tls_cell *c = w.claimed;
    if (!c)
        return NULL;
    uint8_t *image = (uint8_t *)c + c->image;
    memset(image, 0, c->size);
    if (o->image.n)
        memcpy(image, o->image.p, o->image.n);
    memcpy((void *)(uintptr_t)(ml_tls_pointer() + (uint64_t)c->tp), image, c->size);
    c->state = ML_TLS_LIVE;
    return c;
}

/* ---- opening ---- */

/* Can a static block of n units of `unit` bytes be had? */
static bool has_room(uint64_t n, uint64_t unit)
{
    ml_diag d;
    ml_tls_cell *cell;
    const char *why;
    ml_tls_object o = {.size = n * unit, .align = unit, .place = ML_TLS_STATIC};
    ml_diag_init(&d);
    bool ok = ml_tls_object_open(&d, &o, &cell, &why) == 0 && cell;
    if (ok)
        dlclose(cell->handle);
    ml_diag_free(&d);
    return ok;
}

/* How many bytes a static block could have: the loader does not tell, so it is tried. */
static uint64_t room_left(uint64_t align)
{
    uint64_t unit = align < ML_TLS_STATIC_ALIGN ? align : ML_TLS_STATIC_ALIGN;
    uint64_t lo = 0, hi = static_most() / unit;
    while (lo + 1 < hi) {
        uint64_t middle = lo + (hi - lo) / 2;
        if (has_room(middle, unit))
            lo = middle;
        else
            hi = middle;
    }
    return lo * unit;
}

static int fail_loader(ml_diag *d, const char *why)
{
    const char *text = strrchr(why, ':'); /* what comes before is our own path */
    return ml_fail(d, ML_E_LIBRARY, (ml_where){0},
                   "the loader opens thread-local storage by a path below /proc: is it there?",
                   "the process's loader gives no thread-local storage:%s", text ? text + 1 : why);
}

static void fill(ml_tls *out, ml_tls_cell *c, uint64_t size)
{
    if ((int64_t)c->desc[1] < 0)
        c->tp = (int64_t)c->desc[1];
    *out =
        (ml_tls){.module = c->module, .size = size, .tp = c->tp, .is_static = c->tp < 0, .cell = c};
}

/* An object whose block may be static: sizes as Note [TLS by the loader] says, all of it in the
** image. */
static int open_static(ml_diag *d, ml_arena *a, ml_tls_object *o, ml_tls_cell **cell,
                       const char **why)
{
    sweep();
    *cell = reuse(o);
    if (*cell)
        return 0;
    uint8_t *image = ml_zalloc(a, (size_t)o->size, 1);
    if (!image)
        return ml_nomem(d);
    if (o->image.n)
        memcpy(image, o->image.p, o->image.n);
    o->image = (ml_slice){image, (size_t)o->size};
    return ml_tls_object_open(d, o, cell, why);
}

int ml_tls_open(ml_diag *d, const ml_tls_object *want, ml_tls *out, ml_tls_room *room)
{
    enum { ALIGN = 16 };
    ml_tls_object o = *want;
    ml_arena a = {0};
    ml_tls_cell *cell = NULL;
    const char *why = "";
    bool fits = want->size <= static_most() && want->align <= ML_TLS_STATIC_ALIGN;
    int rc = 0;
    *out = (ml_tls){0};
    o.align = want->align < ALIGN ? ALIGN : want->align;
    o.size = (want->size + o.align - 1) & ~(o.align - 1);
    if (o.place == ML_TLS_DYNAMIC || (o.place == ML_TLS_EITHER && !fits))
        rc = ml_tls_object_open(d, &o, &cell, &why);
    else if (fits)
        rc = open_static(d, &a, &o, &cell, &why);
    if (rc == 0 && cell)
        fill(out, cell, want->size);
    ml_arena_free(&a);
    if (rc < 0 || cell)
        return rc;
    if (o.place != ML_TLS_STATIC || (fits && !strstr(why, "static TLS")))
        return fail_loader(d, why);
    *room = (ml_tls_room){.left = room_left(o.align), .optional = optional_room()};
    dl_iterate_phdr(count_waiting, &room->waiting);
    return -(int)ML_E_SPACE;
}

void ml_tls_close(ml_tls *t)
{
    ml_tls_cell *c = t->cell;
    bool is_static = t->is_static;
    *t = (ml_tls){0};
    if (!c)
        return;
    if (!is_static || !c->size) {
        dlclose(c->handle);
        return;
    }
    c->state = ML_TLS_RETIRED;
    sweep();
}

/* ---- variables of the process ---- */

/* The file of the loader's list that has a module id, and whether its block has the offset. */
typedef struct provider {
    uint64_t module, offset;
    const char *name;
} provider;

static int find_provider(struct dl_phdr_info *info, size_t size, void *ud)
{
    provider *p = ud;
    if (size < offsetof(struct dl_phdr_info, dlpi_tls_data) || info->dlpi_tls_modid != p->module)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS && p->offset < info->dlpi_phdr[i].p_memsz)
            p->name = info->dlpi_name;
    return 1;
}

static bool import(const char *name, const char *needed, ml_tls_place place, ml_tls_cell *out)
{
    ml_diag d;
    ml_tls_cell *cell;
    const char *why;
    ml_tls_object o = {.place = place, .import = name, .needed = needed};
    ml_diag_init(&d);
    bool ok = ml_tls_object_open(&d, &o, &cell, &why) == 0 && cell;
    if (ok) {
        out->module = cell->module;
        out->offset = cell->offset;
        out->tp = cell->tp;
        dlclose(cell->handle);
    }
    ml_diag_free(&d);
    return ok && out->module;
}

bool ml_tls_find(const char *name, const char *needed, ml_tls_variable *out)
{
    ml_tls_cell cell;
    if (!import(name, needed, ML_TLS_DYNAMIC, &cell))
        return false;
    provider p = {.module = cell.module, .offset = cell.offset};
    dl_iterate_phdr(find_provider, &p);
    *out = (ml_tls_variable){cell.module, cell.offset, p.name};
    return p.name != NULL; /* else a symbol of that name that is not thread-local */
}

bool ml_tls_find_static(const char *name, const ml_tls_variable *v, int64_t *tp)
{
    ml_tls_cell cell;
    const char *needed = strchr(v->provider, '/') ? v->provider : NULL;
    if (!import(name, needed, ML_TLS_STATIC, &cell) || cell.tp >= 0 || cell.module != v->module ||
        cell.offset != v->offset)
        return false;
    *tp = cell.tp;
    return true;
}

typedef struct block {
    uint64_t module;
    void *start; /* the calling thread's; NULL: it has none */
} block;

static int find_block(struct dl_phdr_info *info, size_t size, void *ud)
{
    block *b = ud;
    if (size < offsetof(struct dl_phdr_info, dlpi_tls_data) + sizeof info->dlpi_tls_data ||
        info->dlpi_tls_modid != b->module)
        return 0;
    b->start = info->dlpi_tls_data;
    return 1;
}

uint64_t ml_tls_present(uint64_t module, uint64_t offset)
{
    block b = {.module = module};
    dl_iterate_phdr(find_block, &b);
    return b.start ? (uint64_t)(uintptr_t)b.start + offset : 0;
}
