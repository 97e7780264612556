/* archive.h -- object: ar archives: GNU, BSD and thin; `//` and `#1/` names, `/SYM64/`.
** stage OPEN. takes a path (or bytes); gives an index name -> member and the members' bytes on
** demand. The file is read with pread, never mapped, so that nobody can cut it away under us; a
** member costs nothing until it is asked for; the index is gone over at the first look-up, a table
** of its names made when one may be there, and what is kept of it is small: see Note [Prefixes of
** an archive's names] in archive_prefixes.c, Note [Names of an archive] in archive_names.c.
** After open every offset, size, name and count that it hands out is checked.
** Spec: ar(5), the GNU and BSD variants; see docs of binutils "ar", LLVM "Archive.cpp" for /SYM64/.
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_ARCHIVE_H
#define ML_OBJECT_ARCHIVE_H

#include "base/error.h"
#include "base/slice.h"
#include "os/os.h"

typedef struct ml_archive ml_archive;

/* A member as it is listed. */
typedef struct ml_member {
    const char *name; /* as the archive says it, without the trailing slash */
    uint64_t header;  /* offset of its ar header in the file: identifies the member; two members may
                         have one name */
    uint64_t offset;  /* of its data (0 for a thin member: the data is in the file `path`) */
    uint64_t size;    /* bytes of data */
    const char *path; /* thin: file that holds it, relative to the archive's folder; else NULL */
    uint32_t number;  /* of one that was found: where its name stands in the index, from 0 on */
} ml_member;

/* Opens path (kind ARCHIVE or THIN). Everything is allocated in an arena of its own. */
int ml_archive_open(ml_diag *d, const char *path, ml_archive **out);
/* The same with the file at path open already: it is the archive's from here on, or is closed when
** that fails. */
int ml_archive_open_file(ml_diag *d, const char *path, ml_os_file *f, ml_archive **out);
/* The same from bytes, which must stay valid; name is for messages. A thin archive in bytes is
** refused. Used also for an archive that is a member of an archive. */
int ml_archive_open_bytes(ml_diag *d, const char *name, ml_slice bytes, ml_archive **out);
/* Frees it and what its arena holds: members' names, index. NULL is allowed. */
void ml_archive_close(ml_archive *ar);

/* The path, or the name, that it was opened by. */
const char *ml_archive_path(const ml_archive *ar);
/* Do its members lie in files beside it? */
bool ml_archive_thin(const ml_archive *ar);

/* The member that defines `name`, by the hash of base/hash.h: the first in index order from number
** `from` on, else the first of all. 1; 0: none does; or an error. The first look-up reads the index
** in the file; when there is none, it builds one from the members' symbol tables (all global
** definitions and COMMON symbols; members that are no objects are skipped; those that are archives
** are entered recursively). */
int ml_archive_find(ml_diag *d, ml_archive *ar, const char *name, size_t len, uint32_t hash,
                    uint32_t from, ml_member *out);
/* The same without a look at the name, which may have to be read: where it may stand. */
int ml_archive_may(ml_diag *d, ml_archive *ar, const char *name, size_t len, uint32_t hash,
                   uint32_t from, uint32_t *number);
/* Does it stand there? Then *out is the member. */
bool ml_archive_at(ml_archive *ar, uint32_t number, const char *name, size_t len, ml_member *out);
/* For listings: brings all names into memory. Then the number of names, and the i-th: name and
** member header offset. */
int ml_archive_list(ml_diag *d, ml_archive *ar);
size_t ml_archive_names(const ml_archive *ar);
const char *ml_archive_name(const ml_archive *ar, size_t i, uint64_t *header);

/* Walks all members in file order, index and name tables left out: *pos is 0 at first; returns 1
** and sets *out, 0 at the end, or a negative code. */
int ml_archive_next(ml_diag *d, ml_archive *ar, uint64_t *pos, ml_member *out);
/* The bytes of a member, read into the arena (one pread; for a thin member open, read, close).
** ML_E_IO when the archive changed on disk since it was opened. */
int ml_archive_read(ml_diag *d, ml_archive *ar, const ml_member *m, ml_arena *a, ml_slice *out);
/* The whole archive in one read, so that following ml_archive_read calls copy nothing; for
** whole_archive. The bytes live as long as the arena. */
int ml_archive_slurp(ml_diag *d, ml_archive *ar, ml_arena *a);
/* Forgets what was slurped, before its arena goes; the archive is read from the file again. */
void ml_archive_unslurp(ml_archive *ar);

#endif
