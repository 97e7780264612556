/* layout.h -- pkg: the outer shape of today's text format: which bytes belong to which field.
** Private to the text format (layout.c, text.c).
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_LAYOUT_H
#define ML_PKG_LAYOUT_H

#include "pkg/info.h"

/* A field where it stands. The value runs from its first character to the last one of its last
** line, with newlines, indentation and blank lines as they are; comment lines are blank. */
typedef struct ml_pkg_raw {
    ml_slice name;         /* as it is spelt */
    ml_slice value;        /* n is 0: none */
    unsigned line, column; /* of the name, from 1 */
    unsigned value_line, value_column;
} ml_pkg_raw;

typedef struct ml_pkg_raws {
    ml_pkg_raw *at;
    size_t n, room;
} ml_pkg_raws;

/* Splits a text into its fields, in order; sections are skipped with a warning. On failure one
** error with its place is in *d. The raws lie in the arena of `scratch`, their slices in `text`
** or, where comments had to be taken out, in the arena of `all`. `text` has no carriage returns and
** is valid UTF-8 (text.c sees to both). */
int ml_pkg_layout(ml_diag *d, ml_pkg_infos *all, ml_arena *scratch, const char *file, ml_slice text,
                  ml_pkg_raws *out);

#endif
