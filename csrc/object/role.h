/* role.h -- object: what a section is for, as its type or its name says.
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_ROLE_H
#define ML_OBJECT_ROLE_H

#include <stdint.h>
#include <string.h>

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
    ML_ROLE_JCR, /* Java classes, of old compilers */
    ML_ROLE_LTO, /* says how gcc's intermediate code is written */
    ML_ROLE_PREINIT_ARRAY,
    ML_ROLE_RELOCATIONS, /* of another section */
    ML_ROLE_RELRO,       /* written by relocations only */
    ML_ROLE_SPLIT_STACK  /* the object was compiled with -fsplit-stack */
} ml_role;

/* The role that a name of two bytes or more gives. */
ml_role ml_role_by_name(const char *name);

/* The role of a section by its type (sh_type) or, where there is none for it, by its name. Inline:
** most sections are told by one comparison each. */
static inline ml_role ml_role_of(const char *name, uint32_t type)
{
    switch (type) {
    case 4: /* SHT_RELA */
    case 9: /* SHT_REL */
    case 0x40000014u: /* SHT_CREL */ return ML_ROLE_RELOCATIONS;
    case 14: /* SHT_INIT_ARRAY */ return ML_ROLE_INIT_ARRAY;
    case 15: /* SHT_FINI_ARRAY */ return ML_ROLE_FINI_ARRAY;
    case 16: /* SHT_PREINIT_ARRAY */ return ML_ROLE_PREINIT_ARRAY;
    case 17: /* SHT_GROUP */ return ML_ROLE_GROUP;
    default: break;
    }
    if (name[0] != '.' || name[1] == 't' || name[1] == 0) /* .text.NAME, most of all */
        return ML_ROLE_NONE;
    return ml_role_by_name(name);
}

#endif
