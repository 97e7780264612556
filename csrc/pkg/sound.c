/* sound.c -- pkg: finds the packages that need no closer look.
** takes a package, the ids there are, and the file system; gives true when all of this holds: name,
** id and key are as they should be, dependencies are there, each once, folders are there and
** absolute, modules are the package's own, each once and with an interface file, libraries are
** there. What is rare (re-exports, instances, odd names) is left to the rules.
** SPDX-License-Identifier: MIT */
#include "pkg/sound.h"

#include "base/hash.h"

enum { MOST = 512 }; /* items of a list that are compared each with each */

/* ---- ids ---- */

void ml_pkg_ids_free(ml_pkg_ids *ids)
{
    ml_arena_free(&ids->arena);
    *ids = (ml_pkg_ids){0};
}

static ml_slice *slot_of(const ml_pkg_ids *ids, ml_slice id)
{
    size_t at = ml_hash((const char *)id.p, id.n) & (ids->room - 1);
    while (ids->slots[at].n && !ml_slice_equal(ids->slots[at], id))
        at = (at + 1) & (ids->room - 1);
    return &ids->slots[at];
}

static bool make_room(ml_pkg_ids *ids, size_t n)
{
    size_t room = ids->room ? ids->room : 64;
    while (room / 2 < n) {
        if (room > SIZE_MAX / 2)
            return false;
        room *= 2;
    }
    if (room == ids->room)
        return true;
    ml_pkg_ids old = *ids;
    ids->slots = ml_zalloc(&ids->arena, room, sizeof *ids->slots);
    if (!ids->slots) {
        ids->slots = old.slots;
        return false;
    }
    ids->room = room;
    for (size_t i = 0; i < old.room; i++)
        if (old.slots[i].n)
            *slot_of(ids, old.slots[i]) = old.slots[i];
    return true;
}

bool ml_pkg_ids_add(ml_pkg_ids *ids, const ml_pkg_infos *all)
{
    if (!make_room(ids, ids->n + all->n))
        return false;
    for (size_t i = 0; i < all->n; i++) {
        ml_slice id = all->at[i].v[ML_PKG_ID].text;
        if (!id.n)
            continue;
        ml_slice *slot = slot_of(ids, id);
        ids->n += slot->n == 0;
        *slot = id;
    }
    return true;
}

bool ml_pkg_ids_has(const ml_pkg_ids *ids, ml_slice id)
{
    return id.n && ids->room && slot_of(ids, id)->n;
}

/* ---- questions about one field ---- */

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Words of letters and digits with dashes between them, each with a letter. Others may be good
** names, too. */
static bool is_plain_name(ml_slice name)
{
    bool letter = false;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        if (is_letter(c))
            letter = true;
        else if (c == '-' && letter)
            letter = false;
        else if (c < '0' || c > '9')
            return false;
    }
    return letter;
}

/* False also for lists that are too long to be compared so. */
static bool is_once(ml_pkg_list a, ml_pkg_list b)
{
    size_t n = a.n + b.n;
    if (a.n > MOST || b.n > MOST)
        return false;
    for (size_t i = 1; i < n; i++) {
        ml_slice x = i < a.n ? a.at[i] : b.at[i - a.n];
        for (size_t k = 0; k < i; k++)
            if (ml_slice_equal(x, k < a.n ? a.at[k] : b.at[k - a.n]))
                return false;
    }
    return true;
}

static bool are_there(ml_pkg_list l, const ml_pkg_ids *ids)
{
    for (size_t i = 0; i < l.n; i++)
        if (!ml_pkg_ids_has(ids, l.at[i]))
            return false;
    return true;
}

/* ---- paths ---- */

enum { LONGEST = 4096 };

/* A path without variables: the path itself, or made in buf. Nothing for one that is not absolute,
** or too long. */
static ml_slice absolute(const ml_pkg_sound_in *in, ml_slice path, uint8_t buf[LONGEST])
{
    static const char *const names[] = {"${pkgroot}", "$topdir"};
    const ml_slice roots[] = {in->pkgroot, in->topdir};
    if (path.n && path.p[0] == '/')
        return path;
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(names[i]);
        if (!ml_slice_starts(path, names[i]) || (path.n > n && path.p[n] != '/'))
            continue;
        size_t rest = path.n - n;
        if (!roots[i].n || roots[i].n > LONGEST || rest > LONGEST - roots[i].n)
            break;
        memcpy(buf, roots[i].p, roots[i].n);
        memcpy(buf + roots[i].n, path.p + n, rest);
        return (ml_slice){buf, roots[i].n + rest};
    }
    return (ml_slice){0};
}

static bool are_folders(const ml_pkg_sound_in *in, ml_pkg_list l)
{
    uint8_t buf[LONGEST];
    for (size_t i = 0; i < l.n; i++) {
        ml_slice path = absolute(in, l.at[i], buf);
        if (!path.n || ml_tree_kind(in->tree, path) != ML_FOLDER)
            return false;
    }
    return true;
}

static bool has_file(const ml_pkg_sound_in *in, ml_pkg_list folders, ml_tree_name name)
{
    uint8_t buf[LONGEST];
    for (size_t i = 0; i < folders.n; i++) {
        ml_slice path = absolute(in, folders.at[i], buf);
        if (path.n && ml_tree_has(in->tree, path, name))
            return true;
    }
    return false;
}

static bool is_own_module(ml_slice name)
{
    return name.n && !memchr(name.p, ' ', name.n);
}

static bool has_interface(const ml_pkg_sound_in *in, ml_pkg_list folders, ml_slice name)
{
    static const char *const behind[] = {".hi", ".p_hi", ".dyn_hi"};
    for (size_t e = 0; e < sizeof behind / sizeof *behind; e++) {
        ml_slice end = {(const uint8_t *)behind[e], strlen(behind[e])};
        if (has_file(in, folders, (ml_tree_name){{NULL, 0}, name, end, true}))
            return true;
    }
    return false;
}

static bool has_modules(const ml_pkg_sound_in *in, ml_pkg_list folders, ml_pkg_list modules)
{
    for (size_t i = 0; i < modules.n; i++) {
        ml_slice name = modules.at[i];
        if (!is_own_module(name))
            return false;
        if (!ml_slice_is(name, "GHC.Prim") && !has_interface(in, folders, name))
            return false;
    }
    return true;
}

static bool has_libraries(const ml_pkg_info *p, const ml_pkg_sound_in *in)
{
    ml_pkg_list names = p->v[ML_PKG_HS_LIBRARIES].list;
    for (size_t i = 0; i < names.n; i++) {
        bool found = false;
        for (int e = 0; e < in->n && !found; e++) {
            const ml_pkg_ending *end = &in->endings[e];
            ml_tree_name file = {end->before, names.at[i], end->behind, false};
            found = has_file(in, p->v[ML_PKG_LIBRARY_DIRS].list, file) ||
                    has_file(in, p->v[ML_PKG_DYNAMIC_LIBRARY_DIRS].list, file);
        }
        if (!found)
            return false;
    }
    return true;
}

static bool has_folders(const ml_pkg_info *p, const ml_pkg_sound_in *in)
{
    static const ml_pkg_field fields[] = {ML_PKG_IMPORT_DIRS, ML_PKG_LIBRARY_DIRS,
                                          ML_PKG_DYNAMIC_LIBRARY_DIRS, ML_PKG_INCLUDE_DIRS,
                                          ML_PKG_FRAMEWORK_DIRS};
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
        if (!are_folders(in, p->v[fields[f]].list))
            return false;
    return true;
}

static bool has_files(const ml_pkg_info *p, const ml_pkg_sound_in *in)
{
    ml_pkg_list folders = p->v[ML_PKG_IMPORT_DIRS].list;
    ml_pkg_list exposed = p->v[ML_PKG_EXPOSED_MODULES].list;
    ml_pkg_list hidden = p->v[ML_PKG_HIDDEN_MODULES].list;
    in->tree->eager = exposed.n + hidden.n >= 3; /* more questions than a listing costs */
    if (!is_once(exposed, hidden) || !has_modules(in, folders, exposed) ||
        !has_modules(in, folders, hidden))
        return false;
    in->tree->eager = false;
    return has_libraries(p, in);
}

bool ml_pkg_sound(const ml_pkg_info *p, const ml_pkg_sound_in *in)
{
    const ml_pkg_value *v = p->v;
    ml_pkg_list depends = v[ML_PKG_DEPENDS].list;
    return is_plain_name(v[ML_PKG_NAME].text) && v[ML_PKG_ID].text.n &&
           ml_slice_equal(v[ML_PKG_ID].text, v[ML_PKG_KEY].text) &&
           v[ML_PKG_INSTANTIATED_WITH].list.n == 0 && are_there(depends, in->ids) &&
           is_once(depends, (ml_pkg_list){NULL, 0}) && has_folders(p, in) && has_files(p, in);
}
