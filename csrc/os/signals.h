/* signals.h -- os: signals of a process that is about to die, and what the processor was doing.
** Spec: POSIX.1-2017 sigaction, sigaltstack; x86-64 Linux: the order of registers in mcontext_t.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_SIGNALS_H
#define ML_OS_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

typedef void ml_signal_handler(int signo, siginfo_t *info, void *context);

/* Installs the handler for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP and SIGSYS, as far as
** they have their default action or this very handler: what the program has installed itself (or a
** sanitizer) stays. They are unblocked, and the calling thread gets a stack of its own to run the
** handler on, if it has none. */
void ml_signals_catch(ml_signal_handler *handler);
/* Ends the process by this signal's default action, once the handler returns at the latest. */
void ml_signals_pass_on(int signo);
/* Ends the process after so many seconds if it is still there: what a handler does may hang. */
void ml_signals_hurry(unsigned seconds);
/* Does the signal come from what the thread did, so that info->si_addr means something? */
bool ml_signals_has_address(const siginfo_t *info);

/* What the processor was doing; all zero where the order of registers is not known. */
typedef struct ml_signal_registers {
    uint64_t pc, sp, fp;
} ml_signal_registers;
void ml_signals_registers(const void *context, ml_signal_registers *out);
/* When the handler returns, f runs as if the last call had called it: for a call that led to no
** code. False where that is not known how. */
bool ml_signals_divert(void *context, void (*f)(void));

#endif
