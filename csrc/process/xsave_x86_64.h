/* xsave_x86_64.h -- process: how both of the entries that keep all registers keep the vectors.
** Spec: Intel SDM volume 1, 13.7 "Operation of XSAVE".
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_XSAVE_X86_64_H
#define ML_PROCESS_XSAVE_X86_64_H

/* Takes the size of the area in rcx, the components in the upper half of rbx. Leaves the stack at
** the area, its header zeroed before, and edx:eax as the components. */
#define ML_ASM_XSAVE            \
    "    sub %rcx, %rsp\n"      \
    "    and $-64, %rsp\n"      \
    "    xor %edx, %edx\n"      \
    "    mov %rdx, 512(%rsp)\n" \
    "    mov %rdx, 520(%rsp)\n" \
    "    mov %rdx, 528(%rsp)\n" \
    "    mov %rdx, 536(%rsp)\n" \
    "    mov %rdx, 544(%rsp)\n" \
    "    mov %rdx, 552(%rsp)\n" \
    "    mov %rdx, 560(%rsp)\n" \
    "    mov %rdx, 568(%rsp)\n" \
    "    mov %rbx, %rax\n"      \
    "    shr $32, %rax\n"       \
    "    xsave64 (%rsp)\n"

/* The inverse, with the stack and rbx as they were left; changes rax and rdx. */
#define ML_ASM_XRSTOR      \
    "    mov %rbx, %rax\n" \
    "    shr $32, %rax\n"  \
    "    xor %edx, %edx\n" \
    "    xrstor64 (%rsp)\n"

#endif
