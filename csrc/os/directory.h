/* directory.h -- os: files of one open folder, named relative to it, and the lock of a file.
** For stores that are folders of files: what is read costs no more system calls than it must, and
** what is written comes in steps that a store can order: written and on disk, then renamed into
** place. Names are used as they are: who calls has made sure that they hold no '/'.
** Spec: POSIX.1-2017 openat, renameat, unlinkat, fsync; fcntl(2), "Open file description locks".
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_DIRECTORY_H
#define ML_OS_DIRECTORY_H

#include "os/os.h"

typedef struct ml_directory {
    int fd;           /* -1 when closed */
    const char *path; /* borrowed from the caller, for errors */
} ml_directory;

/* Opens a folder. One that is missing is ML_E_NOENT, something else under that name ML_E_KIND. */
int ml_directory_open(ml_diag *d, const char *path, ml_directory *out);
void ml_directory_close(ml_directory *dir);
/* All names but . and .. in the order in which the system has them. */
int ml_directory_list(ml_diag *d, ml_arena *a, const ml_directory *dir, const char ***out,
                      size_t *n);
/* 1 and *out, 0 when there is no such file, or an error. Links are followed. */
int ml_directory_stat(ml_diag *d, const ml_directory *dir, const char *name, ml_file_id *out);
/* 1 and its content in the arena, 0 when there is no such file, or an error. Three system calls.
** *out has one zero byte readable behind it. */
int ml_directory_read(ml_diag *d, ml_arena *a, const ml_directory *dir, const char *name,
                      ml_slice *out);

/* A file that is being written under a name of its own. */
typedef struct ml_fresh {
    int64_t mtime_ns; /* in: not older than this (0: whatever it is); out: as it was written */
    const char *like; /* takes over mode and owner of this file, if there is one; or NULL */
    bool sync;        /* on disk when the call returns */
} ml_fresh;
/* Makes the file, which must not be there; on failure it is not. */
int ml_directory_write(ml_diag *d, const ml_directory *dir, const char *name, ml_slice bytes,
                       ml_fresh *how);
int ml_directory_rename(ml_diag *d, const ml_directory *dir, const char *from, const char *to);
/* A second name for the same file; what had that name is replaced, if another name, `between`, can
** be used meanwhile. */
int ml_directory_link(ml_diag *d, const ml_directory *dir, const char *from, const char *between,
                      const char *to);
/* No error when there is no such file. */
int ml_directory_remove(ml_diag *d, const ml_directory *dir, const char *name);
/* What was renamed and removed is on disk when it returns; all: what was written, too. */
int ml_directory_sync(ml_diag *d, const ml_directory *dir, bool all);
/* The folder itself and all above it that are missing. made: false when it was there. */
int ml_directory_make(ml_diag *d, const char *path, bool *made);

/* Locks a file for this open alone, against other processes and other opens of this one, and
** returns the descriptor, whose close ends the lock; or an error. make: the file is made when it is
** missing. wait: until whoever has it gives it back; else ML_E_STATE. A file system that cannot
** lock is no error, as ghc-pkg has it. */
int ml_os_lock(ml_diag *d, const ml_directory *dir, const char *name, bool make, bool wait);
void ml_os_unlock(int fd);

#endif
