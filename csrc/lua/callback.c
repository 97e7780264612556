/* callback.c -- lua: Lua functions as addresses that native code can call, and traps.
** takes a signature and a Lua function; gives a userdata with an address. Native code may call that
** address at any time, from any thread, also after close and after the state is gone: it then gets
** the default result. A Lua error never crosses a native frame: it is kept, and raised when the
** native call that led to it returns.
** SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lua/call.h"
#include "lua/trace.h"
#include "lua/value.h"
#include "os/os.h"

/* Closed callbacks that wait before one of them is used again. Native code that wrongly kept the
** address of one gets the default result for that long. */
enum { IDLE_MIN = 1024 };

/* How long a state that ends waits for threads that look at it, which takes them some instructions.
** In a child of fork they do not exist, and what they have counted stays. */
enum { PAUSE_NS = 50000, PATIENCE_NS = 1000000000 };

/* What a closure leads to. Made once, linked into its state's list, never freed: see closure.h. */
typedef struct ml_callback {
    _Atomic(ml_callstate *) state; /* NULL when the state is gone */
    atomic_uint lookers;           /* threads that look at the state: see glance */
    ml_closure *closure;
    ml_signature *sig;
    struct ml_callback *next, *next_idle;
    const char *message; /* of a trap, for the thread that runs Lua; stays when it is closed */
    ml_value instead;    /* result when the Lua function gives none */
    unsigned running;    /* activations that have not returned */
    bool trap;
    atomic_bool open;
} ml_callback;

/* The userdata. User values: the Lua function, and on_error when it is a function. */
typedef struct box {
    ml_callback *cb; /* NULL when closed */
} box;

enum { CB_FUNCTION = 1, CB_ON_ERROR, CB_VALUES = CB_ON_ERROR };

/* Registry key, by address, of the table from ml_callback (light) to its userdata, with weak
** values, so that a callback that nobody holds can be collected. */
static const char boxes_key;

/* ---- threads that may not call Lua ---- */

/* The state seen by whatever thread calls a callback. Any other than the one that runs Lua may come
** while that one closes the state, whose memory then waits for it: see ml_callbacks_end. */
typedef struct glance {
    ml_callstate *st; /* NULL when the state is gone */
    bool counted;
} glance;

static glance look_at(ml_callback *cb)
{
    glance g = {.counted = !ml_os_single_threaded()};
    if (g.counted)
        atomic_fetch_add(&cb->lookers, 1);
    g.st = atomic_load(&cb->state);
    return g;
}

static void look_away(ml_callback *cb, glance g)
{
    if (g.counted)
        atomic_fetch_sub(&cb->lookers, 1);
}

/* ---- running a Lua function for native code ---- */

/* One activation of a callback. */
typedef struct activation {
    ml_callback *cb;
    const ml_signature *sig;
    void *const *args;
    ml_value *result;
    bool handled; /* on_error took the error */
} activation;

/* char * is text as a result of C, but a place that may be written as an argument of C. */
static uint8_t argument_kind(uint8_t kind)
{
    return kind == ML_C_CHARS ? ML_C_POINTER : kind;
}

/* The value on top of the stack as a result for native code; the reason when it is none. */
static const char *result_from(lua_State *L, uint8_t kind, ml_value *out)
{
    if (lua_type(L, -1) == LUA_TSTRING && (kind == ML_C_STRING || kind == ML_C_DATA))
        return "a string would not outlive the callback: give an address";
    return ml_lua_to_value(L, -1, kind, out);
}

static void take_result(lua_State *L, const activation *a, const char *what)
{
    uint8_t kind = a->sig->result;
    if (kind == ML_C_VOID)
        return;
    ml_value v = {.s.u = 0};
    const char *why = result_from(L, kind, &v);
    if (why)
        luaL_error(L, "%s (%s)", what, why);
    *a->result = v;
}

/* Runs under lua_pcall: may raise. */
static int activate(lua_State *L)
{
    const activation *a = lua_touserdata(L, 1);
    const ml_signature *sig = a->sig;
    luaL_checkstack(L, sig->nparams + LUA_MINSTACK, NULL);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &boxes_key);
    if (lua_rawgetp(L, -1, a->cb) == LUA_TNIL)
        return 0; /* it is being collected */
    lua_getiuservalue(L, -1, CB_FUNCTION);
    for (unsigned i = 0; i < sig->nparams; i++) {
        ml_value v;
        uint8_t kind = argument_kind(sig->params[i].kind);
        ml_value_load(kind, a->args[i], &v);
        ml_lua_push_value(L, kind, &v);
    }
    lua_call(L, sig->nparams, sig->result == ML_C_VOID ? 0 : 1);
    take_result(L, a, "bad result of a callback");
    return 0;
}

/* Runs under lua_pcall with the activation and an error: lets on_error have it. */
static int handle_error(lua_State *L)
{
    activation *a = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &boxes_key);
    if (lua_rawgetp(L, -1, a->cb) == LUA_TNIL || lua_getiuservalue(L, -1, CB_ON_ERROR) == LUA_TNIL)
        return 0;
    lua_pushvalue(L, 2);
    lua_call(L, 1, 1);
    take_result(L, a, "bad result of on_error");
    a->handled = true;
    return 0;
}

/* Pops the error on top of the stack: to on_error, else kept for the native call, else noted. */
static void failed(lua_State *L, ml_callstate *st, activation *a, bool in_call)
{
    lua_pushcfunction(L, handle_error);
    lua_pushlightuserdata(L, a);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        lua_replace(L, -2); /* on_error itself failed: its error counts */
    if (a->handled) {
        lua_pop(L, 1);
        return;
    }
    ml_callstate_note(st);
    if (!in_call) {
        atomic_store(&st->stray, "a callback raised an error outside of any native call");
        lua_pop(L, 1);
        return;
    }
    if (st->pending)
        lua_pop(L, 1); /* the first error wins */
    else
        ml_callstate_keep_error(L, st);
}

/* What belongs to the outer native call must not be seen by calls that the Lua function makes. */
typedef struct outer {
    jmp_buf *boundary;
    const char *trapped;
    int own_errno, saved_errno;
    bool pending;
} outer;

static outer set_aside(lua_State *L, ml_callstate *st)
{
    outer o = {st->boundary, st->trapped, errno, st->saved_errno, st->pending};
    if (st->pending)
        ml_callstate_push_error(L); /* stays on the stack until put_back */
    st->boundary = NULL;
    st->trapped = NULL;
    st->pending = false;
    return o;
}

static void put_back(lua_State *L, ml_callstate *st, const outer *o, int kept)
{
    if (o->pending) {
        lua_pushvalue(L, kept);
        ml_callstate_keep_error(L, st);
    }
    st->boundary = o->boundary;
    if (o->trapped)
        st->trapped = o->trapped;
    st->saved_errno = o->saved_errno;
    errno = o->own_errno;
    if (st->pending || st->trapped)
        ml_callstate_note(st);
}

static void run_lua(ml_callback *cb, activation *a)
{
    ml_callstate *st = cb->state;
    bool in_call = st->L != NULL;
    lua_State *L = in_call ? st->L : st->main;
    if (!lua_checkstack(L, LUA_MINSTACK)) {
        atomic_store(&st->stray, "a callback found the Lua stack full");
        ml_callstate_note(st);
        return;
    }
    int top = lua_gettop(L);
    outer o = set_aside(L, st);
    lua_pushcfunction(L, ml_trace_handler);
    lua_pushcfunction(L, activate);
    lua_pushlightuserdata(L, a);
    if (lua_pcall(L, 1, 0, -3) != LUA_OK)
        failed(L, st, a, in_call);
    put_back(L, st, &o, top + 1);
    lua_settop(L, top);
}

/* Whether a closure may run here and now, in the thread that runs Lua; notes why not. */
static bool may_run(const ml_callback *cb, ml_callstate *st)
{
    if (!st)
        return false;
    if (atomic_load_explicit(&st->thread, memory_order_relaxed) != ml_os_self()->number) {
        atomic_fetch_add(&st->foreign, 1);
        ml_callstate_note(st);
        return false;
    }
    if (!cb->open) {
        atomic_fetch_add(&st->late, 1);
        ml_callstate_note(st);
        return false;
    }
    return true;
}

static void put_idle(ml_callstate *st, ml_callback *cb)
{
    cb->next_idle = NULL;
    if (st->idle_last)
        st->idle_last->next_idle = cb;
    else
        st->idle_first = cb;
    st->idle_last = cb;
    st->idle++;
}

static void on_call(void *ud, const ml_signature *sig, void *const *args, ml_value *result)
{
    ml_callback *cb = ud;
    glance g = look_at(cb);
    bool may = may_run(cb, g.st);
    look_away(cb, g);
    *result = cb->instead;
    if (!may)
        return;
    activation a = {.cb = cb, .sig = sig, .args = args, .result = result};
    cb->running++;
    g.st->callbacks++;
    run_lua(cb, &a);
    g.st = atomic_load(&cb->state);
    if (g.st)
        g.st->callbacks--;
    cb->running--;
    if (!cb->open && !cb->running && g.st)
        put_idle(g.st, cb);
}

/* Is the trap called where it can end a native call? Notes it when it is not. */
static bool may_spring(ml_callback *cb, ml_callstate *st)
{
    if (!st)
        return false;
    if (may_run(cb, st) && st->L)
        return true;
    if (cb->open)
        atomic_store(&st->sprung, cb);
    ml_callstate_note(st);
    return false;
}

/* See Note [Ending a call from a trap] in call.c. text: in place of the trap's own, when not
** NULL. */
static void spring(ml_callback *cb, const char *text)
{
    glance g = look_at(cb);
    bool may = may_spring(cb, g.st);
    look_away(cb, g);
    if (!may)
        return;
    ml_callstate *st = g.st;
    const char *message = cb->message;
    if (text) {
        snprintf(st->unbound, sizeof st->unbound, "%s", text);
        message = st->unbound;
    }
    ml_callstate_note(st);
    if (!st->trapped)
        st->trapped = message;
    if (st->boundary)
        longjmp(*st->boundary, 1);
}

static void on_trap(void *ud, const ml_signature *sig, void *const *args, ml_value *result)
{
    (void)sig, (void)args, (void)result;
    spring(ud, NULL);
}

/* The text is read when the native call has ended, on another stack. */
static void on_unbound(void *ud, const char *text)
{
    spring(ud, text);
}

ml_unbound ml_trap_unbound(lua_State *L, int idx)
{
    const box *b = luaL_checkudata(L, idx, ML_LUA_TRAP);
    return (ml_unbound){b->cb ? on_unbound : NULL, b->cb};
}

/* ---- making and closing ---- */

static const char closed_by_now[] = "a stub was called that is closed by now";

const char *ml_trap_text(const ml_callback *cb)
{
    return cb->message ? cb->message : closed_by_now;
}

/* Forgets the message of a closed trap, which may still wait to be told by warnings(). */
static void drop_message(ml_callstate *st, ml_callback *cb)
{
    ml_callback *old = cb;
    if (!cb->message)
        return;
    if (atomic_compare_exchange_strong(&st->sprung, &old, NULL))
        atomic_store(&st->stray, closed_by_now);
    ml_heap_free((void *)(uintptr_t)cb->message);
    cb->message = NULL;
}

/* Takes the oldest closed one of this signature out of the list, once enough of them wait. Not a
** trap while a native call runs, which could be about to raise its message. */
static ml_callback *reuse(ml_callstate *st, const char *code, bool trap)
{
    if (st->idle < IDLE_MIN || (trap && st->L))
        return NULL;
    ml_callback *before = NULL;
    for (ml_callback *cb = st->idle_first; cb; before = cb, cb = cb->next_idle) {
        if (strcmp(cb->sig->code, code) != 0 || cb->trap != trap)
            continue;
        if (before)
            before->next_idle = cb->next_idle;
        else
            st->idle_first = cb->next_idle;
        if (st->idle_last == cb)
            st->idle_last = before;
        st->idle--;
        drop_message(st, cb);
        return cb;
    }
    return NULL;
}

void ml_callbacks_end(ml_callstate *st)
{
    for (ml_callback *cb = st->all; cb; cb = cb->next) {
        cb->open = false;
        atomic_store(&cb->state, NULL);
    }
    int64_t patience = PATIENCE_NS;
    for (ml_callback *cb = st->all; cb; cb = cb->next)
        for (; patience > 0 && atomic_load(&cb->lookers); patience -= PAUSE_NS)
            ml_os_sleep_ns(PAUSE_NS);
    st->all = st->idle_first = st->idle_last = NULL;
}

/* A new one. Owns nothing of Lua; on failure nothing is left. */
static int callback_new(ml_diag *d, ml_callstate *st, const char *code, bool trap,
                        ml_callback **out)
{
    ml_callback *cb = ml_heap_zalloc(1, sizeof *cb);
    if (!cb)
        return ml_nomem(d);
    int rc = ml_signature_new(d, code, &cb->sig);
    if (rc == 0)
        rc = ml_closure_new(d, &st->closures, cb->sig, trap ? on_trap : on_call, cb, &cb->closure);
    if (rc < 0) {
        ml_signature_free(cb->sig);
        ml_heap_free(cb);
        return rc;
    }
    atomic_init(&cb->state, st);
    cb->trap = trap;
    cb->next = st->all;
    st->all = cb;
    *out = cb;
    return 0;
}

/* Gives b its callback, still closed; raises at argument arg. */
static ml_callback *acquire(lua_State *L, box *b, const char *code, bool trap, int arg)
{
    ml_callstate *st = ml_callstate_get(L);
    luaL_argcheck(L, !st->closed, arg, "the state is being closed");
    ml_callback *cb = reuse(st, code, trap);
    ml_diag d;
    ml_diag_init(&d);
    if (!cb && callback_new(&d, st, code, trap, &cb) < 0)
        ml_lua_argument_fail(L, arg, &d);
    ml_diag_free(&d);
    cb->instead = (ml_value){.ld = 0};
    b->cb = cb;
    return cb;
}

static box *new_box(lua_State *L, const char *metatable)
{
    box *b = lua_newuserdatauv(L, sizeof *b, CB_VALUES);
    b->cb = NULL;
    luaL_setmetatable(L, metatable);
    return b;
}

/* boxes[cb] = the userdata at idx */
static void enlist(lua_State *L, const ml_callback *cb, int idx)
{
    idx = lua_absindex(L, idx);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &boxes_key);
    lua_pushvalue(L, idx);
    lua_rawsetp(L, -2, cb);
    lua_pop(L, 1);
}

static void close_box(box *b)
{
    ml_callback *cb = b->cb;
    b->cb = NULL;
    ml_callstate *st = cb ? atomic_load(&cb->state) : NULL;
    if (!st)
        return;
    if (cb->trap && cb->open)
        st->traps--;
    cb->open = false;
    if (!cb->running)
        put_idle(st, cb);
}

/* on_error: a function that gets the error and gives the result, or the result itself. */
static void set_on_error(lua_State *L, int opts, ml_callback *cb)
{
    if (lua_isnoneornil(L, opts))
        return;
    luaL_checktype(L, opts, LUA_TTABLE);
    int kind = lua_getfield(L, opts, "on_error");
    if (kind == LUA_TFUNCTION) {
        lua_setiuservalue(L, -2, CB_ON_ERROR);
        return;
    }
    if (kind != LUA_TNIL && cb->sig->result != ML_C_VOID) {
        const char *why = result_from(L, cb->sig->result, &cb->instead);
        if (why)
            luaL_argerror(L, opts, lua_pushfstring(L, "on_error: %s", why));
    }
    lua_pop(L, 1);
}

/* callback(code, function [, { on_error = }]) -> userdata */
static int core_callback(lua_State *L)
{
    lua_settop(L, 3);
    const char *code = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    box *b = new_box(L, ML_LUA_CALLBACK);
    ml_callback *cb = acquire(L, b, code, false, 1);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, CB_FUNCTION);
    set_on_error(L, 3, cb);
    enlist(L, cb, -1);
    cb->open = true;
    return 1;
}

/* trap(message) -> userdata */
static int core_trap(lua_State *L)
{
    size_t len;
    const char *message = luaL_checklstring(L, 1, &len);
    ml_callback *cb = acquire(L, new_box(L, ML_LUA_TRAP), "L()", true, 1);
    char *copy = ml_heap_zalloc(len + 1, 1);
    if (!copy)
        return luaL_error(L, "not enough memory");
    cb->message = memcpy(copy, message, len);
    cb->open = true;
    cb->state->traps++;
    return 1;
}

/* ---- callbacks for the time of one native call ---- */

uint64_t ml_transient_take(lua_State *L, int pool, int idx, const ml_signature *sig)
{
    lua_rawgeti(L, pool, idx);
    box *b = lua_touserdata(L, -1);
    ml_callback *cb = b ? b->cb : NULL; /* closed when the state is */
    if (cb) {
        lua_pushboolean(L, 0);
        lua_rawseti(L, pool, idx);
    } else {
        lua_pop(L, 1);
        b = new_box(L, ML_LUA_CALLBACK);
        cb = acquire(L, b, sig->code, false, idx);
        enlist(L, cb, -1);
    }
    lua_pushvalue(L, idx);
    lua_setiuservalue(L, -2, CB_FUNCTION);
    lua_replace(L, idx);
    cb->open = true;
    return ml_closure_address(cb->closure);
}

void ml_transient_release(lua_State *L, int pool, int idx)
{
    box *b = lua_touserdata(L, idx);
    if (b->cb)
        b->cb->open = false;
    lua_pushnil(L);
    lua_setiuservalue(L, idx, CB_FUNCTION);
    lua_pushvalue(L, idx);
    lua_rawseti(L, pool, idx);
}

/* ---- methods ---- */

static box *check_box(lua_State *L)
{
    box *b = luaL_testudata(L, 1, ML_LUA_TRAP);
    return b ? b : ml_lua_self(L, ML_LUA_CALLBACK);
}

static int box_address(lua_State *L)
{
    const box *b = check_box(L);
    if (!b->cb)
        return luaL_error(L, "attempt to use a closed callback");
    lua_pushinteger(L, (lua_Integer)ml_closure_address(b->cb->closure));
    return 1;
}

static int box_close(lua_State *L)
{
    close_box(check_box(L));
    return 0;
}

static int box_tostring(lua_State *L)
{
    const box *b = check_box(L);
    luaL_getmetafield(L, 1, "__name");
    if (b->cb)
        lua_pushfstring(L, "%s (%p)", lua_tostring(L, -1),
                        (void *)(uintptr_t)ml_closure_address(b->cb->closure));
    else
        lua_pushfstring(L, "%s (closed)", lua_tostring(L, -1));
    return 1;
}

uint64_t ml_lua_address(lua_State *L, int idx, const char **why)
{
    const box *b = luaL_testudata(L, idx, ML_LUA_CALLBACK);
    if (!b)
        b = luaL_testudata(L, idx, ML_LUA_TRAP);
    if (b && b->cb)
        return ml_closure_address(b->cb->closure);
    void **buffer = luaL_testudata(L, idx, ML_LUA_BUFFER); /* its first field is the memory */
    if (buffer && *buffer)
        return (uintptr_t)*buffer;
    *why = b || buffer ? "it is closed"
                       : lua_pushfstring(L, "address expected, got %s", luaL_typename(L, idx));
    return 0;
}

const char *ml_callback_at(const ml_callstate *st, uint64_t addr, uint64_t *start)
{
    for (const ml_callback *cb = st->all; cb; cb = cb->next) {
        *start = ml_closure_address(cb->closure);
        if (addr - *start < ML_CLOSURE_SIZE)
            return cb->trap && cb->message ? cb->message : cb->sig->code;
    }
    return NULL;
}

bool ml_callback_is_entry(lua_CFunction f)
{
    return f == activate;
}

static void make_boxes(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &boxes_key) == LUA_TNIL) {
        lua_createtable(L, 0, 0);
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "v");
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &boxes_key);
    }
    lua_pop(L, 1);
}

void ml_open_callback(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"address", box_address},
        {"close", box_close},
        {NULL, NULL},
    };
    static const luaL_Reg metamethods[] = {
        {"__gc", box_close},
        {"__close", box_close},
        {"__tostring", box_tostring},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"callback", core_callback},
        {"trap", core_trap},
        {NULL, NULL},
    };
    make_boxes(L);
    ml_lua_class(L, ML_LUA_CALLBACK, metamethods, methods);
    ml_lua_class(L, ML_LUA_TRAP, metamethods, methods);
    luaL_setfuncs(L, functions, 0);
}
