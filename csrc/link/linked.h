/* linked.h -- link, private: what a load is made of: built by a transaction, kept by a unit.
** A stage writes the fields that its comment names and reads the others. What is marked as scratch
** goes with the transaction.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_LINKED_H
#define ML_LINK_LINKED_H

#include "link/debug.h"
#include "link/link.h"
#include "link/table.h"
#include "object/image.h"
#include "place/layout.h"
#include "process/keys.h"
#include "process/listed.h"
#include "process/runtime.h"
#include "process/tls.h"
#include "process/unwind.h"

/* An indirect function (STT_GNU_IFUNC) of a load: see ifunc.c. */
typedef struct ml_ifunc {
    uint32_t input, section;
    uint64_t value;  /* offset of the resolver in the section */
    uint32_t symbol; /* a symbol that names it */
    bool running;    /* its resolver has been called and has not returned */
    uint64_t stub;   /* its address wherever it is taken (set by assemble) */
    uint64_t target; /* what its resolver returned; 0: not yet */
} ml_ifunc;

/* Why a section has no memory. */
enum ml_dropped { ML_DROPPED_GROUP = 1, ML_DROPPED_UNUSED };

typedef struct ml_ref ml_ref;
typedef struct ml_ref_function ml_ref_function;

/* An object of a load. */
typedef struct ml_input {
    const ml_image *img; /* scratch: NULL after commit */
    const char *file, *member;
    const ml_table *names; /* of the load */
    ml_entry **bind;       /* of the global symbols: [i - img->first_global]; see ml_input_bound */
    uint32_t nbind;
    uint32_t hint;      /* binding that was answered last */
    uint32_t by_input;  /* who wanted `by`, or UINT32_MAX */
    const ml_entry *by; /* name that pulled the member in, or NULL */
    uint64_t bytes;
    bool sleeps; /* some of its names may: see sleep.c */
    /* scratch, by section index: */
    uint8_t *dropped;           /* ml_dropped */
    uint8_t *large;             /* 1: lies in the large block; NULL: none does (set by large.c) */
    uint32_t *piece;            /* 1 + index of its piece; 0: has no memory (set by assemble) */
    ml_ref_function *functions; /* by place; NULL: not yet asked for (references.c) */
    uint32_t nfunctions;
    struct ml_split **split; /* where its strings went; NULL: none was merged (see merge.c) */
    uint32_t *at;   /* offset in its piece (set by assemble), then from base (set by put.c) */
    uint64_t base;  /* address of the block */
    uint64_t *wide; /* final address, when some are not in the block; else NULL (set by put.c) */
    uint32_t *local_got; /* by local symbol: 1 + slot; NULL when there are none (set by scan) */
    uint32_t *counted;   /* by global symbol, as bind: 1 + place in l->counted, 0: none; NULL when
                                there are none (set by scan) */
    const ml_ifunc *ifuncs; /* its indirect functions, sorted (set by ifunc.c) */
    uint32_t nifuncs;
    bool split_stack; /* compiled with -fsplit-stack: see splitstack.c */
    uint8_t tls;      /* ml_tls_flag (set by scan) */
} ml_input;

/* What global symbol i, from the first global one on, is bound to. */
static inline ml_entry *ml_input_bound(const ml_input *in, uint32_t i)
{
    ml_entry *e = in->bind[i];
    return ml_is_asleep(e) ? ml_sleeper_wake(in->names, e) : e;
}

/* A section with memory, as maps show it. */
typedef struct ml_placed {
    const char *name;
    uint64_t addr, size;
    uint32_t input;
    uint8_t class;
} ml_placed;

/* Those of an object that has many, all of them in the block. */
typedef struct ml_placed_short {
    uint32_t name;     /* offset in the names of the object's sections */
    uint32_t at, size; /* at: offset from the block's address */
} ml_placed_short;

typedef struct ml_placed_many {
    uint64_t first;  /* number of the first one among all of the load */
    uint32_t n, all; /* all: of this object and those before it, of its kind */
    uint32_t input;
    const char *names;
    ml_placed_short *v;
} ml_placed_many;

/* A place in a unit that holds an address of another: value at `at` is S + bias, less `at` itself
** when it is relative. FIXED: it cannot be changed afterwards. */
typedef enum ml_site_kind {
    ML_SITE_ABS64,
    ML_SITE_ABS32,
    ML_SITE_PC64,
    ML_SITE_PC32,
    ML_SITE_FIXED
} ml_site_kind;

typedef struct ml_site {
    uint64_t at, bias;
    ml_entry *e;
    ml_site_kind kind;
} ml_site;

/* Most are direct fields in the load's block, and a large load has tens of thousands: these are
** kept in short, those of one input in one run or several. */
typedef struct ml_short_site {
    uint32_t at; /* offset from the block's address */
    int32_t bias;
    uint32_t direct : 3; /* ml_direct of its row */
    uint32_t name : 29;  /* place in bind */
} ml_short_site;

typedef struct ml_site_run {
    struct ml_site_run *next;
    ml_entry *const *bind; /* of the input */
    uint32_t n, room;
    ml_short_site v[];
} ml_site_run;

/* A variable with a name, for reloading: see carry.c. */
typedef struct ml_datum {
    const char *name;
    uint64_t addr, size, align; /* align: of its section, or of the common */
    uint32_t input;
    uint32_t hash; /* of its first value, when `hashed` */
    bool local;
    bool zero; /* its first value is zero */
    bool hashed;
} ml_datum;

/* A local function, likewise. */
typedef struct ml_routine {
    uint64_t addr;
    uint32_t hash; /* of its name */
    uint32_t input;
} ml_routine;

/* Calls that are counted, by number of their stub: see count.c. */
typedef struct ml_counted {
    uint32_t input; /* that calls */
    ml_entry *e;
} ml_counted;

typedef struct ml_graph ml_graph;
typedef struct ml_lazies ml_lazies;

struct ml_linked {
    ml_arena keep; /* owns what outlives the transaction */
    ml_table names;
    ml_input *inputs;
    uint32_t ninputs, room_inputs;
    ml_placed *placed;    /* those that stand in no `many` */
    ml_placed_many *many; /* ml_linked_placed reads both */
    uint32_t nplaced, nmany;
    ml_block block;
    ml_block large;      /* of large sections; size 0: there is none */
    ml_layout layout[2]; /* of the two blocks (set by assemble, large.c) */
    uint64_t got, stubs; /* addresses of the GOT and of the first stub; 0: none */
    uint64_t moved;      /* address of the first moved instruction; 0: none */
    unsigned stub_size;
    ml_counted *counted; /* (set by scan) */
    size_t ncounted, room_counted;
    uint64_t counting, counters; /* addresses of the first stub that counts and its counter */
    unsigned counting_size;
    uint64_t dso_handle; /* address, 0: none */
    uint64_t *init;      /* constructors in the order in which they run */
    uint32_t ninit;
    uint64_t *fini;             /* destructors in the order in which they run */
    uint32_t nfini, plain_fini; /* the first of them that have no priority */
    ml_link_stats stats;
    bool uses_units;       /* some name was bound to one */
    bool lacks;            /* some name has ML_ENT_LACKING */
    ml_lazies *lazies;     /* NULL: nothing is bound at its first call */
    ml_graph *graph;       /* of a load that lacks names, or uses one that does: see missing.c */
    const char **warnings; /* the first ones: see warn.c */
    size_t nwarnings;
    ml_placed *stripped; /* what gc.c dropped: no address, no class */
    size_t nstripped, room_stripped;
    ml_life **pins; /* of units of other sessions: see ml_txn_pin */
    uint32_t npins, room_pins;
    uint64_t frames;         /* address of the unwind table; 0: none */
    ml_unwind unwind;        /* its registration */
    ml_unwinders *unwinders; /* of the session */
    uint64_t unwinder;       /* address by which the load's own unwinder is known; 0: none */
    ml_runtime runtime;      /* what the load has of a C++ runtime */
    /* sites in runs, of which the last one may have room, and those that fit none */
    ml_site_run *runs, *last_run;
    ml_site *sites;
    size_t nsites, room_sites;
    ml_datum *data; /* writable variables */
    size_t ndata, room_data;
    ml_routine *routines;
    size_t nroutines, room_routines;
    ml_debug *debug;                        /* NULL: nobody sees it */
    struct ml_names_by_address *by_address; /* places.c: NULL until it is asked */
    ml_tls tls;                             /* its thread-local storage */
    ml_listed listed;                       /* what dl_iterate_phdr says of it to code of loads */
    struct ml_clones *clones;               /* told to the runtime for transactions: see clones.c */
    uint32_t tm_words;                      /* the target's, if that runtime is in it; else 0 */
};

enum { ML_GOT_SLOT = 8 }; /* bytes: every target so far is one of 64 bits */

/* The addresses of a part (ML_PART_*) of a load: in its block, or in the large one. */
typedef struct ml_area {
    uint64_t addr, size;
} ml_area;
static inline ml_area ml_linked_area(const ml_linked *l, bool large, unsigned part)
{
    const ml_block *b = large ? &l->large : &l->block;
    return (ml_area){b->addr + l->layout[large].part[part].offset,
                     l->layout[large].part[part].size};
}

static inline bool ml_area_has(ml_area a, uint64_t addr)
{
    return addr - a.addr < a.size;
}

/* Is there code of the load at the address; does it lie in the load at all? */
static inline bool ml_linked_is_code(const ml_linked *l, uint64_t addr)
{
    uint64_t start = l->block.addr + l->layout[0].part[ML_PART_TEXT].offset;
    return addr - start < l->layout[0].part[ML_PART_TEXT].used;
}

static inline bool ml_linked_has(const ml_linked *l, uint64_t addr)
{
    return addr - l->block.addr < l->block.size || addr - l->large.addr < l->large.size;
}

/* Address of the GOT slot or the stub that number n, from 1, says; 0 for 0. */
static inline uint64_t ml_slot_address(const ml_linked *l, uint32_t n)
{
    return n ? l->got + (uint64_t)(n - 1) * ML_GOT_SLOT : 0;
}

static inline uint64_t ml_stub_address(const ml_linked *l, uint32_t n)
{
    return n ? l->stubs + (uint64_t)(n - 1) * l->stub_size : 0;
}

/* Likewise of number i, from 0, of l->counted. */
enum { ML_COUNTER = 8 }; /* bytes */
static inline uint64_t ml_counting_address(const ml_linked *l, size_t i)
{
    return l->counting + (uint64_t)i * l->counting_size;
}

static inline bool ml_def_in_load(uint8_t def)
{
    return def >= ML_DEF_SECTION && def <= ML_DEF_LINKER;
}

/* S of an entry: a value needs no placing. */
static inline uint64_t ml_entry_address(const ml_entry *e)
{
    return e->def == ML_DEF_ABS ? e->value : e->addr;
}

/* Does a committed load show this name to others? */
static inline bool ml_def_exported(const ml_entry *e)
{
    return (e->def == ML_DEF_SECTION || e->def == ML_DEF_COMMON || e->def == ML_DEF_ABS) &&
           !(e->flags & (ML_ENT_LOCAL | ML_ENT_NOWHERE)) &&
           (e->vis == ML_VIS_DEFAULT || e->vis == ML_VIS_PROTECTED);
}

/* merge.c: where an offset into a section that was merged went, from the start of its piece. */
uint64_t ml_merge_offset(const ml_input *in, uint32_t section, uint64_t offset);

/* Has the section no memory because something has dropped it? */
static inline bool ml_is_dropped(const ml_input *in, uint32_t section)
{
    return in->dropped && in->dropped[section];
}

static inline bool ml_is_merged(const ml_input *in, uint32_t section)
{
    return in->split && in->split[section];
}

/* Address of a section that has memory. */
static inline uint64_t ml_section_base(const ml_input *in, uint32_t section)
{
    return in->wide ? in->wide[section] : in->base + in->at[section];
}

/* Address of an offset into it. */
static inline uint64_t ml_section_address(const ml_input *in, uint32_t section, uint64_t offset)
{
    return ml_section_base(in, section) +
           (ml_is_merged(in, section) ? ml_merge_offset(in, section, offset) : offset);
}

/* "a.o", or "lib.a(a.o)"; without the member when memory is short. */
const char *ml_input_text(ml_arena *a, const ml_input *in);

/* linked.c: section i of those with memory; false: there are no more. */
bool ml_linked_placed(const ml_linked *l, size_t i, ml_placed *out);

/* info.c: what an entry is. */
void ml_linked_describe(const ml_linked *l, const ml_entry *e, ml_symbol_info *out);

/* Gives parts first to last of both blocks their protection; makes one readable and writable
** again. */
int ml_linked_seal(ml_diag *d, const ml_linked *l, unsigned first, unsigned last);
int ml_linked_open(ml_diag *d, ml_linked *l, unsigned part);
/* Where a byte of an opened part is written. */
static inline uint8_t *ml_linked_writable(const ml_linked *l, uint64_t addr)
{
    return ml_block_writable(&l->block, addr);
}
/* Gives back the memory of both blocks. */
void ml_linked_give(ml_space *s, const ml_linked *l);
/* Frees names, inputs and the arena that owns them. */
void ml_linked_free(ml_linked *l);

/* effects.c: takes back whatever a load has in force, newest first, before its memory goes.
** frames.c, its part of that; places.c and lazy.c: free what they keep of a load. */
void ml_effects_undo(ml_linked *l);
/* clones.c: a load with tm_words comes or has ended: this thread forgets what these say. */
void ml_clones_forget(const ml_linked *l);
void ml_frames_unregister(ml_linked *l);
void ml_places_free(ml_linked *l);
void ml_lazy_free(ml_linked *l);
/* sites.c: a walk over the sites of a load; false at the end. */
typedef struct ml_site_walk {
    const ml_site_run *run;
    size_t i;
} ml_site_walk;
static inline ml_site_walk ml_sites_of(const ml_linked *l)
{
    return (ml_site_walk){l->runs, 0};
}
bool ml_sites_next(const ml_linked *l, ml_site_walk *w, ml_site *out);
/* tls.c: the calling thread's copy of a variable; 0 when there is no storage, or none yet in a
** library. */
uint64_t ml_segment_address(const ml_linked *l, const ml_entry *e);

#endif
