/* role.h -- object: what a section is for, as its type or its name says.
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_ROLE_H
#define ML_OBJECT_ROLE_H

#include <stdint.h>

#include "object/crel.h"

typedef enum ml_role {
    ML_ROLE_NONE,
    ML_ROLE_CTORS, /* addresses of constructors, older form, read backwards */
    ML_ROLE_DTORS,
    ML_ROLE_EH_FRAME,     /* unwind table */
    ML_ROLE_EXCEPT_TABLE, /* what a C++ function catches and cleans up */
    ML_ROLE_FINI,         /* a piece of the function that ends the load */
    ML_ROLE_FINI_ARRAY,
    ML_ROLE_GROUP, /* names the members of a section group */
    ML_ROLE_INIT,  /* a piece of the function that starts it */
    ML_ROLE_INIT_ARRAY,
    ML_ROLE_JCR,      /* Java classes, of old compilers */
    ML_ROLE_LINKONCE, /* the first of its name counts; older than groups */
    ML_ROLE_LTO,      /* says how gcc's intermediate code is written */
    ML_ROLE_PREINIT_ARRAY,
    ML_ROLE_RELOCATIONS, /* of another section */
    ML_ROLE_RELRO,       /* written by relocations only */
    ML_ROLE_SPLIT_STACK, /* the object was compiled with -fsplit-stack */
    ML_ROLE_STACK,       /* executable when the object's code needs stacks to be */
    ML_ROLE_TM_CLONES    /* functions, each with its copy for transactions */
} ml_role;

/* The role that a name gives which begins with a dot. */
ml_role ml_role_by_name(const char *name);

/* The role that a section's type (sh_type) gives. */
static inline ml_role ml_role_by_type(uint32_t type)
{
    enum { RELA = 4, REL = 9, INIT_ARRAY = 14, FINI_ARRAY, PREINIT_ARRAY, GROUP };
    switch (type) {
    case RELA:
    case REL:
    case ML_SHT_CREL: return ML_ROLE_RELOCATIONS;
    case INIT_ARRAY: return ML_ROLE_INIT_ARRAY;
    case FINI_ARRAY: return ML_ROLE_FINI_ARRAY;
    case PREINIT_ARRAY: return ML_ROLE_PREINIT_ARRAY;
    case GROUP: return ML_ROLE_GROUP;
    default: return ML_ROLE_NONE;
    }
}

/* The role of a section whose type gives it none. Inline, since one byte of the name tells most
** sections that have none. */
static inline ml_role ml_role_of_name(const char *name)
{
    /* second bytes of the names in role.c */
    static const uint32_t letters = 1 << ('c' & 31) | 1 << ('d' & 31) | 1 << ('e' & 31) |
                                    1 << ('f' & 31) | 1 << ('g' & 31) | 1 << ('i' & 31) |
                                    1 << ('j' & 31) | 1 << ('n' & 31) | 1 << ('t' & 31);
    if (name[0] != '.' || !(letters >> (name[1] & 31) & 1) || (name[1] == 't' && name[2] != 'm'))
        return ML_ROLE_NONE; /* most begin with .text */
    return ml_role_by_name(name);
}

#endif
