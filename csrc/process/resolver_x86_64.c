/* resolver_x86_64.c -- process: what a lazy stub jumps to, on x86-64.
** takes, on the stack, an ml_lazy and a slot's number, as target/x86_64.c pushes them; goes on to
** the address that belongs into the slot.
** Spec: x86-64 psABI 3.2.3 (the registers that may hold arguments: six integers, %rax with the
** number of vectors, %r10 the static chain, eight vectors), 3.2.2 (the stack at a call); Intel SDM
** volume 1, chapter 13 (XSAVE).
** SPDX-License-Identifier: MIT */
#include "process/resolver.h"

#include <assert.h>
#include <stddef.h>

#include "process/xsave_x86_64.h"

static_assert(offsetof(ml_lazy, save) == 16, "ml_lazy_entry reads it there");

uint64_t ml_lazy_resolve(const ml_lazy *lazy, uint64_t i) __attribute__((visibility("hidden")));
void ml_lazy_entry(void) __attribute__((visibility("hidden")));

static uint64_t nothing(void)
{
    return 0;
}

uint64_t ml_lazy_resolve(const ml_lazy *lazy, uint64_t i)
{
    uint64_t target = lazy->resolve(lazy->ud, i);
    return target ? target : (uint64_t)(uintptr_t)nothing;
}

uint64_t ml_process_lazy(void)
{
    return (uint64_t)(uintptr_t)ml_lazy_entry;
}

/* At entry: 0(%rsp) the ml_lazy, 8(%rsp) the number, 16(%rsp) the return address of the call. All
** that may hold arguments is kept: the vectors as wide as the processor has them, by XSAVE where
** there is one. rbx holds ml_lazy.save, as in tlsdesc_x86_64.c, which says why parts of the area
** are cleared. Who jumps here may have a stack of any alignment: the tail call of another
** convention. */
__asm__(".pushsection .text\n"
        ".balign 16\n"
        ".hidden ml_lazy_entry\n"
        ".globl ml_lazy_entry\n"
        ".type ml_lazy_entry, @function\n"
        "ml_lazy_entry:\n"
        ".cfi_startproc\n"
        ".cfi_def_cfa_offset 24\n"
        "    endbr64\n"
        "    push %rbp\n"
        ".cfi_def_cfa_offset 32\n"
        ".cfi_offset %rbp, -32\n"
        "    mov %rsp, %rbp\n"
        ".cfi_def_cfa_register %rbp\n"
        "    push %rbx\n"
        ".cfi_offset %rbx, -40\n"
        "    push %rax\n"
        "    push %rdi\n"
        "    push %rsi\n"
        "    push %rdx\n"
        "    push %rcx\n"
        "    push %r8\n"
        "    push %r9\n"
        "    push %r10\n"
        "    mov 8(%rbp), %rdi\n"
        "    mov 16(%rbp), %rsi\n"
        "    mov 16(%rdi), %rbx\n"
        "    mov %ebx, %ecx\n"
        "    test %ecx, %ecx\n"
        "    jz 1f\n" /* a processor without XSAVE */
        ML_ASM_XSAVE  /* the vectors */
        "    call ml_lazy_resolve\n"
        "    mov %rax, %r11\n" /* what it gave */
        ML_ASM_XRSTOR          /* the vectors again */
        "    jmp 2f\n"
        "1:  sub $512, %rsp\n"
        "    and $-64, %rsp\n"
        "    fxsave64 (%rsp)\n"
        "    call ml_lazy_resolve\n"
        "    mov %rax, %r11\n"
        "    fxrstor64 (%rsp)\n"
        "2:  lea -72(%rbp), %rsp\n"
        "    pop %r10\n"
        "    pop %r9\n"
        "    pop %r8\n"
        "    pop %rcx\n"
        "    pop %rdx\n"
        "    pop %rsi\n"
        "    pop %rdi\n"
        "    pop %rax\n"
        "    pop %rbx\n"
        ".cfi_restore %rbx\n"
        "    pop %rbp\n"
        ".cfi_restore %rbp\n"
        ".cfi_def_cfa %rsp, 24\n"
        "    add $16, %rsp\n" /* the two words */
        ".cfi_def_cfa_offset 8\n"
        "    jmp *%r11\n"
        ".cfi_endproc\n"
        ".size ml_lazy_entry, . - ml_lazy_entry\n"
        ".popsection\n");
