/* closure.c -- call: closures of libffi.
** libffi 3.4 takes its trampolines from pages that are mapped from its own file, so that no page is
** ever writable and executable at once.
** SPDX-License-Identifier: MIT */
#include "call/closure.h"

#include "call/cif.h"
#include "call/ffi.h"

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

int ml_closure_new(ml_diag *d, const ml_signature *sig, ml_closure_fn *fn, void *ud,
                   ml_closure **out)
{
    if (sig->variadic)
        return refuse(d, "a function with variable arguments cannot be written in Lua");
    ml_closure *c = ml_heap_zalloc(1, sizeof *c);
    if (!c)
        return ml_nomem(d);
    c->sig = sig;
    c->fn = fn;
    c->ud = ud;
    c->ffi = ffi_closure_alloc(sizeof *c->ffi, &c->code);
    if (!c->ffi) {
        ml_heap_free(c);
        return ml_nomem(d);
    }
    if (ffi_prep_closure_loc(c->ffi, &sig->cif->cif, entry, c, c->code) != FFI_OK) {
        ffi_closure_free(c->ffi);
        ml_heap_free(c);
        return refuse(d, "libffi refuses this signature");
    }
    *out = c;
    return 0;
}

uint64_t ml_closure_address(const ml_closure *c)
{
    return (uintptr_t)c->code;
}
