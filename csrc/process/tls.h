/* tls.h -- process: thread-local storage of loads, and thread-local variables of the process.
** See Note [TLS by the loader] in tls.c. Spec: Drepper, "ELF Handling For Thread-Local Storage".
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_TLS_H
#define ML_PROCESS_TLS_H

#include "process/tls_object.h"

/* The block that a load has in each thread; all zero: none. */
typedef struct ml_tls {
    uint64_t module; /* id, for __tls_get_addr */
    uint64_t size;   /* bytes that the load has of it */
    int64_t tp;      /* of its first byte, from the thread pointer, when it is static */
    bool is_static;
    ml_tls_cell *cell;   /* whose handle is what keeps it */
    uint64_t generation; /* 1 + ml_tls_index.generation; 0: not asked yet */
} ml_tls;

/* Static room. */
typedef struct ml_tls_room {
    uint64_t left;     /* bytes that a block could have */
    uint64_t optional; /* glibc.rtld.optional_static_tls, as the process was started */
    uint64_t waiting;  /* of blocks that were closed while later ones stayed: see tls.c */
} ml_tls_room;

/* Makes blocks of o's size, all beginning with o's image, in the threads that there are and in
** those to come. *out is all zero on failure. When static room is short it returns -ML_E_SPACE and
** records nothing; *room is then what there is. */
int ml_tls_open(ml_diag *d, const ml_tls_object *o, ml_tls *out, ml_tls_room *room);
/* The inverse; *t is all zero afterwards, and may have been so before. */
void ml_tls_close(ml_tls *t);

/* Largest alignment of a static block. */
enum { ML_TLS_STATIC_ALIGN = 64 };

/* A thread-local variable of the process. */
typedef struct ml_tls_variable {
    uint64_t module, offset; /* in its block */
    const char *provider;    /* file name of the library, "" for the executable; borrowed from the
                                loader's link map */
} ml_tls_variable;

/* Looks a variable up in what is global in the process and in the library `needed` (a path as in
** ml_library, or NULL) with its dependencies; false when there is none. Unlike dlsym this does not
** decide where the library's block lies. */
bool ml_tls_find(const char *name, const char *needed, ml_tls_variable *out);
/* Where one that was found lies from the thread pointer; false when its library has no static block
** and cannot get one any more. A library whose block's place is not yet decided gets a static one.
*/
bool ml_tls_find_static(const char *name, const ml_tls_variable *v, int64_t *tp);

/* The calling thread's copy. */
uint64_t ml_tls_address(uint64_t module, uint64_t offset);
/* The same, or 0 while the thread has no block: asking makes none, since a library whose block was
** made for one thread cannot get a static one any more. */
uint64_t ml_tls_present(uint64_t module, uint64_t offset);
/* The thread pointer of the calling thread. */
uint64_t ml_tls_pointer(void);

/* Resolvers of TLS descriptors: see tlsdesc_x86_64.c. Called by code in its own way: the
** descriptor's address in rax, and all registers but that one are kept. They return the distance
** of the variable from the thread pointer. */
uint64_t ml_tlsdesc_static(void);  /* the descriptor's second word is that distance */
uint64_t ml_tlsdesc_dynamic(void); /* it points to an ml_tls_index */
uint64_t ml_tlsdesc_zero(void);    /* it is a whole address: of an undefined weak variable, 0 */

/* What ml_tlsdesc_dynamic needs to know; the first two are what __tls_get_addr takes. */
typedef struct ml_tls_index {
    uint64_t module, offset;
    uint64_t save; /* bytes of the XSAVE area below, 0: FXSAVE; upper half: components to save */
    uint64_t generation; /* of the loader's module list with this module in it: a thread whose table
                            of blocks is as new has the module's block there, if it has one */
} ml_tls_index;
/* The `save` of this machine. */
uint64_t ml_tlsdesc_save(void);
/* The `generation` of a dynamic block; UINT64_MAX, which no table ever has, when not known. */
uint64_t ml_tlsdesc_generation(ml_tls *t);

#endif
