/* unwind.h -- process: making unwinders know code that they did not load.
** A session keeps one ml_unwinders: which unwinders the process has, and the tables that they were
** told of. takes the address of an .eh_frame table that ends in a zero word; gives a registration
** that can be taken back.
** Spec: LSB 5.0 core, chapter 10.6 "Exception Frames"; libgcc unwind-dw2-fde.c; LLVM libunwind.
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_UNWIND_H
#define ML_PROCESS_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ml_unwinders ml_unwinders;

/* A table that has at least one entry for code. */
typedef struct ml_unwind_table {
    uint64_t at; /* address of its first record */
    /* All of its code lies in [code, code + size), where nobody else's does. */
    uint64_t code, size;
    uint64_t home;    /* the address space that this code is in, as a number; between two tables of
                         one home lies no code but what is known here */
    uint32_t entries; /* about how many there are */
    bool alone;       /* its home is its own, and may be anybody's once it has been taken back; else
                         nothing comes to its addresses before ml_unwinders_vacate */
} ml_unwind_table;

/* A table that was told of. All zero: none. */
typedef struct ml_unwind {
    uint64_t code, size;
    ml_unwinders *with;
    uint32_t place; /* where it was put: see runs.c */
} ml_unwind;

ml_unwinders *ml_unwinders_new(void); /* NULL when memory is short */
/* All tables must have been taken back. */
void ml_unwinders_free(ml_unwinders *w);
/* Looks for unwinders that have come into the process since, and tells them of all tables. Nothing
** can throw without one. */
void ml_unwinders_refresh(ml_unwinders *w);

/* Tells all unwinders of a table. False when memory is short: then nothing was changed. */
bool ml_unwind_register(ml_unwinders *w, const ml_unwind_table *t, ml_unwind *out);
/* The inverse; cannot fail. *u is all zero afterwards, and may have been so before. */
void ml_unwind_unregister(ml_unwind *u);
/* New code comes to [addr, addr + size), with a table or without one: no unwinder knows any longer
** what was there before. */
void ml_unwinders_vacate(ml_unwinders *w, uint64_t addr, uint64_t size);

/* An unwinder inside a load: the addresses of its __register_frame and __deregister_frame, or
** (by_records) of LLVM's functions for a table, which go from record to record. Nothing happens
** when there are too many. */
void ml_unwinders_add(ml_unwinders *w, uint64_t add, uint64_t remove, bool by_records);
/* Its load ends: forgets it, without telling it anything. */
void ml_unwinders_forget(ml_unwinders *w, uint64_t add);

#endif
