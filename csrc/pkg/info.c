/* info.c -- pkg: the table of fields, and arrays of packages.
** takes fields.def; gives rows by index and by name.
** SPDX-License-Identifier: MIT */
#include "pkg/info.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

const ml_pkg_field_info ml_pkg_fields[ML_PKG_FIELDS] = {
#define FIELD(NAME, text, value, syntax, old) \
    [ML_PKG_##NAME] = {text, old, ML_PKG_##value, ML_PKG_SYNTAX_##syntax},
#include "pkg/fields.def"
#undef FIELD
};

void ml_pkg_infos_free(ml_pkg_infos *all)
{
    ml_arena_free(&all->arena);
    *all = (ml_pkg_infos){.shape = ML_PKG_TODAY};
}

ml_pkg_info *ml_pkg_infos_add(ml_pkg_infos *all)
{
    if (!ML_ARENA_ROOM(&all->arena, all->at, all->n, all->room))
        return NULL;
    ml_pkg_info *p = &all->at[all->n++];
    memset(p, 0, sizeof *p);
    return p;
}

bool ml_pkg_warn(ml_pkg_infos *all, ml_pkg_warning w, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    w.text = ml_strdup(&all->arena, text);
    if (!w.text || !ML_ARENA_ROOM(&all->arena, all->warnings, all->warned, all->warnings_room))
        return false;
    all->warnings[all->warned++] = w;
    return true;
}

ml_pkg_field ml_pkg_field_of(const char *name, size_t len)
{
    for (unsigned i = 0; i < ML_PKG_FIELDS; i++)
        if (strncasecmp(ml_pkg_fields[i].name, name, len) == 0 && !ml_pkg_fields[i].name[len])
            return (ml_pkg_field)i;
    return ML_PKG_FIELDS;
}
