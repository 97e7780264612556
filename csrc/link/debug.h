/* debug.h -- link, private: what a load shows to debuggers and profilers.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_DEBUG_H
#define ML_LINK_DEBUG_H

#include "base/arena.h"
#include "base/slice.h"
#include "object/debug.h"
#include "object/lines.h"
#include "process/debugger.h"

enum { ML_DEBUG_WARNINGS = 8 };

/* Of a load; all zero: nothing is shown. */
typedef struct ml_debug {
    ml_arena keep;         /* owns all but the file */
    ml_debugger_entry gdb; /* registered while its file is set */
    uint8_t *file;         /* an ELF file that describes the load: see symfile.c */
    size_t size;
    ml_slice symtab, strtab;          /* parts of it: symbols by address, without the first */
    ml_slice section[ML_DEBUG_KINDS]; /* likewise, relocated */
    ml_lines lines;                   /* read when first asked for */
    size_t most_lines;                /* rows: a line for each byte of code, and its end */
    bool lines_read;
    const char *warnings[ML_DEBUG_WARNINGS]; /* what is missing, and why */
    unsigned nwarnings;
} ml_debug;

struct ml_txn;
struct ml_linked;

/* symfile.c: makes the file of a load that is linked, with the kinds `want` of its debugging
** sections. */
int ml_symfile_make(struct ml_txn *t, unsigned want, ml_debug *out);
/* debug.c: makes the load seen as its options want it. Files that cannot be written and debugging
** sections that cannot be read are warnings; only memory is an error. */
int ml_debug_do(struct ml_txn *t);
/* Takes it back. What was written for profilers stays: they read it when the process is gone. */
void ml_debug_undo(struct ml_linked *l);
/* Notes a warning, in keep. */
void ml_debug_warn(ml_debug *g, const char *text);
/* The line table, or an empty one. */
const ml_lines *ml_debug_lines(ml_debug *g);

#endif
