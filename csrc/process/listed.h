/* listed.h -- process: loads in the list that dl_iterate_phdr walks, as code of loads sees it.
** Collectors find by it what may hold addresses, runtimes the image that they belong to, and both
** look there alone.
** Spec: dl_iterate_phdr(3); gABI chapter 5 "Program Header".
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_LISTED_H
#define ML_PROCESS_LISTED_H

#include <stdbool.h>
#include <stdint.h>

#include "process/tls.h"

enum { ML_LISTED_TEXT, ML_LISTED_CONST, ML_LISTED_DATA, ML_LISTED_COUNT };

/* What callbacks see of it. */
typedef struct ml_shown ml_shown;

/* What is listed of a load. Its memory belongs to the load; all zero: not entered. */
typedef struct ml_listed {
    const char *file; /* that it was loaded from, borrowed; "": of none */
    uint64_t base;
    struct {
        uint64_t addr, size;       /* size 0: there is none */
    } segment[2][ML_LISTED_COUNT]; /* of its block, and of large sections */
    const ml_tls *tls;             /* its thread-local storage; module 0: none */
    ml_shown *shown;               /* made when somebody asks */
    struct ml_listed *next, *prev;
    bool entered;
} ml_listed;

void ml_listed_enter(ml_listed *x);
/* The inverse; nothing happens to one that was never entered. */
void ml_listed_leave(ml_listed *x);

/* Behind a call that ended by a jump: others wait if that was out of a callback of a walk. */
void ml_listed_settle(void);

/* The function that a load gets for dl_iterate_phdr: as that, and then the loads, oldest first. */
uint64_t ml_listed_iterate(void);

#endif
