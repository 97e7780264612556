/* regfile.h -- call: one call with a whole file of argument registers.
** Where integer-class and floating-point arguments travel in independent registers, a single
** function type that takes all of them calls every function whose arguments fit: the callee reads
** the registers it knows of. That costs one indirect call where libffi interprets a description.
** A processor takes part by a row in regfile.c and a file of its own; all others use libffi.
** SPDX-License-Identifier: MIT */
#ifndef ML_CALL_REGFILE_H
#define ML_CALL_REGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "process/guard.h"

/* A register's worth. A float is its four bytes in the low half, the upper half zero. */
typedef union ml_slot {
    uint64_t u;
    int64_t i;
    double d;
    float f;
} ml_slot;

enum { ML_REGS_INT = 0, ML_REGS_FLOAT = 6, ML_REGS_MAX = 14 };

/* Integer registers from ML_REGS_INT, floating-point ones from ML_REGS_FLOAT. */
typedef struct ml_regs {
    ml_slot slot[ML_REGS_MAX];
} ml_regs;

/* All calls end at an exception: see process/guard.h. */
typedef void ml_regfile_fn(uint64_t fn, const ml_regs *regs, ml_slot *result, ml_catch *c);
/* For a number of integer arguments and an integer result: reads just their slots. */
typedef ml_guard_ints_fn ml_regfile_ints_fn;

typedef struct ml_regfile {
    const char *name;
    bool host;            /* is this the processor that we run on? */
    uint8_t ints, floats; /* argument registers of each class that the calls below fill */
    ml_regfile_ints_fn *const *ints_only; /* by the number of arguments, up to `ints` */
    ml_regfile_fn *result_int, *result_double, *result_float;
} ml_regfile;

/* The row of this processor; NULL when it has none. */
const ml_regfile *ml_regfile_host(void);

/* regfile_x86_64.c */
ml_regfile_fn ml_x86_64_result_int, ml_x86_64_result_double, ml_x86_64_result_float;

#endif
