/* runtime.h -- process: functions of the runtime that a piece of code belongs to.
** An exception must be ended by the C++ runtime that raised it, and its unwinder must be asked by
** its own functions; a process may hold several of each. takes an address inside such a runtime;
** gives a function of that same runtime: of the shared library that holds the address, or of the
** load that does.
** Spec: Itanium C++ ABI: Exception Handling, 1.2 (_Unwind_*), 2.4, 2.5 (__cxa_*); dladdr1(3).
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_RUNTIME_H
#define ML_PROCESS_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

/* What is asked for. */
typedef enum ml_runtime_fn {
    ML_RT_SET_IP,      /* _Unwind_SetIP */
    ML_RT_GET_CFA,     /* _Unwind_GetCFA */
    ML_RT_BEGIN_CATCH, /* __cxa_begin_catch */
    ML_RT_END_CATCH,   /* __cxa_end_catch */
    ML_RT_DEMANGLE,    /* __cxa_demangle */
    ML_RT_COUNT
} ml_runtime_fn;

/* The name of a function, as the ABI spells it. */
const char *ml_runtime_name(ml_runtime_fn fn);

/* The function of the runtime that holds the address; 0 when it has none. Leaves no dlerror. */
uint64_t ml_runtime_find(uint64_t inside, ml_runtime_fn fn);

/* The same for any name, of shared libraries alone. */
uint64_t ml_runtime_symbol(uint64_t inside, const char *name);

/* A load that holds a runtime. Its memory belongs to the load; all zero: not entered. */
typedef struct ml_runtime {
    uint64_t start, end;      /* of the load's block */
    uint64_t fn[ML_RT_COUNT]; /* 0: not in this load */
    struct ml_runtime *next;
    bool entered;
} ml_runtime;
void ml_runtime_enter(ml_runtime *r);
/* The inverse; nothing happens to one that was never entered. */
void ml_runtime_leave(ml_runtime *r);

#endif
