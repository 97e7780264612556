/* handlers.h -- link, private: the tables of exception handlers of a load, for frames.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_HANDLERS_H
#define ML_LINK_HANDLERS_H

#include "link/txn.h"

#define ML_FRAMES_HINT "compile it again, or remove the section with objcopy if nothing is thrown"

typedef struct ml_handler_table {
    const uint8_t *p;
    uint64_t addr, size;
    const ml_input *in;
    const char *name;
} ml_handler_table;

/* All of a load; all zero to begin with, lies in the transaction's scratch arena. */
typedef struct ml_handlers {
    ml_handler_table *v; /* sorted by address */
    size_t n, room;
    size_t last;    /* the one that was found last */
    uint64_t steps; /* see ml_lsda */
    bool listed, sorted;
} ml_handlers;

/* Checks what the function of `size` bytes at `start` has at `addr`, an address in the load. */
int ml_handlers_check(ml_handlers *h, ml_txn *t, uint64_t addr, uint64_t start, uint64_t size);

#endif
