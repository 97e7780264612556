/* cache.h -- pkg: package.cache, the binary form of a package database that GHC reads.
** A cache has two parts. GHC's part has what the compiler wants of a package; ghc-pkg's part is the
** whole record, and what is read here. The layout is that of GHC 9.0 (Cabal 3.4): the format bears
** no version that changes with it, so another GHC's cache is known by how it fails to fit.
** Spec: GHC.Unit.Database (ghc-boot), Data.Binary (binary 0.8), InstalledPackageInfo (Cabal 3.4).
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_CACHE_H
#define ML_PKG_CACHE_H

#include "pkg/bytes.h"
#include "pkg/info.h"

/* Reads all packages of a cache, appended to `all`; their strings are slices of `bytes`, which must
** live as long. file: for errors. A cache that breaks the format is ML_E_FORMAT or ML_E_TRUNCATED,
** one of another GHC's layout ML_E_UNSUPPORTED; `all` has then as many packages as before. */
int ml_cache_read(ml_diag *d, const char *file, ml_slice bytes, ml_pkg_infos *all);

/* A unit that others' abi-depends may name. */
typedef struct ml_cache_unit {
    ml_slice id, abi;
} ml_cache_unit;

typedef struct ml_cache_input {
    const ml_pkg_info *const *packages; /* in the order of the cache */
    size_t n;
    const ml_cache_unit *below; /* units of the databases below this one */
    size_t nbelow;
} ml_cache_input;

/* Writes a cache as GHC 9.0's ghc-pkg does. GHC's part gets abi-depends with the hashes of the
** units that are there now; broken (room for in->n bytes, or NULL) is set to 1 for each package
** whose own say otherwise. Fails only for memory, and for more than GHC's part can have. */
int ml_cache_write(ml_diag *d, const ml_cache_input *in, ml_bytes *out, uint8_t *broken);

/* The record of one package as it stands in ghc-pkg's part: equal bytes are equal packages. */
int ml_cache_record(ml_diag *d, const ml_pkg_info *p, ml_bytes *out);

/* The name of the main package that a record belongs to: package-name, else name. */
ml_slice ml_cache_package_name(const ml_pkg_info *p);

#endif
