/* object.c -- lua: looking into files without linking them.
** takes paths and bytes; gives plain tables. What C allocates meanwhile lies in a userdata that is
** closed when the function returns or raises, so that a Lua error (memory) leaks nothing.
** SPDX-License-Identifier: MIT */
#include <limits.h>

#include "base/hash.h"
#include "lua/lua.h"
#include "object/archive.h"
#include "object/kind.h"
#include "object/ldscript.h"
#include "os/folder.h"
#include "os/os.h"

#define SCRATCH "moonlink.Scratch"

enum { HEAD_BYTES = 4096 }; /* enough to tell a text from what only begins as one */

/* All that a function of this file may hold. */
typedef struct scratch {
    ml_diag d;
    ml_arena arena;
    ml_archive *ar;
    ml_os_file file;
} scratch;

static int scratch_close(lua_State *L)
{
    scratch *s = luaL_checkudata(L, 1, SCRATCH);
    ml_archive_close(s->ar);
    s->ar = NULL;
    if (s->file.fd >= 0)
        ml_os_close(&s->file);
    s->file.fd = -1;
    ml_arena_free(&s->arena);
    ml_diag_free(&s->d);
    return 0;
}

/* Pushes a scratch that closes itself when the calling C function ends. */
static scratch *scratch_new(lua_State *L)
{
    scratch *s = lua_newuserdatauv(L, sizeof *s, 0);
    *s = (scratch){.file = {.fd = -1}};
    ml_diag_init(&s->d);
    luaL_setmetatable(L, SCRATCH);
    lua_toclose(L, -1);
    return s;
}

static const char *const kind_ids[] = {
    [ML_KIND_OBJECT] = "object",   [ML_KIND_SHARED] = "shared", [ML_KIND_PROGRAM] = "program",
    [ML_KIND_CORE] = "core",       [ML_KIND_ELF32] = "elf32",   [ML_KIND_ELFBE] = "elfbe",
    [ML_KIND_ARCHIVE] = "archive", [ML_KIND_THIN] = "thin",     [ML_KIND_BITCODE] = "bitcode",
    [ML_KIND_MACHO] = "macho",     [ML_KIND_COFF] = "coff",     [ML_KIND_WASM] = "wasm",
    [ML_KIND_TEXT] = "text",       [ML_KIND_EMPTY] = "empty",   [ML_KIND_UNKNOWN] = "unknown",
};

/* Pushes the kind and, for 64-bit little-endian ELF, the name of its machine, else nil. */
static int push_kind(lua_State *L, ml_slice head, uint64_t size)
{
    ml_kind k = ml_kind_of(head, size);
    lua_pushstring(L, kind_ids[k]);
    if (k <= ML_KIND_CORE)
        lua_pushstring(L, ml_machine_name(ml_get16(head.p + ML_EH_MACHINE)));
    else
        lua_pushnil(L);
    return 2;
}

/* kind(path) -> kind, machine name or nil */
static int kind(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    scratch *s = scratch_new(L);
    uint8_t head[HEAD_BYTES];
    if (ml_os_open(&s->d, path, &s->file) < 0)
        return ml_lua_fail(L, &s->d);
    uint64_t size = s->file.id.size;
    size_t n = size < sizeof head ? (size_t)size : sizeof head;
    if (ml_os_pread(&s->d, &s->file, 0, head, n) < 0)
        return ml_lua_fail(L, &s->d);
    return push_kind(L, (ml_slice){head, n}, size);
}

/* kind_of(bytes) -> kind, machine name or nil */
static int kind_of(lua_State *L)
{
    ml_slice s;
    s.p = (const uint8_t *)luaL_checklstring(L, 1, &s.n);
    return push_kind(L, s, s.n);
}

static void push_member(lua_State *L, const ml_member *m)
{
    lua_createtable(L, 0, 5);
    ml_lua_set_text(L, "name", m->name);
    ml_lua_set_integer(L, "size", m->size);
    ml_lua_set_integer(L, "offset", m->offset);
    ml_lua_set_integer(L, "header", m->header);
    ml_lua_set_text(L, "path", m->path);
}

/* members(path) -> array of { name, size, offset, header, path } in the order of the file */
static int members(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    scratch *s = scratch_new(L);
    if (ml_archive_open(&s->d, path, &s->ar) < 0)
        return ml_lua_fail(L, &s->d);
    lua_newtable(L);
    ml_member m;
    uint64_t pos = 0;
    int r;
    for (lua_Integer i = 1; (r = ml_archive_next(&s->d, s->ar, &pos, &m)) > 0; i++) {
        push_member(L, &m);
        lua_rawseti(L, -2, i);
    }
    return r < 0 ? ml_lua_fail(L, &s->d) : 1;
}

/* member(path, header) -> bytes of the member whose header is there */
static int member(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    ml_member m = {.header = (uint64_t)luaL_checkinteger(L, 2)};
    scratch *s = scratch_new(L);
    ml_slice bytes;
    if (ml_archive_open(&s->d, path, &s->ar) < 0 ||
        ml_archive_read(&s->d, s->ar, &m, &s->arena, &bytes) < 0)
        return ml_lua_fail(L, &s->d);
    lua_pushlstring(L, (const char *)bytes.p, bytes.n);
    return 1;
}

/* find(path, name) -> { name, size, offset, header, path } of the member that defines the name, or
** nil alone when none does. Name and size are "?" and 0 when the index points at no member. */
static int find(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    size_t len;
    const char *name = luaL_checklstring(L, 2, &len);
    scratch *s = scratch_new(L);
    ml_member m;
    int r = ml_archive_open(&s->d, path, &s->ar);
    if (r == 0)
        r = ml_archive_find(&s->d, s->ar, name, len, ml_hash(name, len), 0, &m);
    if (r < 0)
        return ml_lua_fail(L, &s->d);
    if (r)
        push_member(L, &m);
    else
        lua_pushnil(L);
    return 1;
}

/* index(path) -> array of { name, header } in the order of the index */
static int archive_index(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    scratch *s = scratch_new(L);
    if (ml_archive_open(&s->d, path, &s->ar) < 0 || ml_archive_list(&s->d, s->ar) < 0)
        return ml_lua_fail(L, &s->d);
    lua_newtable(L);
    size_t n = ml_archive_names(s->ar);
    for (size_t i = 0; i < n; i++) {
        uint64_t header = 0;
        lua_createtable(L, 0, 2);
        ml_lua_set_text(L, "name", ml_archive_name(s->ar, i, &header));
        ml_lua_set_integer(L, "header", header);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ldscript(bytes, name) -> array of { what, name, as_needed, group, line } */
static int ldscript(lua_State *L)
{
    static const char *const what[] = {[ML_SCRIPT_FILE] = "file",
                                       [ML_SCRIPT_LIB] = "lib",
                                       [ML_SCRIPT_DIR] = "dir",
                                       [ML_SCRIPT_FORMAT] = "format"};
    ml_slice text;
    text.p = (const uint8_t *)luaL_checklstring(L, 1, &text.n);
    const char *name = luaL_checkstring(L, 2);
    scratch *s = scratch_new(L);
    ml_script_item *items;
    size_t n;
    if (ml_script_parse(&s->d, &s->arena, name, text, &items, &n) < 0)
        return ml_lua_fail(L, &s->d);
    lua_createtable(L, n < INT_MAX ? (int)n : 0, 0);
    for (size_t i = 0; i < n; i++) {
        lua_createtable(L, 0, 5);
        ml_lua_set_text(L, "what", what[items[i].what]);
        ml_lua_set_text(L, "name", items[i].name);
        ml_lua_set_boolean(L, "as_needed", items[i].as_needed);
        ml_lua_set_integer(L, "group", items[i].group);
        ml_lua_set_integer(L, "line", items[i].line);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* list_folder(path) -> array of names, sorted */
static int list_folder(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    scratch *s = scratch_new(L);
    const char *const *names;
    size_t n;
    if (ml_os_folder(&s->d, &s->arena, path, &names, &n) < 0)
        return ml_lua_fail(L, &s->d);
    ml_lua_push_texts(L, names, n);
    return 1;
}

void ml_open_object(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"__gc", scratch_close}, {"__close", scratch_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"kind", kind},         {"kind_of", kind_of},
        {"members", members},   {"member", member},
        {"find", find},         {"index", archive_index},
        {"ldscript", ldscript}, {"list_folder", list_folder},
        {NULL, NULL},
    };
    ml_lua_class(L, SCRATCH, methods, NULL);
    luaL_setfuncs(L, functions, 0);
}
