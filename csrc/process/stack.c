/* stack.c -- process: walks the native stack with the process's own unwinder.
** The module is not linked with an unwinder: whoever wants to see a stack brings libgcc_s into the
** process if nobody has yet, as backtrace(3) of the C library does.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/stack.h"

#include <dlfcn.h>
#include <unwind.h>

#define LIBGCC "libgcc_s.so.1"

typedef _Unwind_Reason_Code backtrace_fn(_Unwind_Trace_Fn visit, void *ud);
typedef _Unwind_Ptr ip_fn(struct _Unwind_Context *c, int *before);
typedef _Unwind_Ptr start_fn(struct _Unwind_Context *c);

typedef struct walk {
    ip_fn *ip;
    start_fn *start;
    ml_frame *v;
    size_t n, max;
} walk;

static _Unwind_Reason_Code visit(struct _Unwind_Context *c, void *ud)
{
    walk *w = ud;
    int before = 0; /* set when the address is that of the instruction itself */
    uint64_t ip = w->ip(c, &before);
    if (ip == 0 || w->n == w->max)
        return _URC_END_OF_STACK;
    w->v[w->n++] = (ml_frame){before ? ip : ip - 1, w->start ? w->start(c) : 0};
    return _URC_NO_REASON;
}

static uint64_t function_of(void *library, const char *name)
{
    return (uintptr_t)dlsym(library, name);
}

/* The library whose unwinder is asked: libgcc_s, else whatever is global; NULL: there is none. */
static void *unwinder(void)
{
    void *library = dlopen(LIBGCC, RTLD_LAZY | RTLD_NOLOAD);
    if (library)
        return library;
    library = dlopen(NULL, RTLD_LAZY);
    if (library && !function_of(library, "_Unwind_Backtrace")) {
        dlclose(library);
        library = NULL;
    }
    return library;
}

void ml_stack_prepare(void)
{
    void *library = unwinder();
    if (!library)
        library = dlopen(LIBGCC, RTLD_LAZY | RTLD_NODELETE);
    if (library)
        dlclose(library);
    dlerror(); /* what was not found is nobody's business */
}

__attribute__((noinline)) size_t ml_stack_frames(ml_frame *v, size_t max)
{
    void *library = unwinder();
    walk w = {.v = v, .max = max};
    if (library) {
        backtrace_fn *run = (backtrace_fn *)function_of(library, "_Unwind_Backtrace");
        w.ip = (ip_fn *)function_of(library, "_Unwind_GetIPInfo");
        w.start = (start_fn *)function_of(library, "_Unwind_GetRegionStart");
        if (run && w.ip)
            run(visit, &w);
        dlclose(library);
    }
    dlerror();
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
