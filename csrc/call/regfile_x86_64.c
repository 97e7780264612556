/* regfile_x86_64.c -- call: the register-file cast of the System V x86-64 psABI.
** Spec: 3.2.3 "Parameter Passing": INTEGER arguments take rdi rsi rdx rcx r8 r9, SSE arguments
** xmm0 to xmm7, each class in its own order; all of these are scratch for the callee, so that
** filling more than it reads is harmless. The result is in rax or xmm0; the bits above a narrow
** result are undefined. A float is the low half of its register.
** Not for variadic functions: they read the number of vector registers in al.
** SPDX-License-Identifier: MIT */
#include "call/regfile.h"

#define INTS   uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t
#define FLOATS double, double, double, double, double, double, double, double

#define INTS_OF(r) (r)[0].u, (r)[1].u, (r)[2].u, (r)[3].u, (r)[4].u, (r)[5].u
#define FLOATS_OF(r) \
    (r)[6].d, (r)[7].d, (r)[8].d, (r)[9].d, (r)[10].d, (r)[11].d, (r)[12].d, (r)[13].d

/* The callee has another type than the pointer says: that is the point. UBSan's function check
** would report each call, so these functions go without it. */
#define CAST_CALL __attribute__((no_sanitize("undefined")))

typedef uint64_t int_fn(INTS, FLOATS);
typedef double double_fn(INTS, FLOATS);
typedef float float_fn(INTS, FLOATS);

/* By the number of arguments: the most common calls load no more than they pass. */
#define CALL_INTS(n, types, values)                                      \
    CAST_CALL static uint64_t ints_##n(uint64_t fn, const ml_regs *regs) \
    {                                                                    \
        const ml_slot *r = regs->slot;                                   \
        (void)r;                                                         \
        typedef uint64_t callee types;                                   \
        return ((callee *)(uintptr_t)fn)values;                          \
    }

typedef uint64_t u64;
CALL_INTS(0, (void), ())
CALL_INTS(1, (u64), (r[0].u))
CALL_INTS(2, (u64, u64), (r[0].u, r[1].u))
CALL_INTS(3, (u64, u64, u64), (r[0].u, r[1].u, r[2].u))
CALL_INTS(4, (u64, u64, u64, u64), (r[0].u, r[1].u, r[2].u, r[3].u))
CALL_INTS(5, (u64, u64, u64, u64, u64), (r[0].u, r[1].u, r[2].u, r[3].u, r[4].u))
CALL_INTS(6, (u64, u64, u64, u64, u64, u64), (INTS_OF(r)))

ml_regfile_ints_fn *const ml_x86_64_ints[] = {ints_0, ints_1, ints_2, ints_3,
                                              ints_4, ints_5, ints_6};

CAST_CALL void ml_x86_64_result_int(uint64_t fn, const ml_regs *regs, ml_slot *result)
{
    result->u = ((int_fn *)(uintptr_t)fn)(INTS_OF(regs->slot), FLOATS_OF(regs->slot));
}

CAST_CALL void ml_x86_64_result_double(uint64_t fn, const ml_regs *regs, ml_slot *result)
{
    result->d = ((double_fn *)(uintptr_t)fn)(INTS_OF(regs->slot), FLOATS_OF(regs->slot));
}

CAST_CALL void ml_x86_64_result_float(uint64_t fn, const ml_regs *regs, ml_slot *result)
{
    result->f = ((float_fn *)(uintptr_t)fn)(INTS_OF(regs->slot), FLOATS_OF(regs->slot));
}
