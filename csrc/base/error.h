/* error.h -- base: what went wrong, and where.
** A fallible function returns 0, or the negative of an ml_code after it has recorded the place in
** the ml_diag it was given. A diag keeps up to ML_DIAG_MAX errors of one operation in the order in
** which they were found and counts the rest. All strings are copied: an error outlives the file it
** speaks of. Nothing here prints.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_ERROR_H
#define ML_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef enum ml_code {
    ML_OK = 0,
#define ERR(CODE, name, text) ML_E_##CODE,
#include "base/err.def"
#undef ERR
    ML_E_COUNT
} ml_code;

enum { ML_DIAG_MAX = 20 };

/* Where: each field may be missing (NULL, or has_offset false). */
typedef struct ml_where {
    const char *file;    /* path as it was given */
    const char *member;  /* archive member */
    const char *section; /* section name */
    const char *symbol;  /* the symbol that it is about */
    const char *reloc;   /* name of the relocation type */
    const char *func;    /* function that holds the place */
    uint64_t offset;     /* in bytes: into the section when there is one, else into the file */
    unsigned line;       /* of a text, from 1; 0: none */
    unsigned column;     /* in characters, from 1 */
    bool has_offset;
} ml_where;

typedef struct ml_error {
    ml_code code;
    ml_where at;
    const char *text; /* the reason, without the place */
    const char *hint; /* what to do, or NULL */
    struct ml_error *next;
} ml_error;

typedef struct ml_diag {
    ml_arena arena;
    ml_error *first, *last;
    unsigned count;   /* errors found; the list holds at most ML_DIAG_MAX of them */
    ml_error no_room; /* the record used when there is no memory for one */
} ml_diag;

void ml_diag_init(ml_diag *d);
/* Forgets all errors and frees their memory; the diag is empty and usable afterwards. */
void ml_diag_free(ml_diag *d);

/* Records an error; returns -code, so that callers can `return ml_fail(...)`. hint: what to do, or
** NULL. fmt: the reason, without the place. */
int ml_fail(ml_diag *d, ml_code code, ml_where at, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Records that memory is short; returns -ML_E_NOMEM. */
int ml_nomem(ml_diag *d);

/* "undefined" for ML_E_UNDEFINED, and so on. */
const char *ml_code_name(ml_code code);
/* One error as text without the hint: `file(member): section+0x10 (in func): RELOC against
** 'symbol': reason`, or `file:line:column: reason`. Written to buf (always terminated when
** size > 0); returns the length that it would need. */
size_t ml_error_text(const ml_error *e, char *buf, size_t size);

#endif
