/* closure.h -- call: an address that native code can call, and that ends in a handler of ours.
** A closure is made once for a signature and is never given back: native code may keep its address
** for as long as the process lives, so that memory must stay what it is. Whoever makes closures
** uses the ones it no longer needs again, for the same signature.
** SPDX-License-Identifier: MIT */
#ifndef ML_CALL_CLOSURE_H
#define ML_CALL_CLOSURE_H

#include "call/signature.h"

/* args[i] points to the i-th argument at its natural width (ml_value_load); *result is zero. Runs
** in whatever thread native code is in. */
typedef void ml_closure_fn(void *ud, const ml_signature *sig, void *const *args, ml_value *result);

typedef struct ml_closure ml_closure;

/* Where closures are put next; starts as zeros. What is in use stays when the pool goes. */
typedef struct ml_closure_pool {
    uint8_t *rw, *rx; /* one memory, as it is written and as it is executed */
    size_t used, size;
    int64_t process; /* that made it: a child of fork takes memory of its own */
} ml_closure_pool;

/* sig is borrowed and must stay as long as the closure: for good. Variadic signatures are refused
** (ML_E_UNSUPPORTED). */
int ml_closure_new(ml_diag *d, ml_closure_pool *pool, const ml_signature *sig, ml_closure_fn *fn,
                   void *ud, ml_closure **out);
uint64_t ml_closure_address(const ml_closure *c);
enum { ML_CLOSURE_SIZE = 32 }; /* bytes from there on that are its own, at least */
/* The function of this module in which all closures end, as stack.h tells it; an address inside
** libffi. */
uint64_t ml_closure_entry(void);
uint64_t ml_ffi_anchor(void);

#endif
