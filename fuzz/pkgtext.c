/* pkgtext.c -- fuzz: any bytes as a package in today's text format.
** What was parsed is read to its last byte. What is printed of it parses again and prints the same,
** but for texts that the format cannot hold (see `fragile`). What was refused says where.
** SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "pkg/text.h"

/* Lines that mean something else where they are printed: comments, white space that counts as
** indentation, a brace in front. Only texts have such lines; tokens are quoted. */
static bool fragile_text(ml_slice s)
{
    bool start = true;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n')
            start = true;
        else if (start && s.p[i] != ' ' && s.p[i] != '\t') {
            start = false;
            if (s.p[i] == '{' || s.p[i] == 0xc2 ||
                (i + 1 < s.n && s.p[i] == '-' && s.p[i + 1] == '-'))
                return true;
        }
    }
    return false;
}

static bool fragile(const ml_pkg_info *p)
{
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++)
        if (ml_pkg_fields[row].value == ML_PKG_TEXT && fragile_text(p->v[row].text))
            return true;
    for (size_t i = 0; i < p->extras; i++)
        if (fragile_text(p->extra[i].text))
            return true;
    /* A library without a package has no name to be printed by. */
    return p->v[ML_PKG_LIB_NAME].text.n && !p->v[ML_PKG_NAME].text.n;
}

static void touch_all(const ml_pkg_infos *all)
{
    const ml_pkg_info *p = &all->at[0];
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++)
        if (ml_pkg_fields[row].value == ML_PKG_LIST)
            for (size_t i = 0; i < p->v[row].list.n; i++)
                touch(p->v[row].list.at[i]);
        else if (ml_pkg_fields[row].value != ML_PKG_BOOL)
            touch(p->v[row].text);
    for (size_t i = 0; i < p->extras; i++) {
        touch(p->extra[i].name);
        touch(p->extra[i].text);
    }
    for (size_t i = 0; i < all->warned; i++)
        check(all->warnings[i].line >= 1 && all->warnings[i].column >= 1 &&
              all->warnings[i].text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ml_pkg_infos all = {0}, again = {0};
    ml_diag d = {0};
    ml_bytes first = {0}, second = {0};
    const ml_pkg_print how = {0};
    int r = ml_pkg_text_parse(&d, &all, "fuzz", (ml_slice){data, size});
    check(r == 0 ? d.count == 0 && all.n == 1 : d.count > 0 && all.n == 0);
    for (const ml_error *e = d.first; e; e = e->next)
        check(e->at.line >= 1 && e->at.column >= 1 && e->text[0]);
    if (r == 0) {
        touch_all(&all);
        ml_pkg_text_print(&first, &all.at[0], &how);
        touch((ml_slice){first.p, first.n});
    }
    if (r == 0 && !fragile(&all.at[0])) {
        check(ml_pkg_text_parse(&d, &again, "fuzz", (ml_slice){first.p, first.n}) == 0);
        ml_pkg_text_print(&second, &again.at[0], &how);
        check(first.n == second.n && (!first.n || memcmp(first.p, second.p, first.n) == 0));
    }
    ml_bytes_free(&first);
    ml_bytes_free(&second);
    ml_pkg_infos_free(&all);
    ml_pkg_infos_free(&again);
    ml_diag_free(&d);
    return 0;
}
