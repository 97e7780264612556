/* link.h -- link: sessions, transactions, units: what the bindings call.
** A session owns address space, exported names, archives and libraries in reach, and units. A load
** is one transaction: begin, add inputs, resolve (with answers of the policy in between), link,
** then commit or abort. Before commit nothing outside the transaction has changed except address
** space in use and libraries opened, and abort gives both back.
** One session belongs to one thread at a time.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_LINK_H
#define ML_LINK_LINK_H

#include "base/error.h"
#include "base/life.h"
#include "base/slice.h"
#include "object/kind.h"
#include "os/os.h"
#include "place/region.h"

typedef struct ml_session ml_session;
typedef struct ml_txn ml_txn;
typedef struct ml_unit ml_unit;

/* ---- policy as data ---- */

/* Where undefined names are looked for, in order. */
typedef enum ml_scope_kind {
    ML_SCOPE_SELF,     /* units of this session */
    ML_SCOPE_ARCHIVES, /* archives of set `set` */
    ML_SCOPE_PROCESS,  /* libraries opened by the session, then the process */
    ML_SCOPE_UNIT,     /* one unit */
    ML_SCOPE_ASK       /* the caller answers: ml_txn_asked */
} ml_scope_kind;

typedef struct ml_scope {
    ml_scope_kind kind;
    unsigned set;
    ml_unit *unit;
} ml_scope;

enum { ML_SCOPE_MAX = 64 };

typedef enum ml_on_duplicate { ML_DUP_ERROR, ML_DUP_FIRST, ML_DUP_LAST } ml_on_duplicate;
typedef enum ml_on_weak {
    ML_WEAK_FIRST,  /* a weak definition gives way to one that the session already has */
    ML_WEAK_OWN,    /* each load keeps its own */
    ML_WEAK_PROCESS /* gives way to the session's, then to the process's */
} ml_on_weak;

/* How code reaches what is defined outside of its load: other units, libraries. */
typedef enum ml_crossing {
    ML_CROSS_DIRECT, /* as directly as distances allow */
    ML_CROSS_GOT,    /* GOT loads stay; branches are direct */
    ML_CROSS_STUBS,  /* GOT loads stay; branches go through stubs */
    ML_CROSS_LAZY    /* the same; names that are only called are looked up at the first call */
} ml_crossing;

/* Which calls are counted: see count.c. */
typedef enum ml_counting {
    ML_COUNT_NONE,
    ML_COUNT_UNITS,  /* of what other units, libraries or the process define */
    ML_COUNT_OBJECTS /* and of what other objects of the load define */
} ml_counting;

/* Who is told of a first call of a name that nobody has: he may end it by a jump out of it; else
** the call gives 0. text: lives as long as the call. Called by any thread. */
typedef struct ml_unbound {
    void (*call)(void *ud, const char *text);
    void *ud;
} ml_unbound;

/* When code becomes executable, constants read-only. */
typedef enum ml_protect {
    ML_PROTECT_LOAD,  /* when all is written: one change of protection each */
    ML_PROTECT_INPUT, /* likewise, but each input has pages of its own, and changes of its own */
    ML_PROTECT_DUAL   /* code is so from the first, and written at another address */
} ml_protect;

/* Who shall see a load; ML_SEEN_*, or'ed. Any of them keeps its local functions for ml_place. */
enum {
    ML_SEEN_GDB = 1,     /* gdb's and lldb's interface for JIT compilers */
    ML_SEEN_PERF = 2,    /* a line per function in /tmp/perf-PID.map */
    ML_SEEN_JITDUMP = 4, /* code and lines in jit-PID.dump */
    ML_SEEN_LINES = 8    /* nobody but ml_place: source lines */
};

/* What code and constants lie in; the first three as far as the system has huge pages to give. */
typedef enum ml_pages {
    ML_PAGES_AUTO,   /* the whole huge pages of a large block are huge */
    ML_PAGES_SMALL,  /* small pages */
    ML_PAGES_HUGE,   /* whole huge pages, of no other unit */
    ML_PAGES_HUGETLB /* likewise, of those that are set aside, or it is an error */
} ml_pages;

typedef struct ml_options {
    ml_scope scope[ML_SCOPE_MAX];
    unsigned nscope;
    ml_on_duplicate duplicate;
    ml_on_weak weak;
    ml_zone zone; /* at least this: ML_ZONE_LOW forces low placement */
    bool alone;   /* the block shares its reservation with no other, and ends it */
    ml_pages pages;
    ml_protect protect;
    bool fixed; /* link for the address `at` into a buffer, map nothing, run nothing */
    uint64_t at;
    bool relax; /* GOT loads may become direct */
    ml_crossing crossing;
    ml_counting count;
    ml_unbound unbound; /* of ML_CROSS_LAZY, here or of a symbol; call may be NULL */
    bool merge;         /* equal strings and constants of mergeable sections are kept once */
    ml_unit *replace;   /* the load is a new version of this unit: see ml_unit_replace */
    unsigned debug;     /* ML_SEEN_* */
} ml_options;

/* ---- session ---- */

ml_session *ml_session_new(void); /* NULL when memory is short */
/* How the session learns whether native code has called its user back: then frames of a unit may
** lie on this thread's stack, and the stack is searched for them before memory goes. */
void ml_session_set_calling(ml_session *s, bool (*calling)(const void *ud), const void *ud);
/* Ends all units (latest first) and frees the session: finalisers run, memory goes. */
void ml_session_free(ml_session *s);
/* The same for a session whose units run in ways that nobody can see (threads of a language's
** runtime, whose stacks lie in its heap): all their memory stays for good, with the libraries they
** use, and finalisers run at exit of the process. */
void ml_session_leave(ml_session *s);
/* Unwinders that came into the process since the last load learn of all units. */
void ml_session_tell_unwinders(const ml_session *s);
/* Finds an exported name: its address (of a thread-local variable: the calling thread's copy),
** size, STT_* type and unit. */
bool ml_session_find(const ml_session *s, const char *name, uint64_t *addr, uint64_t *size,
                     unsigned *type, ml_unit **unit);
/* Finds a name as the scope PROCESS would: in the session's libraries, then in the process. */
bool ml_session_find_process(ml_session *s, const char *name, uint64_t *addr);

/* ---- transaction ---- */

int ml_txn_begin(ml_session *s, ml_diag *d, const ml_options *o, ml_txn **out);
/* Undoes everything; t is gone. */
void ml_txn_abort(ml_txn *t);

/* Adds a file by what it is: an object is parsed, an archive opened (set 0; `whole`: all members),
** a shared library opened in the process. *kind says what it was; ML_KIND_TEXT: nothing was done,
** the caller reads it as a linker script. */
int ml_txn_add(ml_txn *t, const char *path, bool whole, ml_kind *kind);
/* Adds an object or archive from bytes; they are copied. */
int ml_txn_add_bytes(ml_txn *t, const char *name, ml_slice bytes, bool whole, ml_kind *kind);
/* Opens an archive as a member of set `set` (1 and up: fall-backs). */
int ml_txn_add_archive(ml_txn *t, const char *path, unsigned set);
/* Opens a shared library by path or soname. */
int ml_txn_add_library(ml_txn *t, const char *name);
/* Allow an archive that holds a second libc. */
void ml_txn_allow_libc(ml_txn *t);

/* References to `from` become references to `to` (definitions: the symbol is defined as `to`).
** Must come before the inputs. */
int ml_txn_rename(ml_txn *t, const char *from, const char *to, bool references, bool definitions);
/* What becomes of a symbol of an input. */
typedef struct ml_edit {
    const char *definition; /* its name where the input defines it */
    const char *reference;  /* and where the input refers to it */
    bool local;             /* a definition is seen by its input alone */
    bool hidden;            /* a definition is STV_HIDDEN */
    bool weak;              /* a global symbol is weak; commons stay as they are */
} ml_edit;

/* Changes the symbol `name` of the inputs that are added from now on to ml_txn_edit_end, and of the
** archives among them as long as they are open. Comes before the load's renames. */
int ml_txn_edit(ml_txn *t, const char *name, const ml_edit *edit);
void ml_txn_edit_end(ml_txn *t);
/* Wants a name as if an input referred to it (ld -u). */
int ml_txn_root(ml_txn *t, const char *name);

/* Looks all wanted names up, pulls archive members, until nothing changes. Returns 0 when all is
** known, 1 when names wait for answers (ml_txn_asked), negative on errors. Undefined names are no
** error here. */
int ml_txn_resolve(ml_txn *t);

/* The i-th name that waits, and the place in the scope that asks; NULL past the end. */
const char *ml_txn_asked(const ml_txn *t, size_t i, unsigned *scope);
/* A place in a walk over references; starts at zero and is advanced by the call. */
typedef struct ml_cursor {
    uint32_t input, rels, rel;
} ml_cursor;
/* The undefined names of inputs that were not offered before (for hooks that see names before the
** scope does): the next one and its input, or NULL; then marks all as offered. */
const char *ml_txn_offer(const ml_txn *t, ml_cursor *c, uint32_t *input);
void ml_txn_offered(ml_txn *t);

/* An answer comes from a unit of another session: that unit's session cannot be closed before this
** load is gone. Nothing is done for units of this session. */
int ml_txn_pin(ml_txn *t, ml_unit *u);

/* Answers. input UINT32_MAX: for all that refer to the name, else for that input alone. */
int ml_txn_answer_address(ml_txn *t, const char *name, uint32_t input, uint64_t addr,
                          const char *provider);
/* With what a library that was opened, or else the process, has now: 1, or 0 if nothing has it. */
int ml_txn_answer_process(ml_txn *t, const char *name);
int ml_txn_answer_name(ml_txn *t, const char *name, uint32_t input, const char *other);
int ml_txn_answer_zero(ml_txn *t, const char *name);

/* The answer for a name is no definition: code that uses it lacks it (see ml_unit_missing). */
void ml_txn_lacks(ml_txn *t, const char *name, uint32_t input);

/* The next name that is wanted by a strong reference or as a root and that nothing defines. */
const char *ml_txn_undefined(ml_txn *t, uint32_t *cursor);
/* Two strong definitions of one name: number i; false past the end. Sections and offsets say where
** each stands. */
typedef struct ml_duplicate {
    const char *name;
    uint32_t input[2]; /* UINT32_MAX: an earlier unit */
    uint32_t symbol[2];
    ml_unit *unit; /* of the earlier unit */
    const char *section[2];
    uint64_t offset[2];
} ml_duplicate;
bool ml_txn_duplicate(const ml_txn *t, size_t i, ml_duplicate *out);
/* Chooses the winner of duplicate i: 0 or 1. */
void ml_txn_choose(ml_txn *t, size_t i, unsigned winner);

/* The next place in the inputs that refers to `name`. */
typedef struct ml_reference {
    uint32_t input;
    const char *section, *func, *reloc;
    uint64_t offset;
    bool weak;
    unsigned type, vis; /* STT_* and STV_* that the referrer gives it */
} ml_reference;
bool ml_txn_reference(ml_txn *t, const char *name, ml_cursor *cursor, ml_reference *out);

/* Archive number i in reach: its path and set; NULL past the end. */
const char *ml_txn_archive(const ml_txn *t, size_t i, unsigned *set);
/* Does its index have the name? *member: name of the member. What cannot be read has no names. */
bool ml_txn_archive_defines(ml_txn *t, size_t i, const char *name, const char **member);
/* Does a library that was opened, or else the process, define it? *provider: as in ml_provided. */
bool ml_txn_process_defines(const ml_txn *t, const char *name, uint64_t *addr,
                            const char **provider);

/* Drops the sections that the roots do not need: names wanted by ml_txn_root and, when `exported`,
** all that others would see. After resolving, and again when names were added. What only dropped
** sections want is not undefined any more. */
int ml_txn_strip(ml_txn *t, bool exported);
/* After resolving: the next name that the load wants and does not define; ends with NULL. Sets how
** one of them is reached, over o->crossing: what cannot be left for the first call is bound now. */
const char *ml_txn_outside(const ml_txn *t, uint32_t *cursor, const char **how,
                           const char **provider);
int ml_txn_cross(ml_txn *t, const char *name, ml_crossing crossing);

/* Hides a name that this load defines. */
void ml_txn_hide(ml_txn *t, const char *name);

/* Places, binds, relocates, checks, and seals the memory. Everything can still be undone. */
int ml_txn_link(ml_txn *t);
/* Bytes and base of a link with o->fixed; valid until the transaction ends. */
ml_slice ml_txn_bytes(const ml_txn *t, uint64_t *base);

/* Makes the load visible as a unit called `name`, runs its constructors; t is gone. Everything
** that can fail has been done before except memory for the unit itself: on failure t is aborted. */
int ml_txn_commit(ml_txn *t, const char *name, ml_unit **out);

/* ---- what is in a transaction or a unit ---- */

typedef struct ml_linked ml_linked; /* both have one; see the accessors */
const ml_linked *ml_txn_linked(const ml_txn *t);
const ml_linked *ml_unit_linked(const ml_unit *u);
/* Number i from 0 in the order in which they came; false past the end. Strings live as long as the
** load. */

typedef struct ml_input_info {
    const char *file, *member;
    const char *by;    /* archive member: the name that pulled it in; NULL: asked for */
    uint32_t by_input; /* an input that wanted that name, or UINT32_MAX */
    uint64_t bytes;    /* size of the file or member */
} ml_input_info;
bool ml_linked_input(const ml_linked *l, size_t i, ml_input_info *out);

typedef struct ml_section_info {
    uint32_t input;
    const char *name;
    uint64_t addr, size;
    char prot[4]; /* "r-x" */
} ml_section_info;
bool ml_linked_section(const ml_linked *l, size_t i, ml_section_info *out);
/* Likewise those that ml_txn_strip dropped; they have no address. */
bool ml_linked_stripped(const ml_linked *l, size_t i, ml_section_info *out);

/* Likewise what is odd in it, and no error. */
const char *ml_linked_odd(const ml_linked *l, size_t i);

typedef struct ml_symbol_info {
    const char *name;
    const char *how;      /* "section", "stripped", "common", "linker", "absolute", "unit",
                            "process", "given", "zero", "lazy", "none" */
    const char *provider; /* unit or library or who answered; NULL for this load */
    unsigned bind, type, vis;
    uint32_t input;      /* that defines it, or UINT32_MAX */
    uint32_t first_ref;  /* an input that refers to it, or UINT32_MAX */
    uint32_t references; /* inputs that refer to it */
    int scope;           /* place in the scope that answered, or -1 */
    uint64_t addr, size;
    uint64_t got, stub; /* addresses, 0: none */
    bool exported;      /* others may see it */
    bool in_load;       /* defined by this load */
    bool shadowed;      /* its own definition gave way to the one of `provider` */
} ml_symbol_info;
bool ml_linked_symbol(const ml_linked *l, size_t i, ml_symbol_info *out);
/* The one of that name; false when the load never saw it. */
bool ml_linked_find(const ml_linked *l, const char *name, ml_symbol_info *out);
/* The inputs that refer to entry `name`: the next one from *input on; false at the end. */
bool ml_linked_referrer(const ml_linked *l, const char *name, uint32_t *input);

typedef struct ml_link_stats {
    uint64_t inputs, sections, symbols, relocations, bytes; /* bytes: of input files read */
    uint64_t memory;                                        /* bytes mapped */
    uint64_t text, constants, data;                         /* bytes of each part */
    uint64_t got_slots, stubs, moved, relaxed;
    uint64_t counted;                  /* stubs that count */
    uint64_t lazy;                     /* stubs that look their name up at the first call */
    uint64_t stripped, stripped_bytes; /* sections that ml_txn_strip dropped, and their size */
    uint64_t merged, merged_bytes;     /* sections that were merged, and the bytes that it saved */
    uint64_t looked_up;                /* names asked of the process */
    uint64_t asleep;                   /* definitions that nobody has looked at so far */
    uint64_t protections;              /* changes of protection that sealed it */
    uint64_t tls;                      /* bytes of thread-local storage that each thread has */
    bool tls_static;                   /* it lies at one offset from the thread pointer */
    /* nanoseconds by stage; resolving is timed by who drives it */
    uint64_t ns_read, ns_parse, ns_select, ns_place, ns_relocate, ns_protect;
} ml_link_stats;
ml_link_stats ml_linked_stats(const ml_linked *l);
/* Base address and size of the block. */
ml_block ml_linked_block(const ml_linked *l);

/* ---- unit ---- */

const char *ml_unit_name(const ml_unit *u);
ml_life *ml_unit_life(const ml_unit *u); /* borrowed */
/* The next unit of the session after u (NULL: the first), oldest first; NULL at the end. Orphans
** are not among them. */
ml_unit *ml_session_unit(const ml_session *s, const ml_unit *u);
/* Marks the names that lack a definition in all that `name` of unit u leads to, section by section
** and from unit to unit. False: u does not know the name. */
bool ml_unit_missing(ml_unit *u, const char *name);
/* The next name that was marked; c starts at zero. Different units may have the same one. */
const char *ml_session_missing(const ml_session *s, ml_cursor *c);
/* A unit that keeps the session from ending: another session uses it, a native call into it has not
** returned, or ml_unit_doing; NULL when there is none. */
const ml_unit *ml_session_busy(const ml_session *s);
/* "is being started", "is being reloaded" (both versions), "is being unloaded"; NULL else. */
const char *ml_unit_doing(const ml_unit *u);

/* Calls of one symbol by one input, as counted. */
typedef struct ml_call_info {
    uint32_t input;        /* that calls */
    ml_symbol_info symbol; /* that is called */
    uint64_t count;
} ml_call_info;
/* Number i; with `reset` its count begins again at 0, and no call is lost between. */
bool ml_unit_call(const ml_unit *u, size_t i, bool reset, ml_call_info *out);

/* Who uses a unit. Other units: number i, or NULL; the next name that `u` takes from `of`. */
ml_unit *ml_unit_user(const ml_unit *u, size_t i);
const char *ml_unit_use(const ml_unit *u, const ml_unit *of, uint32_t *cursor);
/* Threads at whose end something of the unit will run; threads that are inside it now, or may be
** (see ml_os_threads). Up to `room` of them; how many there are. */
size_t ml_unit_exit_handlers(const ml_unit *u, int64_t *ids, size_t room);
/* Does it use the process's on_exit, which nothing can take back? */
bool ml_unit_waits_for_exit(const ml_unit *u);
/* Has it classes of Objective-C, which a library that stays takes back no more? */
bool ml_unit_keeps_classes(const ml_unit *u);
size_t ml_unit_threads(const ml_unit *u, ml_thread *list, size_t room);
/* Calls into it that have not returned, as far as they are known: not 0 when there is one. */
size_t ml_unit_calls(const ml_unit *u);

typedef enum ml_unload {
    ML_UNLOAD_REFUSE, /* fails when somebody uses it, or has a function of it */
    ML_UNLOAD_ORPHAN, /* only its names go; what has an address of it can go on */
    ML_UNLOAD_FORCE   /* it goes, and the units that use it; memory that somebody is inside stays */
} ml_unload;
/* Destructors run, then names, registrations and memory go. ML_E_STATE while a load is running, or
** when the unit, or one that would go with it, is just being started, reloaded or unloaded, and
** nothing has changed. */
int ml_unit_unload(ml_diag *d, ml_unit *u, ml_unload how);

/* ---- reloading ----
** A load with o->replace = old is committed while the old version stays; then ml_unit_carry and
** ml_unit_replace, or ml_unit_discard of the new one, after which all is as it was. Between,
** neither can be unloaded. */

/* What became of a variable of the new version. */
typedef struct ml_carried {
    const char *name, *file;
    const char *why; /* it was not carried over; NULL: it was */
    uint64_t old_size, new_size;
} ml_carried;
/* Copies the values of named variables of the old version into those of the new one: where size and
** alignment agree and no constructor of the new version has set another value. Addresses in the old
** version become those of the same names in the new one. The list lies in a. */
int ml_unit_carry(ml_diag *d, ml_arena *a, const ml_unit *old, ml_unit *new, ml_carried **out,
                  size_t *n);
/* The new version takes the place of the old one, which ends: units that use it and functions of
** Lua are bound to the new one. On failure nothing has changed. */
int ml_unit_replace(ml_diag *d, ml_unit *old, ml_unit *new);
/* The new version ends, and what uses it. ML_E_STATE when it is none. */
int ml_unit_discard(ml_diag *d, ml_unit *new);

#endif
