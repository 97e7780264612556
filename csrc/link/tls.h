/* tls.h -- link, private: the thread-local segment of a load, and relocations that reach it.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_TLS_H
#define ML_LINK_TLS_H

#include "link/linked.h"
#include "target/target.h"

/* How the code of an input reaches thread-local variables. */
enum ml_tls_flag {
    ML_TLS_LD = 1,      /* it asks for the load's own block (local dynamic) */
    ML_TLS_ODD_LD = 2,  /* one of these accesses cannot be relaxed: then none is */
    ML_TLS_ODD_DESC = 4 /* the same of descriptors */
};

/* The thread-local segment of a load: see tls.c. */
typedef struct ml_segment {
    uint64_t size, align, filled; /* bytes; those that have an image */
    uint8_t *image;               /* of them */
    bool any;                     /* there are such sections */
    uint32_t own;                 /* 1 + slot of the pair for local dynamic accesses; 0: none */
    bool fixed;                   /* something needs a static block: */
    uint32_t input, rels, rel;    /* the first relocation that does */
    uint64_t save;                /* for descriptors: ml_tls_index.save; 0: not asked yet */
} ml_segment;

/* tls.c: gives a definition the type that its section has. Lays the segment out; opens the storage,
** when .tdata is relocated. Looks for a thread-local variable of the process, in what is global
** first, then in each library that the load or the session has open (*held: 1 + number of the
** session's); binds a name to it. */
int ml_segment_define(ml_txn *t, ml_entry *e);
int ml_segment_place(ml_txn *t);
int ml_segment_open(ml_txn *t);
bool ml_segment_find(const ml_txn *t, const char *name, ml_tls_variable *out, uint32_t *held);
bool ml_segment_bind(ml_txn *t, ml_entry *e);
/* tls_reloc.c: what the relocations need: forgets all, notes one; fills the slots of the GOT. */
void ml_segment_forget(ml_txn *t);
void ml_segment_fill(ml_txn *t, uint8_t *got);
/* A relocation with a thread-local formula, and where it is. */
typedef struct ml_tls_rel {
    ml_input *in;
    const ml_irels *rels;
    uint32_t rel; /* its number in rels */
    ml_irel r;
    const ml_rrow *row;
} ml_tls_rel;
int ml_segment_scan(ml_txn *t, const ml_tls_rel *p);
/* Its value; or what it asked for has been done: *done is how many relocations that were, and
** there is no value. */
int ml_segment_apply(ml_txn *t, const ml_tls_rel *p, uint8_t *code, uint64_t P, uint64_t *value,
                     uint32_t *done);

#endif
