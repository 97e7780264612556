/* process.h -- process: what the live process provides, and effects on it with their inverses.
** Knows no session. Spec: dlopen(3), dlsym(3), dlvsym(3), Itanium C++ ABI 3.3.6 (__cxa_finalize).
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_PROCESS_H
#define ML_PROCESS_PROCESS_H

#include "base/error.h"
#include "os/os.h"

typedef struct ml_library {
    void *handle;     /* of dlopen */
    const char *path; /* as the process's loader knows it (link map), in the caller's arena */
    uint64_t threads; /* that the process had when it was opened */
} ml_library;

/* Opens a shared library in the process (RTLD_NOW | RTLD_LOCAL). A path with a slash, or a soname
** for the loader's own search. The loader's text goes into the error (ML_E_LIBRARY). */
int ml_library_open(ml_diag *d, ml_arena *a, const char *name, ml_library *out);
/* Nothing happens to one that is closed already, or all zero. It stays in the process while there
** are more threads than when it was opened: they may be its own (those of libgomp wait in it for
** more work, as long as the process lives), and would go on in memory that is gone. libitm stays as
** well. */
void ml_library_close(ml_library *lib);
/* The whole process as it started (dlopen(NULL)): the executable and all that is global. */
int ml_library_self(ml_diag *d, ml_library *out);
/* The dynamic section of the program, its _DYNAMIC (<link.h>), which it does not export; or 0. */
uint64_t ml_library_program(void);

/* What the process knows about a symbol that it provides. */
typedef struct ml_provided {
    uint64_t addr;
    uint64_t size;        /* bytes; 0 when not known */
    uint8_t type;         /* STT_* of the definition; STT_GNU_IFUNC is already resolved in addr and
                              reported as STT_FUNC; STT_NOTYPE when not known. STT_TLS: addr is the
                              copy of the calling thread, of use to nobody else */
    bool unique;          /* its binding is STB_GNU_UNIQUE */
    const char *provider; /* file name of the library, "" for the executable and for what no file
                              provides; borrowed from the loader's link map */
} ml_provided;

/* Looks a name up. version NULL or "GLIBC_2.2.5". False when there is none. Leaves no error for the
** next caller of dlerror. The provided symbol may have the address 0 (an absolute symbol). */
bool ml_library_find(const ml_library *lib, const char *name, const char *version,
                     ml_provided *out);
/* The same where *out says what another library has under that name, or is all zero: an address
** that both have, since they need the same library, is looked into once. False leaves it as it is.
*/
bool ml_library_find_too(const ml_library *lib, const char *name, const char *version,
                         ml_provided *out);

/* A name that some file in the process may define. */
typedef struct ml_sought {
    const char *name;
    uint32_t gnu_hash; /* set by ml_process_seek */
    bool found;
} ml_sought;
/* Which of n names any file of the process defines, whoever may see it. One walk over the files for
** all: a name that nobody has costs a sixth of what dlsym takes, which words an error. */
void ml_process_seek(ml_sought *v, size_t n);

/* The one variable that libm.a and libmvec.a want of libc.a: where the process has it. */
bool ml_library_features(const ml_library *self, const char *name, ml_provided *out);

/* An exception that ended native code: see cxx.h, which also has the words for it. */
typedef struct ml_caught {
    size_t index;         /* of the function that raised it, in the list that was run */
    char type[256];       /* "std::out_of_range", cut to size; "": raised by no C++ runtime */
    char what[512];       /* what() of a std::exception, a number, a text; "": unknown */
    const char *language; /* "Ada": of another runtime that is known; else NULL */
} ml_caught;

/* Runs n constructors or destructors, in this order: each gets argc, argv, envp of the process.
** False when one raised an exception: the ones behind it did not run; *caught (may be NULL) says
** which one and what. */
bool ml_process_run(const uint64_t *functions, size_t n, ml_caught *caught);
/* Runs what was registered with __cxa_atexit under this __dso_handle, and forgets it together with
** what pthread_atfork and at_quick_exit hold for it (__cxa_finalize). 0 is ignored: there it would
** mean everything in the process. */
void ml_process_finalize(uint64_t dso_handle);

#endif
