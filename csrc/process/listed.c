/* listed.c -- process: loads in the list that dl_iterate_phdr walks, as code of loads sees it.
** takes where the parts of loads lie; gives program headers for them.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dl_iterate_phdr, a recursive mutex */
#include "process/listed.h"

#include <link.h>
#include <pthread.h>

#include "base/arena.h"

/* Note [Loads in a list]
** ~~~~~~~~~~~~~~~~~~~~~~
** The process's own loader lists what it has loaded itself. D's runtime ends the process when the
** code that registers with it is in no image of the list, a conservative collector (D's, Boehm's)
** frees what only the data of an unlisted image refers to. Both pass no argument by which a session
** could be found, so that the loads of all of them stand in one list. It is locked while callbacks
** run, as the loader's is, and they may load and unload: each walk's next place is corrected. */
typedef struct walk {
    ml_listed *next;
    struct walk *outer;
} walk;

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static ml_listed *first, *last; /* these are guarded by lock */
static walk *walks;

enum { HEADERS = 2 * ML_LISTED_COUNT + 1 };

void ml_listed_enter(ml_listed *x)
{
    pthread_mutex_lock(&lock);
    x->prev = last;
    x->next = NULL;
    *(last ? &last->next : &first) = x;
    last = x;
    x->entered = true;
    pthread_mutex_unlock(&lock);
}

void ml_listed_leave(ml_listed *x)
{
    if (!x->entered)
        return;
    pthread_mutex_lock(&lock);
    for (walk *w = walks; w; w = w->outer)
        w->next = w->next == x ? x->next : w->next;
    *(x->prev ? &x->prev->next : &first) = x->next;
    *(x->next ? &x->next->prev : &last) = x->prev;
    x->entered = false;
    pthread_mutex_unlock(&lock);
    ml_heap_free(x->headers);
    x->headers = NULL;
}

/* The headers of one, and how many these are; NULL when memory is short. */
static Elf64_Phdr *headers_of(ml_listed *x, Elf64_Half *n)
{
    static const uint32_t flags[] = {PF_R | PF_X, PF_R, PF_R | PF_W};
    Elf64_Phdr *h = x->headers;
    if (!h)
        h = x->headers = ml_heap_zalloc(HEADERS, sizeof *h);
    *n = 0;
    if (!h)
        return NULL;
    for (unsigned i = 0; i < 2 * ML_LISTED_COUNT; i++) {
        uint64_t addr = x->segment[i / ML_LISTED_COUNT][i % ML_LISTED_COUNT].addr;
        uint64_t size = x->segment[i / ML_LISTED_COUNT][i % ML_LISTED_COUNT].size;
        if (size)
            h[(*n)++] = (Elf64_Phdr){.p_type = PT_LOAD,
                                     .p_flags = flags[i % ML_LISTED_COUNT],
                                     .p_vaddr = addr - x->base,
                                     .p_filesz = size,
                                     .p_memsz = size,
                                     .p_align = 1};
    }
    if (x->tls->module)
        h[(*n)++] = (Elf64_Phdr){.p_type = PT_TLS,
                                 .p_flags = PF_R,
                                 .p_memsz = x->tls->size,
                                 .p_align = x->tls->cell->align};
    return h;
}

/* The calling thread's, if it has one. */
static void *block_of(const ml_tls *tls)
{
    uint64_t addr = !tls->module     ? 0
                    : tls->is_static ? ml_tls_pointer() + (uint64_t)tls->tp
                                     : ml_tls_present(tls->module, 0);
    return (void *)(uintptr_t)addr;
}

typedef int visitor(struct dl_phdr_info *, size_t, void *);

/* What the caller of iterate wants, and what the loader's entries say that is of them all. */
typedef struct caller {
    visitor *visit;
    void *ud;
    struct dl_phdr_info last;
} caller;

static int pass_on(struct dl_phdr_info *info, size_t size, void *ud)
{
    caller *c = ud;
    if (size >= sizeof c->last)
        c->last = *info;
    return c->visit(info, size, c->ud);
}

static int visit_loads(const caller *c)
{
    int rc = 0;
    pthread_mutex_lock(&lock);
    walk w = {first, walks};
    walks = &w;
    for (ml_listed *x; rc == 0 && (x = w.next) != NULL;) {
        w.next = x->next;
        struct dl_phdr_info info = c->last; /* dlpi_adds, dlpi_subs */
        info.dlpi_addr = x->base;
        info.dlpi_name = x->name;
        info.dlpi_phdr = headers_of(x, &info.dlpi_phnum);
        info.dlpi_tls_modid = x->tls->module;
        info.dlpi_tls_data = block_of(x->tls);
        if (info.dlpi_phdr)
            rc = c->visit(&info, sizeof info, c->ud);
    }
    walks = w.outer;
    pthread_mutex_unlock(&lock);
    return rc;
}

static int iterate(visitor *visit, void *ud)
{
    caller c = {.visit = visit, .ud = ud};
    int rc = dl_iterate_phdr(pass_on, &c);
    return rc ? rc : visit_loads(&c);
}

uint64_t ml_listed_iterate(void)
{
    return (uint64_t)(uintptr_t)iterate;
}
