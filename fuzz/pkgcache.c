/* pkgcache.c -- fuzz: any bytes as a package.cache, and as ghc-pkg's part of one, so that a fuzzer
** need not find the header. Each package prints, and all are written again; what can be read of
** that has as many packages.
** SPDX-License-Identifier: MIT */
#include "pkg/cache.h"

#include "fuzz.h"
#include "pkg/text.h"

static void touch_packages(const ml_pkg_infos *all)
{
    for (size_t i = 0; i < all->n; i++) {
        ml_bytes text = {0};
        ml_pkg_text_print(&text, &all->at[i], &(ml_pkg_print){0});
        touch((ml_slice){text.p, text.n});
        ml_bytes_free(&text);
    }
}

static void write_all(ml_diag *d, const ml_pkg_infos *all, ml_bytes *out)
{
    const ml_pkg_info **at = ml_heap_zalloc(all->n + 1, sizeof *at);
    uint8_t *broken = ml_heap_zalloc(all->n + 1, 1);
    check(at && broken);
    for (size_t i = 0; i < all->n; i++)
        at[i] = &all->at[i];
    const ml_cache_input in = {.packages = at, .n = all->n};
    check(ml_cache_write(d, &in, out, broken) == 0);
    ml_heap_free(at);
    ml_heap_free(broken);
}

/* It may be that it cannot be read: characters of a string that is no UTF-8 are counted anew. */
static void round_trip(ml_diag *d, const ml_pkg_infos *all)
{
    ml_bytes first = {0}, second = {0};
    ml_pkg_infos again = {0};
    write_all(d, all, &first);
    if (ml_cache_read(d, "again", (ml_slice){first.p, first.n}, &again) == 0) {
        check(again.n == all->n);
        touch_packages(&again);
        write_all(d, &again, &second);
    }
    ml_pkg_infos_free(&again);
    ml_bytes_free(&first);
    ml_bytes_free(&second);
}

static void read_bytes(ml_slice bytes)
{
    ml_diag d;
    ml_diag_init(&d);
    ml_pkg_infos all = {0};
    if (ml_cache_read(&d, "fuzz", bytes, &all) == 0) {
        touch_packages(&all);
        round_trip(&d, &all);
    } else {
        check(d.count > 0 && all.n == 0);
    }
    ml_pkg_infos_free(&all);
    ml_diag_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t head[24] = {0, 'g', 'h', 'c', 'p', 'k', 'g', 0, 0, 0, 0, 1};
    read_bytes((ml_slice){data, size});
    ml_bytes whole = {0};
    ml_bytes_put(&whole, head, sizeof head); /* and no part for GHC */
    ml_bytes_put(&whole, data, size);
    check(!whole.failed);
    read_bytes((ml_slice){whole.p, whole.n});
    ml_bytes_free(&whole);
    return 0;
}
