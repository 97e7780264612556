/* debugger.c -- process: the interface by which debuggers learn of code that no loader loaded.
** Spec: gdb manual, chapter "JIT Compilation Interface".
** SPDX-License-Identifier: MIT */
#include "process/debugger.h"

#include "os/mutex.h"

#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

/* Note [The debugger's list]
** A debugger finds the list of symbol files by the name of a variable, and sees changes by a
** breakpoint on a function's name: so these two are process-wide and exported, the one such thing
** that the module has. It looks in every loaded file, so that other JIT compilers in the process,
** which have a pair of their own, do not matter. Several Lua states in several threads share the
** list: a lock guards it. */

enum { NO_ACTION, REGISTER, UNREGISTER };

typedef struct descriptor {
    uint32_t version;
    uint32_t action;            /* what the call of the function is about */
    ml_debugger_entry *changed; /* whom it is about */
    ml_debugger_entry *first;
} descriptor;

EXPORT extern descriptor __jit_debug_descriptor;
EXPORT extern void __jit_debug_register_code(void);

descriptor __jit_debug_descriptor = {.version = 1};

/* The debugger's breakpoint lies here: the call must happen, and stay a call. */
__attribute__((noinline)) void __jit_debug_register_code(void)
{
    __asm__ volatile("" : : : "memory");
}

static void tell(ml_debugger_entry *e, uint32_t action)
{
    __jit_debug_descriptor.changed = e;
    __jit_debug_descriptor.action = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.action = NO_ACTION;
    __jit_debug_descriptor.changed = NULL;
}

void ml_debugger_register(ml_debugger_entry *e)
{
    ml_mutex_take(ML_MUTEX_DEBUGGER);
    e->prev = NULL;
    e->next = __jit_debug_descriptor.first;
    if (e->next)
        e->next->prev = e;
    __jit_debug_descriptor.first = e;
    tell(e, REGISTER);
    ml_mutex_give(ML_MUTEX_DEBUGGER);
}

void ml_debugger_unregister(ml_debugger_entry *e)
{
    if (!e->file)
        return;
    ml_mutex_take(ML_MUTEX_DEBUGGER);
    if (e->prev)
        e->prev->next = e->next;
    else
        __jit_debug_descriptor.first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    tell(e, UNREGISTER);
    ml_mutex_give(ML_MUTEX_DEBUGGER);
    *e = (ml_debugger_entry){0};
}
