/* trap.h -- os: a call of foreign code that ends when it raises a signal of its own doing.
** Only for code that holds no lock and owns nothing when it fails: what it has begun stays begun.
** Spec: POSIX.1-2017 sigaction, sigsetjmp, siglongjmp.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_TRAP_H
#define ML_OS_TRAP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ml_trap {
    const char *signal; /* "SIGSEGV" */
    uint64_t addr;      /* that was accessed, or of the instruction */
} ml_trap;

/* Runs f(ud). False when it raised SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGTRAP: f has then ended
** where it was. Calls may nest, and several threads may be in here. */
bool ml_trap_run(void (*f)(void *ud), void *ud, ml_trap *out);

#endif
