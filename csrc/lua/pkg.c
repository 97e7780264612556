/* pkg.c -- lua: packages: parsing and printing their descriptions, and their fields as Lua values.
** Field names are those of the text format with _ in place of -.
** SPDX-License-Identifier: MIT */
#include "lua/pkg.h"

#include <limits.h>

#include "pkg/show.h"
#include "pkg/text.h"

enum { NAME_MAX_LEN = 32 };

static const char *const shapes[] = {"today", "6.6", "6.10", "6.12", NULL};

static int infos_close(lua_State *L)
{
    ml_lua_infos *x = luaL_checkudata(L, 1, ML_LUA_INFOS);
    ml_pkg_infos_free(&x->infos);
    ml_diag_free(&x->d);
    ml_bytes_free(&x->out);
    return 0;
}

ml_lua_infos *ml_lua_infos_new(lua_State *L)
{
    ml_lua_infos *x = lua_newuserdatauv(L, sizeof *x, 1);
    *x = (ml_lua_infos){0};
    luaL_setmetatable(L, ML_LUA_INFOS);
    return x;
}

ml_lua_infos *ml_lua_infos_check(lua_State *L, int idx)
{
    return luaL_checkudata(L, idx, ML_LUA_INFOS);
}

/* ---- fields ---- */

static void push_slice(lua_State *L, ml_slice s)
{
    lua_pushlstring(L, s.n ? (const char *)s.p : "", s.n);
}

/* "exposed_modules" -> its row; ML_PKG_FIELDS when there is none. */
static unsigned row_of(const char *name)
{
    char text[NAME_MAX_LEN];
    size_t n = 0;
    for (; n < sizeof text - 1 && name[n]; n++)
        text[n] = (char)(name[n] == '_' ? '-' : name[n]);
    text[n] = 0;
    return name[n] ? ML_PKG_FIELDS : ml_pkg_field_of(text, n);
}

static void push_name(lua_State *L, unsigned row)
{
    char text[NAME_MAX_LEN];
    size_t n = 0;
    for (const char *s = ml_pkg_fields[row].name; *s && n < sizeof text; s++)
        text[n++] = (char)(*s == '-' ? '_' : *s);
    lua_pushlstring(L, text, n);
}

static void push_list(lua_State *L, ml_pkg_list list)
{
    lua_createtable(L, list.n < INT_MAX ? (int)list.n : 0, 0);
    for (size_t i = 0; i < list.n; i++) {
        push_slice(L, list.at[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_value(lua_State *L, const ml_pkg_info *p, unsigned row)
{
    switch (ml_pkg_fields[row].value) {
    case ML_PKG_BOOL: lua_pushboolean(L, p->v[row].yes); break;
    case ML_PKG_LIST: push_list(L, p->v[row].list); break;
    default: push_slice(L, p->v[row].text);
    }
}

static void push_extra(lua_State *L, const ml_pkg_info *p)
{
    lua_newtable(L);
    for (size_t i = 0; i < p->extras; i++) {
        lua_createtable(L, 0, 2);
        push_slice(L, p->extra[i].name);
        lua_setfield(L, -2, "name");
        push_slice(L, p->extra[i].text);
        lua_setfield(L, -2, "value");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static const ml_pkg_info *check_info(lua_State *L, const ml_lua_infos *x)
{
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, i >= 1 && (lua_Unsigned)i <= x->infos.n, 2, "no such package");
    return &x->infos.at[i - 1];
}

/* infos:field(i, name) -> string, boolean or array; nothing when there is no such field */
static int infos_field(lua_State *L)
{
    const ml_pkg_info *p = check_info(L, ml_lua_infos_check(L, 1));
    const char *name = luaL_checkstring(L, 3);
    unsigned row = row_of(name);
    if (row < ML_PKG_FIELDS)
        push_value(L, p, row);
    else if (strcmp(name, "extra") == 0)
        push_extra(L, p);
    else if (strcmp(name, "file") == 0)
        lua_pushstring(L, p->file);
    else
        return 0;
    return 1;
}

/* infos:table(i) -> table of all fields */
static int infos_table(lua_State *L)
{
    const ml_pkg_info *p = check_info(L, ml_lua_infos_check(L, 1));
    lua_createtable(L, 0, ML_PKG_FIELDS + 2);
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++) {
        push_name(L, row);
        push_value(L, p, row);
        lua_rawset(L, -3);
    }
    push_extra(L, p);
    lua_setfield(L, -2, "extra");
    ml_lua_set_text(L, "file", p->file);
    return 1;
}

/* Scalars that are short and there, by the keys that lie on the stack from `keys` on. */
static void set_words(lua_State *L, const ml_pkg_info *p, int keys)
{
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++) {
        const ml_pkg_value *v = &p->v[row];
        ml_pkg_value_kind kind = ml_pkg_fields[row].value;
        if (kind == ML_PKG_WORD ? !v->text.n : kind != ML_PKG_BOOL || !v->yes)
            continue;
        lua_pushvalue(L, keys + (int)row);
        push_value(L, p, row);
        lua_rawset(L, -3);
    }
    if (p->file)
        ml_lua_set_text(L, "file", p->file);
}

/* infos:records(metatable) -> array of tables with that metatable: [0] is the number of the
** package, and words and booleans are there unless absent */
static int infos_records(lua_State *L)
{
    const ml_lua_infos *x = ml_lua_infos_check(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    luaL_checkstack(L, ML_PKG_FIELDS + 8, NULL);
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++)
        push_name(L, row);
    lua_createtable(L, x->infos.n < INT_MAX ? (int)x->infos.n : 0, 0);
    for (size_t i = 0; i < x->infos.n; i++) {
        lua_createtable(L, 0, 12);
        lua_pushinteger(L, (lua_Integer)i + 1);
        lua_rawseti(L, -2, 0);
        set_words(L, &x->infos.at[i], 3);
        lua_pushvalue(L, 2);
        lua_setmetatable(L, -2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int infos_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ml_lua_infos_check(L, 1)->infos.n);
    return 1;
}

/* infos:warnings() -> array of { text=, file=, line=, column=, extra= } */
static int infos_warnings(lua_State *L)
{
    const ml_pkg_infos *all = &ml_lua_infos_check(L, 1)->infos;
    lua_newtable(L);
    for (size_t i = 0; i < all->warned; i++) {
        const ml_pkg_warning *w = &all->warnings[i];
        lua_createtable(L, 0, 5);
        ml_lua_set_text(L, "text", w->text);
        ml_lua_set_text(L, "file", w->file);
        ml_lua_set_integer(L, "line", w->line);
        ml_lua_set_integer(L, "column", w->column);
        ml_lua_set_boolean(L, "extra", w->extra);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* infos:shape() -> "today", "6.6", "6.10" or "6.12" */
static int infos_shape(lua_State *L)
{
    lua_pushstring(L, shapes[ml_lua_infos_check(L, 1)->infos.shape]);
    return 1;
}

/* ---- reading ---- */

/* A text option of the table at idx, or NULL; the string stays in that table. */
static const char *option(lua_State *L, int idx, const char *key)
{
    if (lua_isnoneornil(L, idx))
        return NULL;
    luaL_checktype(L, idx, LUA_TTABLE);
    const char *s = NULL;
    if (lua_getfield(L, idx, key) != LUA_TNIL) {
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, idx, "an option must be a string");
        s = lua_tostring(L, -1);
    }
    lua_pop(L, 1);
    return s;
}

/* pkg.parse(bytes, { file=, format="text"|"show" }) -> packages. Without a format it is told from
** the first character: the old format begins with a bracket or the name of its record. */
static int pkg_parse(lua_State *L)
{
    ml_slice text;
    text.p = (const uint8_t *)luaL_checklstring(L, 1, &text.n);
    const char *file = option(L, 2, "file"), *format = option(L, 2, "format");
    bool show = format ? strcmp(format, "show") == 0 : ml_pkg_show_is(text);
    luaL_argcheck(L, !format || show || strcmp(format, "text") == 0, 2, "no such format");
    ml_lua_infos *x = ml_lua_infos_new(L);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    const char *name = file ? ml_strdup(&x->infos.arena, file) : NULL;
    int r = file && !name ? ml_nomem(&x->d)
            : show        ? ml_pkg_show_parse(&x->d, &x->infos, name, text)
                          : ml_pkg_text_parse(&x->d, &x->infos, name, text);
    return r < 0 ? ml_lua_fail(L, &x->d) : 1;
}

/* ---- tables into packages ---- */

/* Raises about the value on top; row: ML_PKG_FIELDS for `extra`. */
static void wrong_type(lua_State *L, lua_Integer i, unsigned row, const char *what)
{
    const char *got = luaL_typename(L, -1);
    if (row < ML_PKG_FIELDS)
        push_name(L, row);
    else
        lua_pushliteral(L, "extra");
    luaL_error(L, "package %d: field '%s': %s expected, got %s", (int)i, lua_tostring(L, -1), what,
               got);
}

/* The string on top as the canonical text of a field. */
static int take_text(lua_State *L, lua_Integer i, unsigned row, ml_lua_infos *x, ml_slice *out)
{
    if (lua_type(L, -1) != LUA_TSTRING)
        wrong_type(L, i, row, "string");
    ml_slice s;
    const char *text = lua_tolstring(L, -1, &s.n);
    s.p = (const uint8_t *)ml_strndup(&x->infos.arena, text, s.n);
    if (!s.p)
        return ml_nomem(&x->d);
    *out = s;
    ml_pkg_syntax syntax = ml_pkg_fields[row].syntax;
    if (syntax == ML_PKG_SYNTAX_TOKEN || syntax == ML_PKG_SYNTAX_PATH ||
        syntax == ML_PKG_SYNTAX_TEXT)
        return 0;
    ml_diag d = {0};
    int r = ml_pkg_text_value(&d, &x->infos, (ml_pkg_field)row, s, out);
    if (r < 0) {
        ml_where at = {.symbol = ml_pkg_fields[row].name};
        const char *why = d.first ? d.first->text : "";
        const char *nl = strchr(why, '\n');
        ml_fail(&x->d, ML_E_FORMAT, at, NULL, "package %d: %s: '%s' is no value of it: %.*s",
                (int)i, ml_pkg_fields[row].name, text, nl ? (int)(nl - why) : 1000, why);
    }
    ml_diag_free(&d);
    return r;
}

/* The array on top as a list. */
static int take_list(lua_State *L, lua_Integer i, unsigned row, ml_lua_infos *x, ml_pkg_list *out)
{
    if (lua_type(L, -1) != LUA_TTABLE)
        wrong_type(L, i, row, "table");
    size_t n = (size_t)luaL_len(L, -1);
    if (!n)
        return 0;
    ml_slice *at = ml_nalloc(&x->infos.arena, n, sizeof *at);
    if (!at)
        return ml_nomem(&x->d);
    for (size_t k = 0; k < n; k++) {
        lua_geti(L, -1, (lua_Integer)k + 1);
        int r = take_text(L, i, row, x, &at[k]);
        lua_pop(L, 1);
        if (r < 0)
            return r;
    }
    *out = (ml_pkg_list){at, n};
    return 0;
}

static int take_extra(lua_State *L, lua_Integer i, ml_lua_infos *x, ml_pkg_info *p)
{
    if (lua_type(L, -1) != LUA_TTABLE)
        wrong_type(L, i, ML_PKG_FIELDS, "table");
    size_t n = (size_t)luaL_len(L, -1);
    ml_pkg_extra *at = ml_nalloc(&x->infos.arena, n, sizeof *at);
    if (!at)
        return ml_nomem(&x->d);
    for (size_t k = 0; k < n; k++) {
        lua_geti(L, -1, (lua_Integer)k + 1);
        if (lua_type(L, -1) != LUA_TTABLE)
            wrong_type(L, i, ML_PKG_FIELDS, "table of name and value");
        for (int part = 0; part < 2; part++) {
            lua_getfield(L, -1, part ? "value" : "name");
            if (lua_type(L, -1) != LUA_TSTRING)
                wrong_type(L, i, ML_PKG_FIELDS, "string");
            size_t len;
            const char *s = lua_tolstring(L, -1, &len);
            ml_slice copy = {(const uint8_t *)ml_strndup(&x->infos.arena, s, len), len};
            if (!copy.p)
                return ml_nomem(&x->d);
            *(part ? &at[k].text : &at[k].name) = copy;
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    p->extra = at;
    p->extras = n;
    return 0;
}

static int take_field(lua_State *L, lua_Integer i, unsigned row, ml_lua_infos *x, ml_pkg_value *v)
{
    switch (ml_pkg_fields[row].value) {
    case ML_PKG_BOOL:
        if (lua_type(L, -1) != LUA_TBOOLEAN)
            wrong_type(L, i, row, "boolean");
        v->yes = lua_toboolean(L, -1);
        return 0;
    case ML_PKG_LIST: return take_list(L, i, row, x, &v->list);
    default: return take_text(L, i, row, x, &v->text);
    }
}

static int take_package(lua_State *L, lua_Integer i, ml_lua_infos *x)
{
    ml_pkg_info info = {0};
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++) {
        push_name(L, row);
        int r = lua_gettable(L, -2) == LUA_TNIL ? 0 : take_field(L, i, row, x, &info.v[row]);
        lua_pop(L, 1);
        if (r < 0)
            return r;
    }
    int r = lua_getfield(L, -1, "extra") == LUA_TNIL ? 0 : take_extra(L, i, x, &info);
    lua_pop(L, 1);
    if (lua_getfield(L, -1, "file") == LUA_TSTRING)
        info.file = ml_strdup(&x->infos.arena, lua_tostring(L, -1));
    lua_pop(L, 1);
    r = r < 0 ? r : ml_pkg_complete(&x->d, &x->infos.arena, &info);
    if (r < 0)
        return r;
    ml_pkg_info *to = ml_pkg_infos_add(&x->infos);
    if (!to)
        return ml_nomem(&x->d);
    *to = info;
    return 0;
}

int ml_lua_infos_fill(lua_State *L, int idx, ml_lua_infos *x)
{
    luaL_checktype(L, idx, LUA_TTABLE);
    luaL_checkstack(L, 8, NULL);
    lua_Integer n = luaL_len(L, idx);
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_geti(L, idx, i) != LUA_TTABLE)
            luaL_error(L, "package %d: table expected, got %s", (int)i, luaL_typename(L, -1));
        int r = take_package(L, i, x);
        lua_pop(L, 1);
        if (r < 0)
            return r;
    }
    return 0;
}

/* pkg.make(tables) -> packages */
static int pkg_make(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    ml_lua_infos *x = ml_lua_infos_new(L);
    int r = ml_lua_infos_fill(L, 1, x);
    return r < 0 ? ml_lua_fail(L, &x->d) : 1;
}

/* ---- printing ---- */

/* What was written to x->out as a string. */
static int push_out(lua_State *L, ml_lua_infos *x)
{
    if (x->out.failed) {
        ml_nomem(&x->d);
        return ml_lua_fail(L, &x->d);
    }
    push_slice(L, (ml_slice){x->out.p, x->out.n});
    return 1;
}

/* infos:print(i, { pkgroot=, extra=false }) -> text as `ghc-pkg describe` prints it; extra: the
** fields that no row knows, unless false */
static int infos_print(lua_State *L)
{
    ml_lua_infos *x = ml_lua_infos_check(L, 1);
    const ml_pkg_info *p = check_info(L, x);
    ml_pkg_print how = {0};
    ml_slice root;
    const char *text = option(L, 3, "pkgroot");
    if (text) {
        root = (ml_slice){(const uint8_t *)text, strlen(text)};
        how.pkgroot = &root;
    }
    if (lua_istable(L, 3)) {
        lua_getfield(L, 3, "extra");
        how.no_extra = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    }
    x->out.n = 0;
    ml_pkg_text_print(&x->out, p, &how);
    return push_out(L, x);
}

/* infos:show(shape) -> bytes of a database of the old format: "6.6", "6.10" or "6.12" */
static int infos_show(lua_State *L)
{
    ml_lua_infos *x = ml_lua_infos_check(L, 1);
    int shape = luaL_checkoption(L, 2, x->infos.shape ? shapes[x->infos.shape] : "6.12", shapes);
    luaL_argcheck(L, shape != ML_PKG_TODAY, 2, "today's format is no such database");
    x->out.n = 0;
    ml_pkg_show_print(&x->out, &x->infos, (ml_pkg_shape)shape);
    return push_out(L, x);
}

void ml_open_pkg(lua_State *L)
{
    static const luaL_Reg methods[] = {{"__gc", infos_close}, {"__len", infos_len}, {NULL, NULL}};
    static const luaL_Reg index[] = {
        {"field", infos_field},       {"table", infos_table}, {"records", infos_records},
        {"warnings", infos_warnings}, {"shape", infos_shape}, {"print", infos_print},
        {"show", infos_show},         {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"parse", pkg_parse}, {"make", pkg_make}, {NULL, NULL}};
    ml_lua_class(L, ML_LUA_INFOS, methods, index);
    luaL_newlib(L, functions);
    lua_newtable(L); /* pkg.fields: array of { name=, text=, kind= } */
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++) {
        static const char *const kinds[] = {"word", "text", "bool", "list"};
        lua_createtable(L, 0, 3);
        push_name(L, row);
        lua_setfield(L, -2, "name");
        ml_lua_set_text(L, "text", ml_pkg_fields[row].name);
        ml_lua_set_text(L, "kind", kinds[ml_pkg_fields[row].value]);
        lua_rawseti(L, -2, (lua_Integer)row + 1);
    }
    lua_setfield(L, -2, "fields");
    lua_setfield(L, -2, "pkg");
}
