/* archive_index.c -- stage OPEN: which member of an archive defines a name.
** takes an archive; gives a hash table name -> member, made from the index in the file, or from the
** members' own symbol tables when the file has none. Entries keep the order of the index, and of
** equal names the first stays, as with ld.
** An index says where members are, but may lie: a member is handed out only when a header stands at
** its offset, which is looked at when the member is first found.
** Spec: GNU binutils "Archive symbol table" (`/`, `/SYM64/`: big-endian); 4.4BSD ranlib(5)
** (`__.SYMDEF`); gABI ch. 4 "Symbol Table".
** SPDX-License-Identifier: MIT */
#include <libelf.h>

#include "base/hash.h"
#include "object/archive_impl.h"
#include "object/kind.h"

enum { DEEPEST = 16 };     /* archives in archives */
enum { NAMES_SHARE = 64 }; /* how often over, on average, names may share the bytes of a table */

static ml_where place(const ml_archive *ar, const char *member)
{
    return (ml_where){.file = ar->path, .member = member};
}

/* ---- the list of entries, grown in the archive's arena ---- */

typedef struct list {
    ml_diag *d;
    ml_archive *ar;
    ml_ar_entry *entries;
    ml_ar_target *targets;
    size_t nentries, entry_room, ntargets, target_room;
} list;

/* Appends a name; names of one member that follow each other share a target. */
static int add(list *l, const char *name, size_t len, uint64_t header)
{
    ml_arena *a = &l->ar->arena;
    if (len >= UINT32_MAX || l->nentries >= INT32_MAX)
        return ml_fail(l->d, ML_E_UNSUPPORTED, place(l->ar, NULL), NULL, "the index is too large");
    if (l->ntargets == 0 || l->targets[l->ntargets - 1].header != header) {
        if (!ml_array_room(a, &l->targets, l->ntargets, &l->target_room, sizeof *l->targets))
            return ml_nomem(l->d);
        l->targets[l->ntargets++] = (ml_ar_target){.header = header};
    }
    if (!ml_array_room(a, &l->entries, l->nentries, &l->entry_room, sizeof *l->entries))
        return ml_nomem(l->d);
    l->entries[l->nentries++] = (ml_ar_entry){.name = name,
                                              .len = (uint32_t)len,
                                              .hash = ml_hash(name, len),
                                              .target = (uint32_t)(l->ntargets - 1)};
    return 0;
}

/* ---- the index in the file ---- */

static int damaged(list *l, const char *what)
{
    ml_where at = {.file = l->ar->path, .offset = l->ar->armap.data, .has_offset = true};
    return ml_fail(l->d, ML_E_FORMAT, at, "run ranlib on the archive",
                   "the index of the archive is damaged: %s", what);
}

static uint64_t big(const uint8_t *p, size_t width)
{
    return width == 8 ? ml_get64be(p) : ml_get32be(p);
}

static uint64_t little(const uint8_t *p, size_t width)
{
    return width == 8 ? ml_get64(p) : ml_get32(p);
}

/* Makes room for count names at once; count has been checked against the size of the index. */
static bool reserve(list *l, size_t count)
{
    l->entries = ml_nalloc(&l->ar->arena, count, sizeof *l->entries);
    l->entry_room = l->entries ? count : 0;
    return l->entries != NULL;
}

/* count, count offsets of headers, count names one behind the other. */
static int read_gnu(list *l, ml_slice s, size_t width)
{
    if (s.n < width)
        return s.n == 0 ? 0 : damaged(l, "it has no room for its count");
    uint64_t count = big(s.p, width);
    if (count > (s.n - width) / width)
        return damaged(l, "its count is larger than the index");
    if (!reserve(l, (size_t)count))
        return ml_nomem(l->d);
    const uint8_t *offsets = s.p + width;
    size_t at = width + (size_t)count * width;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *name = s.p + at, *end = memchr(name, 0, s.n - at);
        if (!end)
            return damaged(l, "it has fewer names than members");
        size_t len = (size_t)(end - name);
        int r = add(l, (const char *)name, len, big(offsets + i * width, width));
        if (r < 0)
            return r;
        at += len + 1;
    }
    return 0;
}

/* bytes of the table, pairs (offset of the name, offset of the header), bytes of names, names. */
static int read_bsd(list *l, ml_slice s, size_t width)
{
    if (s.n < width)
        return s.n == 0 ? 0 : damaged(l, "it has no room for its size");
    ml_slice pairs, names;
    uint64_t n = little(s.p, width), bytes = 0, used = 0;
    if (!ml_slice_sub(s, width, n, &pairs) || s.n - width - pairs.n < width)
        return damaged(l, "its table is larger than the index");
    bytes = little(pairs.p + pairs.n, width);
    if (!ml_slice_sub(s, 2 * width + pairs.n, bytes, &names))
        return damaged(l, "its names reach behind its end");
    for (size_t at = 0; pairs.n - at >= 2 * width; at += 2 * width) {
        const char *name = ml_slice_str(names, little(pairs.p + at, width));
        if (!name)
            return damaged(l, "a name lies outside it");
        size_t len = strlen(name);
        used += len;
        if (used / NAMES_SHARE > names.n) /* no archiver does that; it would take for ever */
            return damaged(l, "its names overlap");
        int r = add(l, name, len, little(pairs.p + at + width, width));
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_index(list *l)
{
    const ml_ar_head *h = &l->ar->armap;
    ml_slice s = {NULL, 0};
    /* Not out of slurped bytes: those may go before the archive does. */
    int r = ml_archive_fetch(l->d, l->ar, h->data, h->size, &l->ar->arena, &s);
    if (r == 0 && l->ar->bytes.p && !l->ar->owned) {
        const char *copy = ml_strndup(&l->ar->arena, (const char *)s.p, s.n);
        if (!copy)
            return ml_nomem(l->d);
        s.p = (const uint8_t *)copy;
    }
    if (r < 0)
        return r;
    size_t width = h->role == ML_AR_GNU64 || h->role == ML_AR_BSD64 ? 8 : 4;
    bool gnu = h->role == ML_AR_GNU32 || h->role == ML_AR_GNU64;
    return gnu ? read_gnu(l, s, width) : read_bsd(l, s, width);
}

/* ---- an index made from the members ---- */

/* A member while its symbols are read. */
typedef struct object {
    list *l;
    const char *member;
    uint64_t header; /* of the member of the outermost archive */
    ml_slice bytes;
    Elf *elf;
} object;

static int bad_object(const object *o, const char *what)
{
    return ml_fail(o->l->d, ML_E_FORMAT, place(o->l->ar, o->member),
                   "the archive has no index, so every member must be readable",
                   "no index can be made: %s", what);
}

/* The section header at idx, copied: libelf's may be at any address. False when it is not there. */
static bool section(const object *o, size_t idx, Elf64_Shdr *out)
{
    Elf_Scn *scn = elf_getscn(o->elf, idx);
    const void *p = scn ? elf64_getshdr(scn) : NULL;
    if (p)
        memcpy(out, p, sizeof *out);
    return p != NULL;
}

/* The name of the symbol at p when it is one that an index lists, else "". NULL: it has no name. */
static const char *defined(const uint8_t *p, ml_slice strings)
{
    unsigned bind = ELF64_ST_BIND(p[4]);
    if (bind != STB_GLOBAL && bind != STB_WEAK && bind != STB_GNU_UNIQUE)
        return "";
    if (ml_get16(p + 6) == SHN_UNDEF) /* COMMON is a definition as far as an archive is concerned */
        return "";
    return ml_slice_str(strings, ml_get32(p));
}

static int add_symbols(const object *o, const Elf64_Shdr *symtab)
{
    Elf64_Shdr strtab;
    ml_slice symbols, strings;
    if (!section(o, symtab->sh_link, &strtab) || strtab.sh_type != SHT_STRTAB ||
        !ml_slice_sub(o->bytes, strtab.sh_offset, strtab.sh_size, &strings) ||
        !ml_slice_sub(o->bytes, symtab->sh_offset, symtab->sh_size, &symbols))
        return bad_object(o, "its symbol table lies outside the file");
    uint64_t used = 0;
    for (size_t at = 0; symbols.n - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
        const char *name = defined(symbols.p + at, strings);
        if (!name)
            return bad_object(o, "a symbol's name lies outside the string table");
        size_t len = strlen(name);
        used += len;
        if (used / NAMES_SHARE > strings.n)
            return bad_object(o, "its symbols' names overlap");
        const char *copy = len ? ml_strndup(&o->l->ar->arena, name, len) : NULL;
        if (len && !copy)
            return ml_nomem(o->l->d);
        int r = copy ? add(o->l, copy, len, o->header) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_object(object *o)
{
    if (o->bytes.n < sizeof(Elf64_Ehdr))
        return bad_object(o, "it ends before its header does");
    elf_version(EV_CURRENT);
    /* libelf wants a pointer to non-const, but only writes when told to. */
    o->elf = elf_memory((char *)(uintptr_t)o->bytes.p, o->bytes.n);
    if (!o->elf || elf_kind(o->elf) != ELF_K_ELF) {
        elf_end(o->elf);
        return bad_object(o, "it is damaged");
    }
    int r = 0;
    size_t n = 0;
    const uint8_t *shoff = o->bytes.p + offsetof(Elf64_Ehdr, e_shoff);
    /* For headers that lie outside libelf says that there are none. */
    if (elf_getshdrnum(o->elf, &n) != 0 || (n == 0 && ml_get64(shoff) != 0))
        r = bad_object(o, "its section headers lie outside the file");
    for (size_t i = 1; r == 0 && i < n; i++) {
        Elf64_Shdr sh;
        if (!section(o, i, &sh))
            r = bad_object(o, "its section headers lie outside the file");
        else if (sh.sh_type == SHT_SYMTAB)
            r = add_symbols(o, &sh);
    }
    elf_end(o->elf);
    return r;
}

static int add_members(list *l, ml_archive *in, uint64_t header, int depth);

/* One member: an object gives its symbols, an archive those of its members, the rest nothing. */
static int add_member(list *l, ml_archive *in, const ml_member *m, uint64_t header, int depth)
{
    ml_arena scratch = {0};
    ml_slice bytes;
    int r = ml_archive_read(l->d, in, m, &scratch, &bytes);
    ml_kind k = r == 0 ? ml_kind_of(bytes, bytes.n) : ML_KIND_UNKNOWN;
    ml_archive *inner = NULL;
    if (k == ML_KIND_OBJECT) {
        object o = {.l = l, .member = m->name, .header = header, .bytes = bytes};
        r = add_object(&o);
    } else if (k == ML_KIND_ARCHIVE && depth == DEEPEST) {
        r = ml_fail(l->d, ML_E_UNSUPPORTED, place(in, m->name), NULL,
                    "archives in archives, more than %d deep", DEEPEST);
    } else if (k == ML_KIND_ARCHIVE) {
        const char *name = ml_format(&scratch, "%s(%s)", in->path, m->name);
        r = name ? ml_archive_open_bytes(l->d, name, bytes, &inner) : ml_nomem(l->d);
        if (r == 0)
            r = add_members(l, inner, header, depth + 1);
        ml_archive_close(inner);
    }
    ml_arena_free(&scratch);
    return r;
}

/* header: of the member of the outermost archive; 0 in the outermost archive itself. */
static int add_members(list *l, ml_archive *in, uint64_t header, int depth)
{
    uint64_t pos = 0;
    ml_member m;
    int r;
    while ((r = ml_archive_next(l->d, in, &pos, &m)) > 0) {
        r = add_member(l, in, &m, header ? header : m.header, depth);
        if (r < 0)
            return r;
    }
    return r;
}

/* ---- the table ---- */

static bool same(const ml_ar_entry *e, const char *name, size_t len, uint32_t hash)
{
    return e->hash == hash && e->len == len && memcmp(e->name, name, len) == 0;
}

/* The slot that holds the name, or the free one where it would stand. */
static size_t slot_of(const ml_archive *ar, const char *name, size_t len, uint32_t hash)
{
    size_t i = hash & ar->mask;
    while (ar->slots[i] && !same(&ar->entries[ar->slots[i] - 1], name, len, hash))
        i = (i + 1) & ar->mask;
    return i;
}

static int make_table(ml_diag *d, ml_archive *ar)
{
    size_t size = 16;
    while (size < 2 * ar->nentries)
        size *= 2;
    ar->slots = ml_zalloc(&ar->arena, size, sizeof *ar->slots);
    if (!ar->slots)
        return ml_nomem(d);
    ar->mask = size - 1;
    for (size_t n = 0; n < ar->nentries; n++) {
        const ml_ar_entry *e = &ar->entries[n];
        size_t i = slot_of(ar, e->name, e->len, e->hash);
        if (!ar->slots[i]) /* of equal names the first stays */
            ar->slots[i] = (uint32_t)(n + 1);
    }
    return 0;
}

int ml_archive_index(ml_diag *d, ml_archive *ar)
{
    if (ar->indexed)
        return 0;
    list l = {.d = d, .ar = ar};
    int r = ar->armap.role == ML_AR_MEMBER ? add_members(&l, ar, 0, 0) : read_index(&l);
    if (r < 0)
        return r;
    ar->entries = l.entries;
    ar->nentries = l.nentries;
    ar->targets = l.targets;
    ar->ntargets = l.ntargets;
    r = make_table(d, ar);
    ar->indexed = r == 0;
    return r;
}

/* Looks at the member of a target for the first time. When no header is there, the target is handed
** out with offset 0 and no path, for which ml_archive_read tells the reason. */
static void look(ml_archive *ar, ml_ar_target *t)
{
    ml_diag quiet;
    ml_diag_init(&quiet);
    if (ml_archive_member(&quiet, ar, t->header, &t->member) < 0)
        t->member = (ml_member){.name = "?", .header = t->header};
    ml_diag_free(&quiet);
}

bool ml_archive_find(const ml_archive *ar, const char *name, size_t len, uint32_t hash,
                     ml_member *out)
{
    if (!ar->indexed)
        return false;
    uint32_t slot = ar->slots[slot_of(ar, name, len, hash)];
    if (!slot)
        return false;
    ml_ar_target *t = &ar->targets[ar->entries[slot - 1].target];
    if (!t->member.name) /* an archive is never a const object: what is learnt is kept in it */
        look((ml_archive *)(uintptr_t)ar, t);
    *out = t->member;
    return true;
}

size_t ml_archive_names(const ml_archive *ar)
{
    return ar->indexed ? ar->nentries : 0;
}

const char *ml_archive_name(const ml_archive *ar, size_t i, uint64_t *header)
{
    const ml_ar_entry *e = &ar->entries[i];
    if (header)
        *header = ar->targets[e->target].header;
    return e->name;
}
