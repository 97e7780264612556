/* closure.c -- call: closures of libffi.
** libffi's own allocator may hand out pages that are writable and executable (Debian's does). So
** the memory is ours: written at one address, called at another. libffi's trampoline finds its data
** relative to itself, which the second address serves as well as the first.
** SPDX-License-Identifier: MIT */
#include "call/closure.h"

#include <errno.h>

#include "call/cif.h"
#include "call/ffi.h"
#include "os/os.h"

struct ml_closure {
    ffi_closure *ffi;
    void *code; /* what native code calls */
    const ml_signature *sig;
    ml_closure_fn *fn;
    void *ud;
};

/* libffi wants an integer result that is narrower than a register widened to the whole of it. */
static void give_result(uint8_t kind, const ml_value *result, void *ret)
{
    switch (kind) {
    case ML_C_VOID: return;
    case ML_C_FLOAT:
    case ML_C_DOUBLE:
    case ML_C_LDOUBLE: ml_value_store(kind, result, ret); return;
    default: *(ffi_arg *)ret = result->s.u; return;
    }
}

static void entry(ffi_cif *cif, void *ret, void **args, void *ud)
{
    (void)cif;
    const ml_closure *c = ud;
    const ml_signature *sig = c->sig;
    ml_value result = {.ld = 0};
    c->fn(c->ud, sig, args, &result);
    give_result(sig->result, &result, ret);
}

static int refuse(ml_diag *d, const char *why)
{
    return ml_fail(d, ML_E_UNSUPPORTED, (ml_where){0}, NULL, "callback: %s", why);
}

enum { SLOT = (sizeof(ffi_closure) + 15) / 16 * 16 };
_Static_assert((int)SLOT >= (int)ML_CLOSURE_SIZE, "an address in a closure is its own");

uint64_t ml_closure_entry(void)
{
    return (uintptr_t)&entry;
}

uint64_t ml_ffi_anchor(void)
{
    return (uintptr_t)&ffi_call;
}

static bool refill(ml_closure_pool *pool)
{
    void *rw, *rx;
    size_t size = ml_os_page();
    if (!ml_os_dual(size, &rw, &rx))
        return false;
    *pool = (ml_closure_pool){.rw = rw, .rx = rx, .size = size, .process = ml_os_process()};
    return true;
}

int ml_closure_new(ml_diag *d, ml_closure_pool *pool, const ml_signature *sig, ml_closure_fn *fn,
                   void *ud, ml_closure **out)
{
    if (sig->variadic)
        return refuse(d, "a function with variable arguments cannot be written in Lua");
    ml_closure *c = ml_heap_zalloc(1, sizeof *c);
    if (!c)
        return ml_nomem(d);
    c->sig = sig;
    c->fn = fn;
    c->ud = ud;
    bool full = pool->used + SLOT > pool->size || pool->process != ml_os_process();
    if (full && !refill(pool)) {
        ml_heap_free(c);
        return ml_fail(d, ML_E_IO, (ml_where){0}, NULL,
                       "callback: no memory that can be executed: %s", ml_os_error(errno));
    }
    c->ffi = (ffi_closure *)(void *)(pool->rw + pool->used);
    c->code = pool->rx + pool->used;
    if (ffi_prep_closure_loc(c->ffi, &sig->cif->cif, entry, c, c->code) != FFI_OK) {
        ml_heap_free(c);
        return refuse(d, "libffi refuses this signature");
    }
    pool->used += SLOT;
    *out = c;
    return 0;
}

uint64_t ml_closure_address(const ml_closure *c)
{
    return (uintptr_t)c->code;
}
