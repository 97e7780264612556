/* text.h -- pkg: today's text format of one package (InstalledPackageInfo): parse and print.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_TEXT_H
#define ML_PKG_TEXT_H

#include "pkg/bytes.h"
#include "pkg/info.h"

/* Adds the package that a text describes to *all, which keeps slices of the text: the bytes must
** live as long as *all does. file: for messages and info->file, or NULL; borrowed likewise.
** Returns 0, or a negative code with one error for each bad field in *d, in the order in which
** ghc-pkg looks at them; nothing is added then. Warnings are added to *all: first those that
** ghc-pkg gives, in its order, then the others. */
int ml_pkg_text_parse(ml_diag *d, ml_pkg_infos *all, const char *file, ml_slice text);

typedef struct ml_pkg_print {
    const ml_slice *pkgroot; /* printed at the end when there is one */
    bool no_extra;           /* leaves out the fields that no row knows, as ghc-pkg does */
} ml_pkg_print;

/* Prints a package as `ghc-pkg describe` does. */
void ml_pkg_text_print(ml_bytes *out, const ml_pkg_info *info, const ml_pkg_print *how);

/* Checks one value as the parser does: gives 0 and the canonical text (a slice of `value` or in the
** arena of *all), or a negative code and an error. An empty value is absent;
** of a list, this is about one item, which must not be empty. */
int ml_pkg_text_value(ml_diag *d, ml_pkg_infos *all, ml_pkg_field field, ml_slice value,
                      ml_slice *out);

#endif
