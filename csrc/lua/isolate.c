/* isolate.c -- lua: a function called in a child process.
** takes a function and limits; gives what it returned as bytes, or what ended it, as plain facts.
** How values become bytes, and what the facts mean, is up to lua/moonlink/isolate.lua.
** SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "lua/call.h"
#include "lua/session.h"
#include "os/child.h"
#include "process/crash.h"

#define ML_LUA_CHILD "moonlink.Child"

/* How the function ended, by the child's own word. */
enum { WORD_NONE, WORD_RETURNED, WORD_RAISED, WORD_MEMORY, WORD_UNSENT, WORDS };

/* What both processes see. */
typedef struct shared {
    ml_crash crash;
    _Atomic int word;
    _Atomic uint64_t length; /* bytes that were sent */
} shared;

/* What the crash report of the child is made from. */
typedef struct witness {
    lua_State *L;
    ml_lua_box **boxes;
    const ml_callstate *calls;
} witness;

/* ---- names for addresses ---- */

/* The symbol of the load that lies closest before the address; in its section, if that is known. */
static void name_in_load(const ml_linked *l, uint64_t addr, uint64_t frame, ml_crash_frame *out)
{
    ml_symbol_info s;
    ml_section_info sec;
    ml_input_info in;
    uint64_t from = ml_linked_block(l).addr;
    for (size_t i = 0; ml_linked_section(l, i, &sec); i++) {
        if (addr - sec.addr >= sec.size)
            continue;
        from = sec.addr;
        out->offset = frame - sec.addr;
        snprintf(out->name, sizeof out->name, "%s", sec.name);
        if (ml_linked_input(l, sec.input, &in) && in.member)
            snprintf(out->file, sizeof out->file, "%s(%s)", in.file, in.member);
        else if (in.file)
            snprintf(out->file, sizeof out->file, "%s", in.file);
        break;
    }
    for (size_t i = 0; ml_linked_symbol(l, i, &s); i++) {
        bool covers = s.size ? addr - s.addr < s.size : s.addr <= addr;
        if (!s.in_load || !covers || s.addr < from || !strcmp(s.how, "absolute"))
            continue;
        from = s.addr;
        out->offset = frame - s.addr;
        snprintf(out->name, sizeof out->name, "%s", s.name);
    }
}

static void name_in_units(ml_lua_box *const *boxes, ml_crash_frame *f, bool is_return)
{
    uint64_t addr = f->addr - is_return;
    for (const ml_lua_box *b = *boxes; b; b = b->next) {
        for (ml_unit *u = b->s ? ml_session_unit(b->s, NULL) : NULL; u;
             u = ml_session_unit(b->s, u)) {
            ml_block block = ml_linked_block(ml_unit_linked(u));
            if (addr - block.addr >= block.size)
                continue;
            f->is_unit = true;
            f->offset = f->addr - block.addr;
            snprintf(f->file, sizeof f->file, "%s", ml_unit_name(u));
            name_in_load(ml_unit_linked(u), addr, f->addr, f);
            return;
        }
    }
}

/* Where Lua was. Reads the stack only: a native call has left it in order. */
static void note_lines(lua_State *L, ml_crash *c)
{
    lua_Debug ar;
    for (int level = 0; c->nlines < ML_CRASH_LINES && lua_getstack(L, level, &ar); level++)
        if (lua_getinfo(L, "Sl", &ar) && ar.currentline > 0)
            snprintf(c->lines[c->nlines++], ML_CRASH_FILE, "%s:%d", ar.short_src, ar.currentline);
}

/* An ml_crash_namer. */
static void testify(void *ud, ml_crash *c, bool own_thread)
{
    const witness *w = ud;
    for (uint32_t i = 0; i < c->nframes; i++)
        name_in_units(w->boxes, &c->frames[i], i > 0);
    if (own_thread)
        note_lines(w->calls->L ? w->calls->L : w->L, c);
}

/* ---- the child ---- */

/* Says how it ended and sends the bytes of the string on top, if it is one; then the child ends. */
_Noreturn static void report(lua_State *L, ml_child *c, int word)
{
    shared *s = c->shared;
    size_t n = 0;
    const char *bytes = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : "";
    if (!ml_child_is_self(c)) /* a copy, made by code that called fork and returned in both */
        ml_child_exit(0);
    atomic_store(&s->length, n);
    if (word != WORD_MEMORY && !ml_child_send(c, bytes, n))
        word = WORD_UNSENT;
    atomic_store(&s->word, word);
    ml_child_exit(0);
}

/* Runs the function below its n arguments; handler and encoder are at the indices. */
_Noreturn static void run(lua_State *L, ml_child *c, int encode, int handler, int n)
{
    shared *s = c->shared;
    witness w = {.L = L, .boxes = ml_lua_boxes(L), .calls = ml_callstate_get(L)};
    ml_crash_report(&s->crash, testify, &w);
    for (const ml_lua_box *b = *w.boxes; b; b = b->next) /* it may have brought an unwinder */
        if (b->s)
            ml_session_tell_unwinders(b->s);
    int base = lua_gettop(L) - n;
    int rc = lua_pcall(L, n, LUA_MULTRET, handler);
    ml_child_unlimit(c);
    lua_sethook(L, NULL, 0, 0); /* the function's, if it set one */
    if (rc == LUA_ERRMEM || !lua_checkstack(L, LUA_MINSTACK))
        report(L, c, WORD_MEMORY);
    lua_pushvalue(L, encode);
    lua_insert(L, base);
    lua_pushboolean(L, rc == LUA_OK);
    lua_insert(L, base + 1);
    rc = lua_pcall(L, lua_gettop(L) - base, 2, 0);
    if (rc != LUA_OK) /* or the function has left nothing of Lua's library to encode with */
        report(L, c, rc == LUA_ERRMEM ? WORD_MEMORY : WORD_UNSENT);
    bool returned = lua_toboolean(L, -2);
    report(L, c, returned ? WORD_RETURNED : WORD_RAISED);
}

/* ---- the caller ---- */

static const char *text_of(char *text, size_t size)
{
    text[size - 1] = 0;
    return *text ? text : NULL;
}

static void push_frames(lua_State *L, ml_crash *c)
{
    uint32_t n = c->nframes < ML_CRASH_FRAMES ? c->nframes : ML_CRASH_FRAMES;
    lua_createtable(L, (int)n, 0);
    for (uint32_t i = 0; i < n; i++) {
        ml_crash_frame *f = &c->frames[i];
        if (!text_of(f->file, sizeof f->file)) { /* the child could not name it */
            name_in_units(ml_lua_boxes(L), f, i > 0);
            if (!f->file[0])
                ml_crash_name_library(f, i > 0);
        }
        const char *file = text_of(f->file, sizeof f->file);
        lua_createtable(L, 0, 4);
        ml_lua_set_integer(L, "address", f->addr);
        ml_lua_set_text(L, "name", text_of(f->name, sizeof f->name));
        ml_lua_set_text(L, f->is_unit ? "unit" : "file", file);
        if (file)
            ml_lua_set_integer(L, "offset", f->offset);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "backtrace");
}

/* Sets the field "crash" of the table on top, when there was one. */
static void set_crash(lua_State *L, ml_crash *c)
{
    if (atomic_load(&c->stage) == ML_CRASH_NONE)
        return;
    lua_newtable(L);
    ml_lua_set_integer(L, "number", (uint64_t)c->signo);
    ml_lua_set_integer(L, "cause", (uint64_t)c->code);
    ml_lua_set_integer(L, "errno", (uint64_t)c->err);
    if (c->has_addr)
        ml_lua_set_integer(L, "address", c->addr);
    lua_createtable(L, 0, 3);
    ml_lua_set_integer(L, "pc", c->pc);
    ml_lua_set_integer(L, "sp", c->sp);
    ml_lua_set_integer(L, "fp", c->fp);
    lua_setfield(L, -2, "registers");
    push_frames(L, c);
    uint32_t n = c->nlines < ML_CRASH_LINES ? c->nlines : ML_CRASH_LINES;
    lua_createtable(L, (int)n, 0);
    for (uint32_t i = 0; i < n; i++) {
        lua_pushstring(L, text_of(c->lines[i], ML_CRASH_FILE));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "lines");
    lua_setfield(L, -2, "crash");
}

static int push_facts(lua_State *L, ml_child *c)
{
    static const char *const words[WORDS] = {[WORD_RETURNED] = "returned",
                                             [WORD_RAISED] = "raised",
                                             [WORD_MEMORY] = "memory",
                                             [WORD_UNSENT] = "unsent"};
    static const char *const hows[] = {"exited",  "signaled",  "stopped",
                                       "timeout", "cancelled", "lost"};
    shared *s = c->shared;
    int word = atomic_load(&s->word);
    if (word < WORD_NONE || word >= WORDS ||
        ((word == WORD_RETURNED || word == WORD_RAISED) &&
         (c->result.dropped || c->result.n != atomic_load(&s->length))))
        word = WORD_UNSENT;
    lua_createtable(L, 0, 8);
    ml_lua_set_text(L, "word", words[word]);
    ml_lua_set_text(L, "how", hows[c->how]);
    lua_pushinteger(L, c->value);
    lua_setfield(L, -2, "value");
    lua_pushlstring(L, (const char *)c->result.bytes, c->result.n);
    lua_setfield(L, -2, "bytes");
    lua_pushlstring(L, (const char *)c->text.bytes, c->text.n);
    lua_setfield(L, -2, "output");
    ml_lua_set_integer(L, "dropped", c->text.dropped);
    set_crash(L, &s->crash);
    return 1;
}

static int close_child(lua_State *L)
{
    ml_child_close(luaL_checkudata(L, 1, ML_LUA_CHILD));
    return 0;
}

static void get_options(lua_State *L, int idx, ml_child_options *o)
{
    luaL_checktype(L, idx, LUA_TTABLE);
    *o = (ml_child_options){0};
    lua_getfield(L, idx, "timeout_ns");
    o->timeout_ns = (uint64_t)luaL_optinteger(L, -1, 0);
    lua_getfield(L, idx, "memory");
    o->memory = (uint64_t)luaL_optinteger(L, -1, 0);
    lua_getfield(L, idx, "output_limit");
    o->output_limit = (size_t)luaL_optinteger(L, -1, 0);
    lua_getfield(L, idx, "core");
    o->core = lua_toboolean(L, -1);
    lua_pop(L, 4);
}

/* isolate(options, encode, handler, function, ...) -> facts, or nil, err */
static int isolate(lua_State *L)
{
    enum { OPTIONS = 1, ENCODE, HANDLER, FUNCTION };
    ml_child_options o;
    luaL_checkany(L, FUNCTION);
    get_options(L, OPTIONS, &o);
    ml_lua_boxes(L);
    ml_callstate_get(L);
    ml_child *c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = (ml_child){0};
    luaL_setmetatable(L, ML_LUA_CHILD);
    lua_replace(L, OPTIONS); /* which keeps it */
    ml_diag d;
    ml_diag_init(&d);
    bool is_child = false;
    if (ml_child_start(&d, c, &o, sizeof(shared), &is_child) < 0) {
        ml_child_close(c);
        return ml_lua_fail(L, &d);
    }
    if (is_child)
        run(L, c, ENCODE, HANDLER, lua_gettop(L) - FUNCTION);
    ml_child_collect(c);
    push_facts(L, c);
    ml_child_close(c);
    return 1;
}

void ml_open_isolate(lua_State *L)
{
    if (luaL_newmetatable(L, ML_LUA_CHILD)) {
        lua_pushcfunction(L, close_child);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    lua_pushcfunction(L, isolate);
    lua_setfield(L, -2, "isolate");
}
