/* tree.c -- lua: what is in folders, asked in batches (pkg/tree.h).
**    tree() -> tree
**    tree:kind(path) -> "file" | "folder" | "special" | nil
**    tree:names(folder) -> list, sorted; empty when it cannot be listed
**    tree:missing(folders, stems, endings [, modules]) -> list of stems | nil when none is missing
**    tree:unsound(databases, endings) -> for each of them a list of the numbers of packages that
**       rules of today's ghc-pkg may have something to say of. A database is a table
**       { packages, pkgroot or false, topdir or false }; endings as of library names
** A stem is there when one of the folders holds a file STEM..ENDING for one of the endings, each of
** which is a table { before, behind }. With `modules` the dots of a stem are slashes in the path.
** SPDX-License-Identifier: MIT */
#include <string.h>

#include "lua/pkg.h"
#include "os/folder.h"
#include "pkg/sound.h"

#define TREE       "moonlink.Tree"
#define MAX_ENDING 16

static ml_tree *check_tree(lua_State *L)
{
    return luaL_checkudata(L, 1, TREE);
}

static int tree_new(lua_State *L)
{
    ml_tree *t = lua_newuserdatauv(L, sizeof *t, 0);
    *t = (ml_tree){0};
    luaL_setmetatable(L, TREE);
    return 1;
}

static int tree_close(lua_State *L)
{
    ml_tree_free(check_tree(L));
    return 0;
}

static ml_slice check_slice(lua_State *L, int idx)
{
    size_t n;
    const char *s = luaL_checklstring(L, idx, &n);
    return (ml_slice){(const uint8_t *)s, n};
}

static int tree_kind(lua_State *L)
{
    static const char *const names[] = {NULL, "file", "folder", "special"};
    lua_pushstring(L, names[ml_tree_kind(check_tree(L), check_slice(L, 2))]);
    return 1;
}

/* The arena is the tree's, so that a Lua error cannot leak it. */
static int tree_names(lua_State *L)
{
    ml_tree *t = check_tree(L);
    const char *path = luaL_checkstring(L, 2);
    const char *const *names = NULL;
    size_t n = 0;
    ml_diag d;
    ml_diag_init(&d);
    if (ml_os_folder(&d, &t->arena, path, &names, &n) < 0)
        n = 0;
    ml_diag_free(&d);
    ml_lua_push_texts(L, names, n);
    return 1;
}

/* The element of a list as a string that the list keeps alive. Lists are plain tables: a list that
** makes its elements up when asked would not keep them. */
static ml_slice item(lua_State *L, int list, lua_Integer i)
{
    luaL_argcheck(L, lua_rawgeti(L, list, i) == LUA_TSTRING, list, "list of strings expected");
    size_t n;
    const char *s = lua_tolstring(L, -1, &n);
    lua_pop(L, 1);
    return (ml_slice){(const uint8_t *)s, n};
}

static int read_endings(lua_State *L, int idx, ml_pkg_ending *out)
{
    luaL_checktype(L, idx, LUA_TTABLE);
    lua_Unsigned n = lua_rawlen(L, idx);
    luaL_argcheck(L, n <= MAX_ENDING, idx, "too many endings");
    for (lua_Integer i = 0; i < (lua_Integer)n; i++) {
        luaL_argcheck(L, lua_rawgeti(L, idx, i + 1) == LUA_TTABLE, idx, "list of pairs expected");
        int pair = lua_gettop(L);
        out[i].before = item(L, pair, 1);
        out[i].behind = item(L, pair, 2);
        lua_pop(L, 1);
    }
    return (int)n;
}

typedef struct question {
    ml_tree *tree;
    const ml_pkg_ending *endings;
    int n;
    bool modules;
} question;

static bool is_in_one(lua_State *L, const question *q, int folders, ml_slice stem)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, folders);
    for (int e = 0; e < q->n; e++)
        for (lua_Integer i = 1; i <= n; i++)
            if (ml_tree_has(
                    q->tree, item(L, folders, i),
                    (ml_tree_name){q->endings[e].before, stem, q->endings[e].behind, q->modules}))
                return true;
    return false;
}

static int tree_missing(lua_State *L)
{
    ml_pkg_ending endings[MAX_ENDING];
    question q = {.tree = check_tree(L), .endings = endings};
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 5);
    q.n = read_endings(L, 4, endings);
    q.modules = lua_toboolean(L, 5);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 3), missing = 0;
    q.tree->eager = n >= 3;
    lua_pushnil(L);
    for (lua_Integer i = 1; i <= n; i++) {
        ml_slice stem = item(L, 3, i);
        if (is_in_one(L, &q, 2, stem))
            continue;
        if (!missing) {
            lua_newtable(L);
            lua_replace(L, 6);
        }
        lua_rawgeti(L, 3, i);
        lua_rawseti(L, 6, ++missing);
    }
    return 1;
}

#define IDS "moonlink.PackageIds"

static int ids_close(lua_State *L)
{
    ml_pkg_ids_free(luaL_checkudata(L, 1, IDS));
    return 0;
}

/* Pushes the numbers of a list's packages that are not certainly sound. */
static void push_unsound(lua_State *L, const ml_pkg_infos *all, const ml_pkg_sound_in *in)
{
    lua_Integer n = 0;
    lua_newtable(L);
    for (size_t i = 0; i < all->n; i++) {
        if (ml_pkg_sound(&all->at[i], in))
            continue;
        lua_pushinteger(L, (lua_Integer)i + 1);
        lua_rawseti(L, -2, ++n);
    }
}

/* The packages of database i, and its roots, which the table keeps. */
static const ml_pkg_infos *database_at(lua_State *L, lua_Integer i, ml_pkg_sound_in *in)
{
    luaL_argcheck(L, lua_rawgeti(L, 2, i) == LUA_TTABLE, 2, "list of tables expected");
    int at = lua_gettop(L);
    lua_rawgeti(L, at, 1);
    const ml_pkg_infos *all = &ml_lua_infos_check(L, -1)->infos;
    in->pkgroot = in->topdir = (ml_slice){0};
    if (lua_rawgeti(L, at, 2) == LUA_TSTRING)
        in->pkgroot = item(L, at, 2);
    if (lua_rawgeti(L, at, 3) == LUA_TSTRING)
        in->topdir = item(L, at, 3);
    lua_settop(L, at - 1);
    return all;
}

static int tree_unsound(lua_State *L)
{
    ml_pkg_ending endings[MAX_ENDING];
    ml_pkg_sound_in in = {.tree = check_tree(L), .endings = endings};
    luaL_checktype(L, 2, LUA_TTABLE);
    in.n = read_endings(L, 3, endings);
    ml_pkg_ids *ids = lua_newuserdatauv(L, sizeof *ids, 0);
    *ids = (ml_pkg_ids){0};
    luaL_setmetatable(L, IDS);
    lua_toclose(L, -1);
    in.ids = ids;
    lua_Integer n = (lua_Integer)lua_rawlen(L, 2);
    for (lua_Integer i = 1; i <= n; i++)
        if (!ml_pkg_ids_add(ids, database_at(L, i, &in)))
            return luaL_error(L, "not enough memory");
    lua_newtable(L);
    for (lua_Integer i = 1; i <= n; i++) {
        const ml_pkg_infos *all = database_at(L, i, &in);
        push_unsound(L, all, &in);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

void ml_open_tree(lua_State *L)
{
    static const luaL_Reg methods[] = {{"kind", tree_kind},
                                       {"names", tree_names},
                                       {"missing", tree_missing},
                                       {"unsound", tree_unsound},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", tree_close}, {"__close", tree_close}, {NULL, NULL}};
    static const luaL_Reg ids_meta[] = {{"__gc", ids_close}, {"__close", ids_close}, {NULL, NULL}};
    ml_lua_class(L, IDS, ids_meta, NULL);
    ml_lua_class(L, TREE, meta, methods);
    lua_pushcfunction(L, tree_new);
    lua_setfield(L, -2, "tree");
}
