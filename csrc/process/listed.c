/* listed.c -- process: loads in the list that dl_iterate_phdr walks, as code of loads sees it.
** takes where the parts of loads lie; gives program headers for them.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dl_iterate_phdr */
#include "process/listed.h"

#include <link.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/arena.h"
#include "process/guard.h"

/* Note [Loads in a list]
** ~~~~~~~~~~~~~~~~~~~~~~
** The process's own loader lists what it has loaded itself. D's runtime ends the process when the
** code that registers with it is in no image of the list, a conservative collector (D's, Boehm's)
** frees what only the data of an unlisted image refers to. Both pass no argument by which a session
** could be found, so that the loads of all of them stand in one list. It is locked while callbacks
** run, as the loader's is, and they may load and unload: then a walk looks by number for its next
** place. The loader's own lock is taken after this one, never before.
** A callback may also end its walk, by an exception or by a jump (longjmp, a trap). No guard sees a
** jump: so nothing refers to a walk on the stack but the thread's own `holder`, which tells, by the
** address, that its walk is no more. */
typedef struct walk {
    const ml_listed *at; /* NULL: before the first */
    uint64_t number, left;
} walk;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ml_listed *first, *last;          /* these are guarded by lock */
static uint64_t numbers, left;           /* how many have entered, have left */
static _Thread_local const void *holder; /* on the stack of this thread, while it has the lock */

/* Opens the lock that this thread has for the holder. */
static void give(const void *who)
{
    if (holder != who)
        return;
    holder = NULL;
    pthread_mutex_unlock(&lock);
}

/* Was the walk that has the lock left by a jump, to who is on the stack now? */
static bool is_left(const void *who)
{
    return holder && (uintptr_t)holder <= (uintptr_t)who;
}

/* For somebody on the stack. Within a walk it stays the walk's. */
static void take(const void *who)
{
    if (is_left(who))
        give(holder);
    if (holder)
        return;
    pthread_mutex_lock(&lock);
    holder = who;
}

void ml_listed_settle(void)
{
    const char here = 0;
    if (is_left(&here))
        give(holder);
}

void ml_listed_enter(ml_listed *x)
{
    take(&x);
    x->number = ++numbers;
    x->prev = last;
    x->next = NULL;
    *(last ? &last->next : &first) = x;
    last = x;
    give(&x);
}

void ml_listed_leave(ml_listed *x)
{
    if (!x->number)
        return;
    take(&x);
    left++;
    *(x->prev ? &x->prev->next : &first) = x->next;
    *(x->next ? &x->next->prev : &last) = x->prev;
    x->number = 0;
    give(&x);
    ml_heap_free(x->headers);
    x->headers = NULL;
}

/* The next of a walk; NULL: there is none. */
static ml_listed *step(walk *w)
{
    ml_listed *x = w->at && w->left == left ? w->at->next : first;
    while (x && x->number <= w->number)
        x = x->next;
    if (x)
        *w = (walk){x, x->number, left};
    return x;
}

enum { HEADERS = 2 * ML_LISTED_COUNT + 1 };

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
    int rc;
} caller;

static int pass_on(struct dl_phdr_info *info, size_t size, void *ud)
{
    caller *c = ud;
    if (size >= sizeof c->last)
        c->last = *info;
    return c->visit(info, size, c->ud);
}

static void visit_all(void *ud)
{
    caller *c = ud;
    walk w = {0};
    c->rc = dl_iterate_phdr(pass_on, c);
    for (ml_listed *x; c->rc == 0 && (x = step(&w)) != NULL;) {
        struct dl_phdr_info info = c->last; /* dlpi_adds, dlpi_subs */
        info.dlpi_addr = x->base;
        info.dlpi_name = x->name;
        info.dlpi_phdr = headers_of(x, &info.dlpi_phnum);
        info.dlpi_tls_modid = x->tls->module;
        info.dlpi_tls_data = block_of(x->tls);
        if (info.dlpi_phdr)
            c->rc = c->visit(&info, sizeof info, c->ud);
    }
}

static int iterate(visitor *visit, void *ud)
{
    caller c = {.visit = visit, .ud = ud};
    ml_catch end = {.leave = give};
    uint64_t arg = (uint64_t)(uintptr_t)&c;
    take(&end);
    ml_guard_ints[1]((uint64_t)(uintptr_t)&visit_all, &arg, &end);
    give(&end);
    return c.rc;
}

uint64_t ml_listed_iterate(void)
{
    return (uint64_t)(uintptr_t)iterate;
}
