/* fault.h -- os: failing on purpose. Only the build of `make fault` holds this: there the linker
** sends the calls listed in fault.def to fault.c, which lets the n-th of them fail. No other file
** knows of it, and no other build has a trace of it.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_FAULT_H
#define ML_OS_FAULT_H

#include <stdbool.h>

/* What kind of call may fail. UNDO is what gives something back: a program can do nothing about
** its failure but go on. */
enum {
    ML_FAULT_ALLOC = 1,
    ML_FAULT_MAP = 2,
    ML_FAULT_FILE = 4,
    ML_FAULT_LIBRARY = 8,
    ML_FAULT_UNDO = 16
};

/* From now on the n-th call (from 1) of these kinds fails; with onwards, all after it too. */
void ml_fault_arm(unsigned n, unsigned kinds, bool onwards);
/* No call fails any more. Returns the name of the call that failed first, or NULL. */
const char *ml_fault_disarm(void);
/* Calls of the chosen kinds since ml_fault_arm. */
unsigned ml_fault_hits(void);
/* Blocks that the module holds: allocated and not yet freed. */
long ml_fault_blocks(void);

#endif
