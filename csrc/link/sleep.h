/* sleep.h -- link: names whose entries nobody has asked for: see Note [Names that sleep] in
** sleep.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_SLEEP_H
#define ML_LINK_SLEEP_H

#include "link/table.h"
#include "object/image.h"

/* The global symbols of one object, of which some sleep. */
struct ml_sleepers {
    ml_image img;   /* its symbols and their names; nothing else of it is there */
    uint64_t first; /* numbers: [first, first + n); groups stand in their order */
    uint32_t n;
    uint32_t input;         /* number of the object in its load */
    const uint32_t *at;     /* where its sections are, from base on; NULL: not yet placed */
    uint64_t base;
    struct ml_unit *unit;   /* NULL: not yet committed */
    ml_entry **bind;        /* of the object's global symbols */
    ml_entry *room;         /* for n entries: zero, and not touched before it is used */
    uint32_t awake, asleep; /* those that are */
};

/* Makes a group for the global symbols of an image, which, its bytes and `bind` live as long as the
** table; NULL when memory is short. */
ml_sleepers *ml_sleepers_add(ml_table *t, const ml_image *img, uint32_t input, ml_entry **bind);
/* The mark of the n-th of them. */
static inline ml_entry *ml_sleeper_mark(const ml_sleepers *s, uint32_t n)
{
    return (ml_entry *)(uintptr_t)((s->first + n) << 1 | 1);
}

#endif
