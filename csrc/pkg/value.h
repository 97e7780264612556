/* value.h -- pkg: values of fields in the text format. Private to text.c and value*.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_VALUE_H
#define ML_PKG_VALUE_H

#include "pkg/layout.h"

/* A value while it is read. */
typedef struct ml_pkg_cursor {
    const uint8_t *at, *end;
    const ml_pkg_raw *raw; /* for places */
    ml_pkg_infos *all;     /* its arena takes what is no slice of the input */
    ml_diag *d;
    const char *file;
    bool quiet; /* failures are not recorded: another reading will be tried */
} ml_pkg_cursor;

/* Records that the value goes wrong at `at`: "unexpected X", and what was expected unless NULL. */
int ml_pkg_unexpected(ml_pkg_cursor *c, const uint8_t *at, const char *expected);
/* The same with a text of its own. */
int ml_pkg_bad_value(ml_pkg_cursor *c, const uint8_t *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A warning that ghc-pkg gives, too, at `at`. */
int ml_pkg_odd_value(ml_pkg_cursor *c, const uint8_t *at, const char *text);
void ml_pkg_place(const ml_pkg_cursor *c, const uint8_t *at, unsigned *line, unsigned *column);
void ml_pkg_skip_space(ml_pkg_cursor *c);
/* Bytes of the white space character at p, or 0. */
size_t ml_pkg_space(const uint8_t *p, const uint8_t *end);

/* Each reads one item at the cursor, behind white space: 1 and *out, or 0 when there is none (the
** cursor has not moved), or negative. */
typedef int ml_pkg_item(ml_pkg_cursor *c, ml_slice *out);
ml_pkg_item ml_pkg_read_token, ml_pkg_read_id, ml_pkg_read_key, ml_pkg_read_hash,
    ml_pkg_read_id_hash, ml_pkg_read_version, ml_pkg_read_name, ml_pkg_read_module,
    ml_pkg_read_quoted_module, ml_pkg_read_export, ml_pkg_read_license, ml_pkg_read_visibility;

/* A..Z, a..z, 0..9, or a character above ASCII that is no white space. */
bool ml_pkg_alnum(const uint8_t *p, const uint8_t *end);
/* A unit with a module of it, or <Module>; the text of it is appended to *out. depth: of brackets
** that may still come. */
struct ml_bytes;
int ml_pkg_read_open_module(ml_pkg_cursor *c, struct ml_bytes *out, unsigned depth);
/* A=unit:Mod,B=<B> up to what cannot go on: items sorted by module, the last one of each. */
int ml_pkg_read_instances(ml_pkg_cursor *c, ml_pkg_list *out, unsigned depth);

#endif
