/* archive_index.c -- stage OPEN: the names of an archive, and in which members they are.
** takes an archive; gives names in a text, by number, and their table (archive_names.c), out of the
** index in the file, or out of the members' own symbol tables when the file has none. Numbers keep
** the order of the index; of equal names the first is found, as with ld.
** Spec: GNU binutils "Archive symbol table" (`/`, `/SYM64/`: big-endian); 4.4BSD ranlib(5)
** (`__.SYMDEF`); gABI ch. 4 "Symbol Table".
** SPDX-License-Identifier: MIT */
#include <libelf.h>

#include "object/archive_impl.h"
#include "object/kind.h"

enum { DEEPEST = 16 };     /* archives in archives */
enum { NAMES_SHARE = 64 }; /* how often over, on average, names may share the bytes of a table */

static ml_where place(const ml_archive *ar, const char *member)
{
    return (ml_where){.file = ar->path, .member = member};
}

/* What an index is made in. */
typedef struct list {
    ml_diag *d;
    ml_archive *ar;
    ml_ar_names *x; /* the archive's, empty at first */
    /* of an index that is made: */
    uint8_t *text;
    size_t ntext, text_room, at_room, header_room;
    ml_arena scratch;
} list;

static int too_large(list *l)
{
    return ml_fail(l->d, ML_E_UNSUPPORTED, place(l->ar, NULL), NULL, "the index is too large");
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

/* Makes room for count names; count has been checked against the size of the index. */
static bool reserve(list *l, uint64_t count, bool headers)
{
    ml_arena *a = &l->ar->arena;
    l->x->at = ml_nalloc(a, (size_t)count, sizeof *l->x->at);
    l->x->headers = headers ? ml_nalloc(a, (size_t)count, sizeof *l->x->headers) : NULL;
    return l->x->at && (l->x->headers || !headers);
}

/* count, count offsets of headers, count names one behind the other. */
static int read_gnu(list *l, ml_slice s, size_t width)
{
    if (s.n < width)
        return s.n == 0 ? 0 : damaged(l, "it has no room for its count");
    uint64_t count = big(s.p, width);
    if (count > (s.n - width) / width)
        return damaged(l, "its count is larger than the index");
    if (!reserve(l, count, false))
        return ml_nomem(l->d);
    l->x->width = (unsigned)width;
    size_t at = width + (size_t)count * width;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *name = s.p + at, *end = at < s.n ? memchr(name, 0, s.n - at) : NULL;
        if (!end)
            return damaged(l, "it has fewer names than members");
        l->x->at[l->x->n++] = (uint32_t)at;
        at += (size_t)(end - name) + 1;
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
    if (!reserve(l, pairs.n / (2 * width), true))
        return ml_nomem(l->d);
    for (size_t at = 0; pairs.n - at >= 2 * width; at += 2 * width) {
        const char *name = ml_slice_str(names, little(pairs.p + at, width));
        if (!name)
            return damaged(l, "a name lies outside it");
        used += strlen(name);
        if (used / NAMES_SHARE > names.n) /* no archiver does that; it would take for ever */
            return damaged(l, "its names overlap");
        l->x->at[l->x->n] = (uint32_t)((const uint8_t *)name - s.p);
        l->x->headers[l->x->n++] = little(pairs.p + at + width, width);
    }
    return 0;
}

/* A large GNU index in a file, by a small window. 1: it was not possible. */
static int stream_gnu(list *l, size_t width)
{
    const ml_ar_head *h = &l->ar->armap;
    uint8_t number[8];
    if (l->ar->bytes.p || h->size <= ML_AR_SMALL)
        return 1;
    int r = ml_archive_fetch_to(l->d, l->ar, h->data, number, width);
    uint64_t count = r == 0 ? big(number, width) : 0;
    if (r < 0 || count > (h->size - width) / width)
        return r < 0 ? r : 1;
    if (!reserve(l, count, false))
        return ml_nomem(l->d);
    l->x->width = (unsigned)width;
    return ml_ar_names_stream(l->d, l->ar, (uint32_t)count, width + count * width, &l->scratch);
}

/* The index in memory; *stays: as long as the archive. Slurped bytes may go before it does: what is
** not large is copied out of them. */
static int whole_index(list *l, ml_slice *out, bool *stays)
{
    ml_archive *ar = l->ar;
    const ml_ar_head *h = &ar->armap;
    bool small = h->size <= ML_AR_SMALL;
    *stays = ar->owned || small;
    if (ar->kept.p) {
        *out = ar->kept;
        return 0;
    }
    int r = ml_archive_fetch(l->d, ar, h->data, h->size, small ? &ar->arena : &l->scratch, out);
    if (r < 0 || !small || ar->owned || !ar->bytes.p)
        return r;
    out->p = (const uint8_t *)ml_strndup(&ar->arena, (const char *)out->p, out->n);
    return out->p ? 0 : ml_nomem(l->d);
}

static int read_whole(list *l, bool gnu, size_t width)
{
    ml_slice s = {NULL, 0};
    bool stays;
    int r = whole_index(l, &s, &stays);
    if (r < 0)
        return r;
    l->x->n = 0;
    l->x->text.p = s.p;
    r = gnu ? read_gnu(l, s, width) : read_bsd(l, s, width);
    if (r == 0)
        r = ml_ar_names_table(l->d, l->ar);
    if (!stays)
        l->x->text.p = NULL;
    return r;
}

/* The index becomes the text. */
static int read_index(list *l)
{
    const ml_ar_head *h = &l->ar->armap;
    if (h->size >= INT32_MAX)
        return too_large(l);
    bool wide = h->role == ML_AR_GNU64 || h->role == ML_AR_BSD64;
    bool gnu = h->role == ML_AR_GNU32 || h->role == ML_AR_GNU64;
    size_t width = wide ? 8 : 4;
    l->x->text.n = (size_t)h->size;
    l->x->text_at = h->data;
    int r = gnu ? stream_gnu(l, width) : 1;
    return r == 1 ? read_whole(l, gnu, width) : r;
}

/* ---- an index made from the members ---- */

/* Appends a name. */
static int add(list *l, const char *name, size_t len, uint64_t header)
{
    ml_ar_names *x = l->x;
    if (len >= INT32_MAX || l->ntext + len >= INT32_MAX)
        return too_large(l);
    while (l->text_room - l->ntext <= len) /* text grows by doubling, at least once */
        if (!ML_ARENA_ROOM(&l->scratch, l->text, l->text_room, l->text_room))
            return ml_nomem(l->d);
    if (!ML_ARENA_ROOM(&l->scratch, x->at, x->n, l->at_room) ||
        !ML_ARENA_ROOM(&l->scratch, x->headers, x->n, l->header_room))
        return ml_nomem(l->d);
    x->at[x->n] = (uint32_t)l->ntext;
    x->headers[x->n++] = header;
    memcpy(l->text + l->ntext, name, len + 1);
    l->ntext += len + 1;
    return 0;
}

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
        int r = len ? add(o->l, name, len, o->header) : 0;
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

/* Copies what was appended to where the archive keeps it. */
static bool keep(list *l)
{
    ml_ar_names *x = l->x;
    uint8_t *text = ml_nalloc(&l->ar->arena, l->ntext, 1);
    const uint32_t *at = x->at;
    const uint64_t *headers = x->headers;
    if (!text || !reserve(l, x->n, true))
        return false;
    if (x->n) {
        memcpy(text, l->text, l->ntext);
        memcpy(x->at, at, x->n * sizeof *at);
        memcpy(x->headers, headers, x->n * sizeof *headers);
    }
    x->text = (ml_slice){text, l->ntext};
    return true;
}

static int make_index(list *l)
{
    int r = add_members(l, l->ar, 0, 0);
    if (r == 0 && !keep(l))
        r = ml_nomem(l->d);
    return r == 0 ? ml_ar_names_table(l->d, l->ar) : r;
}

int ml_archive_index(ml_diag *d, ml_archive *ar)
{
    if (ar->indexed)
        return 0;
    list l = {.d = d, .ar = ar, .x = &ar->index, .scratch = {.bulk = &ml_os_bulk}};
    ar->index = (ml_ar_names){0};
    int r = ar->armap.role == ML_AR_MEMBER ? make_index(&l) : read_index(&l);
    ml_arena_free(&l.scratch);
    ar->indexed = r == 0;
    return r;
}
