/* txn.h -- link, private: the data that only a transaction needs, and its stages.
** What a transaction builds is in linked.h, what it becomes in unit.h. A stage writes the fields
** that its comment names and reads the others.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_TXN_H
#define ML_LINK_TXN_H

#include "link/lazy.h"
#include "link/tls.h"
#include "link/unit.h"
#include "target/target.h"

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

/* A relocation, by its numbers; those of one load are in this order. */
typedef struct ml_rel_at {
    uint32_t input, rels, rel;
} ml_rel_at;

static inline int ml_rel_order(const ml_rel_at *a, const ml_rel_at *b)
{
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    if (a->rels != b->rels)
        return a->rels < b->rels ? -1 : 1;
    return a->rel < b->rel ? -1 : a->rel > b->rel;
}

/* An instruction that may have to move, since its operand may be out of reach: see far.c. */
typedef struct ml_movable {
    ml_rel_at at;
    uint64_t field; /* its address, */
    uint64_t
        start; /* and that of the last instruction before it which is known (set by relocate) */
} ml_movable;

/* Those of one input while it is relocated. See Note [Starts of instructions] in far.c. */
enum { ML_WATCH_GRAIN = 256 };
typedef struct ml_watch {
    uint64_t lo, span; /* the windows lie here; span: a multiple of the grain, 0: there are none */
    const uint8_t *open; /* by grain: there is a window; one more, which has none */
    ml_movable **v;      /* by address */
    uint32_t n;
    uint32_t next; /* number of the next input's first one */
} ml_watch;

typedef enum ml_array { ML_ARRAY_PREINIT, ML_ARRAY_INIT, ML_ARRAY_FINI, ML_ARRAY_COUNT } ml_array;

enum { ML_EARLY_MAX = 8 }; /* each is an open file */

/* A part of a file that is in memory: see contents.c. */
typedef struct ml_window {
    uint8_t *bytes;
    const ml_early *early; /* of which, NULL: of none */
    uint64_t from;
    size_t n, most;
    uint64_t reads; /* of parts of it with at most so many bytes, so far */
} ml_window;

/* Where a name stands in the archives, as they are gone over: see pull.c. */
typedef struct ml_turn {
    uint32_t lap, source; /* time round all archives; index into t->sources */
    uint32_t pass;        /* time round the archive's index */
    uint32_t number;      /* in the index */
} ml_turn;

typedef struct ml_pull ml_pull;

struct ml_txn {
    ml_session *s;
    ml_diag *d;
    ml_options o;
    const ml_target *target;
    ml_arena scratch; /* file bytes, images, and whatever ends with the transaction; what is
                         `kept` of it becomes the unit's */
    ml_linked *l;
    ml_sources sources;           /* the session's archives, then the new ones */
    ml_libraries libraries;       /* opened by this transaction */
    ml_early early[ML_EARLY_MAX]; /* see contents.c */
    uint32_t nearly;
    ml_window window;
    bool allow_libc;
    ml_table renames[2]; /* [0] references, [1] definitions: entry->provider is the new name */
    ml_edits *edits;     /* of the inputs that are being added, or NULL */
    struct ml_merged **merged; /* see merge.c */
    size_t nmerged, room_merged;
    ml_slice *kept; /* string tables of files in the scratch arena that names point into, of
                       symbols and of sections */
    uint32_t nkept, room_kept;
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
    ml_entry **open; /* names that may be somebody else's, in the order in which they appeared: all
                        but those that a section of the load defined from the first, and never
                        gave up to another provider */
    uint32_t nopen, room_open;
    uint32_t cursor;  /* those of `open` before it were looked at */
    ml_entry **queue; /* to look at again, first in first out from `head` on */
    uint32_t nqueue, room_queue, head;
    ml_entry **asked;
    uint32_t nasked, room_asked;
    ml_pull *pulls; /* names that wait for their turn */
    uint32_t npulls, room_pulls;
    ml_turn turn;        /* what comes behind the last one that had it */
    ml_turn news;        /* where it was when a name was found lacking last; number 0: nowhere */
    ml_entry **yielding; /* whose definitions may have to give way to the process's */
    uint32_t nyielding, room_yielding;
    uint32_t noffered; /* inputs whose references were offered */
    uint32_t nmarked;  /* inputs whose relocations have marked the names that they use */
    bool crossed;      /* some entry has a crossing of its own */
    uint32_t nsorted;  /* inputs whose references were told apart: see defer.c */
    ml_duplicate *duplicates;
    uint32_t nduplicates, room_duplicates;
    /* place */
    uint64_t lo, hi; /* where the block will lie */
    ml_zone zone;
    ml_piece *pieces;
    uint32_t npieces;
    size_t room_pieces;
    size_t room_placed, room_many; /* of l->placed and l->many */
    uint32_t nshared;              /* sections that lie in the piece of another: see assemble.c */
    uint32_t classes;              /* those that pieces have: bit 1 << ml_class */
    uint32_t piece_got, piece_stubs, piece_moved, piece_dso; /* 1 + index; 0: none */
    uint32_t piece_header;                                   /* __ehdr_start, likewise */
    uint32_t piece_array[ML_ARRAY_COUNT];                    /* __init_array_start, likewise */
    uint32_t narray[ML_ARRAY_COUNT];                         /* addresses in it */
    uint32_t piece_islots, piece_istubs;                     /* of indirect functions, likewise */
    uint32_t piece_counting, piece_counters;                 /* see count.c */
    bool scanned;     /* entries may have slots, which another scan must forget */
    bool has_ifunc;   /* assemble or scan has seen one */
    ml_ifunc *ifuncs; /* sorted by input, section and value, each once */
    uint32_t nifuncs;
    ml_fragments fragments[2];  /* .init, .fini */
    bool has_split;             /* some input has split stacks */
    uint32_t on_stack;          /* 1 + number of an input that runs code on the stack; 0: none */
    bool asks_large, has_large; /* some piece asks for the large block; lies there */
    uint32_t most_symbols;      /* of an input */
    bool slow_pages;            /* huge ones, so far: see os/memory.c */
    bool taken;                 /* the block is ours to give back */
    uint8_t *view;              /* where the block's bytes are written: block.addr, or the buffer */
    uint8_t *code;              /* those of its code: the same, or the block's own view */
    uint8_t *buffer;            /* of a link for a fixed address; NULL: none */
    uint32_t ngot, nstubs, nmoved;
    uint32_t nlazy; /* those of nstubs that bind at the first call */
    uint32_t piece_lazy, piece_lazy_words, piece_lazy_slots; /* 1 + index; 0: none */
    uint32_t ncommons;  /* names that are common symbols (set by assemble) */
    ml_entry **slotted; /* entries with GOT slots or stubs (set by assemble) */
    size_t nslotted, room_slotted;
    uint32_t copies;       /* bytes of copied objects: see copies.c */
    uint32_t piece_copies; /* 1 + index; 0: none */
    bool need_gotbase;
    bool handles;           /* it refers to what installs handlers of signals */
    bool has_frames;        /* there are .eh_frame sections */
    uint32_t frame_entries; /* FDEs of code that is there */
    uint32_t piece_frames;  /* 1 + index of the word that ends them; 0: none */
    /* relocate */
    ml_movable *movable; /* nmoved (set by scan) */
    uint32_t room_movable;
    ml_rel_at *far; /* instructions that could not hold their operand's address */
    uint32_t nfar, room_far;
    ml_rel_at *unsited; /* refer to other units, for ml_sites_collect to look at */
    size_t nunsited, room_unsited;
    ml_segment segment;
    ml_ctor_at *init_at; /* of l->init */
    ml_txn *outer;       /* whose constructors are running while this load does */
};

/* Finds an exported name for a load: what it replaces is not there. */
static inline const ml_entry *ml_exports_for(const ml_txn *t, const ml_entry *e)
{
    const ml_entry *other = ml_exports_find(&t->s->exports, e->name, e->len, e->hash);
    return other && other->unit != t->o.replace ? other : NULL;
}

/* Lets a part of a file outlive the transaction, where it is. False: it cannot. */
static inline bool ml_txn_keep(ml_txn *t, ml_slice part)
{
    if (!ml_arena_may_move(&t->scratch, part.p) || !ML_ROOM(t->kept, t->nkept, t->room_kept))
        return false;
    t->kept[t->nkept++] = part;
    return true;
}

/* select.c: adds an image's symbols. by: the name that pulled it in, or NULL. */
int ml_select_image(ml_txn *t, const ml_image *img, const ml_entry *by);
/* The entry of a name, made when there is none; NULL (recorded) when memory is short. */
ml_entry *ml_select_entry(ml_txn *t, const char *name);
/* Puts an entry on the list of names to look up, to be asked for where it stands in the scope. */
int ml_select_queue(ml_txn *t, ml_entry *e);
/* The same, from the start of the scope. */
int ml_select_want(ml_txn *t, ml_entry *e);
/* Puts an entry on the list t->open. */
int ml_select_open(ml_txn *t, ml_entry *e);

/* sources.c: adds all members of an archive. */
int ml_sources_whole(ml_txn *t, ml_source *src);
/* Where the index of the i-th archive has e's name, or may have it when it need not be sure: see
** ml_archive_find. */
int ml_sources_seek(ml_txn *t, uint32_t i, const ml_entry *e, uint32_t from, bool sure,
                    uint32_t *number);
/* Adds the member to which that number of the index belongs; where e is a common, only when it
** really defines e. 1; 0: the number is another name's; or an error. */
int ml_sources_take(ml_txn *t, uint32_t i, ml_entry *e, uint32_t number);

/* pull.c: lets e wait until a member of an archive of the set has its turn, whose index has the
** name: 1; 0: none has; or an error. Notes that a name is new and undefined, or a common. Adds the
** first member that is waited for: 1; 0: none is; or an error. */
int ml_pull_want(ml_txn *t, unsigned set, ml_entry *e);
void ml_pull_news(ml_txn *t);
int ml_pull_next(ml_txn *t);

/* resolve.c: the process's answer, or ours in its place. A name with a version is asked for with
** it. *held: 1 + number of the session's library that answered, else 0. */
bool ml_resolve_process(const ml_txn *t, const char *name, size_t len, ml_provided *out,
                        uint32_t *held);

/* The crossing of a name. */
static inline ml_crossing ml_crossing_of(const ml_txn *t, const ml_entry *e)
{
    return e->crossing ? (ml_crossing)e->crossing : t->o.crossing;
}

/* defer.c: is this relocation of a section a call, for which a stub is as good as the function?
** Marks the names of new inputs that something else refers to. 1: the name can be left for its
** first call; 0: it cannot; or an error. */
bool ml_defer_is_call(const ml_txn *t, const ml_isec *sec, const ml_irel *r, const ml_rrow *row);
int ml_defer_sort(ml_txn *t);
int ml_defer_may(ml_txn *t, const ml_entry *e);

/* sources.c: looks at the archives that no name was looked for in, which stay in reach: one of them
** may be a C library (ML_E_REFUSED). */
int ml_sources_check(ml_txn *t);
/* sources.c: does the index of an archive of the set have the name? 1, 0, or an error. */
int ml_sources_have(ml_txn *t, unsigned set, const ml_entry *e);

/* lazy.c: gives a name a lazy stub; their pieces; writes them. */
void ml_lazy_want(ml_txn *t, ml_entry *e);
void ml_lazy_pieces(ml_txn *t);
int ml_lazy_write(ml_txn *t);

/* scan.c: what the relocations need. Sets t->zone to LOW, and returns 1, when they need it. */
int ml_scan(ml_txn *t);

/* contents.c: reads an object's file, whose first bytes are head: all of it, or what follows its
** early bytes, which takes the file over. */
int ml_contents_read(ml_txn *t, ml_os_file *f, ml_slice head, ml_slice *rest,
                     const ml_early **early);
/* Makes the data of all sections readable, of an image, of all inputs. */
int ml_contents_fetch(ml_txn *t, const ml_image *img);
int ml_contents_fetch_all(ml_txn *t);
/* A few bytes that a section has at an offset in the file, while they are there only: *out, until
** the next look. Puts what sections hold, side by side, to its place: data, or the bytes of the
** file at the offset where its p is NULL. */
int ml_contents_look(ml_txn *t, const ml_image *img, uint64_t offset, size_t n,
                     const uint8_t **out);
int ml_contents_put(ml_txn *t, const ml_image *img, uint64_t offset, ml_slice data, uint8_t *to);
/* Closes the files: all has been placed. ML_E_IO when one has changed since it was opened. The
** other only closes them. */
int ml_contents_end(ml_txn *t);
void ml_contents_close(ml_txn *t);

/* assemble.c: pieces, block, addresses of sections and symbols, bytes copied. */
int ml_assemble(ml_txn *t);

/* put.c: addresses of sections, their bytes, the list of them. */
int ml_put_sections(ml_txn *t);

/* protect.c: code and constants take a multiple of so many bytes; the pieces of an input, from
** number `first` to the last, begin on pages of their own, if the load asks for that; warns of what
** the system, or a profiler, cannot do with the block; seals parts first to last. */
uint64_t ml_protect_grain(const ml_txn *t);
void ml_protect_divide(ml_txn *t, uint32_t first);
void ml_protect_warn(ml_txn *t);
int ml_protect_seal(ml_txn *t, unsigned first, unsigned last);

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
bool ml_merge_list(const ml_txn *t, size_t i, ml_placed *out);
void ml_merge_write(const ml_txn *t);

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

/* far.c: before and after an input is relocated, with one ml_watch for all inputs; false: memory is
** short. In between it is told of code whose address is taken, at least where it has a window. */
bool ml_watch_begin(ml_txn *t, const ml_input *in, ml_watch *w);
void ml_watch_end(const ml_watch *w);
void ml_watch_note(const ml_watch *w, uint64_t addr);
static inline bool ml_watch_has(const ml_watch *w, uint64_t addr)
{
    uint64_t at = addr - w->lo;
    return w->open[(at < w->span ? at : w->span) / ML_WATCH_GRAIN];
}

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

/* splitstack.c: gives undefined names of an input with split stacks, and of libgcc beside it, the
** ones that they are to have; makes room for calls of other code. */
void ml_splitstack_rename(const ml_txn *t, const ml_input *in, const char **name, size_t *len,
                          uint32_t *hash);
int ml_splitstack_adjust(ml_txn *t);
/* Before code of the load runs: this thread's stack looks whole until libgcc has measured it. */
void ml_splitstack_begin(const ml_txn *t);

/* count.c: may calls of a symbol by an input be counted? Is that relocation such a call? code: the
** bytes of the section that it changes. Wants a stub for the symbol, once; forgets all of them.
** Adds the pieces; gives them addresses; writes the stubs. Address of the one of a symbol, 0: none.
*/
bool ml_count_crosses(const ml_txn *t, const ml_input *in, uint32_t symbol);
bool ml_count_is_call(const ml_txn *t, const ml_irels *rels, const ml_irel *r, bool text,
                      ml_slice code);
bool ml_count_want(ml_txn *t, ml_input *in, uint32_t symbol);
void ml_count_forget(ml_txn *t);
void ml_count_pieces(ml_txn *t);
void ml_count_place(ml_txn *t);
int ml_count_write(ml_txn *t);
uint64_t ml_count_stub(const ml_txn *t, const ml_input *in, uint32_t symbol);

/* header.c: the piece of __ehdr_start, when it is wanted; writes it. */
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

/* clones.c: looks whether the load brings the runtime for transactions, before code of it runs.
** Wants the functions by which the runtime is told of clones, where an input has some; tells it of
** those of a load, before constructors run; takes that back. */
void ml_clones_begin(ml_txn *t);
int ml_clones_want(ml_txn *t, const ml_input *in);
int ml_clones_tell(ml_txn *t);
void ml_clones_take_back(ml_linked *l);

/* ctors.c: adds the arrays of addresses that a program has, where the load refers to their bounds:
** the `which` of ml_ctors_bound is twice an ml_array, and 1 more for its end.
** Then l->init and l->fini out of the relocated bytes; runs l->init: ML_E_INIT when one of them
** raised, which is then the last that ran. */
void ml_ctors_pieces(ml_txn *t);
int ml_ctors_collect(ml_txn *t);
int ml_ctors_run(ml_txn *t);

/* effects.c: registers a sealed load with unwinder, debugger and so on, before foreign code runs;
** */
int ml_effects_do(ml_txn *t);

/* txn.c: parses an object and selects it. member and by: NULL unless it comes from an archive. */
int ml_txn_object(ml_txn *t, const char *path, const char *member, ml_slice bytes,
                  const ml_entry *by);
/* names.c: section names that outlive their file: those of one input after the other. */
enum { ML_NAMES_RECENT = 64 };
typedef struct ml_names {
    const ml_image *img;
    const char *all; /* all names of img; NULL: they are copied one by one */
    const char *recent[ML_NAMES_RECENT];
} ml_names;
/* Are they kept all together? */
bool ml_names_are_many(const ml_image *img);
bool ml_names_of(ml_txn *t, ml_names *n, ml_arena *a, const ml_image *img);
const char *ml_names_copy(ml_names *n, ml_arena *a, const char *name);
static inline const char *ml_names_keep(ml_names *n, ml_arena *a, const char *name)
{
    return n->all ? n->all + (name - (const char *)n->img->names.p) : ml_names_copy(n, a, name);
}

/* assemble.c: adds a piece and gives its number, from 1. */
uint32_t ml_piece_add(ml_txn *t, ml_class class, uint64_t size, uint64_t align);

/* The bytes at an offset into the block while the load is written. */
static inline uint8_t *ml_txn_view(const ml_txn *t, uint64_t offset)
{
    return (offset < t->l->layout[0].part[ML_PART_TEXT].size ? t->code : t->view) + offset;
}

/* Those of a piece. */
static inline uint8_t *ml_piece_view(const ml_txn *t, uint32_t piece)
{
    const ml_piece *p = &t->pieces[piece - 1];
    if (p->class >= ML_CLASS_TDATA)
        return t->segment.image + p->offset;
    if (p->class == ML_CLASS_TEXT)
        return t->code + p->offset;
    uint8_t *view = p->class < ML_CLASS_LCONST ? t->view : (uint8_t *)(uintptr_t)t->l->large.addr;
    return view + p->offset;
}

/* Its address; 0 for no piece. */
static inline uint64_t ml_piece_addr(const ml_txn *t, uint32_t piece)
{
    if (!piece)
        return 0;
    const ml_piece *p = &t->pieces[piece - 1];
    if (p->class >= ML_CLASS_TDATA)
        return p->offset;
    return (p->class < ML_CLASS_LCONST ? t->l->block.addr : t->l->large.addr) + p->offset;
}

/* The bytes of a section that has memory, once addresses are final; a merged one's: its piece's. */
static inline uint8_t *ml_section_view(const ml_txn *t, const ml_input *in, uint32_t section)
{
    uint32_t piece = in->piece[section];
    return ml_piece_view(t, piece) + (ml_section_base(in, section) - ml_piece_addr(t, piece));
}

/* The address of something that is made of a load, once it is laid out: its handle, its GOT, its
** header, the start of its thread-local segment (an offset), an end of its parts. */
typedef uint64_t ml_builtin_address(const ml_txn *t, unsigned which);
typedef enum ml_bound {
    ML_BOUND_TEXT_START,
    ML_BOUND_TEXT_END,
    ML_BOUND_DATA_START,
    ML_BOUND_DATA_END,
    ML_BOUND_BSS_END
} ml_bound;
ml_builtin_address ml_dso_address, ml_got_address, ml_header_address, ml_segment_start,
    ml_bounds_address, ml_ctors_bound;

/* builtin.c: a name that is special to the linker. One of four is set: it is made of each load that
** wants it; it has this answer in place of the process's; the process's is refused, and so is a
** unit's, since all code of a language has to be in the load that has its runtime; it installs
** handlers of signals. */
typedef struct ml_builtin {
    char name[26];
    ml_builtin_address *of_load;
    uint64_t (*in_process)(void); /* 0: there is none */
    const char *refused;          /* the language */
    bool handles;
    unsigned which; /* for of_load */
    bool last;      /* made only where nobody else has it */
    uint8_t type;
} ml_builtin;
/* NULL: it is none of them. */
const ml_builtin *ml_builtin_find(const char *name, size_t len);
/* The section of which the name is the start or the end; NULL: it is no such name. */
const char *ml_builtin_section(const char *name, bool *stop);
/* Was this made of the load, under any name? */
bool ml_builtin_wanted(const ml_txn *t, ml_builtin_address *of_load);
/* ML_E_UNSUPPORTED when a name that is refused was found in a unit. */
int ml_builtin_check(ml_txn *t);

/* commit.c: refuses an object whose constructors are running right now: ML_E_STATE. */
int ml_commit_check_nested(ml_txn *t, const char *file, const char *member);

/* txn.c: what only the transaction needs is freed. */
void ml_txn_drop(ml_txn *t);

/* sites.c: notes n relocations of one section that are direct and may refer to other units; one
** that does, and may have become anything; what those are, when all are written: l->runs, l->sites.
** carry.c: l->data and l->routines, out of relocated bytes. replace.c: can the load take the place
** of the unit t->o.replace? */
int ml_sites_note(ml_txn *t, const ml_input *in, uint32_t nrels, const uint32_t *rel, uint32_t n);
int ml_sites_note_later(ml_txn *t, const ml_input *in, uint32_t nrels, uint32_t rel);
int ml_sites_collect(ml_txn *t);
int ml_carry_collect(ml_txn *t);
int ml_replace_check(ml_txn *t);

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
/* The name of the function at an address of the load, for messages, or NULL. */
const char *ml_binding_function(const ml_txn *t, uint64_t addr);
/* Address of the GOT slot of a symbol; 0 when it has none. */
uint64_t ml_binding_slot(const ml_txn *t, const ml_input *in, uint32_t symbol);
/* Address of the stub of an entry; 0 when it has none. */
uint64_t ml_binding_stub(const ml_txn *t, const ml_entry *e);

#endif
