/* show.h -- pkg: databases of GHC 6.6 to 6.12, one file with a Haskell list of records.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_SHOW_H
#define ML_PKG_SHOW_H

#include "pkg/bytes.h"
#include "pkg/info.h"

/* Whether bytes begin as such a file does: with a bracket, or a record without one. */
bool ml_pkg_show_is(ml_slice text);

/* Adds the packages of a list of records, or of one record alone, to *all, which keeps slices of
** the text. Fields may stand in any order, and some be missing; unknown ones are skipped with a
** warning. all->shape tells which GHC's record it was. 0, or a negative code with one error in *d;
** then nothing is added. */
int ml_pkg_show_parse(ml_diag *d, ml_pkg_infos *all, const char *file, ml_slice text);

/* Writes all packages as a database of that shape, as that GHC laid it out. What a shape has no
** room for is added to all->warnings. */
void ml_pkg_show_print(ml_bytes *out, ml_pkg_infos *all, ml_pkg_shape shape);

#endif
