/* role.h -- object: what a section is for, as its type or its name says.
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_ROLE_H
#define ML_OBJECT_ROLE_H

#include <stdint.h>

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

/* The role of a section by its type or, where there is none for it, by its name. */
ml_role ml_role_of(const char *name, uint32_t type);

#endif
