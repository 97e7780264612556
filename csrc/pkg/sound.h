/* sound.h -- pkg: which packages have certainly nothing wrong with them.
** The rules by which packages are judged are Lua's (lua/moonlink/pkg/check.lua). Of ten thousand
** packages nearly all are sound; this finds those, so that the rules look at the rest alone.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_SOUND_H
#define ML_PKG_SOUND_H

#include "pkg/info.h"
#include "pkg/tree.h"

/* The unit ids that packages may depend on. Started as (ml_pkg_ids){0}. */
typedef struct ml_pkg_ids {
    ml_arena arena;
    ml_slice *slots; /* n 0: free */
    size_t n, room;  /* room is 0 or a power of two */
} ml_pkg_ids;

void ml_pkg_ids_free(ml_pkg_ids *ids);
/* Adds the ids of all packages, which must outlive the set. False when memory is short. */
bool ml_pkg_ids_add(ml_pkg_ids *ids, const ml_pkg_infos *all);
bool ml_pkg_ids_has(const ml_pkg_ids *ids, ml_slice id);

/* What stands before and behind the name of a library in the names of files that serve. */
typedef struct ml_pkg_ending {
    ml_slice before, behind;
} ml_pkg_ending;

typedef struct ml_pkg_sound_in {
    ml_tree *tree;
    const ml_pkg_ids *ids;
    const ml_pkg_ending *endings;
    int n;
    ml_slice pkgroot, topdir; /* what ${pkgroot} and $topdir stand for; n 0: not known */
} ml_pkg_sound_in;

/* True: no rule of today's ghc-pkg would report anything. False: one might. */
bool ml_pkg_sound(const ml_pkg_info *p, const ml_pkg_sound_in *in);

#endif
