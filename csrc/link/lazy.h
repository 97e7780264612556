/* lazy.h -- link, private: names that are looked up when their function is called first.
** See Note [Binding at the first call] in lazy.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_LAZY_H
#define ML_LINK_LAZY_H

#include "link/unit.h"
#include "process/resolver.h"

/* What a first call has found, until that is entered. */
typedef struct ml_lazy_note {
    bool listed;           /* it was bound, and is not entered */
    uint32_t next;         /* 1 + number of the next such one; 0: none */
    const ml_entry *entry; /* of the unit that defines it; NULL: the process does */
    const char *provider;  /* of the process, as in ml_provided */
    ml_held *held;         /* the library of the session that answered, or NULL */
} ml_lazy_note;

/* Those of a load. */
typedef struct ml_lazies {
    ml_lazy binder; /* what the head of the stubs pushes */
    ml_session *s;
    ml_linked *l;
    ml_entry **names;    /* by number */
    ml_lazy_note *notes; /* likewise; not touched before the first call of one */
    uint32_t n;
    uint32_t bound; /* 1 + number of the first one that is not entered; 0: none (latch) */
    uint64_t stubs; /* address of the first lazy stub: what a slot holds before it is bound */
    uint64_t slots; /* address of the first slot */
    ml_unbound unbound;
    unsigned nscope;
    struct {
        ml_scope_kind kind;
        ml_life *life; /* UNIT: held */
    } scope[ML_SCOPE_MAX];
} ml_lazies;

/* The address of the slot of an entry whose `lazy` is set. */
static inline uint64_t ml_lazy_slot(const ml_linked *l, const ml_entry *e)
{
    return l->lazies->slots + (uint64_t)(e->section - 1) * ML_GOT_SLOT;
}

/* That of its lazy stub, to which the slot leads at first. */
static inline uint64_t ml_lazy_stub(const ml_linked *l, const ml_entry *e)
{
    return l->lazies->stubs + (uint64_t)(e->section - 1) * l->stub_size;
}

/* Around what other threads' first calls must not see half done: tables and lists of a session.
** Only by its own thread; may be nested. No foreign code runs between, nor malloc or free, and no
** lock is taken: a signal handler that waits may stand on somebody who has it. */
void ml_session_hold(ml_session *s);
void ml_session_let_go(ml_session *s);

/* Enters what was bound at first calls since the last time: entries, who uses whom, libraries.
** False when memory is short: the rest is entered later. Not for who holds the session. */
bool ml_lazy_enter(ml_session *s);
/* Holds the session, unless something was bound that is not entered: then false. */
bool ml_lazy_hold(ml_session *s);
/* Enters all, and holds the session; when memory is short (false) not all is entered. */
bool ml_lazy_settle(ml_session *s);
/* May a first call be asking libraries? For who holds the session. */
bool ml_lazy_searching(const ml_session *s);
/* The slot of an entry of `user` that was bound comes to lead to S. */
void ml_lazy_move(const ml_linked *user, const ml_entry *e, uint64_t S);
/* Is there a slot at the address? */
static inline bool ml_lazy_has(const ml_linked *l, uint64_t addr)
{
    return l->lazies && addr - l->lazies->slots < (uint64_t)l->lazies->n * ML_GOT_SLOT;
}

#endif
