/* report.c -- lua: what is in a load, as plain tables: methods that transactions and units share.
** Inputs are numbered from 1, as in the array that inputs() gives. The fields of the tables are in
** types/moonlink/core.lua.
** SPDX-License-Identifier: MIT */
#include "lua/session.h"

/* The load behind the transaction or unit at index 1; raises for what has ended. */
static const ml_linked *check_linked(lua_State *L)
{
    return luaL_testudata(L, 1, ML_LUA_UNIT) ? ml_lua_unit_linked(L) : ml_lua_txn_linked(L);
}

static void set_ms(lua_State *L, const char *key, uint64_t ns)
{
    lua_pushnumber(L, (lua_Number)ns / 1e6);
    lua_setfield(L, -2, key);
}

static void set_input(lua_State *L, const char *key, uint32_t input)
{
    if (input != UINT32_MAX)
        ml_lua_set_integer(L, key, (uint64_t)input + 1);
}

static void set_flag(lua_State *L, const char *key, bool value)
{
    if (value)
        ml_lua_set_boolean(L, key, true);
}

/* inputs() -> array of moonlink.core.Input */
static int inputs(lua_State *L)
{
    const ml_linked *l = check_linked(L);
    ml_input_info info;
    lua_newtable(L);
    for (size_t i = 0; ml_linked_input(l, i, &info); i++) {
        lua_createtable(L, 0, 5);
        ml_lua_set_text(L, "file", info.file);
        ml_lua_set_text(L, "member", info.member);
        ml_lua_set_text(L, "by", info.by);
        set_input(L, "by_input", info.by_input);
        ml_lua_set_integer(L, "bytes", info.bytes);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* sections() -> array of moonlink.core.PlacedSection */
static int sections(lua_State *L)
{
    const ml_linked *l = check_linked(L);
    ml_section_info info;
    lua_newtable(L);
    for (size_t i = 0; ml_linked_section(l, i, &info); i++) {
        lua_createtable(L, 0, 5);
        ml_lua_set_text(L, "name", info.name);
        ml_lua_set_text(L, "prot", info.prot);
        set_input(L, "input", info.input);
        ml_lua_set_integer(L, "address", info.addr);
        ml_lua_set_integer(L, "size", info.size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* stripped() -> array of { name=, input=, size= }: the sections that nothing needed */
static int stripped(lua_State *L)
{
    const ml_linked *l = check_linked(L);
    ml_section_info info;
    lua_newtable(L);
    for (size_t i = 0; ml_linked_stripped(l, i, &info); i++) {
        lua_createtable(L, 0, 3);
        ml_lua_set_text(L, "name", info.name);
        set_input(L, "input", info.input);
        ml_lua_set_integer(L, "size", info.size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* warnings() -> array of texts: what is odd in the load, and no error */
static int warnings(lua_State *L)
{
    const ml_linked *l = check_linked(L);
    const char *text;
    lua_newtable(L);
    for (size_t i = 0; (text = ml_linked_odd(l, i)); i++) {
        lua_pushstring(L, text);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const char *type_name(unsigned type)
{
    static const char *const names[] = {"notype", "object", "func", "section",
                                        "file",   "common", "tls"};
    return type < sizeof names / sizeof *names ? names[type] : type == 10 ? "ifunc" : "other";
}

static const char *bind_name(unsigned bind)
{
    return bind == 0    ? "local"
           : bind == 1  ? "global"
           : bind == 2  ? "weak"
           : bind == 10 ? "unique"
                        : "other";
}

static void push_info(lua_State *L, const ml_symbol_info *s)
{
    static const char *const vis[] = {"default", "internal", "hidden", "protected"};
    lua_createtable(L, 0, 12);
    ml_lua_set_text(L, "name", s->name);
    ml_lua_set_text(L, "how", s->how);
    ml_lua_set_text(L, "provider", s->provider);
    ml_lua_set_text(L, "type", type_name(s->type));
    ml_lua_set_text(L, "bind", bind_name(s->bind));
    ml_lua_set_text(L, "visibility", vis[s->vis & 3]);
    set_input(L, "input", s->input);
    set_input(L, "first_reference", s->first_ref);
    ml_lua_set_integer(L, "references", s->references);
    if (s->scope >= 0)
        ml_lua_set_integer(L, "scope", (uint64_t)s->scope + 1);
    ml_lua_set_integer(L, "address", s->addr);
    ml_lua_set_integer(L, "size", s->size);
    if (s->got)
        ml_lua_set_integer(L, "got", s->got);
    if (s->stub)
        ml_lua_set_integer(L, "stub", s->stub);
    set_flag(L, "exported", s->exported);
    set_flag(L, "in_load", s->in_load);
    set_flag(L, "shadowed", s->shadowed);
}

/* entries() -> array of moonlink.core.Entry: all names that the load knew */
static int entries(lua_State *L)
{
    const ml_linked *l = check_linked(L);
    ml_symbol_info info;
    lua_newtable(L);
    for (size_t i = 0; ml_linked_symbol(l, i, &info); i++) {
        push_info(L, &info);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* entry(name) -> one of them, or nil */
static int entry(lua_State *L)
{
    const ml_linked *l = check_linked(L);
    const char *name = luaL_checkstring(L, 2);
    ml_symbol_info info;
    if (ml_linked_find(l, name, &info))
        push_info(L, &info);
    else
        lua_pushnil(L);
    return 1;
}

/* type_of(name) -> its `type` alone, or nil */
static int type_of(lua_State *L)
{
    const ml_linked *l = check_linked(L);
    const char *name = luaL_checkstring(L, 2);
    ml_symbol_info info;
    if (ml_linked_find(l, name, &info))
        lua_pushstring(L, type_name(info.type));
    else
        lua_pushnil(L);
    return 1;
}

int ml_lua_push_stats(lua_State *L, const ml_link_stats *s, const ml_block *block)
{
    lua_createtable(L, 0, 32); /* more are added in Lua */
    ml_lua_set_integer(L, "objects", s->inputs);
    ml_lua_set_integer(L, "sections", s->sections);
    ml_lua_set_integer(L, "symbols", s->symbols);
    ml_lua_set_integer(L, "relocations", s->relocations);
    ml_lua_set_integer(L, "bytes", s->bytes);
    ml_lua_set_integer(L, "memory", s->memory);
    ml_lua_set_integer(L, "text", s->text);
    ml_lua_set_integer(L, "constants", s->constants);
    ml_lua_set_integer(L, "data", s->data);
    ml_lua_set_integer(L, "got_slots", s->got_slots);
    ml_lua_set_integer(L, "stubs", s->stubs);
    ml_lua_set_integer(L, "counted", s->counted);
    ml_lua_set_integer(L, "lazy", s->lazy);
    ml_lua_set_integer(L, "moved", s->moved);
    ml_lua_set_integer(L, "relaxed", s->relaxed);
    ml_lua_set_integer(L, "looked_up", s->looked_up);
    ml_lua_set_integer(L, "asleep", s->asleep);
    if (s->merged) {
        lua_createtable(L, 0, 2);
        ml_lua_set_integer(L, "sections", s->merged);
        ml_lua_set_integer(L, "bytes", s->merged_bytes);
        lua_setfield(L, -2, "merged");
    }
    if (s->stripped) {
        lua_createtable(L, 0, 2);
        ml_lua_set_integer(L, "sections", s->stripped);
        ml_lua_set_integer(L, "bytes", s->stripped_bytes);
        lua_setfield(L, -2, "stripped");
    }
    ml_lua_set_integer(L, "tls", s->tls);
    if (s->tls)
        ml_lua_set_text(L, "tls_block", s->tls_static ? "static" : "dynamic");
    ml_lua_set_integer(L, "base", block->addr);
    ml_lua_set_integer(L, "size", block->size);
    if (block->view)
        ml_lua_set_integer(L, "view", (uintptr_t)block->view);
    ml_lua_set_integer(L, "protections", s->protections);
    lua_createtable(L, 0, 16);
    set_ms(L, "read", s->ns_read);
    set_ms(L, "parse", s->ns_parse);
    set_ms(L, "select", s->ns_select);
    set_ms(L, "place", s->ns_place);
    set_ms(L, "relocate", s->ns_relocate);
    set_ms(L, "protect", s->ns_protect);
    lua_setfield(L, -2, "ms");
    ml_lua_set_text(L, "zone", block->zone == ML_ZONE_LOW ? "low" : "near");
    return 1;
}

/* referrers(name) -> array of the numbers of the inputs that refer to a name */
static int referrers(lua_State *L)
{
    const ml_linked *l = check_linked(L);
    const char *name = luaL_checkstring(L, 2);
    lua_Integer n = 0;
    lua_newtable(L);
    for (uint32_t input = 0; ml_linked_referrer(l, name, &input); input++) {
        lua_pushinteger(L, (lua_Integer)input + 1);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* Calls the function in upvalue 1 while no collection runs. Who it is called for is checked before,
** so that the message of a mistake says where the caller stands. */
static int steady(lua_State *L)
{
    luaL_checkudata(L, 1, lua_tostring(L, lua_upvalueindex(2)));
    check_linked(L);
    return ml_lua_steady(L, lua_tocfunction(L, lua_upvalueindex(1)));
}

void ml_lua_set_steady(lua_State *L, const char *metatable, const luaL_Reg *methods)
{
    for (; methods->name; methods++) {
        lua_pushcfunction(L, methods->func);
        lua_pushstring(L, metatable);
        lua_pushcclosure(L, steady, 2);
        lua_setfield(L, -2, methods->name);
    }
}

void ml_lua_set_reports(lua_State *L, const char *metatable)
{
    static const luaL_Reg methods[] = {
        {"inputs", inputs},     {"sections", sections},   {"entries", entries},
        {"entry", entry},       {"referrers", referrers}, {"stripped", stripped},
        {"warnings", warnings}, {"type_of", type_of},     {NULL, NULL}};
    ml_lua_set_steady(L, metatable, methods);
}
