/* ffi.c -- call: calls that do not fit the registers, through libffi.
** takes a signature and values; gives the result, widened like every ml_value.
** SPDX-License-Identifier: MIT */
#include "call/ffi.h"

#include <string.h>

#include "call/cif.h"

static ffi_type *type_of(uint8_t kind)
{
    switch (kind) {
    case ML_C_VOID: return &ffi_type_void;
    case ML_C_BOOL: return &ffi_type_uint8;
    case ML_C_CHAR: return (char)-1 < 0 ? &ffi_type_sint8 : &ffi_type_uint8;
    case ML_C_INT8: return &ffi_type_sint8;
    case ML_C_UINT8: return &ffi_type_uint8;
    case ML_C_INT16: return &ffi_type_sint16;
    case ML_C_UINT16: return &ffi_type_uint16;
    case ML_C_INT32: return &ffi_type_sint32;
    case ML_C_UINT32: return &ffi_type_uint32;
    case ML_C_INT64: return &ffi_type_sint64;
    case ML_C_UINT64: return &ffi_type_uint64;
    case ML_C_FLOAT: return &ffi_type_float;
    case ML_C_DOUBLE: return &ffi_type_double;
    case ML_C_LDOUBLE: return &ffi_type_longdouble;
    default: return &ffi_type_pointer;
    }
}

int ml_cif_new(ml_diag *d, const ml_signature *sig, struct ml_cif **out)
{
    struct ml_cif *c = ml_heap_zalloc(1, sizeof *c + sig->nparams * sizeof *c->types);
    if (!c)
        return ml_nomem(d);
    for (unsigned i = 0; i < sig->nparams; i++)
        c->types[i] = type_of(sig->params[i].kind);
    ffi_status rc =
        ffi_prep_cif(&c->cif, FFI_DEFAULT_ABI, sig->nparams, type_of(sig->result), c->types);
    if (rc != FFI_OK) {
        ml_heap_free(c);
        return ml_fail(d, ML_E_UNSUPPORTED, (ml_where){0}, NULL,
                       "libffi cannot describe the signature '%s'", sig->code);
    }
    *out = c;
    return 0;
}

void ml_cif_free(struct ml_cif *cif)
{
    ml_heap_free(cif);
}

void ml_value_load(uint8_t kind, const void *from, ml_value *to)
{
    to->s.u = 0;
    switch (kind) {
    case ML_C_VOID: return;
    case ML_C_LDOUBLE: memcpy(&to->ld, from, sizeof to->ld); return;
    case ML_C_FLOAT: memcpy(&to->s.f, from, sizeof to->s.f); return;
    case ML_C_BOOL:
    case ML_C_CHAR:
    case ML_C_INT8:
    case ML_C_UINT8: to->s.u = ml_widen(kind, *(const uint8_t *)from); return;
    case ML_C_INT16:
    case ML_C_UINT16: to->s.u = ml_widen(kind, *(const uint16_t *)from); return;
    case ML_C_INT32:
    case ML_C_UINT32: to->s.u = ml_widen(kind, *(const uint32_t *)from); return;
    default: memcpy(&to->s.u, from, sizeof to->s.u); return;
    }
}

void ml_value_store(uint8_t kind, const ml_value *from, void *to)
{
    switch (kind) {
    case ML_C_VOID: return;
    case ML_C_LDOUBLE: memcpy(to, &from->ld, sizeof from->ld); return;
    case ML_C_FLOAT: memcpy(to, &from->s.f, sizeof from->s.f); return;
    case ML_C_BOOL:
    case ML_C_CHAR:
    case ML_C_INT8:
    case ML_C_UINT8: *(uint8_t *)to = (uint8_t)from->s.u; return;
    case ML_C_INT16:
    case ML_C_UINT16: *(uint16_t *)to = (uint16_t)from->s.u; return;
    case ML_C_INT32:
    case ML_C_UINT32: *(uint32_t *)to = (uint32_t)from->s.u; return;
    default: memcpy(to, &from->s.u, sizeof from->s.u); return;
    }
}

/* libffi hands back an integer result that is narrower than a register widened to ffi_arg. */
static void take_result(uint8_t kind, const ml_value *raw, ml_value *result)
{
    *result = *raw;
    if (kind != ML_C_LDOUBLE && kind != ML_C_DOUBLE && kind != ML_C_FLOAT)
        result->s.u = ml_widen(kind, raw->s.u);
}

/* Lays the arguments out as libffi reads them: each at its natural width. */
static void lay_out(uint8_t kind, ml_value *arg, void **at)
{
    ml_value wide = *arg;
    ml_value_store(kind, &wide, arg);
    *at = arg;
}

/* The types of all arguments of one variadic call. */
static bool describe(const ml_signature *sig, unsigned nargs, const uint8_t *extra, ffi_cif *cif,
                     ffi_type **types)
{
    for (unsigned i = 0; i < nargs; i++)
        types[i] = i < sig->nparams ? sig->cif->types[i] : type_of(extra[i - sig->nparams]);
    return ffi_prep_cif_var(cif, FFI_DEFAULT_ABI, sig->nparams, nargs, type_of(sig->result),
                            types) == FFI_OK;
}

bool ml_ffi_call(const ml_signature *sig, uint64_t fn, unsigned nargs, const uint8_t *extra,
                 ml_value *args, ml_value *result)
{
    void *at[ML_ARGS_MAX];
    ffi_type *types[ML_ARGS_MAX];
    ffi_cif variable;
    ffi_cif *cif = &sig->cif->cif;
    if (sig->variadic) {
        cif = &variable;
        if (!describe(sig, nargs, extra, cif, types))
            return false;
    }
    for (unsigned i = 0; i < nargs; i++)
        lay_out(i < sig->nparams ? sig->params[i].kind : extra[i - sig->nparams], &args[i], &at[i]);
    ml_value raw = {.s.u = 0};
    ffi_call(cif, FFI_FN((uintptr_t)fn), &raw, at);
    take_result(sig->result, &raw, result);
    return true;
}
