/* doors.h -- process: the tables of a session, and how they reach unwinders that take one by one.
** takes tables as they come and go; gives back which door each came in by. What an unwinder was
** told may stay until the addresses are used again: see Note [Doors] in doors.c.
** `takers` is a list of ML_TAKERS; those that take arrays are passed over.
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_DOORS_H
#define ML_PROCESS_DOORS_H

#include "process/takers.h"
#include "process/unwind.h"

typedef struct ml_door ml_door;

/* All zero: no tables. */
typedef struct ml_doors {
    ml_door **list;
    uint32_t n, room;
    uint32_t haunted;         /* the first so many have dead tables */
    uint64_t entries, buried; /* of all tables; of the dead */
    ml_door *open;            /* where the next table goes if it fits; NULL: into a new one */
    bool replacing;           /* which comes where another was */
} ml_doors;

/* Nobody knows any of the tables afterwards, the dead included. */
void ml_doors_free(ml_doors *d, const ml_taker *takers);
/* Tells of a table and says where it is kept: its door and its number there, which hold until it is
** taken back. False when memory is short: nothing was changed. */
bool ml_doors_add(ml_doors *d, const ml_taker *takers, const ml_unwind_table *t, ml_door **door,
                  uint32_t *place);
/* The inverse; cannot fail. The memory of the table may go at once. */
void ml_doors_remove(ml_doors *d, const ml_taker *takers, ml_door *door, uint32_t place);
/* Nobody knows dead tables of code in [addr, addr + size) any more. */
void ml_doors_vacate(ml_doors *d, const ml_taker *takers, uint64_t addr, uint64_t size);
/* Tells one more unwinder of all tables. */
void ml_doors_tell(ml_doors *d, const ml_taker *one);

#endif
