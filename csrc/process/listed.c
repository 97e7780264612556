/* listed.c -- process: loads in the list that dl_iterate_phdr walks, as code of loads sees it.
** takes where the parts of loads lie; gives program headers for them.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dl_iterate_phdr */
#include "process/listed.h"

#include <link.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "os/mutex.h"
#include "os/os.h"
#include "process/guard.h"

/* Note [Loads in a list]
** ~~~~~~~~~~~~~~~~~~~~~~
** The process's own loader lists what it has loaded itself. D's runtime ends the process when the
** code that registers with it is in no image of the list, a conservative collector (D's, Boehm's)
** frees what only the data of an unlisted image refers to. Both pass no argument by which a session
** could be found, so that the loads of all of them stand in one list. Callbacks may load, unload
** and fork, and wait for other threads that do: the lock is not held while they run, each walk
** stands in a list, and its next place is corrected. Who unloads what another thread's callback
** looks at waits until it has returned. In the child of a fork there are no other threads, and no
** walks of theirs.
** A callback may also end its walk, by an exception or by a jump (longjmp, a trap). No guard sees a
** jump, so that nothing on the stack is in the list: such a walk is forgotten, by its frame's
** address, when the thread is known to be above it, and nobody waits for it for long. */
typedef struct walk {
    ml_catch end;         /* comes first: what the guard tells us of is the walk */
    ml_listed *at, *next; /* NULL: it has been forgotten */
    pthread_t thread;
    uintptr_t frame; /* of who walks */
    struct walk *outer;
} walk;

static ml_listed *first, *last; /* these are guarded by ML_MUTEX_LISTED */
static walk *walks;

enum { WAIT_NS = 20000, WAITS = 50000 };
enum { HEADERS = 2 * ML_LISTED_COUNT + 1 };

static void forget(walk **p)
{
    walk *w = *p;
    *p = w->outer;
    w->at = w->next = NULL;
}

static void forget_others(void)
{
    for (walk **p = &walks; *p;) {
        if (pthread_equal((*p)->thread, pthread_self()))
            p = &(*p)->outer;
        else
            forget(p);
    }
}

void ml_listed_enter(ml_listed *x)
{
    ml_mutex_take(ML_MUTEX_LISTED);
    ml_mutex_in_child(ML_MUTEX_LISTED, forget_others);
    x->prev = last;
    x->next = NULL;
    *(last ? &last->next : &first) = x;
    last = x;
    x->entered = true;
    ml_mutex_give(ML_MUTEX_LISTED);
}

/* A walk of another thread that is there. */
static walk **visitor_of(const ml_listed *x)
{
    walk **p = &walks;
    while (*p && ((*p)->at != x || pthread_equal((*p)->thread, pthread_self())))
        p = &(*p)->outer;
    return *p ? p : NULL;
}

static void wait_for_visitors(const ml_listed *x)
{
    walk **p;
    for (unsigned i = 0; (p = visitor_of(x)) != NULL; i++) {
        if (i >= WAITS) {
            forget(p);
            continue;
        }
        ml_mutex_give(ML_MUTEX_LISTED);
        ml_os_sleep_ns(WAIT_NS);
        ml_mutex_take(ML_MUTEX_LISTED);
    }
}

void ml_listed_leave(ml_listed *x)
{
    if (!x->entered)
        return;
    ml_mutex_take(ML_MUTEX_LISTED);
    for (walk *w = walks; w; w = w->outer)
        w->next = w->next == x ? x->next : w->next;
    *(x->prev ? &x->prev->next : &first) = x->next;
    *(x->next ? &x->next->prev : &last) = x->prev;
    x->entered = false;
    wait_for_visitors(x);
    ml_mutex_give(ML_MUTEX_LISTED);
    ml_heap_free(x->shown);
    x->shown = NULL;
}

/* What callbacks see of a load. */
struct ml_shown {
    Elf64_Phdr headers[HEADERS];
    Elf64_Half n;
    char name[];
};

static void add_headers(const ml_listed *x, ml_shown *shown)
{
    static const uint32_t flags[] = {PF_R | PF_X, PF_R, PF_R | PF_W};
    for (unsigned i = 0; i < 2 * ML_LISTED_COUNT; i++) {
        uint64_t addr = x->segment[i / ML_LISTED_COUNT][i % ML_LISTED_COUNT].addr;
        uint64_t size = x->segment[i / ML_LISTED_COUNT][i % ML_LISTED_COUNT].size;
        if (size)
            shown->headers[shown->n++] = (Elf64_Phdr){.p_type = PT_LOAD,
                                                      .p_flags = flags[i % ML_LISTED_COUNT],
                                                      .p_vaddr = addr - x->base,
                                                      .p_filesz = size,
                                                      .p_memsz = size,
                                                      .p_align = 1};
    }
    if (x->tls->module)
        shown->headers[shown->n++] = (Elf64_Phdr){.p_type = PT_TLS,
                                                  .p_flags = PF_R,
                                                  .p_memsz = x->tls->size,
                                                  .p_align = x->tls->cell->align};
}

/* Who finds the name of a file here opens it, as a program or a library: this is none. Not empty:
** that would be the program. */
static ml_shown *new_shown(const ml_listed *x)
{
    static const char prefix[] = "moonlink:";
    size_t len = strlen(x->file);
    ml_shown *shown = ml_heap_zalloc(1, sizeof *shown + sizeof prefix + len);
    if (!shown)
        return NULL;
    memcpy(shown->name, prefix, sizeof prefix);
    memcpy(shown->name + sizeof prefix - 1, x->file, len);
    add_headers(x, shown);
    return shown;
}

/* Made at the first question, by whichever thread comes first; NULL when memory is short. */
static const ml_shown *shown_of(ml_listed *x)
{
    ml_shown *made = NULL;
    ml_mutex_take(ML_MUTEX_LISTED);
    if (!x->shown) {
        ml_mutex_give(ML_MUTEX_LISTED);
        made = new_shown(x);
        ml_mutex_take(ML_MUTEX_LISTED);
    }
    if (!x->shown) {
        x->shown = made;
        made = NULL;
    }
    const ml_shown *shown = x->shown;
    ml_mutex_give(ML_MUTEX_LISTED);
    ml_heap_free(made);
    return shown;
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
    walk *w;
    int rc;
} caller;

static int pass_on(struct dl_phdr_info *info, size_t size, void *ud)
{
    caller *c = ud;
    if (size >= sizeof c->last)
        c->last = *info;
    return c->visit(info, size, c->ud);
}

/* Walks of this thread that a jump has left: stacks grow down. */
static void forget_below(uintptr_t frame)
{
    for (walk **p = &walks; *p;) {
        if (pthread_equal((*p)->thread, pthread_self()) && (*p)->frame <= frame)
            forget(p);
        else
            p = &(*p)->outer;
    }
}

void ml_listed_settle(void)
{
    ml_mutex_take(ML_MUTEX_LISTED);
    forget_below((uintptr_t)__builtin_frame_address(0));
    ml_mutex_give(ML_MUTEX_LISTED);
}

/* The guard's way to tell us is a pointer to what is const. */
static void end(const void *which)
{
    walk *w = (walk *)(uintptr_t)which, **p = &walks;
    ml_mutex_take(ML_MUTEX_LISTED);
    while (*p && *p != w)
        p = &(*p)->outer;
    if (*p)
        *p = w->outer;
    ml_mutex_give(ML_MUTEX_LISTED);
    ml_heap_free(w);
}

static walk *begin(uintptr_t frame)
{
    walk *w = ml_heap_zalloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->end.leave = end;
    w->thread = pthread_self();
    w->frame = frame;
    ml_mutex_take(ML_MUTEX_LISTED);
    forget_below(frame);
    w->next = first;
    w->outer = walks;
    walks = w;
    ml_mutex_give(ML_MUTEX_LISTED);
    return w;
}

static ml_listed *go_on(walk *w)
{
    ml_mutex_take(ML_MUTEX_LISTED);
    w->at = w->next;
    w->next = w->at ? w->at->next : NULL;
    ml_mutex_give(ML_MUTEX_LISTED);
    return w->at;
}

static void visit_loads(void *ud)
{
    caller *c = ud;
    for (ml_listed *x; c->rc == 0 && (x = go_on(c->w)) != NULL;) {
        const ml_shown *shown = shown_of(x);
        struct dl_phdr_info info = c->last; /* dlpi_adds, dlpi_subs */
        if (!shown)
            continue;
        info.dlpi_addr = x->base;
        info.dlpi_name = shown->name;
        info.dlpi_phdr = shown->headers;
        info.dlpi_phnum = shown->n;
        info.dlpi_tls_modid = x->tls->module;
        info.dlpi_tls_data = block_of(x->tls);
        c->rc = c->visit(&info, sizeof info, c->ud);
    }
}

static int iterate(visitor *visit, void *ud)
{
    caller c = {.visit = visit, .ud = ud};
    uint64_t arg = (uint64_t)(uintptr_t)&c;
    c.rc = dl_iterate_phdr(pass_on, &c);
    if (c.rc || !(c.w = begin((uintptr_t)__builtin_frame_address(0))))
        return c.rc;
    ml_guard_ints[1]((uint64_t)(uintptr_t)&visit_loads, &arg, &c.w->end);
    end(c.w);
    return c.rc;
}

uint64_t ml_listed_iterate(void)
{
    return (uint64_t)(uintptr_t)iterate;
}
