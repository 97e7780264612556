/* resolver.h -- process: running the resolvers of indirect functions.
** Spec: x86-64 psABI 4.4.1 (R_X86_64_IRELATIVE), 3.2.3 (argument registers).
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_RESOLVER_H
#define ML_PROCESS_RESOLVER_H

#include "process/process.h"

/* Calls the resolver at `fn` without arguments, as the process's own loader does on x86-64.
** *target: what it returned. False when it raised an exception or, by its own doing, a signal
** ("SIGILL"); then *caught says which. */
bool ml_process_choose(uint64_t fn, uint64_t *target, ml_caught *caught);

/* Is there code that can be executed at this address of the process? */
bool ml_process_is_code(uint64_t addr);

/* Who fills a slot when its function is called before its turn. The address of one of these is the
** first word that the head of lazy stubs pushes: see target.h. */
typedef struct ml_lazy {
    /* The address that belongs into slot i; 0 when there is none: the call then does nothing. */
    uint64_t (*resolve)(void *ud, uint64_t i);
    void *ud;
    uint64_t save; /* ml_tlsdesc_save() */
} ml_lazy;
/* Where the head of lazy stubs jumps to: calls resolve, then goes on to the address with all
** argument registers as they were. */
uint64_t ml_process_lazy(void);

#endif
