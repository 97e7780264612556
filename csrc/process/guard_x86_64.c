/* guard_x86_64.c -- process: the guard's frames on System V x86-64.
** Each function pushes its ml_catch, which also aligns the stack, loads argument registers out of
** the array that rsi points at, and calls. No callee-saved register is used, so that the unwinder
** gives the caller's back, and one landing place serves all.
** Spec: x86-64 psABI 3.2.3 "Parameter Passing", 3.7 "Stack Unwind Algorithm"; DWARF 5, 6.4.
** SPDX-License-Identifier: MIT */
#include "process/guard.h"

/* 0x1b: the personality routine's address is a signed 32-bit distance from here. */
#define BEGIN(name)                                   \
    "\t.p2align 4\n"                                  \
    ".globl " name "\n\t.hidden " name "\n"           \
    "\t.type " name ", @function\n" name ":\n"        \
    "\t.cfi_startproc\n"                              \
    "\t.cfi_personality 0x1b, ml_guard_personality\n" \
    "\tendbr64\n"                                     \
    "\tpush %rdx\n"                                   \
    "\t.cfi_adjust_cfa_offset 8\n"                    \
    "\tmov %rdi, %rax\n"
#define END(name)                   \
    "\tcall *%rax\n"                \
    "\tpop %rdx\n"                  \
    "\t.cfi_adjust_cfa_offset -8\n" \
    "\tret\n"                       \
    "\t.cfi_endproc\n"              \
    "\t.size " name ", . - " name "\n"

#define LOAD_RDI "\tmov (%rsi), %rdi\n"
#define LOAD_RDX "\tmov 16(%rsi), %rdx\n"
#define LOAD_RCX "\tmov 24(%rsi), %rcx\n"
#define LOAD_R8  "\tmov 32(%rsi), %r8\n"
#define LOAD_R9  "\tmov 40(%rsi), %r9\n"
#define LOAD_RSI "\tmov 8(%rsi), %rsi\n" /* last: rsi points at the array until then */

/* clang-format off */
__asm__(".pushsection .text\n"
    BEGIN("ml_guard_ints_0")
    END("ml_guard_ints_0")
    BEGIN("ml_guard_ints_1") LOAD_RDI
    END("ml_guard_ints_1")
    BEGIN("ml_guard_ints_2") LOAD_RDI LOAD_RSI
    END("ml_guard_ints_2")
    BEGIN("ml_guard_ints_3") LOAD_RDI LOAD_RDX LOAD_RSI
    END("ml_guard_ints_3")
    BEGIN("ml_guard_ints_4") LOAD_RDI LOAD_RDX LOAD_RCX LOAD_RSI
    END("ml_guard_ints_4")
    BEGIN("ml_guard_ints_5") LOAD_RDI LOAD_RDX LOAD_RCX LOAD_R8 LOAD_RSI
    END("ml_guard_ints_5")
    BEGIN("ml_guard_ints_6") LOAD_RDI LOAD_RDX LOAD_RCX LOAD_R8 LOAD_R9 LOAD_RSI
    END("ml_guard_ints_6")

    ".p2align 4\n"
    ".globl ml_guard_double, ml_guard_float\n"
    ".hidden ml_guard_double, ml_guard_float\n"
    "ml_guard_double:\n" /* the next one by other names */
    "ml_guard_float:\n"
    BEGIN("ml_guard_int")
    "\tmovsd 48(%rsi), %xmm0\n"
    "\tmovsd 56(%rsi), %xmm1\n"
    "\tmovsd 64(%rsi), %xmm2\n"
    "\tmovsd 72(%rsi), %xmm3\n"
    "\tmovsd 80(%rsi), %xmm4\n"
    "\tmovsd 88(%rsi), %xmm5\n"
    "\tmovsd 96(%rsi), %xmm6\n"
    "\tmovsd 104(%rsi), %xmm7\n"
    LOAD_RDI LOAD_RDX LOAD_RCX LOAD_R8 LOAD_R9 LOAD_RSI
    END("ml_guard_int")

    /* The unwinder has put the stack pointer where it was before the call. */
    ".globl ml_guard_landing\n"
    ".hidden ml_guard_landing\n"
    ".type ml_guard_landing, @function\n"
    "ml_guard_landing:\n"
    "\tendbr64\n"
    "\tpop %rdx\n"
    "\txor %eax, %eax\n"
    "\tpxor %xmm0, %xmm0\n"
    "\tret\n"
    ".size ml_guard_landing, . - ml_guard_landing\n"
    ".popsection\n");
/* clang-format on */

ml_guard_ints_fn ml_guard_ints_0, ml_guard_ints_1, ml_guard_ints_2, ml_guard_ints_3,
    ml_guard_ints_4, ml_guard_ints_5, ml_guard_ints_6;

ml_guard_ints_fn *const ml_guard_ints[7] = {
    ml_guard_ints_0, ml_guard_ints_1, ml_guard_ints_2, ml_guard_ints_3,
    ml_guard_ints_4, ml_guard_ints_5, ml_guard_ints_6,
};
