/* role.c -- object: what sections are for, by type or name.
** takes a section's type and name; gives its role. Asked once for each section, when an object is
** parsed, so that no later stage compares names.
** Spec: gABI chapter 4 "Special Sections"; ld's default scripts for the older ones.
** SPDX-License-Identifier: MIT */
#include "object/role.h"

#include <stdbool.h>
#include <string.h>

/* In the order of the bytes behind the dot, which role.h has, too; `parts`: also NAME.ANYTHING. */
static const struct row {
    const char *name;
    ml_role role;
    bool parts;
} rows[] = {
    {".ctors", ML_ROLE_CTORS, true},
    {".data.rel.ro", ML_ROLE_RELRO, true},
    {".dtors", ML_ROLE_DTORS, true},
    {".eh_frame", ML_ROLE_EH_FRAME, true},
    {".fini", ML_ROLE_FINI, false},
    {".gcc_except_table", ML_ROLE_EXCEPT_TABLE, true},
    {".gnu.linkonce", ML_ROLE_LINKONCE, true},
    {".gnu.lto_.lto", ML_ROLE_LTO, true},
    {".init", ML_ROLE_INIT, false},
    {".jcr", ML_ROLE_JCR, false},
    {".note.GNU-split-stack", ML_ROLE_SPLIT_STACK, false},
    {".note.GNU-stack", ML_ROLE_STACK, false},
    {".tm_clone_table", ML_ROLE_TM_CLONES, false},
};

ml_role ml_role_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        if (r->name[1] != name[1])
            continue;
        size_t n = strlen(r->name);
        if (strncmp(name, r->name, n) == 0 && (name[n] == 0 || (r->parts && name[n] == '.')))
            return r->role;
    }
    return ML_ROLE_NONE;
}
