/* x86_64_count.c -- target: a stub of x86-64 that counts.
** takes addresses of a counter and of a slot; gives the stub's bytes. Pure.
** Spec: System V x86-64 psABI 3.2.1 "Registers", 3.2.2 (the red zone).
** SPDX-License-Identifier: MIT */
#include "target/x86_64_count.h"

#include <string.h>

#include "base/slice.h"
#include "target/target.h"

/* Note [A stub that counts]
** ~~~~~~~~~~~~~~~~~~~~~~~~~
** It stands where a call or a jump arrives, so every register may carry something: %al the number
** of vector registers of a variadic call, %r10 a static chain, %r10 and %r11 what __morestack wants
** to know; code in assembly may pass a flag. All of them are kept. The psABI gives the 128 bytes
** below the stack pointer to nobody at that moment: %rax is saved there, and no push moves the
** stack pointer, so that the caller's unwind rules hold at every instruction of the stub.
** `lock inc` is exact with any number of threads. It changes all arithmetic flags but CF: lahf and
** seto keep them, and adding 127 to the 1 or 0 that seto left makes OF again what it was. DF does
** not change. */
bool ml_x86_64_count(uint8_t *to, uint64_t at, uint64_t counter, uint64_t slot)
{
    enum { INC = 13, JMP = 29 }; /* the two instructions that refer to memory */
    static const uint8_t bytes[ML_X86_64_COUNT_SIZE] = {
        0xf3, 0x0f, 0x1e, 0xfa,                      /* endbr64 */
        0x48, 0x89, 0x44, 0x24, 0xf8,                /* mov %rax,-8(%rsp) */
        0x9f,                                        /* lahf */
        0x0f, 0x90, 0xc0,                            /* seto %al */
        0xf0, 0x48, 0xff, 0x05, 0,    0,    0,    0, /* lock incq counter(%rip) */
        0x04, 0x7f,                                  /* add $127,%al */
        0x9e,                                        /* sahf */
        0x48, 0x8b, 0x44, 0x24, 0xf8,                /* mov -8(%rsp),%rax */
        0xff, 0x25, 0,    0,    0,    0,             /* jmp *slot(%rip) */
        0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,    /* never reached */
        0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
    };
    uint64_t inc = counter - (at + INC + 8), jmp = slot - (at + JMP + 6);
    if (!ml_fits(ML_FIT_S32, inc) || !ml_fits(ML_FIT_S32, jmp))
        return false;
    memcpy(to, bytes, sizeof bytes);
    ml_put32(to + INC + 4, (uint32_t)inc);
    ml_put32(to + JMP + 2, (uint32_t)jmp);
    return true;
}
