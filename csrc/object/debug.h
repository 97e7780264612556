/* debug.h -- object: the debugging sections of an object, which take no part in a link.
** They are read when somebody asks for them and cost nothing else. As with an image, what comes
** out has been checked: the sections lie in memory, inflated, and relocation symbols exist.
** Spec: DWARF 5 chapter 7; gABI "Section Compression".
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_DEBUG_H
#define ML_OBJECT_DEBUG_H

#include "object/image.h"

/* The sections that debuggers read. Those of one kind of several objects may stand behind each
** other; other sections (.debug_gdb_scripts, .debug_pubnames ...) are left out. */
typedef enum ml_debug_kind {
    ML_DEBUG_INFO,
    ML_DEBUG_ABBREV,
    ML_DEBUG_LINE,
    ML_DEBUG_STR,
    ML_DEBUG_LINE_STR,
    ML_DEBUG_STR_OFFSETS,
    ML_DEBUG_ADDR,
    ML_DEBUG_RANGES,
    ML_DEBUG_RNGLISTS,
    ML_DEBUG_LOC,
    ML_DEBUG_LOCLISTS,
    ML_DEBUG_TYPES,
    ML_DEBUG_MACINFO,
    ML_DEBUG_MACRO,
    ML_DEBUG_ARANGES,
    ML_DEBUG_FRAME,
    ML_DEBUG_NAMES,
    ML_DEBUG_KINDS
} ml_debug_kind;

/* Sets of kinds: bit 1 << kind. What a line table needs to be read. */
enum {
    ML_DEBUG_ALL = (1 << ML_DEBUG_KINDS) - 1,
    ML_DEBUG_LINES = 1 << ML_DEBUG_LINE | 1 << ML_DEBUG_STR | 1 << ML_DEBUG_LINE_STR
};

/* ".debug_info" and so on. */
const char *ml_debug_name(ml_debug_kind k);

typedef struct ml_idebug {
    ml_debug_kind kind;
    uint32_t section; /* index in the image */
    uint64_t align;   /* a power of two */
    ml_slice data;    /* inflated, in the arena or in the image's bytes */
    ml_irels rels;    /* count 0: none. Offsets may lie outside of the section. */
} ml_idebug;

/* The debugging sections of the kinds `want`, in the order of the file. Errors are for the caller
** to make a warning of: an object with broken debugging sections can be linked. */
int ml_image_debug(ml_diag *d, ml_arena *a, const ml_image *img, unsigned want, ml_idebug **out,
                   uint32_t *n);

#endif
