/* signals.c -- os: signals of a process that is about to die.
** Spec: POSIX.1-2017 sigaction, sigaltstack, alarm; x86-64 psABI 3.2.2 "The Stack Frame".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* REG_RIP */
#include "os/signals.h"

#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "os/os.h"

enum { STACK = 256 << 10 }; /* bytes; an unwinder takes some 20 KiB */

static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
enum { DEADLY = sizeof deadly / sizeof *deadly };

static void take_stack(void)
{
    stack_t old;
    if (sigaltstack(NULL, &old) == 0 && !(old.ss_flags & SS_DISABLE))
        return;
    void *p = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED)
        sigaltstack(&(stack_t){.ss_sp = p, .ss_size = STACK}, NULL);
}

void ml_signals_catch(ml_signal_handler *handler)
{
    struct sigaction old, ours = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigset_t set;
    sigfillset(&ours.sa_mask);
    sigemptyset(&set);
    for (size_t i = 0; i < DEADLY; i++) {
        sigdelset(&ours.sa_mask, deadly[i]); /* one while handling another is the end */
        sigaddset(&set, deadly[i]);
    }
    take_stack();
    for (size_t i = 0; i < DEADLY; i++) {
        if (sigaction(deadly[i], NULL, &old) < 0)
            continue;
        bool own = (old.sa_flags & SA_SIGINFO) && old.sa_sigaction == handler;
        if (own || (!(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_DFL))
            sigaction(deadly[i], &ours, NULL);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void ml_signals_pass_on(int signo)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(signo, &standard, NULL);
    raise(signo);
}

void ml_signals_hurry(unsigned seconds)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t set;
    sigaction(SIGALRM, &standard, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(seconds);
}

bool ml_signals_has_address(const siginfo_t *info)
{
    int s = info->si_signo;
    return info->si_code > 0 && info->si_code != SI_KERNEL &&
           (s == SIGSEGV || s == SIGBUS || s == SIGILL || s == SIGFPE || s == SIGTRAP);
}

#ifdef __x86_64__

void ml_signals_registers(const void *context, ml_signal_registers *out)
{
    const greg_t *r = ((const ucontext_t *)context)->uc_mcontext.gregs;
    *out = (ml_signal_registers){(uint64_t)r[REG_RIP], (uint64_t)r[REG_RSP], (uint64_t)r[REG_RBP]};
}

bool ml_signals_divert(void *context, void (*f)(void))
{
    /* The call has pushed its return address: at the entry of f the stack is as f expects it. */
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)f;
    return true;
}

#else

void ml_signals_registers(const void *context, ml_signal_registers *out)
{
    (void)context;
    *out = (ml_signal_registers){0};
}

bool ml_signals_divert(void *context, void (*f)(void))
{
    (void)context, (void)f;
    return false;
}

#endif

size_t ml_os_handlers(uint64_t handlers[static ML_OS_SIGNALS])
{
    struct sigaction now;
    size_t n = 0;
    for (int k = 1; k <= ML_OS_SIGNALS; k++)
        if (sigaction(k, NULL, &now) == 0 && now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN)
            handlers[n++] = (uint64_t)(uintptr_t)now.sa_handler;
    return n;
}
