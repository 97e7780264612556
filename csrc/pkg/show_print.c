/* show_print.c -- pkg: databases of GHC 6.6 to 6.12: from packages to a Haskell list of records.
** takes packages; gives what `show` gave in that GHC, with every field of that record in the order
** of its declaration. 6.6 wrote one line, the later ones a line for each package.
** SPDX-License-Identifier: MIT */
#include "pkg/show.h"
#include "pkg/string.h"

typedef struct printer {
    ml_bytes *out;
    ml_pkg_infos *all;
    const ml_pkg_info *info;
    ml_pkg_shape shape;
    bool first; /* no field of this record was written yet */
} printer;

static void warn(const printer *pr, const char *text, ml_slice what)
{
    enum { SHOWN = 200 }; /* bytes of each */
    ml_pkg_warning w = {.file = pr->info->file, .extra = true};
    const ml_pkg_value *v = pr->info->v;
    bool has_id = v[ML_PKG_ID].text.n > 0; /* else it is named by name and version */
    ml_slice id = v[has_id ? ML_PKG_ID : ML_PKG_NAME].text;
    ml_slice version = has_id ? (ml_slice){NULL, 0} : v[ML_PKG_VERSION].text;
    if (!ml_pkg_warn(pr->all, w, "%.*s%s%.*s: %s %.*s", id.n < SHOWN ? (int)id.n : SHOWN,
                     (const char *)id.p, version.n ? "-" : "",
                     version.n < SHOWN ? (int)version.n : SHOWN, (const char *)version.p, text,
                     what.n < SHOWN ? (int)what.n : SHOWN, (const char *)what.p))
        pr->out->failed = true;
}

static void key(printer *pr, const char *name)
{
    ml_bytes_text(pr->out, pr->first ? "" : ", ");
    ml_bytes_text(pr->out, name);
    ml_bytes_text(pr->out, " = ");
    pr->first = false;
}

/* 1.0 as Version {versionBranch = [1,0], versionTags = []} */
static void put_version(ml_bytes *out, ml_slice version)
{
    ml_bytes_text(out, "Version {versionBranch = [");
    for (size_t i = 0; i < version.n; i++)
        ml_bytes_char(out, version.p[i] == '.' ? ',' : (char)version.p[i]);
    ml_bytes_text(out, "], versionTags = []}");
}

static void put_identifier(const printer *pr, ml_slice name, ml_slice version)
{
    ml_bytes_text(pr->out, "PackageIdentifier {pkgName = ");
    ml_bytes_text(pr->out, pr->shape == ML_PKG_6_6 ? "" : "PackageName ");
    ml_string_write(pr->out, name);
    ml_bytes_text(pr->out, ", pkgVersion = ");
    put_version(pr->out, version);
    ml_bytes_char(pr->out, '}');
}

/* ---- ids ---- */

/* Bytes of s that are a version, 0 when it does not begin as one. */
static size_t version_length(ml_slice s)
{
    size_t i = 0, good = 0;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        good = i;
        if (i < s.n && s.p[i] == '.')
            i++;
    }
    return good;
}

/* NAME-VERSION, maybe with more behind it: the first word that is a version ends the name. */
static void split_id(ml_slice id, ml_slice *name, ml_slice *version, ml_slice *rest)
{
    *name = id;
    *version = *rest = (ml_slice){0};
    for (size_t i = 1; i < id.n; i++) {
        ml_slice tail = {id.p + i, id.n - i};
        size_t n = id.p[i - 1] == '-' ? version_length(tail) : 0;
        if (n && (n == tail.n || tail.p[n] == '-')) {
            *name = (ml_slice){id.p, i - 1};
            *version = (ml_slice){tail.p, n};
            *rest = (ml_slice){tail.p + n, tail.n - n};
            return;
        }
    }
}

static void put_dependency(const printer *pr, ml_slice id)
{
    if (pr->shape == ML_PKG_6_12) {
        ml_bytes_text(pr->out, "InstalledPackageId ");
        ml_string_write(pr->out, id);
        return;
    }
    ml_slice name, version, rest;
    split_id(id, &name, &version, &rest);
    if (rest.n || !version.n)
        warn(pr, "this shape names a dependency by name and version only, not by its id", id);
    put_identifier(pr, name, version);
}

/* ---- licences ---- */

typedef struct license_name {
    const char *spdx, *old;
    ml_pkg_shape since;
} license_name;

static const license_name license_names[] = {
    {"BSD-3-Clause", "BSD3", ML_PKG_6_6},
    {"BSD-4-Clause", "BSD4", ML_PKG_6_6},
    {"GPL-2.0-only", "GPL-2", ML_PKG_6_6},
    {"GPL-3.0-only", "GPL-3", ML_PKG_6_6},
    {"LGPL-2.1-only", "LGPL-2.1", ML_PKG_6_6},
    {"LGPL-3.0-only", "LGPL-3", ML_PKG_6_6},
    {"BSD3", "BSD3", ML_PKG_6_6},
    {"BSD4", "BSD4", ML_PKG_6_6},
    {"PublicDomain", "PublicDomain", ML_PKG_6_6},
    {"AllRightsReserved", "AllRightsReserved", ML_PKG_6_6},
    {"OtherLicense", "OtherLicense", ML_PKG_6_6},
    {"", "AllRightsReserved", ML_PKG_6_6},
    {"MIT", "MIT", ML_PKG_6_12},
};

/* GPL or LGPL, with a version or not; false when it is neither. */
static bool put_gpl(const printer *pr, ml_slice s)
{
    size_t n = ml_slice_starts(s, "LGPL") ? 4 : 3;
    if ((n == 3 && !ml_slice_starts(s, "GPL")) || (s.n > n && s.p[n] != '-'))
        return false;
    ml_slice version = {s.p + n + (s.n > n), s.n > n ? s.n - n - 1 : 0};
    if (version_length(version) != version.n || (s.n > n && !version.n))
        return false;
    ml_bytes_put(pr->out, s.p, n);
    if (pr->shape != ML_PKG_6_12) {
        if (version.n)
            warn(pr, "this shape has no version of the licence", s);
    } else if (version.n) {
        ml_bytes_text(pr->out, " (Just (");
        put_version(pr->out, version);
        ml_bytes_text(pr->out, "))");
    } else {
        ml_bytes_text(pr->out, " Nothing");
    }
    return true;
}

static void put_license(const printer *pr, ml_slice s)
{
    for (size_t i = 0; i < sizeof license_names / sizeof *license_names; i++) {
        const license_name *l = &license_names[i];
        if (!ml_slice_is(s, l->spdx) || pr->shape < l->since)
            continue;
        ml_slice old = {(const uint8_t *)l->old, strlen(l->old)};
        if (!put_gpl(pr, old))
            ml_bytes_slice(pr->out, old);
        return;
    }
    if (put_gpl(pr, s))
        return;
    if (pr->shape == ML_PKG_6_6) {
        warn(pr, "this shape has no name for the licence", s);
        ml_bytes_text(pr->out, "OtherLicense");
        return;
    }
    ml_bytes_text(pr->out, "UnknownLicense ");
    ml_string_write(pr->out, s);
}

/* ---- records ---- */

static void put_list(const printer *pr, unsigned row)
{
    const ml_pkg_list *list = &pr->info->v[row].list;
    ml_bytes_char(pr->out, '[');
    size_t written = 0;
    for (size_t i = 0; i < list->n; i++) {
        ml_slice item = list->at[i];
        if (ml_pkg_fields[row].syntax == ML_PKG_SYNTAX_EXPORT && memchr(item.p, ' ', item.n)) {
            warn(pr, "this shape has no re-exports:", item);
            continue;
        }
        ml_bytes_text(pr->out, written++ ? "," : "");
        if (row == ML_PKG_DEPENDS)
            put_dependency(pr, item);
        else
            ml_string_write(pr->out, item);
    }
    ml_bytes_char(pr->out, ']');
}

static void put_row(printer *pr, unsigned row)
{
    const ml_pkg_value *v = &pr->info->v[row];
    key(pr, ml_pkg_fields[row].old);
    if (ml_pkg_fields[row].value == ML_PKG_LIST)
        put_list(pr, row);
    else if (ml_pkg_fields[row].value == ML_PKG_BOOL)
        ml_bytes_text(pr->out, v->yes ? "True" : "False");
    else if (row == ML_PKG_LICENSE)
        put_license(pr, v->text);
    else
        ml_string_write(pr->out, v->text);
}

/* What follows from other fields is not missed: public, the key that equals the id, an id of name
** and version. */
static bool follows(const ml_pkg_info *info, unsigned row)
{
    ml_slice id = info->v[ML_PKG_ID].text, s = info->v[row].text;
    if (row == ML_PKG_VISIBILITY || row == ML_PKG_PKGROOT || row == ML_PKG_NAME ||
        row == ML_PKG_VERSION)
        return true;
    if (row == ML_PKG_KEY)
        return ml_slice_equal(s, id);
    if (row != ML_PKG_ID)
        return false;
    ml_slice name = info->v[ML_PKG_NAME].text, version = info->v[ML_PKG_VERSION].text;
    ml_slice front, behind;
    if (!version.n)
        return ml_slice_equal(id, name);
    return ml_slice_sub(id, 0, name.n, &front) && ml_slice_equal(front, name) &&
           ml_slice_sub(id, name.n, id.n - name.n, &behind) && ml_slice_starts(behind, "-") &&
           ml_slice_equal((ml_slice){behind.p + 1, behind.n - 1}, version);
}

static void warn_lost(const printer *pr)
{
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++) {
        const ml_pkg_field_info *f = &ml_pkg_fields[row];
        const ml_pkg_value *v = &pr->info->v[row];
        bool there = f->value == ML_PKG_BOOL   ? v->yes
                     : f->value == ML_PKG_LIST ? v->list.n > 0
                                               : v->text.n > 0;
        bool kept = f->old && (row != ML_PKG_ID || pr->shape == ML_PKG_6_12);
        if (there && !kept && !follows(pr->info, row))
            warn(pr, "this shape has no field",
                 (ml_slice){(const uint8_t *)f->name, strlen(f->name)});
    }
    for (size_t i = 0; i < pr->info->extras; i++)
        warn(pr, "this shape has no field", pr->info->extra[i].name);
}

/* The id, or what it was before there were ids. */
static void put_id(const printer *pr)
{
    ml_slice id = pr->info->v[ML_PKG_ID].text, version = pr->info->v[ML_PKG_VERSION].text;
    if (id.n) {
        ml_string_write(pr->out, id);
        return;
    }
    ml_bytes_char(pr->out, '"'); /* of a name and a version nothing needs an escape */
    ml_bytes_slice(pr->out, pr->info->v[ML_PKG_NAME].text);
    ml_bytes_text(pr->out, version.n ? "-" : "");
    ml_bytes_slice(pr->out, version);
    ml_bytes_char(pr->out, '"');
}

static void put_record(printer *pr)
{
    ml_bytes_text(pr->out, "InstalledPackageInfo {");
    pr->first = true;
    const ml_pkg_info *info = pr->info;
    if (pr->shape == ML_PKG_6_12) {
        key(pr, "installedPackageId");
        ml_bytes_text(pr->out, "InstalledPackageId ");
        put_id(pr);
    }
    key(pr, pr->shape == ML_PKG_6_12 ? "sourcePackageId" : "package");
    put_identifier(pr, info->v[ML_PKG_NAME].text, info->v[ML_PKG_VERSION].text);
    for (unsigned row = 0; row < ML_PKG_FIELDS; row++) {
        if (row == ML_PKG_ID || row == ML_PKG_HUGS_OPTIONS || !ml_pkg_fields[row].old)
            continue;
        if (row == ML_PKG_CC_OPTIONS)
            put_row(pr, ML_PKG_HUGS_OPTIONS);
        put_row(pr, row);
    }
    ml_bytes_char(pr->out, '}');
    warn_lost(pr);
}

void ml_pkg_show_print(ml_bytes *out, ml_pkg_infos *all, ml_pkg_shape shape)
{
    printer pr = {.out = out, .all = all, .shape = shape};
    bool lines = shape != ML_PKG_6_6 || all->lines;
    ml_bytes_char(out, '[');
    for (size_t i = 0; i < all->n; i++) {
        if (i)
            ml_bytes_text(out, lines ? ",\n " : ",");
        pr.info = &all->at[i];
        put_record(&pr);
    }
    ml_bytes_text(out, lines ? "\n]" : "]");
}
