/* signature.c -- call: from the compact code to a checked signature.
** SPDX-License-Identifier: MIT */
#include "call/signature.h"

#include <string.h>

#include "call/ffi.h"

enum { DEPTH_MAX = 8 }; /* functions that take functions that take ... */

/* What the code letters mean: their name for messages, their register class. */
typedef enum reg_class { CLASS_NONE, CLASS_INT, CLASS_FLOAT, CLASS_MEMORY } reg_class;

typedef struct letter {
    const char *name;
    reg_class class;
} letter;

static const letter letters[128] = {
    [ML_C_VOID] = {"void", CLASS_NONE},
    [ML_C_BOOL] = {"bool", CLASS_INT},
    [ML_C_CHAR] = {"char", CLASS_INT},
    [ML_C_INT8] = {"signed char", CLASS_INT},
    [ML_C_UINT8] = {"unsigned char", CLASS_INT},
    [ML_C_INT16] = {"short", CLASS_INT},
    [ML_C_UINT16] = {"unsigned short", CLASS_INT},
    [ML_C_INT32] = {"int", CLASS_INT},
    [ML_C_UINT32] = {"unsigned int", CLASS_INT},
    [ML_C_INT64] = {"long", CLASS_INT},
    [ML_C_UINT64] = {"unsigned long", CLASS_INT},
    [ML_C_FLOAT] = {"float", CLASS_FLOAT},
    [ML_C_DOUBLE] = {"double", CLASS_FLOAT},
    [ML_C_LDOUBLE] = {"long double", CLASS_MEMORY},
    [ML_C_STRING] = {"const char *", CLASS_INT},
    [ML_C_CHARS] = {"char *", CLASS_INT},
    [ML_C_DATA] = {"const void *", CLASS_INT},
    [ML_C_POINTER] = {"void *", CLASS_INT},
    [ML_C_FUNCTION] = {"function pointer", CLASS_INT},
};

const char *ml_ctype_name(ml_ctype kind)
{
    return (unsigned)kind < 128 && letters[kind].name ? letters[kind].name : "?";
}

/* A place in a code, and whom to tell. */
typedef struct reader {
    ml_diag *d;
    const char *code; /* whole, for messages */
    const char *at;
    unsigned depth;
    bool general; /* the code says: through libffi */
} reader;

static int bad_code(const reader *r, const char *expected)
{
    ml_where where = {.offset = (uint64_t)(r->at - r->code), .has_offset = true};
    return ml_fail(r->d, ML_E_ARGUMENT, where, NULL, "signature code '%s': expected %s", r->code,
                   expected);
}

/* Steps over one letter; 0 when there is none here. */
static uint8_t take_kind(reader *r)
{
    unsigned char c = (unsigned char)*r->at;
    if (c >= 128 || !letters[c].name)
        return 0;
    r->at++;
    return c;
}

static int read_signature(reader *r, ml_signature **out);

/* Parameters up to ")"; those read so far are owned by sig even on failure. */
static int read_params(reader *r, ml_signature *sig)
{
    while (*r->at != ')' && *r->at != '.') {
        if (sig->nparams == ML_ARGS_MAX)
            return bad_code(r, "at most 127 parameters");
        uint8_t kind = take_kind(r);
        if (!kind || kind == ML_C_VOID)
            return bad_code(r, "the letter of a parameter type");
        ml_param *p = &sig->params[sig->nparams];
        *p = (ml_param){.kind = kind};
        if (kind == ML_C_FUNCTION) {
            ml_signature *func;
            int rc = read_signature(r, &func);
            if (rc < 0)
                return rc;
            p->func = func;
            sig->takes_functions = true;
        }
        sig->nparams++;
    }
    if (*r->at == '.') {
        sig->variadic = true;
        r->at++;
    }
    if (*r->at != ')')
        return bad_code(r, "')'");
    r->at++;
    return 0;
}

/* Gives each parameter its register; false when there is none for one of them. */
static bool assign_registers(ml_signature *sig, const ml_regfile *rf, unsigned *floats)
{
    unsigned ints = 0;
    *floats = 0;
    for (unsigned i = 0; i < sig->nparams; i++) {
        ml_param *p = &sig->params[i];
        reg_class class = letters[p->kind].class;
        if (class == CLASS_INT && ints < rf->ints)
            p->slot = (uint8_t)(ML_REGS_INT + ints++);
        else if (class == CLASS_FLOAT && *floats < rf->floats)
            p->slot = (uint8_t)(ML_REGS_FLOAT + (*floats)++);
        else
            return false;
    }
    return true;
}

static void choose_registers(ml_signature *sig)
{
    const ml_regfile *rf = ml_regfile_host();
    unsigned floats;
    if (!rf || sig->variadic || sig->takes_functions || sig->result == ML_C_LDOUBLE ||
        !assign_registers(sig, rf, &floats))
        return;
    if (sig->result == ML_C_DOUBLE)
        sig->mixed = rf->result_double;
    else if (sig->result == ML_C_FLOAT)
        sig->mixed = rf->result_float;
    else if (floats > 0)
        sig->mixed = rf->result_int;
    else
        sig->ints = rf->ints_only[sig->nparams];
}

/* As many letters as may be parameters: an upper bound for the room to take. */
static size_t count_letters(const char *at)
{
    size_t n = strlen(at);
    return n < ML_ARGS_MAX ? n : ML_ARGS_MAX;
}

static int finish(reader *r, const char *start, ml_signature *sig)
{
    size_t len = (size_t)(r->at - start);
    char *code = ml_heap_zalloc(len + 1, 1);
    if (!code)
        return ml_nomem(r->d);
    memcpy(code, start, len);
    sig->code = code;
    int rc = ml_cif_new(r->d, sig, &sig->cif);
    if (rc < 0)
        return rc;
    if (!r->general)
        choose_registers(sig);
    return 0;
}

static int read_signature(reader *r, ml_signature **out)
{
    const char *start = r->at;
    uint8_t result = take_kind(r);
    if (!result || result == ML_C_FUNCTION)
        return bad_code(r, "the letter of a result type");
    if (*r->at != '(' || r->depth >= DEPTH_MAX)
        return bad_code(r, r->depth < DEPTH_MAX ? "'('" : "functions nested less deeply");
    r->at++;
    ml_signature *sig = ml_heap_zalloc(1, sizeof *sig + count_letters(r->at) * sizeof(ml_param));
    if (!sig)
        return ml_nomem(r->d);
    sig->result = result;
    r->depth++;
    int rc = read_params(r, sig);
    r->depth--;
    if (rc == 0)
        rc = finish(r, start, sig);
    if (rc < 0) {
        ml_signature_free(sig);
        return rc;
    }
    *out = sig;
    return 0;
}

int ml_signature_new(ml_diag *d, const char *code, ml_signature **out)
{
    reader r = {.d = d, .code = code, .at = code};
    if (*r.at == '!') {
        r.general = true;
        r.at++;
    }
    ml_signature *sig;
    int rc = read_signature(&r, &sig);
    if (rc < 0)
        return rc;
    if (*r.at) {
        ml_signature_free(sig);
        return bad_code(&r, "the end");
    }
    *out = sig;
    return 0;
}

void ml_signature_free(ml_signature *sig)
{
    if (!sig)
        return;
    for (unsigned i = 0; i < sig->nparams; i++)
        ml_signature_free((ml_signature *)(uintptr_t)sig->params[i].func);
    ml_cif_free(sig->cif);
    ml_heap_free((void *)(uintptr_t)sig->code);
    ml_heap_free(sig);
}
