/* crash.c -- process: the report of a process that crashes.
** takes a signal; gives signal, registers, backtrace and names, as far as each can be had.
** What is certain is written first; each later step may itself crash or hang in a process whose
** memory is damaged, and then ends it with what has been written so far.
** Spec: LSB 5.0 core, chapter 10 "Stack Unwinding" (_Unwind_Backtrace); dladdr(3).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dladdr */
#include "process/crash.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#include "os/faults.h"
#include "os/os.h"

enum { PATIENCE = 5 }; /* seconds that unwinding and naming may take */

typedef _Unwind_Reason_Code backtrace_fn(_Unwind_Trace_Fn, void *);
typedef _Unwind_Ptr get_ip_fn(struct _Unwind_Context *, int *);

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
    backtrace_fn *backtrace;
    get_ip_fn *get_ip;
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
    uint64_t ip = state.get_ip(context, &before);
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
    if (state.backtrace)
        state.backtrace(add_frame, t);
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
    ml_faults_hurry(PATIENCE);
    finish(c, &t);
    for (;;)
        ml_faults_pass_on(c->signo);
}

/* ---- the handler ---- */

/* Is this thread the first one to crash? If another one was, it ends the process. */
static bool is_first(ml_crash *c)
{
    int64_t none = 0, self = gettid();
    if (atomic_compare_exchange_strong(&c->thread, &none, self))
        return true;
    while (none != self)
        pause();
    return false; /* this handler's own work has crashed */
}

/* What is certain. */
static void write_raw(ml_crash *c, const siginfo_t *info, const void *context, int err)
{
    ml_fault_registers r;
    ml_faults_registers(context, &r);
    c->signo = info->si_signo;
    c->code = info->si_code;
    c->err = err;
    c->has_addr = ml_faults_has_address(info);
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
    if (!c || getpid() != state.process || !is_first(c)) {
        ml_faults_pass_on(signo);
        return;
    }
    write_raw(c, info, context, err);
    if (is_lost(c) && ml_faults_divert(context, landing))
        return;
    ml_faults_hurry(PATIENCE);
    trace t = {.c = c, .from = c->pc};
    finish(c, &t);
    ml_faults_pass_on(signo);
}

/* ---- before ---- */

/* The unwinder that the process has, as unwind.c would choose it; libgcc's when it has none. Opened
** now: after a crash is too late. */
static void find_unwinder(void)
{
    static const char *const names[] = {"libgcc_s.so.1", "libunwind.so.1"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);
    if (!library)
        library = dlopen(names[0], RTLD_NOW);
    if (library) {
        state.get_ip = (get_ip_fn *)(uintptr_t)dlsym(library, "_Unwind_GetIPInfo");
        state.backtrace = (backtrace_fn *)(uintptr_t)dlsym(library, "_Unwind_Backtrace");
        if (!state.get_ip)
            state.backtrace = NULL;
    }
    dlerror();
}

void ml_crash_report(ml_crash *c, ml_crash_namer *namer, void *ud)
{
    state.report = NULL;
    state.namer = namer;
    state.ud = ud;
    state.process = ml_os_process();
    state.thread = gettid();
    find_unwinder();
    state.report = c;
    ml_faults_catch(on_signal);
}

void ml_crash_name_library(ml_crash_frame *f, bool is_return)
{
    Dl_info info;
    void *at = (void *)(uintptr_t)(f->addr - is_return);
    if (!dladdr(at, &info) || !info.dli_fname)
        return;
    snprintf(f->file, sizeof f->file, "%s", info.dli_fname);
    if (info.dli_sname)
        snprintf(f->name, sizeof f->name, "%s", info.dli_sname);
    f->offset = f->addr - (uint64_t)(uintptr_t)(info.dli_sname ? info.dli_saddr : info.dli_fbase);
}
