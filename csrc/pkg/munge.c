/* munge.c -- pkg: names of sub-libraries.
** Two names are one as z-PACKAGE-z-LIBRARY, where a word of the letter z alone gets one more of it.
** Spec: Cabal, Distribution.Types.MungedPackageName.
** SPDX-License-Identifier: MIT */
#include "pkg/bytes.h"
#include "pkg/info.h"

static bool all_z(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 'z')
            return false;
    return n > 0;
}

/* Copies the words of s with one z more (add) or less in those of z alone. */
static void copy_words(ml_bytes *out, ml_slice s, bool add)
{
    const uint8_t *p = s.p, *end = p + s.n;
    while (p < end) {
        const uint8_t *dash = memchr(p, '-', (size_t)(end - p));
        const uint8_t *stop = dash ? dash : end;
        bool z = all_z(p, (size_t)(stop - p));
        ml_bytes_put(out, p, (size_t)(stop - p) - (z && !add));
        if (z && add)
            ml_bytes_char(out, 'z');
        if (!dash)
            return;
        ml_bytes_char(out, '-');
        p = dash + 1;
    }
}

/* The words before and after the only word that is one z; false when there is no such pair. */
static bool split(ml_slice name, ml_slice *package, ml_slice *library)
{
    if (name.n < 7 || !ml_slice_starts(name, "z-"))
        return false;
    const uint8_t *start = name.p + 2, *end = name.p + name.n, *found = NULL;
    for (const uint8_t *p = start; p < end;) {
        const uint8_t *dash = memchr(p, '-', (size_t)(end - p));
        const uint8_t *stop = dash ? dash : end;
        if (stop - p == 1 && *p == 'z') {
            if (found || p == start || !dash)
                return false;
            found = p;
        }
        if (!dash)
            break;
        p = dash + 1;
    }
    if (!found)
        return false;
    *package = (ml_slice){start, (size_t)(found - 1 - start)};
    *library = (ml_slice){found + 2, (size_t)(end - found - 2)};
    return true;
}

int ml_pkg_complete(ml_diag *d, ml_arena *a, ml_pkg_info *info)
{
    ml_slice *name = &info->v[ML_PKG_NAME].text, *library = &info->v[ML_PKG_LIB_NAME].text;
    ml_slice *package = &info->v[ML_PKG_PACKAGE_NAME].text;
    ml_slice *visibility = &info->v[ML_PKG_VISIBILITY].text, one, two;
    ml_bytes text = {0};
    bool good = true;
    if (split(*name, &one, &two)) {
        copy_words(&text, one, false);
        good = ml_bytes_keep(&text, a, package);
        text.n = 0;
        copy_words(&text, two, false);
        good = good && ml_bytes_keep(&text, a, library);
    } else if (library->n && name->n) {
        *package = *name;
        ml_bytes_text(&text, "z-");
        copy_words(&text, *name, true);
        ml_bytes_text(&text, "-z-");
        copy_words(&text, *library, true);
        good = ml_bytes_keep(&text, a, name);
    } else if (!library->n) {
        *package = (ml_slice){0};
    }
    ml_bytes_free(&text);
    if (!good)
        return ml_nomem(d);
    bool public = visibility->n == 6 || !library->n;
    *visibility = public ? (ml_slice){(const uint8_t *)"public", 6} : (ml_slice){0};
    return 0;
}
