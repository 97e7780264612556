/* tls_object.h -- process, private: the shared object by which the process's own loader is asked
** for thread-local storage. See Note [TLS by the loader] in tls.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_TLS_OBJECT_H
#define ML_PROCESS_TLS_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

typedef enum ml_tls_place {
    ML_TLS_DYNAMIC, /* a block for each thread that uses it, when it does */
    ML_TLS_EITHER,  /* static when the loader has room to spare, else dynamic */
    ML_TLS_STATIC   /* at one offset from each thread's thread pointer */
} ml_tls_place;

typedef struct ml_tls_object {
    ml_slice image;       /* what blocks begin with; the rest is zero */
    uint64_t size, align; /* of a block; size 0: the object has none */
    ml_tls_place place;
    /* a thread-local variable of the process that the object imports; NULL: none. With
    ** ML_TLS_STATIC the loader is asked for its offset from the thread pointer. */
    const char *import;
    const char *needed; /* path of a library to look it up in, beside what is global; NULL: none */
    bool on_stack;      /* it says that stacks have to be executable */
} ml_tls_object;

enum { ML_TLS_LIVE, ML_TLS_RETIRED, ML_TLS_CLAIMED };

/* What the loader has written, in the object's memory; and what we note there of the object, so
** that whoever walks the loader's list finds it. What we write is atomic: other threads walk the
** list, and sanitizers do not see that an object was unmapped before the next came to its address.
*/
typedef struct ml_tls_cell {
    uint8_t magic[16];
    uint64_t module; /* id: of the block, or of the library that has the import; 0: nothing has */
    uint64_t offset; /* of the import in its block */
    _Atomic int64_t tp; /* offset of a static block from the thread pointer; else 0 */
    uint64_t desc[2]; /* ML_TLS_EITHER: a descriptor. [1] is an offset from the thread pointer when
                          the block is static, else a pointer: negative or not */
    uint64_t size;    /* bytes of a block that may be static, all in the image; else 0 */
    uint64_t align;   /* of the block */
    uint64_t image;   /* offset of the image from the cell */
    _Atomic(void *) handle; /* of dlopen */
    _Atomic int state;      /* ML_TLS_LIVE ... */
} ml_tls_cell;

/* Where the cell lies, from the start of the object's first segment. */
enum { ML_TLS_CELL_AT = 64 + 4 * 56 };

extern const uint8_t ml_tls_magic[16];

/* Writes the object and has the loader open it. 0 with *cell NULL when the loader refuses; *why is
** then its text, good until the next call of the loader. The cell's handle is what closes it. */
int ml_tls_object_open(ml_diag *d, const ml_tls_object *o, ml_tls_cell **cell, const char **why);

#endif
