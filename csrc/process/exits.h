/* exits.h -- process: how a load ends: its destructors, what it registered with atexit and for the
** end of threads, once, in reverse order, at unload or at exit of the process, whichever is first.
** Spec: gABI chapter 5 "Initialization and Termination Functions"; Itanium C++ ABI 3.3.6 (object
** destruction), 3.3.7 (thread_local); atexit(3).
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_EXITS_H
#define ML_PROCESS_EXITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ml_exits ml_exits;

/* Bytes of memory that a load's __dso_handle names, alignment 8: see ml_exits_new. */
enum { ML_DSO_SIZE = 24 };

/* The end of one load. dso: address of its __dso_handle, ML_DSO_SIZE writable bytes which are
** filled; 0: it has none. fini: its n destructors in the order in which they run, borrowed until
** ml_exits_drop; after the first `plain` of them runs what they have registered. Must come before
** its constructors, so that what these register runs first. NULL when memory is short. */
ml_exits *ml_exits_new(uint64_t dso, const uint64_t *fini, size_t n, size_t plain);
/* Runs what waits for the end of the load: first what was registered with __cxa_atexit under its
** handle, latest first, then fini. A second time, or after exit has begun, nothing. */
void ml_exits_run(ml_exits *x);
/* The same, without fini: a load whose constructors did not get to their end. */
void ml_exits_cancel(ml_exits *x);
/* The load is gone. Handlers of threads that still wait do nothing. NULL is allowed. */
void ml_exits_drop(ml_exits *x);

/* Threads at whose end something of the load will run (or is running): their number, and up to
** `room` of their ids, without repetition in a row. */
size_t ml_exits_threads(ml_exits *x, int64_t *ids, size_t room);

/* What an address in a handler that waits becomes: *addr, changed or not. False: it should, and
** cannot. */
typedef bool ml_exits_changer(void *ud, uint64_t *addr);
/* Asks for the function and the argument of each. False when one answer was false. NULL is allowed:
** nothing waits. */
bool ml_exits_change(ml_exits *x, ml_exits_changer *change, void *ud);

/* The function that a load gets for __cxa_atexit: as this, but what waits is known. */
uint64_t ml_exits_atexit(void);
/* The function that a load gets for __cxa_thread_atexit and __cxa_thread_atexit_impl: as these, but
** the load that registers is known to have a thread that will call it. 0 where the C library has
** no such function. */
uint64_t ml_exits_thread_atexit(void);

#endif
