/* report.c -- lua: what is in a load, as plain tables. Inputs are numbered from 1, as in the array
** that inputs() gives.
** SPDX-License-Identifier: MIT */
#include <string.h>

#include "lua/session.h"

static void set_string(lua_State *L, const char *key, const char *value)
{
    if (!value)
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, key);
}

static void set_ms(lua_State *L, const char *key, uint64_t ns)
{
    lua_pushnumber(L, (lua_Number)ns / 1e6);
    lua_setfield(L, -2, key);
}

static void set_input(lua_State *L, const char *key, uint32_t input)
{
    if (input != UINT32_MAX)
        set_number(L, key, (uint64_t)input + 1);
}

static void set_flag(lua_State *L, const char *key, bool value)
{
    if (!value)
        return;
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, key);
}

void ml_lua_push_inputs(lua_State *L, const ml_linked *l)
{
    ml_input_info info;
    lua_newtable(L);
    for (size_t i = 0; ml_linked_input(l, i, &info); i++) {
        lua_createtable(L, 0, 5);
        set_string(L, "file", info.file);
        set_string(L, "member", info.member);
        set_string(L, "by", info.by);
        set_input(L, "by_input", info.by_input);
        set_number(L, "bytes", info.bytes);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void ml_lua_push_sections(lua_State *L, const ml_linked *l)
{
    ml_section_info info;
    lua_newtable(L);
    for (size_t i = 0; ml_linked_section(l, i, &info); i++) {
        lua_createtable(L, 0, 5);
        set_string(L, "name", info.name);
        set_string(L, "prot", info.prot);
        set_input(L, "input", info.input);
        set_number(L, "address", info.addr);
        set_number(L, "size", info.size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
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
    set_string(L, "name", s->name);
    set_string(L, "how", s->how);
    set_string(L, "provider", s->provider);
    set_string(L, "type", type_name(s->type));
    set_string(L, "bind", bind_name(s->bind));
    set_string(L, "visibility", vis[s->vis & 3]);
    set_input(L, "input", s->input);
    set_input(L, "first_reference", s->first_ref);
    set_number(L, "references", s->references);
    if (s->scope >= 0)
        set_number(L, "scope", (uint64_t)s->scope + 1);
    set_number(L, "address", s->addr);
    set_number(L, "size", s->size);
    if (s->got)
        set_number(L, "got", s->got);
    if (s->stub)
        set_number(L, "stub", s->stub);
    set_flag(L, "exported", s->exported);
    set_flag(L, "in_load", s->in_load);
    set_flag(L, "shadowed", s->shadowed);
}

void ml_lua_push_symbols(lua_State *L, const ml_linked *l)
{
    ml_symbol_info info;
    lua_newtable(L);
    for (size_t i = 0; ml_linked_symbol(l, i, &info); i++) {
        push_info(L, &info);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void ml_lua_push_symbol(lua_State *L, const ml_linked *l, const char *name)
{
    ml_symbol_info info;
    if (ml_linked_find(l, name, &info))
        push_info(L, &info);
    else
        lua_pushnil(L);
}

void ml_lua_push_stats(lua_State *L, const ml_linked *l)
{
    ml_link_stats s = ml_linked_stats(l);
    ml_block block = ml_linked_block(l);
    lua_createtable(L, 0, 16);
    set_number(L, "objects", s.inputs);
    set_number(L, "sections", s.sections);
    set_number(L, "symbols", s.symbols);
    set_number(L, "relocations", s.relocations);
    set_number(L, "bytes", s.bytes);
    set_number(L, "memory", s.memory);
    set_number(L, "text", s.text);
    set_number(L, "constants", s.constants);
    set_number(L, "data", s.data);
    set_number(L, "got_slots", s.got_slots);
    set_number(L, "stubs", s.stubs);
    set_number(L, "moved", s.moved);
    set_number(L, "relaxed", s.relaxed);
    set_number(L, "looked_up", s.looked_up);
    set_number(L, "base", block.addr);
    lua_createtable(L, 0, 8);
    set_ms(L, "read", s.ns_read);
    set_ms(L, "parse", s.ns_parse);
    set_ms(L, "select", s.ns_select);
    set_ms(L, "place", s.ns_place);
    set_ms(L, "relocate", s.ns_relocate);
    set_ms(L, "protect", s.ns_protect);
    lua_setfield(L, -2, "ms");
    set_string(L, "zone", block.zone == ML_ZONE_LOW ? "low" : "near");
}

void ml_lua_push_referrers(lua_State *L, const ml_linked *l, const char *name)
{
    lua_Integer n = 0;
    lua_newtable(L);
    for (uint32_t input = 0; ml_linked_referrer(l, name, &input); input++) {
        lua_pushinteger(L, (lua_Integer)input + 1);
        lua_rawseti(L, -2, ++n);
    }
}
