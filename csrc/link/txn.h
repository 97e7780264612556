/* txn.h -- link, private: the data that its stages pass on.
** ml_linked is what a transaction builds and a unit keeps; ml_txn is what only the transaction
** needs. A stage writes the fields that its comment names and reads the others.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_TXN_H
#define ML_LINK_TXN_H

#include "link/debug.h"
#include "link/edit.h"
#include "link/link.h"
#include "link/table.h"
#include "object/archive.h"
#include "object/image.h"
#include "place/layout.h"
#include "process/exits.h"
#include "process/process.h"
#include "process/runtime.h"
#include "process/tls.h"
#include "process/unwind.h"
#include "target/target.h"

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
    ml_entry **bind; /* of the global symbols: [i - img->first_global] */
    uint32_t nbind;
    uint32_t hint;      /* binding that was answered last */
    uint32_t by_input;  /* who wanted `by`, or UINT32_MAX */
    const ml_entry *by; /* name that pulled the member in, or NULL */
    uint64_t bytes;
    /* scratch, by section index: */
    uint8_t *dropped;           /* ml_dropped */
    uint8_t *large;             /* 1: lies in the large block; NULL: none does (set by large.c) */
    uint32_t *piece;            /* 1 + index of its piece; 0: has no memory (set by assemble) */
    ml_ref_function *functions; /* by place; NULL: not yet asked for (references.c) */
    uint32_t nfunctions;
    struct ml_split **split; /* where its strings went; NULL: none was merged (see merge.c) */
    uint64_t *addr;          /* final address (set by assemble) */
    uint32_t *local_got;     /* by local symbol: 1 + slot; NULL when there are none (set by scan) */
    const ml_ifunc *ifuncs;  /* its indirect functions, sorted (set by ifunc.c) */
    uint32_t nifuncs;
    bool split_stack; /* compiled with -fsplit-stack: see splitstack.c */
    uint8_t tls;      /* ml_tls_flag (set by scan) */
} ml_input;

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

/* A section with memory, as maps show it. */
typedef struct ml_placed {
    const char *name;
    uint64_t addr, size;
    uint32_t input;
    uint8_t class;
} ml_placed;

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

typedef struct ml_graph ml_graph;

struct ml_linked {
    ml_arena keep; /* owns what outlives the transaction */
    ml_table names;
    ml_input *inputs;
    uint32_t ninputs, room_inputs;
    ml_placed *placed;
    uint32_t nplaced;
    ml_block block;
    ml_block large;      /* of large sections; size 0: there is none */
    ml_layout layout[2]; /* of the two blocks (set by assemble, large.c) */
    uint64_t got, stubs; /* addresses of the GOT and of the first stub; 0: none */
    uint64_t moved;      /* address of the first moved instruction; 0: none */
    unsigned stub_size;
    uint64_t dso_handle; /* address, 0: none */
    uint64_t *init;      /* constructors in the order in which they run */
    uint32_t ninit;
    uint64_t *fini; /* destructors in the order in which they run */
    uint32_t nfini;
    ml_link_stats stats;
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
    ml_site *sites;
    uint32_t nsites;
    ml_datum *data; /* writable variables */
    size_t ndata, room_data;
    ml_routine *routines;
    size_t nroutines, room_routines;
    ml_debug *debug;                        /* NULL: nobody sees it */
    struct ml_names_by_address *by_address; /* places.c: NULL until it is asked */
    ml_tls tls;                             /* its thread-local storage */
};

/* An archive in reach. */
typedef struct ml_source {
    ml_archive *ar;
    void *bytes; /* its content, when it was opened from bytes: ours */
    unsigned set;
    bool fresh;                  /* opened by this transaction: abort closes it */
    const struct ml_unit *owner; /* the unit that brought it, from commit on */
    bool indexed;
    unsigned depth;     /* archives around it */
    const char *within; /* archive in an archive: its name in ml_txn.members; else NULL */
    ml_edits *edits;    /* of its members' symbols, held; NULL: none */
} ml_source;

typedef struct ml_sources {
    ml_source *v;
    uint32_t n, room;
} ml_sources;

typedef struct ml_libraries {
    ml_library *v;
    uint32_t n, room;
} ml_libraries;

/* Numbers of runs (place/layout.h): pieces that lie side by side. */
enum {
    ML_RUN_FRAGMENTS = 1, /* six: .init and .fini, see fragments.c */
    ML_RUN_FRAMES = 8,    /* .eh_frame, see frames.c */
    ML_RUN_MERGED = 9,    /* strings and constants that were merged, see merge.c */
    ML_RUN_IDENTS = 16    /* and up: sections whose name is a C identifier, by index in idents */
};

/* The pieces of .init or .fini. */
typedef struct ml_fragments {
    bool any;
    uint32_t enter, leave; /* 1 + index of the pieces around them; 0: none */
} ml_fragments;

/* Where the address of a constructor stands; input UINT32_MAX: it is the function of .init. */
typedef struct ml_ctor_at {
    uint32_t input, section;
    uint64_t offset;
} ml_ctor_at;

/* An instruction that could not hold its operand's address. */
typedef struct ml_far {
    uint32_t input, rels, rel;
} ml_far;

struct ml_txn {
    ml_session *s;
    ml_diag *d;
    ml_options o;
    const ml_target *target;
    ml_arena scratch; /* file bytes, images, and whatever ends with the transaction */
    ml_linked *l;
    ml_sources sources;     /* the session's archives, then the new ones */
    ml_libraries libraries; /* opened by this transaction */
    bool allow_libc;
    ml_table renames[2]; /* [0] references, [1] definitions: entry->provider is the new name */
    ml_edits *edits;     /* of the inputs that are being added, or NULL */
    struct ml_merged **merged; /* see merge.c */
    size_t nmerged, room_merged;
    bool edited; /* there was an edit: a name may stand twice in an image */
    /* references.c: index of the places that refer to names, as far as somebody asked */
    ml_table refs; /* image, symbol: 1 + index of the first and last one in ref */
    ml_ref *ref;
    size_t nref, room_ref;
    uint32_t nref_inputs; /* inputs that are in it */
    bool moved;           /* references went from one name to another since */
    ml_table comdats;     /* signatures that have a winner */
    ml_table members;     /* archive members that were pulled, by the way to them */
    ml_sources nested;    /* archives in archives, read by this transaction */
    ml_table idents;      /* sections whose name is a C identifier: __start_NAME, __stop_NAME;
                            entry->image: its index here; section: 1 + class of the run (set by
                            assemble); addr, size: where it begins and ends */
    /* resolve */
    uint32_t cursor;  /* entries before it were looked at */
    ml_entry **queue; /* to look at again, first in first out from `head` on */
    uint32_t nqueue, room_queue, head;
    ml_entry **asked;
    uint32_t nasked, room_asked;
    uint32_t noffered; /* inputs whose references were offered */
    uint32_t nmarked;  /* inputs whose relocations have marked the names that they use */
    ml_duplicate *duplicates;
    uint32_t nduplicates, room_duplicates;
    /* place */
    uint64_t lo, hi; /* where the block will lie */
    ml_zone zone;
    ml_piece *pieces;
    uint32_t npieces;
    uint32_t piece_got, piece_stubs, piece_moved, piece_dso; /* 1 + index; 0: none */
    uint32_t piece_header;                                   /* __ehdr_start, likewise */
    uint32_t piece_islots, piece_istubs;                     /* of indirect functions, likewise */
    bool has_ifunc;                                          /* assemble or scan has seen one */
    ml_ifunc *ifuncs; /* sorted by input, section and value, each once */
    uint32_t nifuncs;
    ml_fragments fragments[2];  /* .init, .fini */
    bool has_split;             /* some input has split stacks */
    bool asks_large, has_large; /* some piece asks for the large block; lies there */
    bool taken;                 /* the block is ours to give back */
    uint8_t *view;              /* where the block's bytes are written: block.addr, or the buffer */
    uint8_t *buffer;            /* of a link for a fixed address; NULL: none */
    uint32_t ngot, nstubs, nmoved;
    uint32_t copies;       /* bytes of copied objects: see copies.c */
    uint32_t piece_copies; /* 1 + index; 0: none */
    bool need_gotbase;
    bool has_frames;       /* there are .eh_frame sections */
    uint32_t piece_frames; /* 1 + index of the word that ends them; 0: none */
    /* relocate */
    ml_far *far;
    uint32_t nfar, room_far;
    ml_segment segment;
    ml_ctor_at *init_at; /* of l->init */
    ml_txn *outer;       /* whose constructors are running while this load does */
};

/* A shared library that the session holds open, for the units that brought it or use it. */
typedef struct ml_held {
    ml_library lib;
    uint32_t holders;
    uint64_t seen;        /* number of the unit that was counted last */
    struct ml_held *next; /* among those that are being closed */
} ml_held;

typedef struct ml_units {
    ml_unit **v;
    uint32_t n, room;
} ml_units;

typedef enum ml_unit_state {
    ML_UNIT_STARTING, /* its constructors are running */
    ML_UNIT_LIVE,
    ML_UNIT_ORPHAN, /* its names have gone, its memory and functions stay */
    ML_UNIT_ENDING, /* its destructors are running */
    ML_UNIT_LOST    /* all has gone but memory, which goes with the next sweep that can */
} ml_unit_state;

struct ml_unit {
    ml_session *s;
    ml_unit *next, *prev; /* in the session's list of units, or of lost ones (next alone) */
    uint64_t number;      /* no other unit of the session ever had it */
    ml_life *life;
    ml_linked *l;
    ml_exits *exits; /* NULL: nothing happens at its end */
    ml_unit_state state;
    bool covers;    /* took the place of names of earlier units */
    ml_units needs; /* units whose definitions it uses, each once */
    ml_units users; /* the inverse */
    ml_held **held; /* libraries that it brought or uses */
    uint32_t nheld;
    ml_unit *other; /* the other version while it is being reloaded; else NULL */
    bool is_new;    /* of the two */
    uint64_t seen;  /* number of the unit that was counted last */
    /* while units end: see unit.c */
    bool cancelled;        /* its constructors did not get to their end */
    bool exited;           /* its destructors have run */
    bool listed, named;    /* it is among those that end; had names until now */
    bool kept;             /* its memory is needed */
    bool quiet;            /* no thread is inside, as far as one look tells */
    uint32_t turn;         /* users to look at */
    ml_unit *after, *work; /* the next that ends; on a list of work */
};

/* What the units of a session show to others: see exports.c. */
typedef struct ml_exports {
    ml_table names; /* entries of units; empty while there is a sole one */
    ml_unit *sole;  /* the only unit with exports, found in its own table; else NULL */
} ml_exports;

struct ml_session {
    ml_exports exports;
    ml_unit *first, *last;
    ml_space *space;
    ml_sources sources;
    ml_held **held; /* in the order in which they were opened */
    uint32_t nheld, room_held;
    ml_library self;
    ml_unwinders *unwinders;
    uint64_t numbers;                /* the last unit's number */
    uint32_t loads;                  /* transactions that are open and have not committed */
    uint32_t ending;                 /* depth of ending and releasing units */
    uint32_t foreign;                /* destructors that are running */
    bool quiet;                      /* no thread is inside any unit */
    ml_unit *lost;                   /* units whose state is ML_UNIT_LOST */
    ml_txn *starting;                /* whose constructors are running, the innermost */
    bool (*calling)(const void *ud); /* see ml_session_set_calling */
    const void *calling_ud;
    struct ml_atlas *atlas; /* that it has joined, or NULL */
    ml_session *atlas_next, *atlas_prev;
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
    return ml_area_has(ml_linked_area(l, false, ML_PART_TEXT), addr);
}

static inline bool ml_linked_has(const ml_linked *l, uint64_t addr)
{
    return addr - l->block.addr < l->block.size || addr - l->large.addr < l->large.size;
}

/* session.c: asks the libraries `first` (NULL: none), those of the session, then the process.
** *held: 1 + number of the session's library that answered, else 0. */
bool ml_session_provided(const ml_session *s, const ml_libraries *first, const char *name,
                         const char *version, ml_provided *out, uint32_t *held);

/* select.c: makes room for one more element in a heap vector of the transaction. */
bool ml_vector_room(void **v, uint32_t n, uint32_t *room, size_t size);
#define ML_ROOM(v, n, room) ml_vector_room((void **)&(v), n, &(room), sizeof *(v))

/* Address of the GOT slot or the stub that number n, from 1, says; 0 for 0. */
static inline uint64_t ml_slot_address(const ml_linked *l, uint32_t n)
{
    return n ? l->got + (uint64_t)(n - 1) * ML_GOT_SLOT : 0;
}

static inline uint64_t ml_stub_address(const ml_linked *l, uint32_t n)
{
    return n ? l->stubs + (uint64_t)(n - 1) * l->stub_size : 0;
}

static inline bool ml_def_in_load(uint8_t def)
{
    return def >= ML_DEF_SECTION && def <= ML_DEF_LINKER;
}

/* Does a committed load show this name to others? */
static inline bool ml_def_exported(const ml_entry *e)
{
    return (e->def == ML_DEF_SECTION || e->def == ML_DEF_COMMON || e->def == ML_DEF_ABS) &&
           !(e->flags & (ML_ENT_LOCAL | ML_ENT_NOWHERE)) &&
           (e->vis == ML_VIS_DEFAULT || e->vis == ML_VIS_PROTECTED);
}

/* exports.c: finds a name; makes room, so that enter cannot fail; enters a unit's, true when some
** took the place of those of other units (not of its old version); takes them out, and those that
** they covered are back; enters them again, over those of units before. */
const ml_entry *ml_exports_find(const ml_exports *x, const char *name, size_t len, uint32_t hash);
/* The same for a load: what it replaces is not there. */
static inline const ml_entry *ml_exports_for(const ml_txn *t, const ml_entry *e)
{
    const ml_entry *other = ml_exports_find(&t->s->exports, e->name, e->len, e->hash);
    return other && other->unit != t->o.replace ? other : NULL;
}
bool ml_exports_reserve(ml_exports *x, const ml_linked *more);
bool ml_exports_enter(ml_exports *x, ml_unit *u);
void ml_exports_leave(ml_exports *x, const ml_unit *u);
void ml_exports_enter_again(ml_exports *x, const ml_unit *u);

/* select.c: adds an image's symbols. by: the name that pulled it in, or NULL. */
int ml_select_image(ml_txn *t, const ml_image *img, const ml_entry *by);
/* The entry of a name, made when there is none; NULL (recorded) when memory is short. */
ml_entry *ml_select_entry(ml_txn *t, const char *name);
/* Puts an entry on the list of names to look up, to be asked for where it stands in the scope. */
int ml_select_queue(ml_txn *t, ml_entry *e);
/* The same, from the start of the scope. */
int ml_select_want(ml_txn *t, ml_entry *e);

/* sources.c: all members of an archive; the member that defines e. */
int ml_sources_whole(ml_txn *t, ml_source *src);
int ml_sources_pull(ml_txn *t, unsigned set, ml_entry *e, bool *pulled);

/* scan.c: what the relocations need. Sets t->zone to LOW, and returns 1, when they need it. */
int ml_scan(ml_txn *t);

/* assemble.c: pieces, block, addresses of sections and symbols, bytes copied. */
int ml_assemble(ml_txn *t);

/* fragments.c: the run of a section of .init or .fini, 0 for others; what stands around the
** sections, and its bytes; the address of the function that they form, 0: none. */
uint32_t ml_fragments_run(ml_txn *t, const ml_isec *s);
void ml_fragments_pieces(ml_txn *t);
void ml_fragments_fill(ml_txn *t);
uint64_t ml_fragments_function(const ml_txn *t, bool fini);

/* merge.c: splits the sections whose strings and constants are kept once; the piece of such a
** section, made when it is the first, 0 for others; where an offset into it went, from the start of
** the piece; class number i, as maps show it; writes the pieces. */
int ml_merge_choose(ml_txn *t);
uint32_t ml_merge_piece(ml_txn *t, const ml_input *in, uint32_t section);
uint64_t ml_merge_offset(const ml_input *in, uint32_t section, uint64_t offset);
bool ml_merge_list(const ml_txn *t, size_t i, ml_placed *out);
void ml_merge_write(const ml_txn *t);

/* Has the section no memory because something has dropped it? */
static inline bool ml_is_dropped(const ml_input *in, uint32_t section)
{
    return in->dropped && in->dropped[section];
}

static inline bool ml_is_merged(const ml_input *in, uint32_t section)
{
    return in->split && in->split[section];
}

/* Address of an offset into a section that has memory. */
static inline uint64_t ml_section_address(const ml_input *in, uint32_t section, uint64_t offset)
{
    return in->addr[section] +
           (ml_is_merged(in, section) ? ml_merge_offset(in, section, offset) : offset);
}

/* warn.c: notes a warning; gives a symbol that ends past its section the size that is there; a
** common of more bytes than the definition that takes its place. */
void ml_warn(ml_txn *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ml_warn_clamp(ml_txn *t, const ml_input *in, ml_isym *s, const char *name);
void ml_warn_common(ml_txn *t, const char *name, uint32_t common, uint64_t common_size,
                    uint32_t strong, uint64_t size);

/* missing.c: keeps what ml_unit_missing needs. */
int ml_missing_collect(ml_txn *t);

/* relocate.c: applies all relocations; then far.c moves the instructions that it left. */
int ml_relocate(ml_txn *t);
int ml_far_move(ml_txn *t);

/* tls.c: gives a definition the type that its section has. Lays the segment out; opens the storage,
** when .tdata is relocated. Is it the name of the segment's start? Binds a name to a thread-local
** variable of the process. The calling thread's copy of a variable; 0 when there is no storage. */
int ml_segment_define(ml_txn *t, ml_entry *e);
int ml_segment_place(ml_txn *t);
int ml_segment_open(ml_txn *t);
bool ml_segment_has(const char *name);
bool ml_segment_bind(ml_txn *t, ml_entry *e);
uint64_t ml_segment_address(const ml_linked *l, const ml_entry *e);
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

/* large.c: chooses the pieces that lie in the large block; places them and takes that block. */
int ml_large_choose(ml_txn *t);
int ml_large_take(ml_txn *t);

/* copies.c: may data that cannot hold the address of e refer to a copy? Wants one, during a scan;
** adds the piece of all copies; writes them; address of the one of e, 0: none. */
bool ml_copies_may(const ml_entry *e);
void ml_copies_want(ml_txn *t, ml_entry *e);
void ml_copies_piece(ml_txn *t);
int ml_copies_write(ml_txn *t);
uint64_t ml_copies_address(const ml_txn *t, const ml_entry *e);

/* splitstack.c: does the section say -fsplit-stack? Gives undefined names of such an input, and of
** libgcc beside them, the ones that they are to have; makes room for calls of other code. */
bool ml_splitstack_note(const ml_isec *s);
void ml_splitstack_rename(const ml_txn *t, const ml_input *in, const char **name, size_t *len,
                          uint32_t *hash);
int ml_splitstack_adjust(ml_txn *t);

/* header.c: is this __ehdr_start? Adds its piece when it is wanted; writes it. */
bool ml_header_is(const char *name);
void ml_header_piece(ml_txn *t);
void ml_header_write(ml_txn *t);

/* ifunc.c: lists the indirect functions of the load, after a scan; gives them addresses; writes
** their stubs. The address of the one whose resolver stands there; 0: none. */
int ml_ifunc_collect(ml_txn *t);
void ml_ifunc_pieces(ml_txn *t);
void ml_ifunc_place(ml_txn *t);
int ml_ifunc_write(ml_txn *t);
uint64_t ml_ifunc_address(const ml_input *in, uint32_t section, uint64_t value);
/* Runs the resolvers: everything else is relocated, text is sealed, effects are done. Then seals
** the constants. */
int ml_ifunc_resolve(ml_txn *t);

/* frames.c: is it a part of the unwind table? Puts its piece beside the others; adds the end.
** Checks the relocated table. Makes the unwinders of the process know it, and the inverse. */
bool ml_frames_section(const ml_isec *s);
void ml_frames_join(ml_txn *t, uint32_t piece);
void ml_frames_pieces(ml_txn *t);
int ml_frames_check(ml_txn *t);
int ml_frames_register(ml_txn *t);
void ml_frames_unregister(ml_linked *l);

/* ctors.c: l->init and l->fini out of the relocated bytes; runs l->init: ML_E_INIT when one of them
** raised, which is then the last that ran. */
int ml_ctors_collect(ml_txn *t);
int ml_ctors_run(ml_txn *t);

/* effects.c: registers a sealed load with unwinder, debugger and so on, before foreign code runs;
** takes back whatever is in force, newest first, before its memory goes. */
int ml_effects_do(ml_txn *t);
void ml_effects_undo(ml_linked *l);

/* txn.c: parses an object and selects it. member and by: NULL unless it comes from an archive. */
int ml_txn_object(ml_txn *t, const char *path, const char *member, ml_slice bytes,
                  const ml_entry *by);
/* assemble.c: adds a piece and gives its number, from 1. Its bytes while the load is written. Its
** address; 0 for no piece. */
uint32_t ml_piece_add(ml_txn *t, ml_class class, uint64_t size, uint64_t align);
uint8_t *ml_piece_view(const ml_txn *t, uint32_t piece);
uint64_t ml_piece_addr(const ml_txn *t, uint32_t piece);

/* txn.c: closes the archive. */
void ml_source_close(ml_source *src);

/* bounds.c: is this a name for an end of a load's parts, such as _end? Its address, once the load
** is laid out. */
bool ml_bounds_has(const char *name);
uint64_t ml_bounds_address(const ml_txn *t, const char *name);

/* places.c: a unit came or went; it ends, and is remembered; a session ends; what places.c keeps of
** a load is freed. */
void ml_atlas_changed(const ml_session *s);
void ml_atlas_bury(const ml_unit *u);
void ml_atlas_leave(ml_session *s);
void ml_places_free(ml_linked *l);

/* txn.c: gives back the memory of both blocks. */
void ml_linked_give(ml_space *s, const ml_linked *l);
/* txn.c: frees names, inputs and the arena that owns them; what only the transaction needs. */
void ml_linked_free(ml_linked *l);
void ml_txn_drop(ml_txn *t);

/* commit.c: refuses an object whose constructors are running right now: ML_E_STATE. */
int ml_commit_check_nested(ml_txn *t, const char *file, const char *member);

/* txn.c: gives parts first to last of a load's blocks their protection; makes one readable and
** writable again. */
int ml_linked_seal(ml_diag *d, const ml_linked *l, unsigned first, unsigned last);
int ml_linked_open(ml_diag *d, const ml_linked *l, unsigned part);

/* sites.c: l->sites, out of relocated bytes. carry.c: l->data and l->routines, likewise. replace.c:
** can the unit be reloaded; can the load take the place of the unit t->o.replace? */
int ml_sites_collect(ml_txn *t);
int ml_carry_collect(ml_txn *t);
int ml_replace_allowed(ml_diag *d, const ml_unit *old);
int ml_replace_check(ml_txn *t);

/* unit.c: notes who uses whom. Reserve makes room, so that enter cannot fail. */
bool ml_unit_reserve_edges(ml_unit *u);
void ml_unit_enter_edges(ml_unit *u);
/* unit.c: ends a unit and those that use it. cancel: its constructors did not get to their end. */
void ml_unit_end(ml_unit *u, bool cancel);
/* unit.c: ends a unit that has been replaced, alone. */
void ml_unit_retire(ml_unit *u);
/* unit.c: gives back the memory of units that have ended and that nothing can come back to. */
void ml_unit_sweep(ml_session *s);
/* unit.c: ends all units, the latest first; what stays in the list is what somebody is inside. */
void ml_unit_end_all(ml_session *s);

/* binding.c: what a symbol of an input is after binding. e is NULL for local symbols. */
typedef struct ml_binding {
    uint64_t S, size;
    ml_entry *e;
    bool in_load; /* lies in this load's block */
    bool large;   /* lies in the large block: out of reach */
    bool dropped; /* lies in a section that has no memory */
    uint8_t type;
} ml_binding;
ml_binding ml_binding_of(const ml_input *in, uint32_t symbol);
/* Where relocation rel of rels stands, for messages; looked up only while t->d keeps errors, since
** it takes time. row may be NULL. */
ml_where ml_binding_where(const ml_txn *t, const ml_input *in, const ml_irels *rels,
                          const ml_irel *rel, const ml_rrow *row);
/* Address of the GOT slot of a symbol; 0 when it has none. */
uint64_t ml_binding_slot(const ml_txn *t, const ml_input *in, uint32_t symbol);
/* Address of the stub of an entry; 0 when it has none. */
uint64_t ml_binding_stub(const ml_txn *t, const ml_entry *e);

#endif
