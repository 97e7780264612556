/* debugger.h -- process: symbol files in memory that a debugger knows of.
** takes an ELF file in memory; gives a registration that can be taken back. gdb and lldb read it
** when they stop at __jit_debug_register_code, or later when they attach.
** Spec: gdb manual, chapter "JIT Compilation Interface".
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_DEBUGGER_H
#define ML_PROCESS_DEBUGGER_H

#include <stdbool.h>
#include <stdint.h>

/* One symbol file; the debugger reads this record. It stays at its address while it is registered,
** and so does the file. All zero: not registered. */
typedef struct ml_debugger_entry {
    struct ml_debugger_entry *next, *prev;
    const uint8_t *file;
    uint64_t size; /* bytes */
} ml_debugger_entry;

/* e->file and e->size are set. From any thread. */
void ml_debugger_register(ml_debugger_entry *e);
/* The inverse; *e is all zero afterwards, and may have been so before. */
void ml_debugger_unregister(ml_debugger_entry *e);

#endif
