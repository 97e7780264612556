/* layout.h -- stage PLACE: give every piece of a load its offset.
** takes a list of pieces (sections, commons, GOT, stubs: the caller knows which); gives offsets
** from the start of one block, and the runs of pages that the block falls into by final protection.
** Pieces of one class lie in the order of the list; pieces with the same nonzero `run` lie side by
** side behind the others of their class, so that __start_/__stop_ symbols and unwind tables see
** them as one. A pure function: nothing is reserved here.
** Spec: gABI chapter 4 "Sections"; x86-64 psABI 3.5.1 (why one block, and why below 2 GiB).
** SPDX-License-Identifier: MIT */
#ifndef ML_PLACE_LAYOUT_H
#define ML_PLACE_LAYOUT_H

#include "base/error.h"
#include "os/os.h"

typedef enum ml_class {
    ML_CLASS_TEXT,  /* r-x */
    ML_CLASS_CONST, /* r--: constants and what is constant after relocation */
    ML_CLASS_DATA,  /* rw- with bytes in the file */
    ML_CLASS_BSS,   /* rw-, zero */
    /* those of the large block, which may lie anywhere */
    ML_CLASS_LCONST,
    ML_CLASS_LDATA,
    ML_CLASS_LBSS,
    /* those of the thread-local segment, which link/tls.c lays out: offsets are from its start */
    ML_CLASS_TDATA,
    ML_CLASS_TBSS,
    ML_CLASS_COUNT
} ml_class;

typedef struct ml_piece {
    uint64_t size;      /* bytes */
    uint64_t offset;    /* result: from the start of the block */
    uint32_t run;       /* 0, or the number of its run */
    uint8_t class;      /* ml_class */
    uint8_t align_log2; /* of its alignment in bytes */
    bool filled;        /* a section with bytes in the file: as many as it has in memory */
    bool apart;         /* its pages, and those behind, are sealed apart from those before */
} ml_piece;

static inline uint64_t ml_piece_align(const ml_piece *p)
{
    return UINT64_C(1) << p->align_log2;
}

/* The parts of a block, by protection: text (none in a large block), constants, data with bss. */
enum { ML_PART_TEXT, ML_PART_CONST, ML_PART_DATA, ML_PARTS };

typedef struct ml_layout {
    uint64_t size;  /* bytes of the block, whole pages */
    uint64_t align; /* of the block: the largest of all pieces, at least a page */
    struct {
        uint64_t offset, size; /* whole grains; size 0 when the class is empty */
        uint64_t used;         /* bytes of it up to the end of the last piece */
        ml_prot prot;
    } part[ML_PARTS];
} ml_layout;

/* The largest block: all of it must be within 2 GiB of all of it. */
#define ML_LAYOUT_MAX       (UINT64_C(0x7fff0000))
/* The largest block of large sections. */
#define ML_LAYOUT_LARGE_MAX (UINT64_C(1) << 46)

/* Places the pieces of the block, or those of the large one. Text and constants take whole grains
** (bytes, a power of two, not less than a page), so that none has pages of two protections.
** ML_E_SPACE when all is more than ML_LAYOUT_MAX (ML_LAYOUT_LARGE_MAX) bytes. */
int ml_layout_place(ml_diag *d, ml_arena *scratch, ml_piece *pieces, size_t n, bool large,
                    uint64_t grain, ml_layout *out);

#endif
