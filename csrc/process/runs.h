/* runs.h -- process: the tables of a session, and how unwinders know them.
** takes tables as they come and go; gives each a place in a run of tables that follow each other,
** which unwinders are told of and forget together. See the Notes in runs.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_RUNS_H
#define ML_PROCESS_RUNS_H

#include "process/takers.h"
#include "process/unwind.h"

struct ml_run;

/* All zero: no tables. */
typedef struct ml_runs {
    struct ml_run_from {
        uint64_t code; /* the run's tables are of code that begins here or above */
        struct ml_run *run;
    } * list; /* by address; there is at least one table in each */
    uint32_t n, room;
    uint64_t entries, buried; /* of all tables; of the dead: see Note [Doors] */
} ml_runs;

/* All tables must have been taken back. */
void ml_runs_free(ml_runs *v);
/* Tells of a table and says at which place of its run it is. False when memory is short: nothing
** was changed. */
bool ml_runs_add(ml_runs *v, const ml_takers *who, const ml_unwind_table *t, uint32_t *place);
/* The inverse; cannot fail. The memory of the table may go at once. */
void ml_runs_remove(ml_runs *v, const ml_takers *who, const ml_unwind *u);
/* Nobody knows tables of code in [addr, addr + size) any more that were taken back. */
void ml_runs_vacate(ml_runs *v, const ml_takers *who, uint64_t addr, uint64_t size);
/* Tells one more unwinder of all tables. */
void ml_runs_tell(ml_runs *v, const ml_taker *one);

#endif
