/* signature.h -- call: what a C function takes and gives, checked once, ready to be called.
** A signature is made from a compact code, which the parser of C declarations in Lua writes and
** which is verified here: a wrong letter is an error, never a wrong call.
**    code      = ["!"] signature                "!": through libffi, even where registers would do
**    signature = type "(" type* ["."] ")"       "." stands for "..."
**    type      = letter of ml_ctype, or "P" signature for a pointer to a function
**    "i(ii)" is int(int, int); "v(pLLPi(qq))" is qsort's.
** Invariant: a signature that exists is whole and is never changed; it may be shared and read from
** any thread. Spec: C11 6.5.2.2 (calls), System V x86-64 psABI 3.2.3 (parameter passing).
** SPDX-License-Identifier: MIT */
#ifndef ML_CALL_SIGNATURE_H
#define ML_CALL_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "call/regfile.h"

typedef enum ml_ctype {
    ML_C_VOID = 'v',
    ML_C_BOOL = 'b',
    ML_C_CHAR = 'c',
    ML_C_INT8 = 'a',
    ML_C_UINT8 = 'A',
    ML_C_INT16 = 'h',
    ML_C_UINT16 = 'H',
    ML_C_INT32 = 'i',
    ML_C_UINT32 = 'I',
    ML_C_INT64 = 'l',
    ML_C_UINT64 = 'L',
    ML_C_FLOAT = 'f',
    ML_C_DOUBLE = 'd',
    ML_C_LDOUBLE = 'D',
    ML_C_STRING = 's',  /* const char *: text that is only read */
    ML_C_CHARS = 'S',   /* char *: as a result text, as a parameter a place that may be written */
    ML_C_DATA = 'q',    /* const void *, const unsigned char *: bytes that are only read */
    ML_C_POINTER = 'p', /* any other pointer */
    ML_C_FUNCTION = 'P' /* a pointer to a function whose signature is known */
} ml_ctype;

/* What C guarantees to be possible (C11 5.2.4.1), for fixed and variable arguments together. */
enum { ML_ARGS_MAX = 127 };

/* A C value of any type that a signature can hold. Integers are kept extended to 64 bits by their
** own sign; a bool is 0 or 1; pointers are in s.u. */
typedef union ml_value {
    ml_slot s;
    long double ld;
} ml_value;

typedef struct ml_signature ml_signature;

typedef struct ml_param {
    uint8_t kind;             /* ml_ctype */
    uint8_t slot;             /* index into ml_regs, when the call goes through registers */
    const ml_signature *func; /* of ML_C_FUNCTION: what it points to */
} ml_param;

struct ml_cif; /* libffi's description, see ffi.c */

struct ml_signature {
    /* At most one of these two, which call through registers; neither when libffi has to. */
    ml_regfile_ints_fn *ints;
    ml_regfile_fn *mixed;
    struct ml_cif *cif;
    const char *code;
    uint8_t nparams;
    uint8_t result; /* ml_ctype */
    bool variadic;
    bool takes_functions; /* a parameter is ML_C_FUNCTION */
    ml_param params[];
};

/* Reads a code. ML_E_ARGUMENT when it breaks the grammar, ML_E_UNSUPPORTED when libffi refuses. */
int ml_signature_new(ml_diag *d, const char *code, ml_signature **out);
/* Frees it with the signatures of its parameters. NULL is allowed. */
void ml_signature_free(ml_signature *sig);

/* "unsigned char" for ML_C_UINT8, and so on: for messages. */
const char *ml_ctype_name(ml_ctype kind);

/* The value of an integer kind whose low bits are in u; what lies above them is rubbish. */
static inline uint64_t ml_widen(uint8_t kind, uint64_t u)
{
    switch (kind) {
    case ML_C_BOOL: return (uint8_t)u != 0;
    case ML_C_CHAR: return (uint64_t)(int64_t)(char)u;
    case ML_C_INT8: return (uint64_t)(int64_t)(int8_t)u;
    case ML_C_UINT8: return (uint8_t)u;
    case ML_C_INT16: return (uint64_t)(int64_t)(int16_t)u;
    case ML_C_UINT16: return (uint16_t)u;
    case ML_C_INT32: return (uint64_t)(int64_t)(int32_t)u;
    case ML_C_UINT32: return (uint32_t)u;
    default: return u;
    }
}

/* Reads a value of this kind as it lies in memory, at its natural width. */
void ml_value_load(uint8_t kind, const void *from, ml_value *to);
/* Writes it at its natural width. */
void ml_value_store(uint8_t kind, const ml_value *from, void *to);

/* Calls fn through libffi: any signature, any number of arguments up to ML_ARGS_MAX. `extra` holds
** the kinds of the arguments behind the fixed ones (already promoted: int, 64-bit, double,
** pointers, long double). args are clobbered. *result is set for every result but void. The one
** thing that can go wrong is that libffi knows no way to pass such arguments: false, and nothing
** was called. */
bool ml_ffi_call(const ml_signature *sig, uint64_t fn, unsigned nargs, const uint8_t *extra,
                 ml_value *args, ml_value *result);

#endif
