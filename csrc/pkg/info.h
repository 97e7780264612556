/* info.h -- pkg: what a package database says about one package (Cabal: InstalledPackageInfo).
** Whatever format it was read from, a package is one array of values, indexed by field; formats
** (text.c, show.c, cache_read.c) fill and print such arrays and know no database. All strings are
** canonical: what the text format's printer would put there, without quotes. An absent field is
** "", false or the empty list.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_INFO_H
#define ML_PKG_INFO_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

typedef enum ml_pkg_field {
#define FIELD(NAME, text, value, syntax, old) ML_PKG_##NAME,
#include "pkg/fields.def"
#undef FIELD
    ML_PKG_FIELDS
} ml_pkg_field;

typedef enum ml_pkg_value_kind {
    ML_PKG_WORD,
    ML_PKG_TEXT,
    ML_PKG_BOOL,
    ML_PKG_LIST
} ml_pkg_value_kind;

typedef enum ml_pkg_syntax {
    ML_PKG_SYNTAX_NAME,       /* package or component name */
    ML_PKG_SYNTAX_VERSION,    /* 1.2.3 */
    ML_PKG_SYNTAX_VISIBILITY, /* public, private */
    ML_PKG_SYNTAX_ID,         /* unit id; in old records name-version */
    ML_PKG_SYNTAX_KEY,
    ML_PKG_SYNTAX_INSTANCE, /* A=unit:Mod, B=<B> */
    ML_PKG_SYNTAX_LICENSE,
    ML_PKG_SYNTAX_TEXT,
    ML_PKG_SYNTAX_HASH,
    ML_PKG_SYNTAX_BOOL,
    ML_PKG_SYNTAX_EXPORT, /* Mod, Mod from unit:Mod2 */
    ML_PKG_SYNTAX_MODULE,
    ML_PKG_SYNTAX_PATH,
    ML_PKG_SYNTAX_TOKEN,
    ML_PKG_SYNTAX_ID_HASH, /* unit=hash */
} ml_pkg_syntax;

typedef struct ml_pkg_field_info {
    const char *name; /* "exposed-modules" */
    const char *old;  /* "exposedModules"; NULL: not in the old record */
    ml_pkg_value_kind value;
    ml_pkg_syntax syntax;
} ml_pkg_field_info;

extern const ml_pkg_field_info ml_pkg_fields[ML_PKG_FIELDS];

typedef struct ml_pkg_list {
    const ml_slice *at;
    size_t n;
} ml_pkg_list;

typedef union ml_pkg_value {
    ml_slice text; /* WORD, TEXT */
    ml_pkg_list list;
    bool yes;
} ml_pkg_value;

/* A field that no row knows: x-..., or of a newer format. Kept on rewriting. */
typedef struct ml_pkg_extra {
    ml_slice name, text;
} ml_pkg_extra;

typedef struct ml_pkg_info {
    ml_pkg_value v[ML_PKG_FIELDS];
    const ml_pkg_extra *extra;
    size_t extras;
    const char *file; /* where it was read, as the caller named it; NULL when made */
} ml_pkg_info;

/* Said about an input that was read all the same: what would be lost, or is odd. */
typedef struct ml_pkg_warning {
    const char *file;
    unsigned line, column; /* from 1 */
    bool extra;            /* ghc-pkg is silent about it */
    const char *text;
} ml_pkg_warning;

/* Shapes of the record in files of the old format, by the GHC that wrote them. */
typedef enum ml_pkg_shape { ML_PKG_TODAY, ML_PKG_6_6, ML_PKG_6_10, ML_PKG_6_12 } ml_pkg_shape;

/* Packages that were read together; everything they hold lies in the arena. */
typedef struct ml_pkg_infos {
    ml_arena arena;
    ml_pkg_info *at;
    size_t n, room;
    ml_pkg_warning *warnings;
    size_t warned, warnings_room;
    ml_pkg_shape shape;
    bool lines; /* the old format with a line for each package, as 6.8 wrote it */
} ml_pkg_infos;

void ml_pkg_infos_free(ml_pkg_infos *all);
/* One more package with every field absent; NULL when memory is short. The address is good until
** the next one is added. */
ml_pkg_info *ml_pkg_infos_add(ml_pkg_infos *all);
/* Adds a warning; a copy of the text is kept. False when memory is short. */
bool ml_pkg_warn(ml_pkg_infos *all, ml_pkg_warning w, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What follows from other fields: the names of a sub-library (z-PACKAGE-z-LIBRARY) from each other,
** and that the main library is public. */
int ml_pkg_complete(ml_diag *d, ml_arena *a, ml_pkg_info *info);
/* The row of a field by its name in the text format, in any case; ML_PKG_FIELDS when there is
** none. */
ml_pkg_field ml_pkg_field_of(const char *name, size_t len);

#endif
