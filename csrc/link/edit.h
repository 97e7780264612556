/* edit.h -- link: an input whose symbols get other names, bindings or visibilities on the way in,
** as objcopy would change its file.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_EDIT_H
#define ML_LINK_EDIT_H

#include "link/link.h"
#include "link/table.h"

/* Edits by original name. Shared by the inputs that they are for: an archive that stays open after
** its load keeps them. */
typedef struct ml_edits {
    unsigned users;
    ml_arena arena;
    ml_table names; /* original name -> value: index into v */
    ml_table given; /* name of a definition after the edits -> provider: its original name */
    ml_edit *v;
    size_t n, room;
} ml_edits;

/* Empty, with one user; NULL when memory is short. */
ml_edits *ml_edits_new(void);
ml_edits *ml_edits_hold(ml_edits *x); /* x may be NULL, here and below */
void ml_edits_drop(ml_edits *x);
/* Copies the strings of `edit`; false when memory is short. */
bool ml_edits_add(ml_edits *x, const char *name, const ml_edit *edit);
/* What is to be done to the symbol of a name; NULL: nothing. */
const ml_edit *ml_edits_find(const ml_edits *x, const char *name, size_t len, uint32_t hash);
/* The name under which the unedited input defines what it is to define as `name`; NULL when it
** then defines no such name for others. */
const char *ml_edits_original(const ml_edits *x, const char *name);

#endif
