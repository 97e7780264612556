/* crash.h -- process: the report of a process that crashes, written by itself into memory that
** another process sees.
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_CRASH_H
#define ML_PROCESS_CRASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { ML_CRASH_FRAMES = 64, ML_CRASH_NAME = 256, ML_CRASH_FILE = 160, ML_CRASH_LINES = 24 };

typedef struct ml_crash_frame {
    uint64_t addr;            /* of the fault; of outer frames: the return address */
    uint64_t offset;          /* into the symbol; into the file or unit when there is none */
    char name[ML_CRASH_NAME]; /* "" when not known; may be cut */
    char file[ML_CRASH_FILE]; /* of a unit: its object; else the shared library, or "" */
    bool is_unit;
} ml_crash_frame;

typedef enum ml_crash_stage {
    ML_CRASH_NONE,
    ML_CRASH_RAW,   /* signal and registers are there, and the first frame's address */
    ML_CRASH_TRACED /* all addresses are there; names as far as they were found */
} ml_crash_stage;

/* Starts as zeros. Whoever reads it believes no number and no end of a text: a process that has
** damaged its memory may have damaged this, too. */
typedef struct ml_crash {
    _Atomic int stage;
    int32_t signo, code, err; /* err: errno of the thread that crashed */
    _Atomic int64_t thread;   /* that crashed, by its number */
    bool has_addr;
    uint64_t addr, pc, sp, fp;
    uint32_t nframes, nlines;
    ml_crash_frame frames[ML_CRASH_FRAMES];
    char lines[ML_CRASH_LINES]
              [ML_CRASH_FILE]; /* where the scripting language was, innermost first */
} ml_crash;

/* Names frames and adds lines. Runs after a crash, so that it may only read, takes no lock and
** allocates nothing; own_thread: it is the one that called ml_crash_report. */
typedef void ml_crash_namer(void *ud, ml_crash *c, bool own_thread);

/* From now on a crash of this process (not of a copy made by fork) is written to *c, which must
** stay. namer may be NULL. */
void ml_crash_report(ml_crash *c, ml_crash_namer *namer, void *ud);

/* Names what lies in a file that the process's own loader has loaded. is_return: the address is a
** return address, and what it belongs to is the call before it. */
void ml_crash_name_library(ml_crash_frame *f, bool is_return);

#endif
