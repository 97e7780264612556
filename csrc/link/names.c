/* names.c -- link: section names that outlive their file, for maps and messages.
** takes the names of one image after the other; gives copies in an arena. An object of many
** sections has as many names, and one copy of its string table is cheaper than theirs: unless the
** table holds much else, the names of symbols, say. Elsewhere most names are of a few kinds (.text,
** .data), which are shared as long as they are remembered; a table of all would cost more than the
** copies.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/txn.h"

enum { MANY = 64, LONG = 64 }; /* sections; bytes of the string table for each */

bool ml_names_of(ml_names *n, ml_arena *a, const ml_image *img)
{
    n->img = img;
    n->all = NULL;
    if (img->nmemory < MANY || img->names.n / LONG > img->nmemory)
        return true;
    n->all = ml_strndup(a, (const char *)img->names.p, img->names.n);
    return n->all != NULL;
}

const char *ml_names_copy(ml_names *n, ml_arena *a, const char *name)
{
    size_t len = strlen(name);
    const char **slot = &n->recent[ml_hash(name, len) % ML_NAMES_RECENT];
    if (!*slot || strcmp(*slot, name) != 0)
        *slot = ml_strndup(a, name, len);
    return *slot;
}
