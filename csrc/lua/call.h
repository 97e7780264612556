/* call.h -- lua: what calls and callbacks of one Lua state share.
** One ml_callstate per Lua state, in the registry. It says which Lua thread (coroutine) made the
** native call that is running now, so that a callback runs there and an error in it meets that
** coroutine's own pcall, and it keeps what must wait until the native call returns.
** Invariant: everything but the fields marked _Atomic is touched by the state's own thread alone.
** SPDX-License-Identifier: MIT */
#ifndef ML_LUA_CALL_H
#define ML_LUA_CALL_H

#include <setjmp.h>
#include <stdatomic.h>

#include "call/closure.h"
#include "link/link.h"
#include "lua/lua.h"

#define ML_LUA_TRAP   "moonlink.Trap"
#define ML_LUA_BUFFER "moonlink.Buffer"

struct ml_callback;

typedef struct ml_callstate {
    lua_State *L;        /* who made the innermost native call; NULL when none is running */
    lua_State *main;     /* for callbacks that come while none is running */
    ml_life *life;       /* of code that belongs to no unit */
    jmp_buf *boundary;   /* where a trap ends the innermost native call; NULL: it cannot */
    const char *trapped; /* the trap that was called: raised when the native call returns */
    char unbound[512];   /* what trapped says of a lazily bound name that nobody has */
    ml_catch caught;     /* the exception that ended the native call, likewise */
    unsigned callbacks;  /* activations that have not returned */
    unsigned traps;      /* open ones: without any, a call sets up no boundary */
    int saved_errno;
    bool pending;             /* an error of a callback waits: see ml_callstate_push_error */
    bool closed;              /* the state is being closed */
    ml_closure_pool closures; /* memory for the next ones */
    struct ml_callback *all;  /* every callback ever made here */
    struct ml_callback *idle_first, *idle_last; /* closed ones, oldest first */
    unsigned idle;
    _Atomic(uint64_t) thread; /* that runs Lua: its ml_own.number */
    /* look at pending, trapped, caught and the three below after the call */
    atomic_bool attention;
    atomic_uint foreign;         /* callbacks refused: from a thread that does not run Lua */
    atomic_uint late;            /* callbacks refused: closed before */
    _Atomic(const char *) stray; /* an error that could end no call */
    _Atomic(struct ml_callback *) sprung; /* a trap that was called where none could be ended */
} ml_callstate;

/* callstate.c: the state's context, made when there is none; raises when memory is short. */
ml_callstate *ml_callstate_get(lua_State *L);
/* Something has to be looked at after the native call. */
static inline void ml_callstate_note(ml_callstate *st)
{
    atomic_store(&st->attention, true);
}
/* The error of a callback that waits for the end of the native call: pushes it (nil when there is
** none); pops one that is to wait. Neither can raise; the context must be there. */
void ml_callstate_push_error(lua_State *L);
void ml_callstate_keep_error(lua_State *L, ml_callstate *st);
/* What a trap has to say, to the thread that runs Lua. */
const char *ml_trap_text(const struct ml_callback *trap);
/* Raises what was kept during a native call of the function `name` that has returned. */
void ml_callstate_settle(lua_State *L, ml_callstate *st, const char *name) __attribute__((cold));

/* callback.c: no callback of the state runs Lua any more; native code may still call them. */
void ml_callbacks_end(ml_callstate *st);

/* The address of the callback, trap or buffer at idx; 0 and *why set when it is closed or is
** another thing. */
uint64_t ml_lua_address(lua_State *L, int idx, const char **why);

/* Who is told of lazily bound names that nobody has: the trap at idx. */
ml_unbound ml_trap_unbound(lua_State *L, int idx);

/* Puts in place of the Lua function at stack index idx a callback that lives for one native call;
** the pool (a table at index pool, keyed by idx) keeps it for the next. Raises when memory is
** short. release gives it back; it is then closed. */
uint64_t ml_transient_take(lua_State *L, int pool, int idx, const ml_signature *sig);
void ml_transient_release(lua_State *L, int pool, int idx);

/* The callback or trap that lies at addr: its signature or its message, borrowed until the next
** call; NULL when there is none. */
const char *ml_callback_at(const ml_callstate *st, uint64_t addr, uint64_t *start);
/* Is it the function of Lua's stack under which a callback runs? */
bool ml_callback_is_entry(lua_CFunction f);

void ml_open_callback(lua_State *L); /* callback, trap; called by ml_open_call */

#endif
