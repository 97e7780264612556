/* regfile_x86_64.c -- call: the register file of the System V x86-64 psABI.
** Spec: 3.2.3 "Parameter Passing": INTEGER arguments take rdi rsi rdx rcx r8 r9, SSE arguments
** xmm0 to xmm7, each class in its own order; all of these are scratch for the callee, so that
** filling more than it reads is harmless. The result is in rax or xmm0; the bits above a narrow
** result are undefined. A float is the low half of its register.
** Not for variadic functions: they read the number of vector registers in al.
** SPDX-License-Identifier: MIT */
#include "call/regfile.h"

void ml_x86_64_result_int(uint64_t fn, const ml_regs *regs, ml_slot *result, ml_catch *c)
{
    result->u = ml_guard_int(fn, regs->slot, c);
}

void ml_x86_64_result_double(uint64_t fn, const ml_regs *regs, ml_slot *result, ml_catch *c)
{
    result->d = ml_guard_double(fn, regs->slot, c);
}

void ml_x86_64_result_float(uint64_t fn, const ml_regs *regs, ml_slot *result, ml_catch *c)
{
    result->f = ml_guard_float(fn, regs->slot, c);
}
