/* places.h -- link: what lies at an address: in units, and in units that are gone.
** One atlas belongs to one Lua state: it knows the sessions of that state and, after a unit has
** gone, where it lay, for as long as it is among the last ML_GRAVES.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_PLACES_H
#define ML_LINK_PLACES_H

#include "link/link.h"

enum { ML_GRAVES = 1000, ML_GRAVE_NAMES = 256 }; /* units remembered; functions of each */

typedef enum ml_place_kind {
    ML_PLACE_UNKNOWN, /* in a unit, but no section of it: padding */
    ML_PLACE_SECTION, /* in a section, and no symbol covers it */
    ML_PLACE_FUNCTION,
    ML_PLACE_OBJECT,
    ML_PLACE_LABEL, /* behind a symbol without a type */
    ML_PLACE_STUB,  /* of `name` */
    ML_PLACE_SLOT,  /* of the GOT, for `name` when that is known */
    ML_PLACE_MOVED  /* an instruction that was moved out of line */
} ml_place_kind;

/* Texts live until a unit is loaded or goes; those that do not apply are NULL. */
typedef struct ml_place {
    ml_place_kind kind;
    const char *name;
    uint64_t start, size; /* of the symbol; size 0: not known. SECTION: of the section */
    const char *unit, *file, *member, *section;
    char source[512]; /* the source file, perhaps cut; "": not known */
    uint32_t line;
    bool unloaded;
    uint64_t ago_ns; /* unloaded: since when */
} ml_place;

/* What lies at an address of the unit; *out is as ml_atlas_find made it before. */
void ml_unit_place(const ml_unit *u, uint64_t addr, ml_place *out);

typedef struct ml_atlas ml_atlas;

ml_atlas *ml_atlas_new(void); /* with one holder; NULL when memory is short */
ml_atlas *ml_atlas_hold(ml_atlas *a);
void ml_atlas_drop(ml_atlas *a);
/* Enters a session that has not loaded anything yet; it holds the atlas until it ends. */
void ml_atlas_join(ml_atlas *a, ml_session *s);
/* What lies at addr, in units of the session `only` or (NULL) of any. Logarithmic, but for the
** first question after a load. */
bool ml_atlas_find(ml_atlas *a, const ml_session *only, uint64_t addr, ml_place *out);

/* One named thing of a unit. */
typedef struct ml_named {
    uint64_t addr, size;
    const char *name;
    uint32_t input; /* UINT32_MAX: not known */
    uint8_t kind;   /* ml_place_kind */
    bool local;
} ml_named;
/* Number i of a unit's functions, objects, stubs and slots, by address; false past the end, and
** when memory is short. */
bool ml_linked_named(const ml_linked *l, size_t i, ml_named *out);
/* Warning i of the load's debugging; NULL past the end. */
const char *ml_linked_warning(const ml_linked *l, size_t i);
/* Bytes that the load's symbol file takes; 0: there is none. */
uint64_t ml_linked_debug_size(const ml_linked *l);

#endif
