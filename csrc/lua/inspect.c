/* inspect.c -- lua: the userdata of one relocatable object that is looked into, not linked.
** takes the bytes of an object; gives its sections, symbols and relocations as plain tables, for
** tools. The image refers to the bytes, so the userdata keeps the Lua strings it was made of.
** Sections and symbols are numbered as in the file; both arrays begin at number 1.
** SPDX-License-Identifier: MIT */
#include "lua/lua.h"
#include "object/image.h"
#include "object/kind.h"
#include "target/target.h"

#define OBJECT "moonlink.Object"

enum { BYTES = 1, FILE_NAME, MEMBER, VALUES = MEMBER }; /* user values */
enum { EM_X86_64 = 62, MACHINE_OFFSET = 18, HEAD = 20 };

typedef struct object {
    const ml_image *img; /* NULL before it was parsed */
    ml_arena arena;
    ml_diag d;
} object;

static const ml_image *check_image(lua_State *L)
{
    const object *o = luaL_checkudata(L, 1, OBJECT);
    if (!o->img)
        luaL_error(L, "attempt to use an object that was not read");
    return o->img;
}

static int drop(lua_State *L)
{
    object *o = luaL_checkudata(L, 1, OBJECT);
    o->img = NULL;
    ml_arena_free(&o->arena);
    ml_diag_free(&o->d);
    return 0;
}

/* The name of number i, or the number itself. */
static void set_name(lua_State *L, const char *key, const char *const *names, size_t n, uint64_t i)
{
    if (i < n && names[i])
        ml_lua_set_text(L, key, names[i]);
    else
        ml_lua_set_integer(L, key, i);
}

#define SET_NAME(L, key, names, i) set_name(L, key, names, sizeof names / sizeof *names, i)

/* ---- sections ---- */

/* Flags as readelf writes them. */
static void set_flags(lua_State *L, uint64_t flags)
{
    static const struct {
        uint64_t bit;
        char letter;
    } letters[] = {{1, 'W'},    {2, 'A'},     {4, 'X'},     {0x10, 'M'},  {0x20, 'S'},
                   {0x80, 'L'}, {0x200, 'G'}, {0x400, 'T'}, {0x800, 'C'}, {0x80000000u, 'E'}};
    char text[sizeof letters / sizeof *letters + 1];
    size_t n = 0;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (flags & letters[i].bit)
            text[n++] = letters[i].letter;
    lua_pushlstring(L, text, n);
    lua_setfield(L, -2, "flags");
}

/* object:sections() -> array of { name=, type=, flags=, size=, align= }; the null section is left
** out, so that section i of the file is element i */
static int sections(lua_State *L)
{
    static const char *const types[] = {
        [0] = "NULL",         [1] = "PROGBITS",       [2] = "SYMTAB",
        [3] = "STRTAB",       [4] = "RELA",           [5] = "HASH",
        [6] = "DYNAMIC",      [7] = "NOTE",           [8] = "NOBITS",
        [9] = "REL",          [11] = "DYNSYM",        [14] = "INIT_ARRAY",
        [15] = "FINI_ARRAY",  [16] = "PREINIT_ARRAY", [17] = "GROUP",
        [18] = "SYMTAB_SHNDX"};
    const ml_image *img = check_image(L);
    lua_newtable(L);
    for (uint32_t i = 1; i < img->nsections; i++) {
        const ml_isec s = ml_image_section(img, i);
        lua_createtable(L, 0, 5);
        ml_lua_set_text(L, "name", s.name);
        SET_NAME(L, "type", types, s.type);
        set_flags(L, s.flags);
        ml_lua_set_integer(L, "size", s.size);
        ml_lua_set_integer(L, "align", s.align);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
    return 1;
}

/* ---- symbols ---- */

static void set_place(lua_State *L, uint32_t section)
{
    if (section == ML_SEC_ABS)
        ml_lua_set_text(L, "place", "absolute");
    else if (section == ML_SEC_COMMON)
        ml_lua_set_text(L, "place", "common");
    else if (section == ML_SEC_UNDEF)
        ml_lua_set_text(L, "place", "undefined");
    else {
        ml_lua_set_text(L, "place", "section");
        ml_lua_set_integer(L, "section", section);
    }
}

/* object:symbols() -> array of { name=, place=, section=, bind=, type=, visibility=, value=,
** size= }; the null symbol is left out. place: "section", "absolute", "common" (value is then the
** alignment), "undefined" */
static int symbols(lua_State *L)
{
    static const char *const binds[] = {[ML_BIND_LOCAL] = "local",
                                        [ML_BIND_GLOBAL] = "global",
                                        [ML_BIND_WEAK] = "weak",
                                        [ML_BIND_UNIQUE] = "unique"};
    static const char *const types[] = {
        [ML_TYPE_NONE] = "notype",     [ML_TYPE_OBJECT] = "object", [ML_TYPE_FUNC] = "func",
        [ML_TYPE_SECTION] = "section", [ML_TYPE_FILE] = "file",     [ML_TYPE_COMMON] = "common",
        [ML_TYPE_TLS] = "tls",         [ML_TYPE_IFUNC] = "ifunc"};
    static const char *const visibilities[] = {"default", "internal", "hidden", "protected"};
    const ml_image *img = check_image(L);
    lua_newtable(L);
    for (uint32_t i = 1; i < img->nsymbols; i++) {
        ml_isym s = ml_image_symbol(img, i);
        lua_createtable(L, 0, 8);
        ml_lua_set_text(L, "name", ml_image_symbol_name(img, i));
        set_place(L, s.section);
        SET_NAME(L, "bind", binds, s.bind);
        SET_NAME(L, "type", types, s.type);
        SET_NAME(L, "visibility", visibilities, s.vis);
        ml_lua_set_integer(L, "value", s.value);
        ml_lua_set_integer(L, "size", s.size);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
    return 1;
}

/* ---- relocations ---- */

static void set_type(lua_State *L, const ml_target *target, uint32_t type)
{
    const ml_rrow *row = target ? ml_target_row(target, type) : NULL;
    if (row)
        ml_lua_set_text(L, "type", row->name);
    else
        ml_lua_set_integer(L, "type", type);
}

/* object:relocations() -> array of { section=, offset=, type=, symbol=, addend= }, those of
** sections with memory; type is the name, or the number where the psABI has no name for it; symbol
** is a number for symbols(), 0: none */
static int relocations(lua_State *L)
{
    const ml_image *img = check_image(L);
    const ml_target *target = ml_target_find(img->machine);
    lua_Integer n = 0;
    lua_newtable(L);
    for (uint32_t i = 0; i < img->nrels; i++) {
        const ml_irels *rels = &img->rels[i];
        for (uint32_t k = 0; k < rels->count; k++) {
            ml_irel r = ml_image_rel(rels, k);
            lua_createtable(L, 0, 5);
            ml_lua_set_integer(L, "section", rels->target);
            ml_lua_set_integer(L, "offset", r.offset);
            set_type(L, target, r.type);
            ml_lua_set_integer(L, "symbol", r.symbol);
            ml_lua_set_integer(L, "addend", (uint64_t)r.addend);
            lua_rawseti(L, -2, ++n);
        }
    }
    return 1;
}

/* object:function_at(section, offset) -> name of the function that covers the place, or nothing */
static int function_at(lua_State *L)
{
    const ml_image *img = check_image(L);
    lua_Integer section = luaL_checkinteger(L, 2);
    luaL_argcheck(L, section > 0 && section < img->nsections, 2, "no number of a section");
    uint64_t start;
    const char *name =
        ml_image_function_at(img, (uint32_t)section, (uint64_t)luaL_checkinteger(L, 3), &start);
    if (!name)
        return 0;
    lua_pushstring(L, name);
    return 1;
}

/* object:machine() -> name, or its number */
static int machine(lua_State *L)
{
    const ml_image *img = check_image(L);
    const char *name = ml_machine_name(img->machine);
    if (name)
        lua_pushstring(L, name);
    else
        lua_pushinteger(L, img->machine);
    return 1;
}

/* object(bytes, file [, member]) -> object of any 64-bit little-endian processor */
static int open_object(lua_State *L)
{
    ml_slice bytes;
    bytes.p = (const uint8_t *)luaL_checklstring(L, 1, &bytes.n);
    const char *file = luaL_checkstring(L, 2), *member = luaL_optstring(L, 3, NULL);
    lua_settop(L, 3);
    object *o = lua_newuserdatauv(L, sizeof *o, VALUES);
    *o = (object){0};
    luaL_setmetatable(L, OBJECT);
    for (int i = BYTES; i <= VALUES; i++) {
        lua_pushvalue(L, i);
        lua_setiuservalue(L, -2, i);
    }
    ml_diag_init(&o->d);
    uint16_t wanted = bytes.n >= HEAD ? ml_get16(bytes.p + MACHINE_OFFSET) : EM_X86_64;
    if (ml_image_parse(&o->d, &o->arena, file, member, bytes, wanted, &o->img) < 0)
        return ml_lua_fail(L, &o->d);
    return 1;
}

void ml_open_inspect(lua_State *L)
{
    static const luaL_Reg meta[] = {{"__gc", drop}, {"__close", drop}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"machine", machine},         {"sections", sections},
                                       {"symbols", symbols},         {"relocations", relocations},
                                       {"function_at", function_at}, {NULL, NULL}};
    ml_lua_class(L, OBJECT, meta, methods);
    lua_pushcfunction(L, open_object);
    lua_setfield(L, -2, "object");
}
