/* pkgshow.c -- fuzz: any bytes as a package database of GHC 6.6 to 6.12.
** What was parsed is written in each of the three shapes, read, and written as the same bytes; and
** it prints as text. What was refused says where.
** SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "pkg/show.h"
#include "pkg/text.h"

static void round_trip(ml_pkg_infos *all, ml_pkg_shape shape)
{
    ml_pkg_infos again = {0};
    ml_diag d = {0};
    ml_bytes first = {0}, second = {0};
    ml_pkg_show_print(&first, all, shape);
    ml_slice bytes = {first.p, first.n};
    check(!first.failed && ml_pkg_show_is(bytes));
    check(ml_pkg_show_parse(&d, &again, "fuzz", bytes) == 0 && again.n == all->n);
    again.lines = all->lines;
    ml_pkg_show_print(&second, &again, shape);
    check(first.n == second.n && memcmp(first.p, second.p, first.n) == 0);
    ml_bytes_free(&first);
    ml_bytes_free(&second);
    ml_pkg_infos_free(&again);
    ml_diag_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ml_pkg_infos all = {0};
    ml_diag d = {0};
    ml_bytes text = {0};
    const ml_pkg_print how = {0};
    int r = ml_pkg_show_parse(&d, &all, "fuzz", (ml_slice){data, size});
    check(r == 0 ? d.count == 0 : d.count == 1 && all.n == 0 && d.first->at.line >= 1);
    for (size_t i = 0; i < all.n; i++)
        ml_pkg_text_print(&text, &all.at[i], &how);
    touch((ml_slice){text.p, text.n});
    if (r == 0) {
        round_trip(&all, ML_PKG_6_6);
        round_trip(&all, ML_PKG_6_10);
        round_trip(&all, ML_PKG_6_12);
    }
    ml_bytes_free(&text);
    ml_pkg_infos_free(&all);
    ml_diag_free(&d);
    return 0;
}
