/* pair.h -- link: two versions of a unit: what a name, or an address, of the old one is in the new.
** Variables and functions are told apart by name and, when they are local to an object, by the
** object (its path and member; the only object of each version is the same one). A variable of a
** function is called "name.N" by compilers, with a number that counts such variables: where the
** numbers of one name have changed, a single "name" is the same one, and several are ambiguous.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_PAIR_H
#define ML_LINK_PAIR_H

#include "link/linked.h"

typedef struct ml_pair_entry {
    uint64_t addr;
    const ml_entry *e;
} ml_pair_entry;

typedef struct ml_pair {
    const ml_linked *old, *new;
    ml_arena scratch;
    ml_table names;         /* variables of the new version by key; symbol: index into new->data */
    ml_table stems;         /* of variables of functions; strong, weak: how many of them the old and
                             the new version have; value, size: what tells whether they are equal */
    ml_datum *variables;    /* of the old version, by address */
    ml_pair_entry *entries; /* what else of the old version has a global name, by address */
    ml_routine *routines;   /* local functions of the old version, by address */
    ml_routine *new_routines; /* those of the new one, by input and hash */
    uint32_t *inputs; /* of an input of the old version: that of the new one; UINT32_MAX: none */
    uint32_t nentries;
} ml_pair;

/* False when memory is short. Deinit in any case. */
bool ml_pair_init(ml_pair *p, const ml_linked *old, const ml_linked *new);
void ml_pair_deinit(ml_pair *p);

typedef enum ml_twin { ML_TWIN_ONE, ML_TWIN_NONE, ML_TWIN_SEVERAL, ML_TWIN_NOMEM } ml_twin;
/* The variable of the new version that a variable of the old one is. */
ml_twin ml_pair_variable(ml_pair *p, const ml_datum *old, const ml_datum **out);
/* What an address in the old version is in the new one. False: it has no name, or the new version
** has nothing of that name and size. */
bool ml_pair_address(ml_pair *p, uint64_t addr, uint64_t *out);

#endif
