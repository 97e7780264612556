/* stack.c -- process: walks the native stack with the process's own unwinder.
** The module is not linked with an unwinder: whoever wants to see a stack brings libgcc_s into the
** process if nobody has yet, as backtrace(3) of the C library does.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/stack.h"

#include <dlfcn.h>
#include <unwind.h>

#include "process/tls_object.h"

#define LIBGCC "libgcc_s.so.1"

typedef struct walk {
    ml_unwinder u;
    ml_frame *v;
    size_t n, max;
} walk;

static _Unwind_Reason_Code visit(struct _Unwind_Context *c, void *ud)
{
    walk *w = ud;
    int before = 0; /* set when the address is that of the instruction itself */
    uint64_t ip = w->u.ip(c, &before);
    if (ip == 0 || w->n == w->max)
        return _URC_END_OF_STACK;
    w->v[w->n++] = (ml_frame){before ? ip : ip - 1, w->u.start ? w->u.start(c) : 0};
    return _URC_NO_REASON;
}

/* Takes the functions of an open library; closes it when it lacks them. */
static bool take(ml_unwinder *u, void *library)
{
    u->library = library;
    u->backtrace = (ml_backtrace_fn *)(uintptr_t)dlsym(library, "_Unwind_Backtrace");
    u->ip = (ml_frame_ip_fn *)(uintptr_t)dlsym(library, "_Unwind_GetIPInfo");
    u->start = (ml_frame_start_fn *)(uintptr_t)dlsym(library, "_Unwind_GetRegionStart");
    if (u->backtrace && u->ip)
        return true;
    ml_unwinder_close(u);
    return false;
}

bool ml_unwinder_open(ml_unwinder *out)
{
    *out = (ml_unwinder){0};
    void *library = dlopen(LIBGCC, RTLD_LAZY | RTLD_NOLOAD);
    if (!library)
        library = dlopen(NULL, RTLD_LAZY);
    bool found = library && take(out, library);
    dlerror(); /* what was not found is nobody's business */
    return found;
}

void ml_unwinder_close(ml_unwinder *u)
{
    if (u->library)
        dlclose(u->library);
    *u = (ml_unwinder){0};
}

void ml_stack_prepare(void)
{
    ml_unwinder u;
    bool there = ml_unwinder_open(&u);
    void *library = there ? NULL : dlopen(LIBGCC, RTLD_NOW | RTLD_NODELETE);
    if (library)
        dlclose(library);
    ml_unwinder_close(&u);
    dlerror();
}

__attribute__((noinline)) size_t ml_stack_frames(ml_frame *v, size_t max)
{
    walk w = {.v = v, .max = max};
    if (ml_unwinder_open(&w.u))
        w.u.backtrace(visit, &w);
    ml_unwinder_close(&w.u);
    for (size_t i = 1; i < w.n; i++) /* [0] is this function itself */
        v[i - 1] = v[i];
    return w.n ? w.n - 1 : 0;
}

bool ml_stack_locate(uint64_t addr, ml_located *out)
{
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)addr, &info) || !info.dli_fname)
        return false;
    *out = (ml_located){.file = info.dli_fname,
                        .name = info.dli_sname,
                        .start = (uintptr_t)(info.dli_sname ? info.dli_saddr : info.dli_fbase)};
    return true;
}

bool ml_stack_same_file(uint64_t a, uint64_t b)
{
    Dl_info x, y;
    return dladdr((void *)(uintptr_t)a, &x) && dladdr((void *)(uintptr_t)b, &y) &&
           x.dli_fbase == y.dli_fbase;
}

/* The loader knows all stacks, and does it when it opens a library that says so. */
int ml_stack_run(ml_diag *d, ml_where w)
{
    const ml_tls_object o = {.place = ML_TLS_DYNAMIC, .on_stack = true};
    ml_tls_cell *cell;
    const char *why;
    int rc = ml_tls_object_open(d, &o, &cell, &why);
    if (rc < 0)
        return rc;
    if (!cell)
        return ml_fail(d, ML_E_UNSUPPORTED, w,
                       "pass on no address of a nested function, which is code on the stack",
                       "needs executable stacks (.note.GNU-stack): %s", why);
    dlclose(cell->handle);
    return 0;
}
