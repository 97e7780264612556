/* tree.h -- pkg: questions about many files, answered by listing each folder once.
** A check of ten thousand packages asks whether some hundred thousand files are there; a listing
** answers all questions about one folder for the price of two or three. What was seen is kept: a
** tree is made for one command, and dropped with it.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_TREE_H
#define ML_PKG_TREE_H

#include "base/arena.h"
#include "base/slice.h"
#include "os/entries.h"

struct ml_tree_folder;

/* Started as (ml_tree){0}. */
typedef struct ml_tree {
    ml_arena arena;
    struct ml_tree_folder **slots; /* by path; NULL is free */
    size_t n, room;                /* room is 0 or a power of two */
    bool eager;                    /* more questions will come: list at the first one */
} ml_tree;

void ml_tree_free(ml_tree *t);

/* What is at a path, links followed. Without memory the system is asked each time. */
ml_kind_of_file ml_tree_kind(ml_tree *t, ml_slice path);
/* The same for a name below a folder, `where`; the name may hold slashes. */
ml_kind_of_file ml_tree_below(ml_tree *t, ml_slice where, ml_slice name);

/* A file's name of three parts. */
typedef struct ml_tree_name {
    ml_slice before, stem, behind;
    bool module; /* dots in the stem are slashes */
} ml_tree_name;
/* Is there a plain file of that name below a folder? */
bool ml_tree_has(ml_tree *t, ml_slice where, ml_tree_name name);

#endif
