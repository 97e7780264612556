/* ldscript.h -- object: the GNU ld scripts that stand where a library is expected (libc.so,
** libm.a).
** stage OPEN. takes the text; gives a flat list of what it names, in order. Understood: GROUP,
** INPUT, AS_NEEDED, OUTPUT_FORMAT, SEARCH_DIR, comments, quoted names, `-lNAME`, commas. Any other
** command is ML_E_UNSUPPORTED with file, line and the command's name.
** Spec: GNU ld manual, "Commands Dealing with Files".
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_LDSCRIPT_H
#define ML_OBJECT_LDSCRIPT_H

#include "base/error.h"
#include "base/slice.h"

typedef enum ml_script_what {
    ML_SCRIPT_FILE,
    ML_SCRIPT_LIB,
    ML_SCRIPT_DIR,
    ML_SCRIPT_FORMAT
} ml_script_what;

typedef struct ml_script_item {
    ml_script_what what;
    const char *name; /* FILE: path or file name; LIB: what stands behind -l; DIR: of SEARCH_DIR;
                         FORMAT: of OUTPUT_FORMAT */
    bool as_needed;   /* inside AS_NEEDED */
    unsigned group;   /* 0: outside GROUP; else the number of its GROUP, from 1 */
    unsigned line;    /* from 1 */
} ml_script_item;

/* Parses a whole script; file is for messages. *items (n of them) and their names lie in a. */
int ml_script_parse(ml_diag *d, ml_arena *a, const char *file, ml_slice text,
                    ml_script_item **items, size_t *n);

#endif
