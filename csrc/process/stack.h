/* stack.h -- process: the native stack of the calling thread, and what a file of the process says
** of an address.
** Spec: Itanium C++ ABI: Exception Handling, 1.6 (_Unwind_Backtrace); dladdr(3).
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_STACK_H
#define ML_PROCESS_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unwind.h>

#include "base/error.h"

/* A frame: an address inside the instruction that is executed there (a call, but in the frame of a
** signal), and where the function begins as the unwind table has it; 0: not known. */
typedef struct ml_frame {
    uint64_t addr, function;
} ml_frame;

typedef _Unwind_Reason_Code ml_backtrace_fn(_Unwind_Trace_Fn visit, void *ud);
typedef _Unwind_Ptr ml_frame_ip_fn(struct _Unwind_Context *c, int *before);
typedef _Unwind_Ptr ml_frame_start_fn(struct _Unwind_Context *c);

/* The functions by which the process's unwinder walks a stack. All zero: not open. */
typedef struct ml_unwinder {
    void *library; /* of dlopen: keeps them in the process */
    ml_backtrace_fn *backtrace;
    ml_frame_ip_fn *ip;
    ml_frame_start_fn *start; /* of the function; may be NULL */
} ml_unwinder;

/* Those of libgcc_s, else of whatever is global; false when the process has none. */
bool ml_unwinder_open(ml_unwinder *out);
/* The inverse; nothing happens to one that is not open. */
void ml_unwinder_close(ml_unwinder *u);

/* Brings libgcc_s into the process for good, if there is no unwinder yet. */
void ml_stack_prepare(void);
/* The frames of this thread, the newest first, at most max; the caller's own is the first. Frames
** end where the unwinder knows no table. 0 when the process has no unwinder. */
size_t ml_stack_frames(ml_frame *v, size_t max);

/* What a loaded file of the process says. Texts are the loader's own. */
typedef struct ml_located {
    const char *file; /* path */
    const char *name; /* the exported symbol that covers the address; NULL: none does */
    uint64_t start;   /* of the symbol, else of the file */
} ml_located;

/* False when no file holds the address. */
bool ml_stack_locate(uint64_t addr, ml_located *out);
/* Do both lie in the same file? */
bool ml_stack_same_file(uint64_t a, uint64_t b);

/* Makes the stacks of all threads executable, also of those to come. There is no way back. */
int ml_stack_run(ml_diag *d, ml_where w);

#endif
