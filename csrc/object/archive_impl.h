/* archive_impl.h -- object: what archive.c and the files archive_*.c share. Nobody else includes
** it.
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_ARCHIVE_IMPL_H
#define ML_OBJECT_ARCHIVE_IMPL_H

#include "object/archive.h"

/* What stands behind a header. */
typedef enum ml_ar_role {
    ML_AR_MEMBER,
    ML_AR_NAMES, /* "//": the long names */
    ML_AR_GNU32, /* "/": index with big-endian 32-bit numbers */
    ML_AR_GNU64, /* "/SYM64/": the same with 64 bits */
    ML_AR_BSD32, /* "__.SYMDEF" and "__.SYMDEF SORTED": little-endian */
    ML_AR_BSD64  /* "__.SYMDEF_64": the same with 64 bits */
} ml_ar_role;

/* A header, checked: [data, data + size) lies in the archive, or path is set. */
typedef struct ml_ar_head {
    ml_ar_role role;
    uint64_t data, size; /* of the content in this file */
    uint64_t end;        /* end of the content; the next header follows after padding to 2 */
    const char *name;
    const char *path; /* thin member: file that holds it */
    uint64_t origin;  /* thin member that lies in an archive: offset of its header there, else 0 */
} ml_ar_head;

/* A member that a name was found in. */
typedef struct ml_ar_target {
    uint64_t header;
    ml_member member; /* name NULL: a free slot */
} ml_ar_target;

/* The names of an index, by number in its order. See Note [Names of an archive]. */
typedef struct ml_ar_names {
    uint32_t n;
    ml_slice text; /* holds the names; p NULL: they are read from the archive when one is found */
    uint64_t text_at;  /* offset of the text in the archive, when it is a part of it */
    uint32_t *at;      /* offset of a name in the text, NUL behind it */
    uint64_t *headers; /* of the members; NULL: big-endian numbers of `width` bytes in the text */
    unsigned width;
    uint32_t *slots; /* open addressing: 1 + number in the bits `number`, of the hash in the rest */
    uint32_t mask, number;
    uint32_t *next; /* 1 + the next number that has the name; 0: none has. NULL: see the Note */
} ml_ar_names;

/* How its names begin. See Note [Prefixes of an archive's names]. */
typedef struct ml_ar_prefixes {
    bool tried, whole; /* whole: all names begin with one of v */
    uint32_t n;
    uint64_t v[64];
} ml_ar_prefixes;

enum { ML_AR_SMALL = 64 << 10 }; /* bytes: a larger index is not kept in memory */

struct ml_archive {
    ml_arena arena;
    ml_os_file file; /* fd -1 for an archive in bytes */
    const char *path;
    uint64_t size;
    ml_slice bytes; /* the whole archive, when it is in memory: opened from bytes, or slurped */
    bool owned;     /* bytes are the caller's for good: nothing of them needs to be copied */
    bool thin;
    uint64_t first;    /* header behind index and name table */
    ml_slice names;    /* "//", each name ended by NUL */
    ml_ar_head armap;  /* the index in the file; role ML_AR_MEMBER: there is none */
    ml_archive *inner; /* the archive that the last look into a nested thin member needed */
    ml_slice kept;     /* the index in the file, when it is small and was read */
    ml_ar_prefixes prefixes;
    bool indexed; /* there is a table of the names: */
    ml_ar_names index;
    ml_ar_target *seen; /* by header: open addressing, at most half full */
    uint32_t nseen, seen_slots;
};

/* [off, off + len) of the archive. Without copying when it is in memory; else read into a. */
int ml_archive_fetch(ml_diag *d, const ml_archive *ar, uint64_t off, uint64_t len, ml_arena *a,
                     ml_slice *out);
/* The same to where the caller says. */
int ml_archive_fetch_to(ml_diag *d, const ml_archive *ar, uint64_t off, void *to, size_t len);
/* The member whose header is at off; an error when no header is there. */
int ml_archive_member(ml_diag *d, ml_archive *ar, uint64_t off, ml_member *out);

/* Makes the table of names: reads the index in the file, or builds one. Idempotent. */
int ml_archive_index(ml_diag *d, ml_archive *ar);

/* archive_prefixes.c: may the index, of which there is no table yet, have the name? 1; 0: it does
** not; or an error. */
int ml_ar_prefixes_may(ml_diag *d, ml_archive *ar, const char *name, size_t len);

/* archive_names.c: the table of ar->index, whose other fields are set; names lie in the text. */
int ml_ar_names_table(ml_diag *d, ml_archive *ar);
/* Fills in ar->index, which has room for count names, from names one behind the other at `at` of a
** text that is not in memory. 1: it has to be done with the text in memory. */
int ml_ar_names_stream(ml_diag *d, ml_archive *ar, uint32_t count, uint64_t at, ml_arena *scratch);

#endif
