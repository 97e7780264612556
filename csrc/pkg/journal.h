/* journal.h -- pkg: what a change is about to do to the files of a folder.
** It is on disk before the first of them is touched, and goes when the last of them is done. Who
** finds one (the next writer, or a reader meanwhile) learns from it which files belong to the new
** state and which to the old one.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_JOURNAL_H
#define ML_PKG_JOURNAL_H

#include "pkg/store.h"

#define ML_JOURNAL_NAME "moonlink.journal"
/* Files that are not in place yet: moonlink-0.tmp ... */
#define ML_JOURNAL_TEMP "moonlink-"

typedef struct ml_journal_entry {
    const char *temp; /* the new file; NULL: name is removed */
    const char *name;
    ml_slice id;
    uint64_t hash; /* of the unit's record in the new cache */
    bool done;     /* belongs to the state that counts: by ml_journal_decide */
} ml_journal_entry;

typedef struct ml_journal {
    bool whole; /* its being there makes the change; else the new cache does */
    ml_journal_entry *at;
    size_t n;
} ml_journal;

uint64_t ml_journal_hash(ml_slice record);
/* The bytes of a journal. */
int ml_journal_write(ml_diag *d, const ml_journal *j, ml_bytes *out);
/* Reads the folder's journal: 1, or 0 when there is none or it is no journal. */
int ml_journal_read(ml_diag *d, ml_arena *a, const ml_directory *dir, ml_journal *out);
/* Sets `done` in each entry, by what the folder's cache says. */
int ml_journal_decide(ml_diag *d, ml_arena *a, const ml_directory *dir, ml_journal *j);
/* Is this the name of a file that a change left? */
bool ml_journal_is_temp(const char *name);

#endif
