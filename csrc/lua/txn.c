/* txn.c -- lua: the userdata of a transaction: one load, driven step by step by
** lua/moonlink/link/load.lua. Each step returns true (or what it is for), or nil and an error;
** after an error the driver aborts. Closing or collecting an open transaction aborts it.
** SPDX-License-Identifier: MIT */
#include <string.h>

#include "lua/session.h"

/* How far a load is: each step of the core relies on the ones before it. */
typedef enum stage {
    GATHERING, /* takes inputs, questions and answers */
    LINKED,    /* may be committed, or read when it was linked for a fixed address */
    FAILED     /* a step failed half way: may be looked at, and aborted */
} stage;

typedef struct ml_lua_txn {
    ml_lua_box *box;
    ml_txn *t; /* NULL before begin and after commit or abort */
    stage stage;
    bool fixed; /* linked for an address where nothing is mapped: never to be run */
    ml_diag d;
} ml_lua_txn;

static ml_lua_txn *check_txn(lua_State *L)
{
    ml_lua_txn *x = luaL_checkudata(L, 1, ML_LUA_TXN);
    if (!x->t)
        luaL_error(L, "attempt to use a load that has ended");
    return x;
}

/* A load that can still change. */
static ml_lua_txn *check_open(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    if (x->stage != GATHERING)
        luaL_error(L, x->stage == LINKED ? "the load is linked already" : "the load has failed");
    return x;
}

/* nil and the error. What the failed step left is not for further steps. */
static int failed(lua_State *L, ml_lua_txn *x)
{
    x->stage = FAILED;
    return ml_lua_fail(L, &x->d);
}

/* The usual end of a step. */
static int result(lua_State *L, ml_lua_txn *x, int rc)
{
    if (rc < 0)
        return failed(L, x);
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- begin ---- */

int ml_lua_begin(lua_State *L)
{
    ml_lua_box *box = *(ml_lua_box **)luaL_checkudata(L, 1, ML_LUA_SESSION);
    if (!box || !box->s)
        return luaL_error(L, "attempt to use a closed linker");
    ml_options o;
    ml_lua_read_options(L, box, &o);
    box = *(ml_lua_box **)lua_touserdata(L, 1); /* a metamethod of the options may have closed it */
    if (!box || !box->s)
        return luaL_error(L, "attempt to use a closed linker");
    ml_lua_txn *x = lua_newuserdatauv(L, sizeof *x, 0);
    *x = (ml_lua_txn){0};
    luaL_setmetatable(L, ML_LUA_TXN);
    x->fixed = o.fixed;
    int rc = ml_txn_begin(box->s, &x->d, &o, &x->t);
    if (rc < 0)
        return ml_lua_fail(L, &x->d);
    x->box = box;
    box->holders++;
    box->loads++;
    return 1;
}

/* ---- inputs ---- */

/* What add says it was. */
static int added(lua_State *L, ml_lua_txn *x, int rc, ml_kind kind)
{
    if (rc < 0)
        return failed(L, x);
    lua_pushstring(L, kind == ML_KIND_TEXT     ? "text"
                      : kind == ML_KIND_SHARED ? "library"
                      : kind == ML_KIND_OBJECT ? "object"
                                               : "archive");
    return 1;
}

/* txn:add(path [, whole]) -> "object" | "archive" | "library" | "text" */
static int add(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    ml_kind kind = ML_KIND_UNKNOWN;
    int rc = ml_txn_add(x->t, luaL_checkstring(L, 2), lua_toboolean(L, 3), &kind);
    return added(L, x, rc, kind);
}

/* txn:add_bytes(bytes, name [, whole]) -> "object" | "archive" */
static int add_bytes(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    size_t n;
    const char *bytes = luaL_checklstring(L, 2, &n);
    ml_kind kind = ML_KIND_UNKNOWN;
    int rc = ml_txn_add_bytes(x->t, luaL_checkstring(L, 3), (ml_slice){(const uint8_t *)bytes, n},
                              lua_toboolean(L, 4), &kind);
    return added(L, x, rc, kind);
}

/* txn:add_archive(path, set) */
static int add_archive(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    lua_Integer set = luaL_checkinteger(L, 3);
    luaL_argcheck(L, set >= 0 && set < 1000, 3, "no number of a set");
    int rc = ml_txn_add_archive(x->t, luaL_checkstring(L, 2), (unsigned)set);
    return rc < 0 ? ml_lua_fail(L, &x->d)
                  : result(L, x, rc); /* nothing was taken: others may be tried */
}

/* txn:add_library(path or soname) */
static int add_library(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    return result(L, x, ml_txn_add_library(x->t, luaL_checkstring(L, 2)));
}

/* txn:allow_libc(): an archive may hold a second C library */
static int allow_libc(lua_State *L)
{
    ml_txn_allow_libc(check_open(L)->t);
    return 0;
}

/* txn:rename(from, to, references, definitions) */
static int rename_symbol(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    return result(L, x,
                  ml_txn_rename(x->t, luaL_checkstring(L, 2), luaL_checkstring(L, 3),
                                lua_toboolean(L, 4), lua_toboolean(L, 5)));
}

/* txn:edit(name, definition, reference, flags): until edit_end, symbols of that name get these
** names in the inputs that are added; flags: "l" local, "h" hidden, "w" weak */
static int edit(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    const char *flags = luaL_checkstring(L, 5);
    ml_edit e = {.definition = luaL_checkstring(L, 3),
                 .reference = luaL_checkstring(L, 4),
                 .local = strchr(flags, 'l'),
                 .hidden = strchr(flags, 'h'),
                 .weak = strchr(flags, 'w')};
    return result(L, x, ml_txn_edit(x->t, luaL_checkstring(L, 2), &e));
}

/* txn:edit_end() */
static int edit_end(lua_State *L)
{
    ml_txn_edit_end(check_txn(L)->t);
    return 0;
}

/* txn:root(name) */
static int root(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    return result(L, x, ml_txn_root(x->t, luaL_checkstring(L, 2)));
}

/* ---- questions and answers ---- */

/* txn:resolve() -> true when all is known, or an array of { name, place in the scope } */
static int resolve_now(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    int rc = ml_txn_resolve(x->t);
    if (rc <= 0)
        return result(L, x, rc);
    lua_newtable(L);
    unsigned scope;
    const char *name;
    for (size_t i = 0; (name = ml_txn_asked(x->t, i, &scope)); i++) {
        lua_createtable(L, 2, 0);
        lua_pushstring(L, name);
        lua_rawseti(L, -2, 1);
        lua_pushinteger(L, (lua_Integer)scope + 1);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int resolve(lua_State *L)
{
    check_open(L);
    return ml_lua_steady(L, resolve_now);
}

/* txn:offer() -> array of { name, input } not offered before */
static int offer_now(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    ml_cursor c = {0};
    uint32_t input;
    const char *name;
    lua_Integer n = 0;
    lua_newtable(L);
    while ((name = ml_txn_offer(x->t, &c, &input))) {
        lua_createtable(L, 2, 0);
        lua_pushstring(L, name);
        lua_rawseti(L, -2, 1);
        lua_pushinteger(L, (lua_Integer)input + 1);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, ++n);
    }
    ml_txn_offered(x->t);
    return 1;
}

static int offer(lua_State *L)
{
    check_open(L);
    return ml_lua_steady(L, offer_now);
}

static uint32_t opt_input(lua_State *L, int arg)
{
    lua_Integer i = luaL_optinteger(L, arg, 0);
    luaL_argcheck(L, i >= 0 && i < UINT32_MAX, arg, "no number of an input");
    return i == 0 ? UINT32_MAX : (uint32_t)(i - 1);
}

/* txn:answer_address(name, input or nil, address [, provider]) */
static int answer_address(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    uint32_t input = opt_input(L, 3);
    return result(L, x,
                  ml_txn_answer_address(x->t, luaL_checkstring(L, 2), input,
                                        (uint64_t)luaL_checkinteger(L, 4),
                                        luaL_optstring(L, 5, NULL)));
}

/* txn:answer_process(name) -> did a library, or else the process, define it? */
static int answer_process(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    int rc = ml_txn_answer_process(x->t, luaL_checkstring(L, 2));
    if (rc < 0)
        return failed(L, x);
    lua_pushboolean(L, rc);
    return 1;
}

/* txn:pin(unit): an answer lies in this unit, perhaps of another linker */
static int pin(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    return result(L, x, ml_txn_pin(x->t, ml_lua_checkunit(L, 2)->u));
}

/* txn:answer_name(name, input or nil, other name) */
static int answer_name(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    uint32_t input = opt_input(L, 3);
    return result(L, x,
                  ml_txn_answer_name(x->t, luaL_checkstring(L, 2), input, luaL_checkstring(L, 4)));
}

/* txn:answer_zero(name) */
static int answer_zero(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    return result(L, x, ml_txn_answer_zero(x->t, luaL_checkstring(L, 2)));
}

/* txn:lacks(name, input or nil): what answered for it is no definition */
static int lacks(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    ml_txn_lacks(x->t, luaL_checkstring(L, 2), opt_input(L, 3));
    return 0;
}

/* txn:undefined() -> array of names */
static int undefined(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    uint32_t cursor = 0;
    const char *name;
    lua_Integer n = 0;
    lua_newtable(L);
    while ((name = ml_txn_undefined(x->t, &cursor))) {
        lua_pushstring(L, name);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* txn:outside() -> array of { name, how, provider or nil }: what the load wants of others */
static int outside(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    uint32_t cursor = 0;
    const char *name, *how, *provider;
    lua_Integer n = 0;
    lua_newtable(L);
    while ((name = ml_txn_outside(x->t, &cursor, &how, &provider))) {
        lua_createtable(L, 3, 0);
        lua_pushstring(L, name);
        lua_rawseti(L, -2, 1);
        lua_pushstring(L, how);
        lua_rawseti(L, -2, 2);
        lua_pushstring(L, provider);
        lua_rawseti(L, -2, 3);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* txn:cross(name, "direct" | "got" | "stubs" | "lazy") */
static int cross(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    const char *name = luaL_checkstring(L, 2);
    return result(L, x, ml_txn_cross(x->t, name, ml_lua_check_crossing(L, 3, NULL)));
}

static void push_place(lua_State *L, const ml_duplicate *dup, int k)
{
    lua_createtable(L, 0, 3);
    if (dup->input[k] == UINT32_MAX) {
        ml_lua_set_text(L, "unit", ml_unit_name(dup->unit));
        return;
    }
    ml_lua_set_integer(L, "input", (uint64_t)dup->input[k] + 1);
    ml_lua_set_text(L, "section", dup->section[k]);
    ml_lua_set_integer(L, "offset", dup->offset[k]);
}

/* txn:duplicates() -> array of { name=, { input=, section=, offset= } or { unit= }, ... } */
static int duplicates(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    ml_duplicate dup;
    lua_newtable(L);
    for (size_t i = 0; ml_txn_duplicate(x->t, i, &dup); i++) {
        lua_createtable(L, 2, 1);
        ml_lua_set_text(L, "name", dup.name);
        for (int k = 0; k < 2; k++) {
            push_place(L, &dup, k);
            lua_rawseti(L, -2, k + 1);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* txn:choose(duplicate, 1 or 2) */
static int choose(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    lua_Integer i = luaL_checkinteger(L, 2), winner = luaL_checkinteger(L, 3);
    luaL_argcheck(L, i > 0, 2, "no number of a duplicate");
    luaL_argcheck(L, winner == 1 || winner == 2, 3, "1 or 2 expected");
    ml_txn_choose(x->t, (size_t)i - 1, (unsigned)winner - 1);
    return 0;
}

static void push_reference(lua_State *L, const ml_reference *r)
{
    static const char *const types[] = {"notype", "object", "func"};
    lua_createtable(L, 0, 7);
    ml_lua_set_integer(L, "input", (uint64_t)r->input + 1);
    ml_lua_set_text(L, "section", r->section);
    ml_lua_set_integer(L, "offset", r->offset);
    ml_lua_set_text(L, "func", r->func);
    ml_lua_set_text(L, "reloc", r->reloc);
    ml_lua_set_boolean(L, "weak", r->weak);
    ml_lua_set_text(L, "type", types[r->type < 3 ? r->type : 0]);
}

/* txn:references(name, max [, input]) -> array of { input=, section=, offset=, func=, reloc=,
** weak=, type= }: those of all inputs, or of one */
static int references(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    const char *name = luaL_checkstring(L, 2);
    lua_Integer max = luaL_checkinteger(L, 3), n = 0;
    uint32_t only = opt_input(L, 4);
    ml_cursor c = {.input = only == UINT32_MAX ? 0 : only};
    ml_reference r;
    lua_newtable(L);
    while (n < max && ml_txn_reference(x->t, name, &c, &r) &&
           (only == UINT32_MAX || r.input == only)) {
        push_reference(L, &r);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* txn:archives() -> array of { path=, set= } */
static int archives(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    const char *path;
    unsigned set;
    lua_newtable(L);
    for (size_t i = 0; (path = ml_txn_archive(x->t, i, &set)); i++) {
        lua_createtable(L, 0, 2);
        ml_lua_set_text(L, "path", path);
        ml_lua_set_integer(L, "set", set);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* txn:archive_defines(number of the archive, name) -> name of the member, or nothing */
static int archive_defines(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    lua_Integer i = luaL_checkinteger(L, 2);
    const char *member;
    if (i < 1 || !ml_txn_archive_defines(x->t, (size_t)i - 1, luaL_checkstring(L, 3), &member))
        return 0;
    lua_pushstring(L, member);
    return 1;
}

/* txn:process_defines(name) -> address, provider, or nothing */
static int process_defines(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    uint64_t addr;
    const char *provider;
    if (!ml_txn_process_defines(x->t, luaL_checkstring(L, 2), &addr, &provider))
        return 0;
    lua_pushinteger(L, (lua_Integer)addr);
    lua_pushstring(L, provider);
    return 2;
}

/* txn:strip(exported): drops the sections that the roots do not need */
static int strip(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    return result(L, x, ml_txn_strip(x->t, lua_toboolean(L, 2)));
}

/* txn:hide(name) */
static int hide(lua_State *L)
{
    ml_txn_hide(check_open(L)->t, luaL_checkstring(L, 2));
    return 0;
}

/* ---- link, commit, abort ---- */

/* txn:link() -> true; places, relocates and seals */
static int link_txn(lua_State *L)
{
    ml_lua_txn *x = check_open(L);
    int rc = ml_txn_link(x->t);
    x->stage = LINKED;
    return result(L, x, rc);
}

/* txn:bytes() -> string, base; only after link with `at` */
static int bytes(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    if (x->stage != LINKED || !x->fixed)
        return luaL_error(L, "the load is not linked for a fixed address");
    uint64_t base;
    ml_slice s = ml_txn_bytes(x->t, &base);
    lua_pushlstring(L, (const char *)s.p, s.n);
    lua_pushinteger(L, (lua_Integer)base);
    return 2;
}

static void forget(ml_lua_txn *x)
{
    ml_lua_box *box = x->box;
    x->t = NULL;
    x->box = NULL;
    if (!box)
        return;
    box->loads--;
    ml_lua_box_drop(box);
}

/* txn:commit(name) -> unit */
static int commit(lua_State *L)
{
    ml_lua_txn *x = check_txn(L);
    if (x->stage != LINKED || x->fixed)
        return luaL_error(L, x->fixed ? "a load for a fixed address cannot be run"
                                      : "the load is not linked");
    const char *name = luaL_checkstring(L, 2);
    ml_lua_pushunit(L, NULL, NULL);
    ml_lua_unit *u = lua_touserdata(L, -1);
    ml_txn *t = x->t;
    ml_lua_box *box = x->box;
    box->holders++; /* for the unit */
    x->t = NULL;
    ml_unit *unit;
    int rc = ml_txn_commit(t, name, &unit);
    forget(x); /* not before: while constructors run, the linker cannot be closed */
    if (rc < 0) {
        ml_lua_box_drop(box);
        return ml_lua_fail(L, &x->d);
    }
    ml_lua_fill_unit(u, box, unit);
    return 1;
}

/* txn:abort(): takes everything back; nothing happens after commit or a second time */
static int abort_txn(lua_State *L)
{
    ml_lua_txn *x = luaL_checkudata(L, 1, ML_LUA_TXN);
    ml_txn *t = x->t;
    if (t) {
        ml_txn_abort(t);
        forget(x);
    }
    ml_diag_free(&x->d);
    return 0;
}

const ml_linked *ml_lua_txn_linked(lua_State *L)
{
    return ml_txn_linked(check_txn(L)->t);
}

/* txn:stats() -> moonlink.core.Stats */
static int stats(lua_State *L)
{
    const ml_linked *l = ml_lua_txn_linked(L);
    const ml_link_stats s = ml_linked_stats(l);
    const ml_block block = ml_linked_block(l);
    return ml_lua_push_stats(L, &s, &block);
}

void ml_open_txn(lua_State *L)
{
    static const luaL_Reg methods[] = {{"add", add},
                                       {"add_bytes", add_bytes},
                                       {"add_archive", add_archive},
                                       {"add_library", add_library},
                                       {"allow_libc", allow_libc},
                                       {"rename", rename_symbol},
                                       {"edit", edit},
                                       {"edit_end", edit_end},
                                       {"root", root},
                                       {"resolve", resolve},
                                       {"offer", offer},
                                       {"answer_address", answer_address},
                                       {"answer_process", answer_process},
                                       {"pin", pin},
                                       {"answer_name", answer_name},
                                       {"answer_zero", answer_zero},
                                       {"lacks", lacks},
                                       {"choose", choose},
                                       {"archive_defines", archive_defines},
                                       {"process_defines", process_defines},
                                       {"strip", strip},
                                       {"hide", hide},
                                       {"cross", cross},
                                       {"link", link_txn},
                                       {"bytes", bytes},
                                       {"commit", commit},
                                       {"abort", abort_txn},
                                       {NULL, NULL}};
    static const luaL_Reg tables[] = {{"undefined", undefined},
                                      {"outside", outside},
                                      {"duplicates", duplicates},
                                      {"references", references},
                                      {"archives", archives},
                                      {"stats", stats},
                                      {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", abort_txn}, {"__close", abort_txn}, {NULL, NULL}};
    if (luaL_newmetatable(L, ML_LUA_TXN)) {
        luaL_setfuncs(L, meta, 0);
        luaL_newlib(L, methods);
        ml_lua_set_steady(L, ML_LUA_TXN, tables);
        ml_lua_set_reports(L, ML_LUA_TXN);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}
