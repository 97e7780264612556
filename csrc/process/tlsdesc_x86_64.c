/* tlsdesc_x86_64.c -- process: what TLS descriptors call, on x86-64.
** takes the address of a descriptor in rax; gives the variable's distance from the thread pointer
** in rax. Everything but rax and the flags is as it was, vectors and x87 included: the compiler
** keeps values in all registers over the call. The stack may have any alignment.
** Spec: Oliva, "Thread-Local Storage Descriptors for IA32 and AMD64/EM64T"; Intel SDM volume 1,
** chapter 13 "Managing State Using the XSAVE Feature Set".
** SPDX-License-Identifier: MIT */
#include <cpuid.h>

#include "os/os.h"
#include "process/tls.h"
#include "process/xsave_x86_64.h"

/* Components of the XSAVE area that a C library's allocator could touch: x87, SSE, AVX, the two of
** MPX, the three of AVX-512, APX. The tiles of AMX would take 8 KiB of every stack, and only who
** asks the kernel for them has any; PKRU must not be written. */
enum { COMPONENTS = 0x000800ff, FIRST_EXTENDED = 2, LAST_COMPONENT = 19, LEGACY = 512 + 64 };

static uint32_t enabled_components(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

uint64_t ml_tlsdesc_save(void)
{
    uint32_t a, b, c, d, most = LEGACY;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    uint32_t mask = enabled_components() & COMPONENTS;
    for (unsigned i = FIRST_EXTENDED; i <= LAST_COMPONENT; i++) {
        if (!(mask >> i & 1))
            continue;
        __cpuid_count(13, i, a, b, c, d); /* a: its size, b: where it lies */
        most = a + b > most ? a + b : most;
    }
    return (uint64_t)mask << 32 | most;
}

/* Note [The thread's table of blocks]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** Saving all registers for a call of __tls_get_addr takes longer than the call by far, so the
** resolver looks into the thread's table (the DTV) first, as glibc's own resolver does: its address
** is at %fs:8, entry 0 is the generation that it is up to date with, entry i, of two words, begins
** with the address of module i's block or -1. An entry is good when the table is at least as new as
** the module; otherwise it may be of a module that had the number before.
**
** The module's generation is in the argument that glibc makes for its own descriptor: module id,
** offset, generation. Nothing promises any of this, so it is compared with what __tls_get_addr says
** before it is believed; where it does not agree, the generation is one that no table has. */

enum { ASK_MOST = 64 << 10 }; /* bytes of a block that may be made just to see where it is */

static bool agrees(const ml_tls *t, const uint64_t argument[3])
{
    uint64_t dtv, table, block = ml_tls_address(t->module, 0), seen;
    return ml_os_peek(ml_tls_pointer() + 8, &dtv, sizeof dtv) &&
           ml_os_peek(dtv, &table, sizeof table) && table >= argument[2] &&
           ml_os_peek(dtv + t->module * 16, &seen, sizeof seen) && seen == block;
}

uint64_t ml_tlsdesc_generation(ml_tls *t)
{
    uint64_t argument[3], from = t->cell ? t->cell->desc[1] : 0;
    if (!t->generation && !t->is_static && t->size <= ASK_MOST && (int64_t)from > 0 &&
        ml_os_peek(from, argument, sizeof argument) && argument[0] == t->module &&
        argument[1] == 0 && argument[2] < UINT64_MAX - 1 && agrees(t, argument))
        t->generation = 1 + argument[2];
    return t->generation - 1;
}

/* See Note [The thread's table of blocks]. The registers that __tls_get_addr may change lie below
** rbp, rbx holds ml_tls_index.save, the area of XSAVE is at the end of the stack. XSAVE leaves most
** of the area's header as it is, XRSTOR wants it to be zero. */
__asm__(".pushsection .text\n"
        ".macro ml_tlsdesc_begin name\n"
        "    .balign 16\n"
        "    .hidden \\name\n"
        "    .globl \\name\n"
        "    .type \\name, @function\n"
        "\\name:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        ".endm\n"
        ".macro ml_tlsdesc_end name\n"
        "    ret\n"
        "    .cfi_endproc\n"
        "    .size \\name, . - \\name\n"
        ".endm\n"

        "ml_tlsdesc_begin ml_tlsdesc_static\n"
        "    mov 8(%rax), %rax\n"
        "ml_tlsdesc_end ml_tlsdesc_static\n"

        "ml_tlsdesc_begin ml_tlsdesc_zero\n"
        "    mov 8(%rax), %rax\n"
        "    sub %fs:0, %rax\n"
        "ml_tlsdesc_end ml_tlsdesc_zero\n"

        "ml_tlsdesc_begin ml_tlsdesc_dynamic\n"
        "    mov %rcx, -8(%rsp)\n" /* the red zone: nothing is called on this way */
        "    mov %rdx, -16(%rsp)\n"
        "    mov %rax, -24(%rsp)\n"
        "    mov 8(%rax), %rdx\n"  /* the ml_tls_index */
        "    mov %fs:8, %rcx\n"    /* the table */
        "    mov 24(%rdx), %rax\n" /* is it as new as the module? */
        "    cmp (%rcx), %rax\n"
        "    ja 3f\n"
        "    mov (%rdx), %rax\n"
        "    shl $4, %rax\n"
        "    mov (%rcx,%rax), %rax\n" /* the module's block, -1: not yet */
        "    cmp $-1, %rax\n"
        "    je 3f\n"
        "    add 8(%rdx), %rax\n"
        "    sub %fs:0, %rax\n"
        "    mov -8(%rsp), %rcx\n"
        "    mov -16(%rsp), %rdx\n"
        "    ret\n"
        "3:  mov -8(%rsp), %rcx\n"
        "    mov -16(%rsp), %rdx\n"
        "    mov -24(%rsp), %rax\n"
        "    push %rbp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset %rbp, -16\n"
        "    mov %rsp, %rbp\n"
        "    .cfi_def_cfa_register %rbp\n"
        "    push %rbx\n"
        "    .cfi_offset %rbx, -24\n"
        "    push %rcx\n"
        "    push %rdx\n"
        "    push %rsi\n"
        "    push %rdi\n"
        "    push %r8\n"
        "    push %r9\n"
        "    push %r10\n"
        "    push %r11\n"
        "    mov 8(%rax), %rdi\n" /* the ml_tls_index */
        "    mov 16(%rdi), %rbx\n"
        "    mov %ebx, %ecx\n"
        "    test %ecx, %ecx\n"
        "    jz 1f\n" /* a processor without XSAVE */
        ML_ASM_XSAVE  /* the vectors */
        "    call *__tls_get_addr@GOTPCREL(%rip)\n"
        "    mov %rax, %rsi\n" /* what it gave */
        ML_ASM_XRSTOR          /* the vectors again */
        "    jmp 2f\n"
        "1:  sub $512, %rsp\n"
        "    and $-64, %rsp\n"
        "    fxsave64 (%rsp)\n"
        "    call *__tls_get_addr@GOTPCREL(%rip)\n"
        "    mov %rax, %rsi\n"
        "    fxrstor64 (%rsp)\n"
        "2:  mov %rsi, %rax\n"
        "    sub %fs:0, %rax\n"
        "    lea -72(%rbp), %rsp\n"
        "    pop %r11\n"
        "    pop %r10\n"
        "    pop %r9\n"
        "    pop %r8\n"
        "    pop %rdi\n"
        "    pop %rsi\n"
        "    pop %rdx\n"
        "    pop %rcx\n"
        "    pop %rbx\n"
        "    .cfi_restore %rbx\n"
        "    pop %rbp\n"
        "    .cfi_def_cfa %rsp, 8\n"
        "    .cfi_restore %rbp\n"
        "ml_tlsdesc_end ml_tlsdesc_dynamic\n"

        ".purgem ml_tlsdesc_begin\n"
        ".purgem ml_tlsdesc_end\n"
        ".popsection\n");
