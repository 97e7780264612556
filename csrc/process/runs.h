/* runs.h -- process: the tables of a session as an unwinder takes them that takes arrays.
** takes tables as they come and go; keeps those that follow each other in one array.
** `u` is that unwinder; NULL: there is none, and the arrays wait for one.
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_RUNS_H
#define ML_PROCESS_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "process/takers.h"

/* All zero: no tables. */
typedef struct ml_runs {
    struct ml_tables **list; /* by address */
    uint32_t n, room;
} ml_runs;

/* All tables must have been taken back. */
void ml_runs_free(ml_runs *v);
/* A table of code that begins at `code`; `home` as in ml_unwind_table. False when memory is short:
** then nothing was changed. */
bool ml_runs_add(ml_runs *v, const ml_taker *u, uint64_t table, uint64_t code, uint64_t home);
/* The inverse, by where the table's code begins. */
void ml_runs_remove(ml_runs *v, const ml_taker *u, uint64_t code);
/* Tells one more unwinder of all tables. */
void ml_runs_tell(const ml_runs *v, const ml_taker *u);

#endif
