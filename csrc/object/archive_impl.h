/* archive_impl.h -- object: what archive.c and archive_index.c share. Nobody else includes it.
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

/* A name of the index. Entries keep the order of the index. */
typedef struct ml_ar_entry {
    const char *name;
    uint32_t len, hash;
    uint32_t target; /* index into targets */
} ml_ar_entry;

/* A member that the index names; looked at when it is first found. */
typedef struct ml_ar_target {
    uint64_t header;
    ml_member member; /* name NULL: not looked at yet */
} ml_ar_target;

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
    bool indexed;
    ml_ar_entry *entries;
    ml_ar_target *targets;
    size_t nentries, ntargets;
    uint32_t *slots; /* open addressing: 1 + index into entries, 0: free */
    size_t mask;
};

/* [off, off + len) of the archive. Without copying when it is in memory; else read into a. */
int ml_archive_fetch(ml_diag *d, const ml_archive *ar, uint64_t off, uint64_t len, ml_arena *a,
                     ml_slice *out);
/* The member whose header is at off; an error when no header is there. */
int ml_archive_member(ml_diag *d, ml_archive *ar, uint64_t off, ml_member *out);

#endif
