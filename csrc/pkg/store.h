/* store.h -- pkg: where packages are kept, and how that is changed.
** A database is a folder with one .conf file a package and GHC's package.cache (today's form), or
** one file in the form of GHC 6, or a folder of such files. A change is one transaction: see Note
** [Changing a database] in change.c.
**
** A reader takes no lock and gets the packages of one moment, whoever changes files, and however: a
** change of this library is there whole or not at all, of what other programs do one by one all is
** there up to one of their steps. See Note [Reading beside writers] in store.c. Not promised:
** - what a program has written of a file in place and then waits with the rest: that is the file;
** - all of this on file systems whose times another machine makes (NFS), and when somebody sets the
**   clock back meanwhile: there what changes the folder is noticed, but not what changes a file;
** - a cache that is written to in place: GHC's programs and this library replace it.
** A reader waits for the system's next tick (10 ms at most; 2 s where a file system has only whole
** seconds) when the files have just changed, and gives up with ML_E_STATE when they do so for 5 s.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_STORE_H
#define ML_PKG_STORE_H

#include "os/directory.h"
#include "pkg/cache.h"

#define ML_STORE_CACHE "package.cache"
#define ML_STORE_LOCK  "package.cache.lock"

typedef enum ml_store_kind { ML_STORE_FOLDER, ML_STORE_FILE, ML_STORE_OLD_FOLDER } ml_store_kind;

typedef enum ml_store_cache {
    ML_CACHE_NONE,    /* not looked at, or not in this kind of database */
    ML_CACHE_FRESH,   /* no .conf file is newer: the packages are from it */
    ML_CACHE_STALE,   /* a .conf file is newer */
    ML_CACHE_MISSING, /* in a folder, which may be empty */
    ML_CACHE_CORRUPT, /* cannot be read: view.error says why */
    ML_CACHE_FOREIGN  /* of another GHC: likewise */
} ml_store_cache;

/* What was found. All zero before; freed by ml_store_view_free. */
typedef struct ml_store_view {
    ml_store_kind kind;
    ml_store_cache cache;
    const char *path;  /* where it is: FILE.d for a file that only points there */
    const char *newer; /* the first .conf file that is newer than the cache */
    ml_diag error;     /* why the cache was not read */
    ml_arena arena;
} ml_store_view;
void ml_store_view_free(ml_store_view *v);

/* Where the database that a path names lies: 1 when in the folder *where, 0 when in that file, or
** an error. A file that begins with "[]" stands for the folder FILE.d, if there is one, as for
** ghc-pkg. */
int ml_store_place(ml_diag *d, ml_arena *a, const char *path, const char **where);

/* Reads a database. use_cache: the cache counts as long as it is fresh. Packages are in the order
** in which ghc-pkg has them: that of the cache, or of the folder's list. *all is empty before. */
int ml_store_read(ml_diag *d, const char *path, bool use_cache, ml_store_view *v,
                  ml_pkg_infos *all);

/* Is this the name of a package's file, NAME.conf? */
bool ml_store_is_conf(const char *name);
/* Can this text be the name of a unit's file? Else an error that shows it. */
int ml_store_check_id(ml_diag *d, ml_slice id);

/* ---- changing ---- */

typedef struct ml_store {
    ml_directory dir; /* fd -1: not open */
    int lock;         /* -1: none */
    ml_store_kind kind;
    const char *path; /* as view.path */
    const char *file; /* ML_STORE_FILE: its name in dir */
    ml_arena arena;
} ml_store;

/* Opens a database to change it, and waits for whoever else does (or, without wait, is
** ML_E_STATE). What a killed writer left is finished or undone. On failure nothing is open. Where a
** folder gives way to another one, it is the one that is there when the lock is held. */
int ml_store_open(ml_diag *d, const char *path, bool wait, ml_store *out);
void ml_store_close(ml_store *s);

/* Is the database at that path the one that is open, by whatever name? */
bool ml_store_is_at(const ml_store *s, const char *path);

/* One file of a change. */
typedef struct ml_store_file {
    const char *name; /* in the folder */
    ml_slice id;      /* the unit it is about */
    ml_slice bytes;   /* its new content */
    ml_slice record;  /* as ml_cache_record has it */
    bool remove;
} ml_store_file;

typedef struct ml_store_change {
    const ml_store_file *files;
    size_t n;
    ml_slice cache; /* ML_STORE_FOLDER: the new package.cache */
} ml_store_change;

/* Makes the change, whole or not at all; *late is set when it is made but something remains to be
** tidied, which the next change does: why. ML_E_STATE when the path leads to another folder by now.
** The store stays open. */
int ml_store_commit(ml_diag *d, ml_store *s, const ml_store_change *c, ml_diag *late);

/* Makes an empty database of today's form. One that exists is ML_E_STATE. */
int ml_store_init(ml_diag *d, const char *path);

#endif
