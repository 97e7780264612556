/* call.c -- lua: functions of C as plain Lua functions.
** takes an address, a signature and the unit that owns the code; gives a C closure. A call checks
** that the unit is there, the number of arguments, and each argument against its type; then the
** callee gets exactly what its prototype says.
** Invariant: whatever way a native call ends, `L`, `boundary` and `in_flight` are as before it.
** Spec: Lua 5.4 manual 4 (the C API); C11 7.13 (setjmp: nothing that lives in a register and was
** changed is read after it).
** SPDX-License-Identifier: MIT */
#include "lua/call.h"

#include <errno.h>
#include <string.h>

#include "lua/value.h"
#include "os/os.h"
#include "process/listed.h"

#define FUNCTION "moonlink.Function" /* the userdata behind a closure; Lua never sees it */

/* User values of a function: its owner, its callbacks for parameters that are functions, what
** turns the C type of a variable argument into a code, its name, and what its maker says of it. */
enum { FN_OWNER = 1, FN_POOL, FN_TYPES, FN_NAME, FN_ABOUT, FN_VALUES = FN_ABOUT };

/* Results that are failures, to be turned into nil, message, number. */
typedef enum fail { FAIL_NEVER, FAIL_NEGATIVE, FAIL_NULL, FAIL_ZERO, FAIL_NONZERO } fail;

typedef struct function {
    ml_callstate *state;
    ml_user user; /* tied once the function is whole; its name is anchored by the userdata */
    ml_signature *sig;
    fail fail;
} function;

/* ---- what a caller did wrong ---- */

/* What is off the path of a call that goes well, so that compilers put it elsewhere. */
#define RARE __attribute__((cold, noinline))

RARE static int wrong_count(lua_State *L, const function *f)
{
    unsigned n = f->sig->nparams;
    return luaL_error(L, "%s: expected %s%d argument%s, got %d", f->user.name,
                      f->sig->variadic ? "at least " : "", (int)n, n == 1 ? "" : "s",
                      lua_gettop(L));
}

RARE static int unloaded(lua_State *L, const function *f)
{
    const ml_life *life = f->user.life;
    if (life->successor)
        return luaL_error(L, "%s: the new version of %s does not define it", f->user.name,
                          life->name);
    return luaL_error(L, "%s: %s was unloaded", f->user.name, life->name);
}

RARE static int bad_argument(lua_State *L, const function *f, unsigned arg, const char *why)
{
    return luaL_error(L, "bad argument #%d to '%s' (%s)", (int)arg, f->user.name, why);
}

/* ---- entering and leaving native code ---- */

/* Note [Ending a call from a trap]
** A trap stands for a function that does not exist; going on with a made-up result would crash
** later and elsewhere. So it jumps back to the native call that led to it. The jump skips the rest
** of the native frames between: their locks stay locked, their memory stays allocated, C++
** destructors in them do not run. It never skips a frame of Lua: a callback takes the boundary away
** while Lua code runs, and a call made from there sets up its own. The cost of setjmp is paid only
** in a state that has traps. */

/* Note [Ending a call from an exception]
** The frame that calls native code catches every C++ exception (process/guard.h), so that none
** unwinds through Lua, which would leave Lua's own state half-way. Lua errors take the other way:
** they never enter native frames, since a callback keeps them. What was caught waits in the state
** until the call has been left, then it is described, ended, and raised as an error table. */

static inline void call_with(const function *f, const ml_regs *regs, ml_slot *result)
{
    const ml_signature *sig = f->sig;
    if (sig->ints)
        result->u = sig->ints(f->user.address, regs, &f->state->caught);
    else
        sig->mixed(f->user.address, regs, result, &f->state->caught);
}

/* The one thing a native call may be: through registers or through libffi. */
typedef struct job {
    const function *f;
    const ml_regs *regs; /* NULL: through libffi */
    ml_value *args;
    const uint8_t *extra;
    unsigned nargs;
    bool refused; /* by libffi */
    ml_value result;
} job;

static void call_ffi(job *j)
{
    const function *f = j->f;
    j->refused = !ml_ffi_call(f->sig, f->user.address, j->nargs, j->extra, j->args, &j->result);
}

static void run_job(job *j)
{
    ml_catch *c = &j->f->state->caught;
    uint64_t arg = (uint64_t)(uintptr_t)j;
    if (j->regs)
        call_with(j->f, j->regs, &j->result.s);
    else
        ml_guard_ints[1]((uint64_t)(uintptr_t)&call_ffi, &arg, c);
}

/* Runs the job with a boundary. False when a trap ended it. */
static bool run_guarded(ml_callstate *st, job *j)
{
    jmp_buf here;
    jmp_buf *const outer = st->boundary;
    st->boundary = &here;
    if (setjmp(here) != 0) {
        st->boundary = outer;
        ml_listed_settle();
        return false;
    }
    run_job(j);
    st->boundary = outer;
    return true;
}

/* What a native call changes and gives back. */
typedef struct entered {
    lua_State *outer;
    int *own_errno;
} entered;

static inline entered enter(ml_callstate *st, lua_State *L, ml_life *life)
{
    const ml_own *own = ml_os_self();
    entered e = {st->L, own->error};
    st->L = L;
    life->in_flight++;
    atomic_store_explicit(&st->thread, own->number, memory_order_relaxed);
    *e.own_errno = st->saved_errno;
    return e;
}

static inline void leave(ml_callstate *st, entered e, ml_life *life)
{
    st->saved_errno = *e.own_errno;
    life->in_flight--;
    st->L = e.outer;
}

/* Raises what callbacks and traps left behind, if anything. */
static inline void settle(lua_State *L, const function *f)
{
    if (atomic_load_explicit(&f->state->attention, memory_order_relaxed))
        ml_callstate_settle(L, f->state, f->user.name);
}

/* ---- the fast path ---- */

static int push_slot(lua_State *L, uint8_t kind, ml_slot result)
{
    if (kind == ML_C_INT32) {
        lua_pushinteger(L, (int32_t)result.u);
        return 1;
    }
    if (kind == ML_C_DOUBLE) {
        lua_pushnumber(L, result.d);
        return 1;
    }
    ml_value v = {.s = result};
    if (kind != ML_C_FLOAT)
        v.s.u = ml_widen(kind, result.u);
    return ml_lua_push_value(L, kind, &v);
}

/* In two parts, which compilers write out as a few stores: the whole would become a string
** instruction, which takes as long as the rest of the call. */
static inline void clear_registers(ml_regs *regs)
{
    memset(&regs->slot[ML_REGS_INT], 0, (ML_REGS_FLOAT - ML_REGS_INT) * sizeof *regs->slot);
    memset(&regs->slot[ML_REGS_FLOAT], 0, (ML_REGS_MAX - ML_REGS_FLOAT) * sizeof *regs->slot);
}

/* When there are traps. */
RARE static ml_slot call_guarded(const function *f, const ml_regs *regs)
{
    job j = {.f = f, .regs = regs};
    if (!run_guarded(f->state, &j))
        j.result.s.u = 0;
    return j.result.s;
}

static int call_registers(lua_State *L)
{
    const function *f = lua_touserdata(L, lua_upvalueindex(1));
    const ml_signature *sig = f->sig;
    if (lua_gettop(L) != sig->nparams)
        return wrong_count(L, f);
    ml_regs regs;
    if (!sig->ints) /* else just the slots that are filled below are read */
        clear_registers(&regs);
    const ml_param *p = sig->params;
    for (unsigned i = 1; i <= sig->nparams; i++, p++) {
        const char *why = ml_lua_to_slot(L, (int)i, p->kind, &regs.slot[p->slot]);
        if (why)
            return bad_argument(L, f, i, why);
    }
    ml_callstate *st = f->state;
    ml_life *life = f->user.life;
    if (!life->alive)
        return unloaded(L, f);
    ml_slot result;
    entered e = enter(st, L, life);
    if (st->traps)
        result = call_guarded(f, &regs);
    else
        call_with(f, &regs, &result);
    leave(st, e, life);
    settle(L, f);
    return push_slot(L, sig->result, result);
}

/* ---- the general path ---- */

/* The kind behind `{ ctype, value }`; leaves the value at idx in place of the table. */
static uint8_t explicit_kind(lua_State *L, const function *f, int idx)
{
    int top = lua_gettop(L);
    lua_getiuservalue(L, lua_upvalueindex(1), FN_TYPES);
    if (lua_rawgeti(L, idx, 1) != LUA_TSTRING || lua_isnil(L, top + 1))
        bad_argument(L, f, (unsigned)idx, "{ ctype, value } expected");
    lua_call(L, 1, 1);
    const char *code = lua_tostring(L, -1);
    if (!code || !code[0] || code[1] || !strchr("bcaAhHilILdDsSqp", code[0])) {
        lua_rawgeti(L, idx, 1);
        bad_argument(L, f, (unsigned)idx,
                     lua_pushfstring(L, "'%s' is no type that a variable argument can have",
                                     lua_tostring(L, -1)));
    }
    uint8_t kind = (uint8_t)code[0];
    lua_rawgeti(L, idx, 2);
    lua_replace(L, idx);
    lua_settop(L, top);
    return kind;
}

/* The C type that a Lua value has when the prototype does not say it. */
static uint8_t natural_kind(lua_State *L, const function *f, int idx)
{
    switch (lua_type(L, idx)) {
    case LUA_TNUMBER: return lua_isinteger(L, idx) ? ML_C_INT64 : ML_C_DOUBLE;
    case LUA_TSTRING: return ML_C_STRING;
    case LUA_TBOOLEAN:
        lua_pushinteger(L, lua_toboolean(L, idx));
        lua_replace(L, idx);
        return ML_C_INT32;
    case LUA_TTABLE: return explicit_kind(L, f, idx);
    default: return ML_C_POINTER;
    }
}

static bool is_transient(lua_State *L, const ml_signature *sig, unsigned i)
{
    return sig->params[i].kind == ML_C_FUNCTION && lua_isfunction(L, (int)i + 1);
}

/* What a variable argument is passed as: C11 6.5.2.2 paragraph 6. Its slot is wide enough. */
static uint8_t promoted(uint8_t kind)
{
    return strchr("bcaAhH", kind) ? ML_C_INT32 : kind;
}

/* Converts all arguments; functions for function pointers are only marked in `transient`. */
static void to_values(lua_State *L, const function *f, unsigned nargs, ml_value *args,
                      uint8_t *extra, bool *transient)
{
    const ml_signature *sig = f->sig;
    for (unsigned i = 0; i < nargs; i++) {
        uint8_t kind;
        transient[i] = i < sig->nparams && is_transient(L, sig, i);
        if (transient[i])
            continue;
        if (i < sig->nparams) {
            kind = sig->params[i].kind;
        } else {
            kind = natural_kind(L, f, (int)i + 1);
            extra[i - sig->nparams] = promoted(kind);
        }
        const char *why = ml_lua_to_value(L, (int)i + 1, kind, &args[i]);
        if (why)
            bad_argument(L, f, i + 1, why);
    }
}

static int push_pool(lua_State *L)
{
    lua_getiuservalue(L, lua_upvalueindex(1), FN_POOL);
    return lua_gettop(L);
}

static void release_transients(lua_State *L, int pool, unsigned n, const bool *transient)
{
    for (unsigned i = 0; i < n; i++)
        if (transient[i])
            ml_transient_release(L, pool, (int)i + 1);
}

/* Runs the job between enter and leave. */
static void run_between(lua_State *L, job *j)
{
    ml_callstate *st = j->f->state;
    ml_life *life = j->f->user.life; /* another one after the call, when it reloaded the unit */
    entered e = enter(st, L, life);
    if (st->traps)
        run_guarded(st, j);
    else
        run_job(j);
    leave(st, e, life);
}

static int call_general(lua_State *L)
{
    const function *f = lua_touserdata(L, lua_upvalueindex(1));
    const ml_signature *sig = f->sig;
    unsigned nargs = (unsigned)lua_gettop(L);
    if (nargs < sig->nparams || (nargs > sig->nparams && !sig->variadic))
        return wrong_count(L, f);
    if (nargs > ML_ARGS_MAX)
        return luaL_error(L, "%s: at most %d arguments", f->user.name, ML_ARGS_MAX);
    if (!f->user.life->alive)
        return unloaded(L, f);
    luaL_checkstack(L, ML_ARGS_MAX + LUA_MINSTACK, NULL);
    ml_value args[ML_ARGS_MAX];
    uint8_t extra[ML_ARGS_MAX];
    bool transient[ML_ARGS_MAX];
    to_values(L, f, nargs, args, extra, transient);
    int pool = sig->takes_functions ? push_pool(L) : 0;
    for (unsigned i = 0; i < sig->nparams; i++)
        if (transient[i])
            args[i].s.u = ml_transient_take(L, pool, (int)i + 1, sig->params[i].func);
    if (!f->user.life->alive) /* what ran meanwhile (a finaliser, FN_TYPES) may have unloaded it */
        return unloaded(L, f);
    job j = {.f = f, .args = args, .extra = extra, .nargs = nargs};
    run_between(L, &j);
    release_transients(L, pool, sig->nparams, transient);
    settle(L, f);
    if (j.refused)
        return luaL_error(L, "%s: libffi cannot describe these variable arguments", f->user.name);
    return ml_lua_push_value(L, sig->result, &j.result);
}

static bool in_registers(const function *f)
{
    return f->sig->ints || f->sig->mixed;
}

/* ---- results that are failures ---- */

static bool is_failure(lua_State *L, fail when)
{
    switch (when) {
    case FAIL_NEGATIVE: return lua_tonumber(L, -1) < 0;
    case FAIL_NULL: return lua_isnil(L, -1);
    case FAIL_ZERO: return lua_isnumber(L, -1) ? lua_tonumber(L, -1) == 0 : !lua_toboolean(L, -1);
    case FAIL_NONZERO: return lua_isnumber(L, -1) ? lua_tonumber(L, -1) != 0 : lua_toboolean(L, -1);
    default: return false;
    }
}

/* A call whose result is judged. One that is an error number itself (FAIL_NONZERO) is taken for it;
** else errno says what was wrong. */
static int call_checked(lua_State *L)
{
    const function *f = lua_touserdata(L, lua_upvalueindex(1));
    int n = in_registers(f) ? call_registers(L) : call_general(L);
    if (n == 0 || !is_failure(L, f->fail))
        return n;
    int number = f->state->saved_errno;
    if (f->fail == FAIL_NONZERO && lua_tointeger(L, -1) > 0)
        number = (int)lua_tointeger(L, -1);
    lua_pushnil(L);
    lua_pushstring(L, strerror(number));
    lua_pushinteger(L, number);
    return 3;
}

/* ---- making a function ---- */

static int function_gc(lua_State *L)
{
    function *f = luaL_checkudata(L, 1, FUNCTION);
    ml_life_untie(&f->user);
    ml_signature_free(f->sig);
    f->sig = NULL;
    return 0;
}

/* Makes the signature of a code; a mistake raises at argument arg. */
static ml_signature *check_signature(lua_State *L, int arg)
{
    const char *code = luaL_checkstring(L, arg);
    ml_diag d;
    ml_diag_init(&d);
    ml_signature *sig = NULL;
    if (ml_signature_new(&d, code, &sig) < 0)
        ml_lua_argument_fail(L, arg, &d);
    ml_diag_free(&d);
    return sig;
}

static lua_CFunction entry_of(const function *f)
{
    if (f->fail != FAIL_NEVER)
        return call_checked;
    return in_registers(f) ? call_registers : call_general;
}

/* Sets a user value of the function on top of the stack from an argument. */
static void keep(lua_State *L, int which, int arg)
{
    lua_pushvalue(L, arg);
    lua_setiuservalue(L, -2, which);
}

/* func(address, code [, owner [, name [, types [, about [, fail]]]]]) -> function */
static int core_func(lua_State *L)
{
    static const char *const failures[] = {"never", "negative", "null", "zero", "nonzero", NULL};
    lua_settop(L, 7);
    lua_Integer address = luaL_checkinteger(L, 1);
    luaL_argcheck(L, address != 0, 1, "the address is NULL");
    luaL_checkstring(L, 2);
    ml_life *life = ml_lua_life(L, 3);
    luaL_optstring(L, 4, NULL);
    fail when = (fail)luaL_checkoption(L, 7, "never", failures);
    ml_callstate *st = ml_callstate_get(L);
    if (st->closed)
        return luaL_error(L, "the state is being closed");
    function *f = lua_newuserdatauv(L, sizeof *f, FN_VALUES);
    *f = (function){.state = st, .user.address = (uint64_t)address, .fail = when};
    luaL_setmetatable(L, FUNCTION);
    ml_life_tie(life ? life : st->life, &f->user);
    f->sig = check_signature(L, 2);
    keep(L, FN_OWNER, 3);
    lua_newtable(L);
    lua_setiuservalue(L, -2, FN_POOL);
    keep(L, FN_TYPES, 5);
    keep(L, FN_ABOUT, 6);
    if (lua_isnil(L, 4))
        lua_pushliteral(L, "?");
    else
        lua_pushvalue(L, 4);
    f->user.name = lua_tostring(L, -1);
    lua_setiuservalue(L, -2, FN_NAME);
    lua_pushcclosure(L, entry_of(f), 1);
    return 1;
}

/* funcinfo(function) -> name, address, owner, alive, about; nothing for any other value */
static int core_funcinfo(lua_State *L)
{
    lua_CFunction entry = lua_tocfunction(L, 1);
    if (entry != call_registers && entry != call_general && entry != call_checked)
        return 0;
    lua_getupvalue(L, 1, 1);
    const function *f = luaL_checkudata(L, -1, FUNCTION);
    int at = lua_gettop(L);
    lua_getiuservalue(L, at, FN_NAME);
    lua_pushinteger(L, (lua_Integer)f->user.address);
    lua_getiuservalue(L, at, FN_OWNER);
    lua_pushboolean(L, f->user.life && f->user.life->alive);
    lua_getiuservalue(L, at, FN_ABOUT);
    return 5;
}

/* errno() -> what errno was when the last native call returned; errno(n) sets what the next sees */
static int core_errno(lua_State *L)
{
    ml_callstate *st = ml_callstate_get(L);
    lua_pushinteger(L, st->saved_errno);
    if (!lua_isnoneornil(L, 1)) {
        lua_Integer n = luaL_checkinteger(L, 1);
        luaL_argcheck(L, n == (int)n, 1, "out of range for int");
        st->saved_errno = (int)n;
    }
    return 1;
}

static int core_strerror(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n == (int)n, 1, "out of range for int");
    lua_pushstring(L, strerror((int)n));
    return 1;
}

/* refused() -> how many callbacks from other threads were refused since the last warnings() */
static int core_refused(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)atomic_load(&ml_callstate_get(L)->foreign));
    return 1;
}

/* warnings() -> list of what could not be raised since the last time */
static int core_warnings(lua_State *L)
{
    ml_callstate *st = ml_callstate_get(L);
    lua_settop(L, 0);
    lua_newtable(L);
    const struct ml_callback *sprung = atomic_exchange(&st->sprung, NULL);
    /* before anything else collects garbage, and ends the trap */
    lua_pushstring(L, sprung ? ml_trap_text(sprung) : "");
    unsigned foreign = atomic_exchange(&st->foreign, 0);
    unsigned late = atomic_exchange(&st->late, 0);
    const char *stray = atomic_exchange(&st->stray, NULL);
    lua_Integer n = 0;
    if (foreign) {
        lua_pushfstring(L, "%d callback(s) from another thread refused", (int)foreign);
        lua_rawseti(L, 1, ++n);
    }
    if (late) {
        lua_pushfstring(L, "%d call(s) of a closed callback answered by default", (int)late);
        lua_rawseti(L, 1, ++n);
    }
    if (stray) {
        lua_pushstring(L, stray);
        lua_rawseti(L, 1, ++n);
    }
    if (sprung)
        lua_rawseti(L, 1, ++n);
    lua_settop(L, 1);
    return 1;
}

void ml_open_call(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"func", core_func},
        {"funcinfo", core_funcinfo},
        {"errno", core_errno},
        {"strerror", core_strerror},
        {"refused", core_refused},
        {"warnings", core_warnings},
        {NULL, NULL},
    };
    ml_callstate_get(L);
    if (luaL_newmetatable(L, FUNCTION)) {
        lua_pushcfunction(L, function_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
    ml_open_callback(L);
}
