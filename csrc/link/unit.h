/* unit.h -- link, private: sessions and their units, as link.h's functions see them.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_UNIT_H
#define ML_LINK_UNIT_H

#include "link/edit.h"
#include "link/linked.h"
#include "object/archive.h"
#include "os/latch.h"
#include "process/exits.h"
#include "process/process.h"

/* An archive in reach. */
typedef struct ml_source {
    ml_archive *ar;
    void *bytes; /* its content, when it was opened from bytes: ours */
    unsigned set;
    bool fresh;                  /* opened by this transaction: abort closes it */
    const struct ml_unit *owner; /* the unit that brought it, from commit on */
    bool looked_at;              /* is it a C library? */
    unsigned depth;              /* archives around it */
    const char *within;          /* archive in an archive: its name in ml_txn.members; else NULL */
    ml_edits *edits;             /* of its members' symbols, held; NULL: none */
} ml_source;

typedef struct ml_sources {
    ml_source *v;
    uint32_t n, room;
} ml_sources;

typedef struct ml_libraries {
    ml_library *v;
    uint32_t n, room;
} ml_libraries;

/* A shared library that the session holds open, for the units that brought it or use it. */
typedef struct ml_held {
    ml_library lib;
    uint32_t holders;
    uint64_t seen;        /* number of the unit that was counted last */
    bool ready;           /* its load has come so far that others may ask it */
    struct ml_held *next; /* among those that are being closed */
    char path[];          /* the library's: the load that opened it may go before */
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
enum { ML_EXPORTS_FEW = 4 };
typedef struct ml_exports {
    ml_table names;               /* entries of units; empty while these are few */
    ml_unit *few[ML_EXPORTS_FEW]; /* the latest last; none when there is a table */
    unsigned nfew;
} ml_exports;

struct ml_session {
    ml_exports exports;
    ml_unit *first, *last;
    ml_space *space;
    ml_sources sources;
    ml_held **held; /* in the order in which they were opened */
    uint32_t nheld;
    ml_library self;
    ml_unwinders *unwinders;
    uint64_t numbers;                /* the last unit's number */
    uint32_t loads;                  /* transactions that are open and have not committed */
    uint32_t ending;                 /* depth of ending and releasing units */
    uint32_t foreign;                /* destructors that are running */
    bool quiet;                      /* no thread is inside any unit */
    bool left;                       /* somebody unseen is inside: see ml_session_leave */
    ml_unit *lost;                   /* units whose state is ML_UNIT_LOST */
    ml_txn *starting;                /* whose constructors are running, the innermost */
    bool (*calling)(const void *ud); /* see ml_session_set_calling */
    const void *calling_ud;
    struct ml_atlas *atlas; /* that it has joined, or NULL */
    ml_session *atlas_next, *atlas_prev;
    uint64_t atlas_number; /* in the order of joining */
    /* see Note [Binding at the first call] */
    bool handles;        /* some load may have installed handlers of signals */
    bool has_lazy;       /* some load has lazy stubs: the latch matters */
    unsigned held_deep;  /* how often its own thread has taken the latch */
    ml_quiet quiet_time; /* while it has it */
    ml_latch latch;
    bool gone;          /* it was closed, and stays for threads that are inside (latch) */
    uint32_t searching; /* first calls that ask libraries now (latch) ... */
    int64_t searcher;   /* in this process: a fork takes none of their threads along */
};

/* session.c: asks the libraries `first` (NULL: none), those of the session, then the process.
** *held: 1 + number of the session's library that answered, else 0. */
bool ml_session_provided(const ml_session *s, const ml_libraries *first, const char *name,
                         const char *version, ml_provided *out, uint32_t *held);

/* exports.c: finds a name; makes room, so that enter cannot fail; enters a unit's, true when some
** took the place of those of other units (not of its old version); takes them out, and those that
** they covered are back; enters them again, over those of units before. */
const ml_entry *ml_exports_find(const ml_exports *x, const char *name, size_t len, uint32_t hash);
/* How many names these are, about, never fewer; the places in `names` of those that are there, too,
** ascending, in the arena a: NULL when memory is short. */
uint32_t ml_exports_count(const ml_exports *x);
const uint32_t *ml_exports_shared(const ml_exports *x, const ml_table *names, ml_arena *a,
                                  uint32_t *n);
/* Will the names of the next unit be entered one by one? */
bool ml_exports_lists(const ml_exports *x);
bool ml_exports_reserve(ml_session *s, const ml_linked *more);
bool ml_exports_enter(ml_exports *x, ml_unit *u);
void ml_exports_leave(ml_exports *x, const ml_unit *u);
void ml_exports_enter_again(ml_exports *x, ml_unit *u);

/* txn.c: closes the archive. */
void ml_source_close(ml_source *src);

/* atlas.c: a unit came or went; it ends, and is remembered; a session ends. */
void ml_atlas_changed(const ml_session *s);
void ml_atlas_bury(const ml_unit *u);
void ml_atlas_leave(ml_session *s);

/* unit.c: notes who uses whom; open: all names that other units may define. Reserve makes room, so
** that enter cannot fail. */
bool ml_unit_reserve_edges(ml_unit *u, ml_entry *const *open, uint32_t nopen);
void ml_unit_enter_edges(ml_unit *u);
/* unit.c: ends a unit and those that use it. cancel: its constructors did not get to their end. */
void ml_unit_end(ml_unit *u, bool cancel);
/* unit.c: ends a unit that has been replaced, alone; lets go of the session, which is held. */
void ml_unit_retire(ml_unit *u);
/* unit.c: gives back the memory of units that have ended and that nothing can come back to. */
void ml_unit_sweep(ml_session *s);
/* unit.c: ends all units, the latest first; what stays in the list is what somebody is inside. */
void ml_unit_end_all(ml_session *s);

/* replace.c: can the unit be reloaded? */
int ml_replace_allowed(ml_diag *d, const ml_unit *old);

#endif
