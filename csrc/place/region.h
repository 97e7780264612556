/* region.h -- place: address space in which loaded code lies.
** A space belongs to one session. It makes at most a few large reservations (PROT_NONE): *near*
** ones, all of whose bytes are within 2 GiB of the process's libraries (libc first of all), and
** *low* ones, below 2 GiB, made only when an object asks for it, and *far* ones, for data that need
** not be in reach of anything and must not take near space from what must. A load takes a block
** from one reservation: pages that are writable until the block is sealed with final protections.
** No page is ever writable and executable at once.
** Spec: x86-64 psABI 3.5.1 (code models: why 2 GiB). See Note [Near memory] in reserve.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_PLACE_REGION_H
#define ML_PLACE_REGION_H

#include "base/error.h"
#include "os/os.h"

typedef enum ml_zone { ML_ZONE_NEAR, ML_ZONE_LOW, ML_ZONE_FAR, ML_ZONE_COUNT } ml_zone;

typedef struct ml_space ml_space;

/* What a block shall be. */
typedef struct ml_wish {
    ml_zone zone;
    bool alone; /* it has a reservation of its own, which goes with it */
    /* bytes from its start, whole pages: */
    size_t huge;      /* for these the system is asked for huge pages; the block begins with one if
                         its hole allows that */
    size_t set_aside; /* these lie in huge pages that are set aside, or there is no block. See Note
                         [Huge pages set aside] */
    size_t code;      /* these are executable from the first, and written at the block's view. See
                         Note [Code at two addresses] */
} ml_wish;

typedef struct ml_block {
    uint64_t addr; /* first byte, a multiple of the alignment asked for */
    size_t size;   /* bytes, whole pages */
    uint64_t home; /* where its reservation begins */
    ml_zone zone;
    bool fresh;             /* its pages are unlike those around: it is given back as new ones */
    size_t code, set_aside; /* as wished */
    uint8_t *view;          /* where these bytes are written; NULL: at their address */
    int64_t process;        /* that may write there: a child of fork shares them */
} ml_block;

/* A run of pages of a block and what it becomes. */
typedef struct ml_run {
    uint64_t addr;
    size_t size;
    ml_prot prot;
} ml_run;

ml_space *ml_space_new(void); /* reserves nothing yet; NULL when memory is short */
/* Unreserves everything; all blocks are gone. */
void ml_space_free(ml_space *s);

/* Makes sure that the zone has a free hole for `size` bytes at `align` (a power of two), and says
** which: the next block of that zone lies inside [*lo, *hi) when it asks for no more than fits
** there, as it does when neither size nor align has grown. Called before a layout so that it can
** tell what is within reach. ML_E_SPACE says how much was asked, where, and what `ulimit -v`
** allows. */
int ml_space_prepare(ml_space *s, ml_diag *d, ml_wish wish, size_t size, size_t align, uint64_t *lo,
                     uint64_t *hi);
/* Ends what was prepared for blocks that would be alone and never came. */
void ml_space_tidy(ml_space *s);
/* A block of at least size bytes (rounded up to pages), readable and writable but for its code, all
** zero. ML_E_SPACE, also when too few huge pages are set aside; ML_E_IO when the system has no
** memory with two addresses. */
int ml_block_take(ml_space *s, ml_diag *d, ml_wish wish, size_t size, size_t align, ml_block *out);
/* Gives the runs (whole pages, address order, within the block, no overlap) their final protection;
** neighbours of equal protection in one call. What no run names stays readable and writable. On
** failure all of the block is readable and writable again. */
int ml_block_seal(ml_diag *d, const ml_block *b, const ml_run *runs, size_t n);
/* Makes pages of a sealed block (whole ones of its kind) readable and writable again, until they
** are sealed anew; on failure they may be so, too. Not for code that has a view. */
int ml_block_open(ml_diag *d, const ml_block *b, uint64_t addr, uint64_t size);
/* Is the view still the memory that is executed? Where not, ml_block_blind gives it up: the code is
** then opened and sealed like that of other blocks. */
bool ml_block_sees(const ml_block *b);
void ml_block_blind(ml_block *b);
/* Where the byte at an address of the block is written, when it can be. */
static inline uint8_t *ml_block_writable(const ml_block *b, uint64_t addr)
{
    bool elsewhere = b->view && addr - b->addr < b->code;
    return elsewhere ? b->view + (addr - b->addr) : (uint8_t *)(uintptr_t)addr;
}
/* Returns the block's pages to the reservation. Cannot fail. */
void ml_block_give(ml_space *s, const ml_block *b);

/* Numbers for reports: bytes reserved, bytes in blocks, reservations. */
typedef struct ml_space_stats {
    uint64_t reserved, used;
    unsigned reservations, blocks;
} ml_space_stats;
ml_space_stats ml_space_stat(const ml_space *s);

/* ---- for specs: what goes wrong elsewhere, made to happen here ---- */

/* Reserves exactly [addr, addr + size) for the zone, however far from anything it is; blocks are
** taken from it while they fit. ML_E_SPACE when the system refuses. */
int ml_space_force(ml_space *s, ml_diag *d, ml_zone zone, uint64_t addr, size_t size);

typedef struct ml_rig {
    bool no_default;    /* the place that the kernel itself chooses is never good enough */
    bool no_list;       /* the list of mappings is unavailable */
    unsigned races;     /* so many times, somebody else is quicker in taking the gap found */
    size_t refuse_over; /* reservations of more bytes than this are refused; 0: none */
} ml_rig;
void ml_space_rig(ml_space *s, ml_rig rig);

#endif
