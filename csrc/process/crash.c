/* crash.c -- process: the report of a process that crashes.
** takes a signal; gives signal, registers, backtrace and names, as far as each can be had.
** What is certain is written first; each later step may itself crash or hang in a process whose
** memory is damaged, and then ends it with what has been written so far.
** Spec: LSB 5.0 core, chapter 10 "Stack Unwinding" (_Unwind_Backtrace).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* siginfo_t */
#include "process/crash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "os/signals.h"
#include "process/stack.h"

enum { PATIENCE = 5 };        /* seconds that unwinding and naming may take */
enum { SECOND = 1000000000 }; /* nanoseconds */

/* Note [State of a crash]
** ~~~~~~~~~~~~~~~~~~~~~~~
** A signal handler is given nothing of ours, and the signal's action is one for the process: so is
** what the handler needs. It is set in a process that was forked to run one piece of work, before
** that work starts, and never in a process that somebody else began. */
static struct {
    ml_crash *report; /* NULL: none is wanted */
    ml_crash_namer *namer;
    void *ud;
    int64_t process, thread;
    ml_unwinder unwinder; /* stays open: after a crash is too late to look for it */
} state;

/* ---- unwinding ---- */

typedef struct trace {
    ml_crash *c;
    uint64_t from; /* the frames that count begin here */
    bool found;
    bool with; /* this one, too: else it is there already */
} trace;

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *ud)
{
    trace *t = ud;
    int before = 0;
    uint64_t ip = state.unwinder.ip(context, &before);
    if (!t->found) {
        t->found = ip == t->from;
        if (!t->found || !t->with)
            return _URC_NO_REASON;
    }
    if (!ip || t->c->nframes == ML_CRASH_FRAMES)
        return _URC_END_OF_STACK;
    t->c->frames[t->c->nframes++].addr = ip;
    return _URC_NO_REASON;
}

/* The last steps, of a thread that has written what is certain. */
static void finish(ml_crash *c, trace *t)
{
    if (state.unwinder.library)
        state.unwinder.backtrace(add_frame, t);
    atomic_store(&c->stage, ML_CRASH_TRACED);
    if (state.namer)
        state.namer(state.ud, c, atomic_load(&c->thread) == state.thread);
    for (uint32_t i = 0; i < c->nframes; i++)
        if (!c->frames[i].file[0])
            ml_crash_name_library(&c->frames[i], i > 0);
    fflush(NULL);
}

/* Runs in place of the code that a call did not find: its caller is the next frame. */
static void landing(void)
{
    ml_crash *c = state.report;
    uint64_t caller = (uint64_t)(uintptr_t)__builtin_return_address(0);
    trace t = {.c = c, .from = caller, .with = true};
    ml_signals_hurry(PATIENCE);
    finish(c, &t);
    for (;;)
        ml_signals_pass_on(c->signo);
}

/* ---- the handler ---- */

/* Is this thread the first one to crash? If another one was, it ends the process. */
static bool is_first(ml_crash *c)
{
    int64_t none = 0, self = ml_os_thread();
    if (atomic_compare_exchange_strong(&c->thread, &none, self))
        return true;
    while (none != self)
        ml_os_sleep_ns(SECOND);
    return false; /* this handler's own work has crashed */
}

/* What is certain. */
static void write_raw(ml_crash *c, const siginfo_t *info, const void *context, int err)
{
    ml_signal_registers r;
    ml_signals_registers(context, &r);
    c->signo = info->si_signo;
    c->code = info->si_code;
    c->err = err;
    c->has_addr = ml_signals_has_address(info);
    c->addr = c->has_addr ? (uint64_t)(uintptr_t)info->si_addr : 0;
    c->pc = r.pc;
    c->sp = r.sp;
    c->fp = r.fp;
    c->frames[0].addr = r.pc;
    c->nframes = 1;
    atomic_store(&c->stage, ML_CRASH_RAW);
}

/* Did the processor find no code where it was sent? */
static bool is_lost(const ml_crash *c)
{
    char byte;
    return (c->has_addr && c->addr == c->pc && c->signo == SIGSEGV) || !ml_os_peek(c->pc, &byte, 1);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    int err = errno;
    ml_crash *c = state.report;
    if (!c || ml_os_process() != state.process || !is_first(c)) {
        ml_signals_pass_on(signo);
        return;
    }
    write_raw(c, info, context, err);
    if (is_lost(c) && ml_signals_divert(context, landing))
        return;
    ml_signals_hurry(PATIENCE);
    trace t = {.c = c, .from = c->pc};
    finish(c, &t);
    ml_signals_pass_on(signo);
}

/* ---- before ---- */

void ml_crash_report(ml_crash *c, ml_crash_namer *namer, void *ud)
{
    state.report = NULL;
    state.namer = namer;
    state.ud = ud;
    state.process = ml_os_process();
    state.thread = ml_os_thread();
    ml_unwinder_close(&state.unwinder);
    ml_stack_prepare();
    ml_unwinder_open(&state.unwinder);
    state.report = c;
    ml_signals_catch(on_signal);
}

void ml_crash_name_library(ml_crash_frame *f, bool is_return)
{
    ml_located at;
    if (!ml_stack_locate(f->addr - is_return, &at))
        return;
    snprintf(f->file, sizeof f->file, "%s", at.file);
    if (at.name)
        snprintf(f->name, sizeof f->name, "%s", at.name);
    f->offset = f->addr - at.start;
}
