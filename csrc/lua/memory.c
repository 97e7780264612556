/* memory.c -- lua: raw memory of the process, and buffers.
** takes addresses that may be anything; gives bytes, or an error: reading and writing goes through
** the system, which refuses what is not mapped where a load would fault.
** SPDX-License-Identifier: MIT */
#include <string.h>

#include "lua/call.h"
#include "os/os.h"

static int refuse(lua_State *L, const char *what, uint64_t address, size_t n)
{
    ml_diag d;
    ml_diag_init(&d);
    ml_fail(&d, ML_E_RANGE, (ml_where){0}, NULL, "%s %zu byte%s at 0x%llx: not mapped so", what, n,
            n == 1 ? "" : "s", (unsigned long long)address);
    return ml_lua_fail(L, &d);
}

static size_t check_size(lua_State *L, int arg)
{
    lua_Integer n = luaL_checkinteger(L, arg);
    luaL_argcheck(L, n >= 0, arg, "a size cannot be negative");
    return (size_t)n;
}

/* Are the first and the last byte there? Asked before memory is taken for what is between. */
static bool has_ends(uint64_t address, size_t n)
{
    char byte;
    return n - 1 <= UINT64_MAX - address && ml_os_peek(address, &byte, 1) &&
           ml_os_peek(address + (n - 1), &byte, 1);
}

/* peek(address, n) -> string or nil, err */
static int core_peek(lua_State *L)
{
    uint64_t address = (uint64_t)luaL_checkinteger(L, 1);
    size_t n = check_size(L, 2);
    if (n && !has_ends(address, n))
        return refuse(L, "cannot read", address, n);
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, n);
    if (n && !ml_os_peek(address, to, n))
        return refuse(L, "cannot read", address, n);
    luaL_pushresultsize(&b, n);
    return 1;
}

/* poke(address, bytes) -> true or nil, err */
static int core_poke(lua_State *L)
{
    uint64_t address = (uint64_t)luaL_checkinteger(L, 1);
    size_t n;
    const char *bytes = luaL_checklstring(L, 2, &n);
    if (n && !ml_os_poke(address, bytes, n))
        return refuse(L, "cannot write", address, n);
    lua_pushboolean(L, 1);
    return 1;
}

/* cstring(address [, max]) -> the bytes up to a NUL or to max, or nil, err. Reads page by page, so
** that nothing behind the NUL has to be there. */
static int core_cstring(lua_State *L)
{
    uint64_t address = (uint64_t)luaL_checkinteger(L, 1);
    size_t left = lua_isnoneornil(L, 2) ? SIZE_MAX : check_size(L, 2);
    size_t page = ml_os_page();
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t step = 256; left > 0; step = page) {
        size_t n = page - (size_t)(address % page);
        n = n < step ? n : step;
        n = n < left ? n : left;
        char *to = luaL_prepbuffsize(&b, n);
        if (!ml_os_peek(address, to, n))
            return refuse(L, "cannot read", address, n);
        const char *end = memchr(to, 0, n);
        luaL_addsize(&b, end ? (size_t)(end - to) : n);
        if (end)
            break;
        address += n;
        left -= n;
    }
    luaL_pushresult(&b);
    return 1;
}

/* ---- buffers: memory of our own, for out-parameters ---- */

typedef struct buffer {
    void *memory; /* first: ml_lua_address reads it. NULL when closed. Not in the userdata itself,
                     whose payload is aligned to 8 only */
    size_t size;
    void *kept; /* memory that was closed while native code may have been using it */
    bool stays; /* neither is freed */
} buffer;

static buffer *check_buffer(lua_State *L)
{
    buffer *b = ml_lua_self(L, ML_LUA_BUFFER);
    if (!b->memory)
        luaL_error(L, "attempt to use a closed buffer");
    return b;
}

/* alloc(n) -> buffer of n bytes, all zero, aligned to 16 */
static int core_alloc(lua_State *L)
{
    size_t n = check_size(L, 1);
    buffer *b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = (buffer){.size = n};
    luaL_setmetatable(L, ML_LUA_BUFFER);
    b->memory = ml_heap_zalloc(n, 1);
    if (!b->memory)
        return luaL_error(L, "not enough memory");
    return 1;
}

/* A callback may close what the native call around it writes to: the memory then stays until the
** buffer is collected, which arguments of a running call are not. */
static int buffer_close(lua_State *L)
{
    buffer *b = ml_lua_self(L, ML_LUA_BUFFER);
    if (!b->memory)
        return 0;
    if (ml_callstate_get(L)->L)
        b->kept = b->memory;
    else if (!b->stays)
        ml_heap_free(b->memory);
    b->memory = NULL;
    return 0;
}

static int buffer_gc(lua_State *L)
{
    buffer *b = luaL_checkudata(L, 1, ML_LUA_BUFFER);
    if (!b->stays) {
        ml_heap_free(b->memory);
        ml_heap_free(b->kept);
    }
    *b = (buffer){0};
    return 0;
}

/* b:keep(on): whether its memory outlives it, since threads that Lua knows nothing of use it */
static int buffer_keep(lua_State *L)
{
    check_buffer(L)->stays = lua_toboolean(L, 2);
    return 0;
}

static int buffer_address(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)(uintptr_t)check_buffer(L)->memory);
    return 1;
}

static int buffer_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check_buffer(L)->size);
    return 1;
}

/* b:get([offset [, n]]) -> the bytes; n defaults to all that follow */
static int buffer_get(lua_State *L)
{
    const buffer *b = check_buffer(L);
    size_t offset = lua_isnoneornil(L, 2) ? 0 : check_size(L, 2);
    luaL_argcheck(L, offset <= b->size, 2, "outside the buffer");
    size_t n = lua_isnoneornil(L, 3) ? b->size - offset : check_size(L, 3);
    luaL_argcheck(L, n <= b->size - offset, 3, "outside the buffer");
    lua_pushlstring(L, (const char *)b->memory + offset, n);
    return 1;
}

/* b:set(bytes [, offset]) -> b */
static int buffer_set(lua_State *L)
{
    const buffer *b = check_buffer(L);
    size_t n;
    const char *bytes = luaL_checklstring(L, 2, &n);
    size_t offset = lua_isnoneornil(L, 3) ? 0 : check_size(L, 3);
    luaL_argcheck(L, ml_within(b->size, offset, n), 3, "outside the buffer");
    memcpy((char *)b->memory + offset, bytes, n);
    lua_settop(L, 1);
    return 1;
}

static int buffer_tostring(lua_State *L)
{
    const buffer *b = luaL_checkudata(L, 1, ML_LUA_BUFFER);
    if (b->memory)
        lua_pushfstring(L, ML_LUA_BUFFER " (%I bytes at %p)", (LUAI_UACINT)b->size, b->memory);
    else
        lua_pushliteral(L, ML_LUA_BUFFER " (closed)");
    return 1;
}

void ml_open_memory(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"peek", core_peek},   {"poke", core_poke}, {"cstring", core_cstring},
        {"alloc", core_alloc}, {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"address", buffer_address}, {"get", buffer_get},   {"set", buffer_set},
        {"close", buffer_close},     {"keep", buffer_keep}, {NULL, NULL},
    };
    static const luaL_Reg metamethods[] = {
        {"__len", buffer_len},           {"__gc", buffer_gc}, {"__close", buffer_close},
        {"__tostring", buffer_tostring}, {NULL, NULL},
    };
    ml_lua_class(L, ML_LUA_BUFFER, metamethods, methods);
    luaL_setfuncs(L, functions, 0);
}
