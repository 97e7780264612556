/* guard.h -- process: native calls at which an exception ends.
** C++ code throws through every frame that has unwind tables, Lua's included, and ends the process
** when nobody catches. A call made through a guard is a frame that catches: it costs a call and a
** return more than a call without, and nothing is set up or taken back. Forced unwinding
** (pthread_exit, pthread_cancel) passes through. A guard with something to leave catches nothing,
** and is told when either passes.
** takes the address of a function and its arguments; gives its result, or the exception.
** Spec: Itanium C++ ABI: Exception Handling, chapter 1 "Base ABI".
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_GUARD_H
#define ML_PROCESS_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a guard leaves what it caught. */
typedef struct ml_catch {
    void *exception;             /* struct _Unwind_Exception *; NULL: the call returned */
    atomic_bool *attention;      /* set to true when something was caught; may be NULL */
    void (*leave)(const void *); /* called with this ml_catch in place of catching; else NULL */
} ml_catch;

/* Calls fn with integer arguments out of an array; the result is 0 when an exception ended it.
** [n] takes n arguments. */
typedef uint64_t ml_guard_ints_fn(uint64_t fn, const void *args, ml_catch *c);
extern ml_guard_ints_fn *const ml_guard_ints[7];

/* Calls fn with all argument registers loaded: six integers, then eight floating-point numbers. One
** function under three types: the result stays where the callee left it. */
uint64_t ml_guard_int(uint64_t fn, const void *args, ml_catch *c);
double ml_guard_double(uint64_t fn, const void *args, ml_catch *c);
float ml_guard_float(uint64_t fn, const void *args, ml_catch *c);

/* Runs fn(ud). False when an exception ended it: then *exception has it, to be described and ended
** by cxx.h. */
bool ml_guard_run(void (*fn)(void *ud), void *ud, void **exception);

#endif
