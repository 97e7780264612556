/* names.c -- link: section names that outlive their file, for maps and messages.
** takes the names of one image after the other; gives names that live as long as an arena. An
** object of many sections has as many names: the part of the file that holds them outlives the
** transaction, or is copied, unless it holds much else, the names of symbols, say. Elsewhere most
** names are of a few kinds (.text, .data), which are shared as long as they are remembered; a table
** of all would cost more than the copies.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/txn.h"

enum { MANY = 64, LONG = 64 }; /* sections; bytes of the string table for each */

bool ml_names_are_many(const ml_image *img)
{
    return img->nmemory >= MANY && img->names.n / LONG <= img->nmemory;
}

bool ml_names_of(ml_txn *t, ml_names *n, ml_arena *a, const ml_image *img)
{
    n->img = img;
    n->all = NULL;
    if (!ml_names_are_many(img))
        return true;
    if (ml_txn_keep(t, img->names))
        n->all = (const char *)img->names.p;
    else
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
