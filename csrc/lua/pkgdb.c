/* pkgdb.c -- lua: package databases: reading them, and changing them as a transaction.
** SPDX-License-Identifier: MIT */
#include <limits.h>

#include "lua/pkg.h"
#include "pkg/store.h"

#define STORE "moonlink.PackageStore"
#define WORK  "moonlink.PackageWork"

/* ---- what was found ---- */

static const char *const kinds[] = {"folder", "file", "old-folder"};
static const char *const caches[] = {"none", "fresh", "stale", "missing", "corrupt", "foreign"};

/* All that a function of this file may hold; closed when it returns or raises. */
typedef struct work {
    ml_diag d, late;
    ml_store_view view;
    ml_arena arena;
    ml_bytes cache, records;
} work;

static int work_close(lua_State *L)
{
    work *w = luaL_checkudata(L, 1, WORK);
    ml_diag_free(&w->d);
    ml_diag_free(&w->late);
    ml_store_view_free(&w->view);
    ml_arena_free(&w->arena);
    ml_bytes_free(&w->cache);
    ml_bytes_free(&w->records);
    return 0;
}

static work *work_new(lua_State *L)
{
    work *w = lua_newuserdatauv(L, sizeof *w, 0);
    *w = (work){0};
    luaL_setmetatable(L, WORK);
    lua_toclose(L, -1);
    return w;
}

/* The argument as a path: one with a NUL would name another file. */
static const char *check_path(lua_State *L, int arg)
{
    size_t n;
    const char *path = luaL_checklstring(L, arg, &n);
    luaL_argcheck(L, strlen(path) == n, arg, "a path without NUL expected");
    return path;
}

/* Reads into packages: pushes them and { kind=, path=, cache=, newer=, error= }. */
static int push_read(lua_State *L, work *w, const char *path, bool use_cache)
{
    ml_lua_infos *x = ml_lua_infos_new(L);
    x->infos.arena.bulk = &ml_os_bulk;
    if (ml_store_read(&w->d, path, use_cache, &w->view, &x->infos) < 0)
        return ml_lua_fail(L, &w->d);
    lua_createtable(L, 0, 5);
    ml_lua_set_text(L, "kind", kinds[w->view.kind]);
    ml_lua_set_text(L, "path", w->view.path);
    ml_lua_set_text(L, "cache", caches[w->view.cache]);
    ml_lua_set_text(L, "newer", w->view.newer);
    if (w->view.error.count) {
        ml_lua_fail(L, &w->view.error);
        lua_setfield(L, -3, "error");
        lua_pop(L, 1);
    }
    return 2;
}

/* pkg.read(path, use the cache?) -> packages, what was found */
static int pkg_read(lua_State *L)
{
    const char *path = check_path(L, 1);
    lua_settop(L, 2);
    work *w = work_new(L);
    return push_read(L, w, path, lua_toboolean(L, 2));
}

/* pkg.init(path) -> true */
static int pkg_init(lua_State *L)
{
    const char *path = check_path(L, 1);
    work *w = work_new(L);
    return ml_lua_outcome(L, &w->d, ml_store_init(&w->d, path));
}

static ml_slice to_slice(lua_State *L, int idx)
{
    ml_slice s;
    s.p = (const uint8_t *)luaL_checklstring(L, idx, &s.n);
    return s;
}

/* pkg.check_id(id) -> true: may it be the name of a file? */
static int pkg_check_id(lua_State *L)
{
    ml_slice id = to_slice(L, 1);
    work *w = work_new(L);
    return ml_lua_outcome(L, &w->d, ml_store_check_id(&w->d, id));
}

/* ---- a database that is open for changes ---- */

typedef struct store {
    ml_store s;
    bool open;
} store;

static int store_close(lua_State *L)
{
    store *s = luaL_checkudata(L, 1, STORE);
    if (s->open)
        ml_store_close(&s->s);
    s->open = false;
    return 0;
}

static ml_store *check_store(lua_State *L)
{
    store *s = luaL_checkudata(L, 1, STORE);
    luaL_argcheck(L, s->open, 1, "the database is not open any more");
    return &s->s;
}

/* Is the table on top, whose keys are stores, holding the lock of the database at that path? */
static bool holds(lua_State *L, const char *path)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        const store *s = lua_touserdata(L, -2);
        if (s->open && ml_store_is_at(&s->s, path)) {
            lua_pop(L, 2);
            return true;
        }
    }
    return false;
}

/* Waits for others, but not for a change of this very state: nobody would end that one. */
static int open_store(lua_State *L, ml_diag *d, const char *path, bool wait, ml_store *out)
{
    int e = ml_store_open(d, path, false, out);
    if (!wait || -e != ML_E_STATE)
        return e;
    ml_diag_free(d);
    if (!holds(L, path))
        return ml_store_open(d, path, true, out);
    return ml_fail(d, ML_E_STATE, (ml_where){.file = path},
                   "commit or abort that change first; `local w <close> = ...` does so in any case",
                   "is being changed by this program already");
}

/* pkg.open(path, wait?) -> store that holds the lock */
static int pkg_open(lua_State *L)
{
    const char *path = check_path(L, 1);
    lua_settop(L, 2);
    work *w = work_new(L);
    store *s = lua_newuserdatauv(L, sizeof *s, 0);
    *s = (store){0};
    luaL_setmetatable(L, STORE);
    luaL_getmetafield(L, -1, "stores");
    if (open_store(L, &w->d, path, lua_toboolean(L, 2), &s->s) < 0)
        return ml_lua_fail(L, &w->d);
    s->open = true;
    lua_pushvalue(L, -2);
    lua_pushboolean(L, true);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return 1;
}

/* store:read(use the cache?) -> as pkg.read */
static int store_read(lua_State *L)
{
    ml_store *s = check_store(L);
    lua_settop(L, 2);
    work *w = work_new(L);
    int n = push_read(L, w, s->path, lua_toboolean(L, 2));
    s->kind = w->view.kind;
    return n;
}

/* store:names() -> array of the names of all files in the folder */
static int store_names(lua_State *L)
{
    ml_store *s = check_store(L);
    work *w = work_new(L);
    const char **names;
    size_t n;
    if (ml_directory_list(&w->d, &w->arena, &s->dir, &names, &n) < 0)
        return ml_lua_fail(L, &w->d);
    ml_lua_push_texts(L, names, n);
    return 1;
}

/* store:file(name) -> bytes; false when there is no such file */
static int store_file(lua_State *L)
{
    ml_store *s = check_store(L);
    const char *name = check_path(L, 2);
    luaL_argcheck(L, !strchr(name, '/'), 2, "a name in the folder expected");
    work *w = work_new(L);
    ml_slice bytes;
    int there = ml_directory_read(&w->d, &w->arena, &s->dir, name, &bytes);
    if (there < 0)
        return ml_lua_fail(L, &w->d);
    if (there)
        lua_pushlstring(L, (const char *)bytes.p, bytes.n);
    else
        lua_pushboolean(L, false);
    return 1;
}

/* ---- committing ---- */

/* A string of the table on top, which keeps it. */
static ml_slice field_slice(lua_State *L, const char *key)
{
    lua_pushstring(L, key);
    lua_rawget(L, -2);
    ml_slice s = {NULL, 0};
    if (!lua_isnil(L, -1))
        s = to_slice(L, -1);
    lua_pop(L, 1);
    return s;
}

/* One of `files`, on top of the stack: { name=, id=, bytes= (nil: the file goes), added= }. */
static int to_file(lua_State *L, work *w, const ml_pkg_info *const *added, size_t nadded,
                   ml_store_file *f)
{
    luaL_checktype(L, -1, LUA_TTABLE);
    ml_slice name = field_slice(L, "name");
    luaL_argcheck(L, name.n && !memchr(name.p, '/', name.n) && !memchr(name.p, 0, name.n), 2,
                  "a file's name in the folder expected");
    *f = (ml_store_file){.name = (const char *)name.p, .id = field_slice(L, "id")};
    f->bytes = field_slice(L, "bytes");
    f->remove = !f->bytes.p;
    lua_getfield(L, -1, "added");
    lua_Integer i = luaL_optinteger(L, -1, 0);
    lua_pop(L, 1);
    luaL_argcheck(L, i >= 0 && (size_t)i <= nadded, 2, "no such package");
    if (!i)
        return 0;
    w->records.n = 0;
    if (ml_cache_record(&w->d, added[i - 1], &w->records) < 0)
        return -(int)ML_E_NOMEM;
    return ml_bytes_keep(&w->records, &w->arena, &f->record) ? 0 : ml_nomem(&w->d);
}

static int to_files(lua_State *L, work *w, const ml_cache_input *in, ml_store_change *out)
{
    lua_getfield(L, 2, "files");
    luaL_checktype(L, -1, LUA_TTABLE);
    size_t n = (size_t)luaL_len(L, -1);
    ml_store_file *files = ml_zalloc(&w->arena, n + 1, sizeof *files);
    if (!files)
        return ml_nomem(&w->d);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        int e = to_file(L, w, in->packages, in->n, &files[i]);
        lua_pop(L, 1);
        if (e < 0)
            return e;
    }
    lua_pop(L, 1);
    *out = (ml_store_change){.files = files, .n = n};
    return 0;
}

/* A userdata of packages in the table at idx, which keeps it; NULL when it has none. */
static const ml_pkg_infos *infos_of(lua_State *L, int idx, const char *key)
{
    const ml_lua_infos *x = NULL;
    if (lua_getfield(L, idx, key) != LUA_TNIL)
        x = ml_lua_infos_check(L, -1);
    lua_pop(L, 1);
    return x ? &x->infos : NULL;
}

/* The units of the databases below, from change.below: an array of packages. */
static int to_below(lua_State *L, work *w, ml_cache_input *in)
{
    if (lua_getfield(L, 2, "below") == LUA_TNIL) {
        lua_pop(L, 1);
        return 0;
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Integer dbs = luaL_len(L, -1);
    size_t n = 0;
    ml_cache_unit *at = NULL;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !(at = ml_nalloc(&w->arena, n + 1, sizeof *at)))
            return ml_nomem(&w->d);
        n = 0;
        for (lua_Integer i = 1; i <= dbs; i++) {
            lua_geti(L, -1, i);
            const ml_pkg_infos *x = &ml_lua_infos_check(L, -1)->infos;
            for (size_t k = 0; pass && k < x->n; k++)
                at[n + k] =
                    (ml_cache_unit){x->at[k].v[ML_PKG_ID].text, x->at[k].v[ML_PKG_ABI].text};
            n += x->n;
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    in->below = at;
    in->nbelow = n;
    return 0;
}

/* The packages that change.added, an array of packages, has one of each. Room for `more` behind
** them. */
static int to_added(lua_State *L, work *w, size_t more, ml_cache_input *in)
{
    lua_getfield(L, 2, "added");
    luaL_checktype(L, -1, LUA_TTABLE);
    size_t n = (size_t)luaL_len(L, -1);
    const ml_pkg_info **at = ml_nalloc(&w->arena, n + more + 1, sizeof *at);
    if (!at)
        return ml_nomem(&w->d);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        const ml_pkg_infos *x = &ml_lua_infos_check(L, -1)->infos;
        luaL_argcheck(L, x->n == 1, 2, "one package expected in each of what is added");
        at[i] = &x->at[0];
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    in->packages = at;
    in->n = n;
    return 0;
}

/* Those of base that stay, behind them. */
static void to_staying(lua_State *L, const ml_pkg_infos *base, ml_cache_input *in)
{
    const ml_pkg_info **at = (const ml_pkg_info **)in->packages;
    lua_getfield(L, 2, "removed");
    luaL_checktype(L, -1, LUA_TTABLE);
    for (size_t i = 0; i < base->n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        if (!lua_toboolean(L, -1))
            at[in->n++] = &base->at[i];
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Pushes the names of packages whose abi-depends are wrong. */
static void push_broken(lua_State *L, const ml_cache_input *in, const uint8_t *broken)
{
    lua_newtable(L);
    lua_Integer n = 0;
    for (size_t i = 0; broken && i < in->n; i++) {
        if (!broken[i])
            continue;
        ml_slice name = ml_cache_package_name(in->packages[i]);
        lua_pushlstring(L, (const char *)name.p, name.n);
        lua_rawseti(L, -2, ++n);
    }
}

/* Writes the new cache; *broken is set to as many bytes as there are packages. */
static int make_cache(lua_State *L, work *w, ml_cache_input *in, uint8_t **broken)
{
    int e = to_below(L, w, in);
    *broken = ml_zalloc(&w->arena, in->n + 1, 1);
    if (e < 0 || !*broken)
        return e < 0 ? e : ml_nomem(&w->d);
    return ml_cache_write(&w->d, in, &w->cache, *broken);
}

/* store:commit { files=, base=, removed=, added=, below= } -> true, names of packages with wrong
** abi-depends, what remains to be tidied (an error) or nil.
** base: the packages that were read; removed: the set of those of them that go; added: an array of
** packages, one of each; below: an array of packages. A file that is put says which of `added` is
** in it. */
static int store_commit(lua_State *L)
{
    ml_store *s = check_store(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    work *w = work_new(L);
    const ml_pkg_infos *base = infos_of(L, 2, "base");
    luaL_argcheck(L, base, 2, "no packages in base");
    ml_store_change change = {0};
    ml_cache_input in = {0};
    uint8_t *broken = NULL;
    int e = to_added(L, w, base->n, &in);
    if (e == 0)
        e = to_files(L, w, &in, &change);
    luaL_argcheck(L, e < 0 || s->kind != ML_STORE_FILE || change.n == 1, 2, "one file expected");
    if (e == 0)
        to_staying(L, base, &in);
    if (e == 0 && s->kind == ML_STORE_FOLDER)
        e = make_cache(L, w, &in, &broken);
    change.cache = (ml_slice){w->cache.p, w->cache.n};
    if (e == 0)
        e = ml_store_commit(&w->d, s, &change, &w->late);
    if (e < 0)
        return ml_lua_fail(L, &w->d);
    lua_pushboolean(L, true);
    push_broken(L, &in, broken);
    if (!w->late.count)
        return 2;
    ml_lua_fail(L, &w->late);
    lua_remove(L, -2);
    return 3;
}

void ml_open_pkgdb(lua_State *L)
{
    static const luaL_Reg work_meta[] = {
        {"__gc", work_close}, {"__close", work_close}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", store_close}, {"__close", store_close}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"read", store_read},   {"names", store_names},
                                       {"file", store_file},   {"commit", store_commit},
                                       {"close", store_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"read", pkg_read},
                                         {"init", pkg_init},
                                         {"open", pkg_open},
                                         {"check_id", pkg_check_id},
                                         {NULL, NULL}};
    ml_lua_class(L, WORK, work_meta, NULL);
    if (luaL_newmetatable(L, STORE)) {
        luaL_setfuncs(L, meta, 0);
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_newtable(L); /* those that were opened, as keys that keep nothing alive */
        lua_createtable(L, 0, 1);
        lua_pushstring(L, "k");
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_setfield(L, -2, "stores");
    }
    lua_pop(L, 1);
    lua_getfield(L, -1, "pkg");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
