/* resolver_x86_64.c -- process: what a lazy stub jumps to, on x86-64.
** takes, on the stack, an ml_lazy and a slot's number, as target/x86_64.c pushes them; goes on to
** the address that belongs into the slot.
** Spec: x86-64 psABI 3.2.3 (the registers that may hold arguments: six integers, %rax with the
** number of vectors, %r10 the static chain, eight vectors), 3.2.2 (the stack at a call).
** SPDX-License-Identifier: MIT */
#include "process/resolver.h"

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

/* At entry: 0(%rsp) the ml_lazy, 8(%rsp) the number, 16(%rsp) the return address of the call. Only
** the low 128 bits of the vectors are kept: a resolver runs before anything knows whether there are
** wider ones, and must not pass them. */
__asm__(".text\n"
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
        "    and $-16, %rsp\n"
        "    sub $192, %rsp\n"
        "    mov %rax, (%rsp)\n"
        "    mov %rdi, 8(%rsp)\n"
        "    mov %rsi, 16(%rsp)\n"
        "    mov %rdx, 24(%rsp)\n"
        "    mov %rcx, 32(%rsp)\n"
        "    mov %r8, 40(%rsp)\n"
        "    mov %r9, 48(%rsp)\n"
        "    mov %r10, 56(%rsp)\n"
        "    movaps %xmm0, 64(%rsp)\n"
        "    movaps %xmm1, 80(%rsp)\n"
        "    movaps %xmm2, 96(%rsp)\n"
        "    movaps %xmm3, 112(%rsp)\n"
        "    movaps %xmm4, 128(%rsp)\n"
        "    movaps %xmm5, 144(%rsp)\n"
        "    movaps %xmm6, 160(%rsp)\n"
        "    movaps %xmm7, 176(%rsp)\n"
        "    mov 8(%rbp), %rdi\n"
        "    mov 16(%rbp), %rsi\n"
        "    call ml_lazy_resolve\n"
        "    mov %rax, %r11\n"
        "    mov (%rsp), %rax\n"
        "    mov 8(%rsp), %rdi\n"
        "    mov 16(%rsp), %rsi\n"
        "    mov 24(%rsp), %rdx\n"
        "    mov 32(%rsp), %rcx\n"
        "    mov 40(%rsp), %r8\n"
        "    mov 48(%rsp), %r9\n"
        "    mov 56(%rsp), %r10\n"
        "    movaps 64(%rsp), %xmm0\n"
        "    movaps 80(%rsp), %xmm1\n"
        "    movaps 96(%rsp), %xmm2\n"
        "    movaps 112(%rsp), %xmm3\n"
        "    movaps 128(%rsp), %xmm4\n"
        "    movaps 144(%rsp), %xmm5\n"
        "    movaps 160(%rsp), %xmm6\n"
        "    movaps 176(%rsp), %xmm7\n"
        "    leave\n"
        ".cfi_def_cfa %rsp, 24\n"
        "    add $16, %rsp\n" /* the two words */
        ".cfi_def_cfa_offset 8\n"
        "    jmp *%r11\n"
        ".cfi_endproc\n"
        ".size ml_lazy_entry, . - ml_lazy_entry\n");
