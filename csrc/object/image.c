/* image.c -- stage PARSE: bytes of an ET_REL file -> const ml_image.
** Every number of the header and the section headers is checked here before it is used. libelf is
** not asked: it makes a record of some 300 bytes for each section, which for 100,000 of them takes
** longer than all the rest.
** Spec: gABI chapter 4.
** SPDX-License-Identifier: MIT */
#include "object/image.h"

#include <elf.h>

#include "object/crel.h"

enum { ALIGN_MAX = 2 << 20 };

/* What the parser carries along. */
typedef struct parser {
    ml_diag *d;
    ml_arena *a;
    ml_image *img;
    const uint8_t *head; /* the ELF header */
    ml_slice bytes;      /* of the file from number `early` on */
    uint64_t early;
    uint32_t symtab, xindex, lto; /* section indexes, 0: none */
    uint32_t nrels, ngroups;      /* sections with relocations, of groups */
} parser;

/* Header of section i < nsections. */
static inline __attribute__((always_inline)) ml_shdr header(const parser *p, uint32_t i)
{
    return ml_headers_at(&p->img->headers, i);
}

static int bad(const parser *p, ml_code code, const char *section, const char *text,
               uint64_t number)
{
    ml_where at = {.file = p->img->file, .member = p->img->member, .section = section};
    return ml_fail(p->d, code, at,
                   code == ML_E_TRUNCATED ? "the file was cut off; build it again" : NULL,
                   "%s (%llu)", text, (unsigned long long)number);
}

/* Once read_sections has checked it. */
static const char *section_name(const parser *p, uint32_t i)
{
    return ml_image_section(p->img, i).name;
}

/* Bytes of a section as the file has them. */
static inline bool raw_of(const parser *p, const ml_shdr h, ml_slice *out)
{
    if (h.type == SHT_NOBITS) {
        *out = (ml_slice){NULL, 0};
        return true;
    }
    if (h.offset >= p->early)
        return ml_slice_sub(p->bytes, h.offset - p->early, h.size, out);
    *out = (ml_slice){p->bytes.p, 0};
    return h.size == 0;
}

static bool raw(const parser *p, uint32_t i, ml_slice *out)
{
    return raw_of(p, header(p, i), out);
}

/* A section as a table of records of `entry` bytes. */
static int table(const parser *p, uint32_t i, size_t entry, ml_slice *out)
{
    if (!raw(p, i, out))
        return bad(p, ML_E_TRUNCATED, section_name(p, i),
                   "section goes past the end of the file; its offset is", header(p, i).offset);
    if (out->n % entry)
        return bad(p, ML_E_FORMAT, section_name(p, i),
                   "section size is no multiple of its record size", out->n);
    return 0;
}

static inline void note_role(parser *p, uint32_t i, ml_role role)
{
    if (role == ML_ROLE_NONE)
        return;
    p->img->role[i] = (uint8_t)role;
    p->img->roles |= 1u << role;
    p->nrels += role == ML_ROLE_RELOCATIONS;
    p->ngroups += role == ML_ROLE_GROUP;
    if (role == ML_ROLE_LTO && !p->lto)
        p->lto = i;
}

/* Notes what is told by a section's type, or else by its name. */
static int note_type(parser *p, uint32_t i, uint32_t type, const char *name)
{
    switch (type) {
    case SHT_SYMTAB:
        if (p->symtab)
            return bad(p, ML_E_FORMAT, name, "second symbol table; section", i);
        p->symtab = i;
        break;
    case SHT_SYMTAB_SHNDX: p->xindex = i; break;
    default: break;
    }
    ml_role role = ml_role_by_type(type);
    note_role(p, i, role ? role : ml_role_of_name(name));
    return 0;
}

/* Notes a section that has SHF_ALLOC. */
static inline void note_memory(ml_image *img, uint64_t flags, const char *name)
{
    img->nmemory++;
    img->flags |= flags;
    if (name[0] != '.' && name[0])
        img->idents = true;
}

/* What is wrong with a header, but for its name: NULL: nothing. */
static inline const char *fault_of(const parser *p, const ml_shdr h, ml_code *code,
                                   uint64_t *number)
{
    *code = ML_E_FORMAT;
    *number = h.align;
    if (h.align & (h.align - 1))
        return "alignment is no power of two";
    if (!(h.flags & SHF_ALLOC))
        return NULL;
    if (h.align > ALIGN_MAX) {
        *code = ML_E_UNSUPPORTED;
        return "alignment above 2 MiB";
    }
    *number = h.flags;
    if (h.flags & SHF_COMPRESSED)
        return "a section with memory must not be compressed; flags";
    if (h.type == SHT_NOBITS) {
        *number = h.size;
        return (h.flags & SHF_EXECINSTR) && h.size
                   ? "code without bytes, as in a file of debug information; size"
                   : NULL;
    }
    *number = h.offset;
    if (!ml_within(p->early + p->bytes.n, h.offset, h.size)) {
        *code = ML_E_TRUNCATED;
        return "section goes past the end of the file; its offset is";
    }
    if (h.offset < p->early && !ml_within(p->early, h.offset, h.size))
        return "section lies across others; its offset is";
    return NULL;
}

/* ended: the last of the names ends, and so all do. */
static inline int read_section(parser *p, uint32_t i, bool ended)
{
    ml_code code;
    uint64_t number;
    const ml_shdr h = header(p, i);
    const ml_slice names = p->img->names;
    if (h.name >= names.n || !(ended || ml_slice_str(names, h.name)))
        return bad(p, ML_E_FORMAT, NULL, "section name lies outside the section names; section", i);
    const char *name = (const char *)names.p + h.name;
    const char *fault = fault_of(p, h, &code, &number);
    if (fault)
        return bad(p, code, name, fault, number);
    if (h.flags & SHF_ALLOC)
        note_memory(p->img, h.flags, name);
    return note_type(p, i, h.type, name);
}

/* Would read_section have nothing to say of any section of the kind but its name and role? It would
** not if nothing is wrong with one that takes up all of their places. */
static bool is_sound(const parser *p, const ml_header_kind *k)
{
    ml_code code;
    uint64_t number, offset = k->first < k->end ? k->first : k->end;
    const ml_shdr h = {.type = k->type,
                       .flags = k->flags,
                       .align = k->align,
                       .offset = offset,
                       .size = k->end - offset};
    return k->type != SHT_SYMTAB && k->type != SHT_SYMTAB_SHNDX && !fault_of(p, h, &code, &number);
}

/* The same for headers in short: all but names is looked at by kind. */
static int read_short(parser *p, bool ended)
{
    enum { ONE_BY_ONE = UINT8_MAX };
    ml_image *img = p->img;
    const ml_headers all = img->headers;
    const ml_slice names = img->names;
    uint8_t *by_kind = ml_nalloc(p->a, all.nkinds, 1); /* ml_role */
    if (!by_kind)
        return ml_nomem(p->d);
    for (uint32_t i = 0; i < all.nkinds; i++) {
        const ml_header_kind *k = &all.kinds[i];
        by_kind[i] = ended && is_sound(p, k) ? (uint8_t)ml_role_by_type(k->type) : ONE_BY_ONE;
    }
    for (uint32_t i = 1; i < all.n; i++) {
        const ml_header_short *s = &all.v[i];
        uint8_t role = by_kind[s->kind];
        if (role == ONE_BY_ONE || s->name >= names.n) {
            int rc = read_section(p, i, ended);
            if (rc < 0)
                return rc;
            continue;
        }
        const char *name = (const char *)names.p + s->name;
        const uint64_t flags = all.kinds[s->kind].flags;
        note_role(p, i, role ? (ml_role)role : ml_role_of_name(name));
        if (flags & SHF_ALLOC)
            note_memory(img, flags, name);
    }
    return 0;
}

static int read_sections(parser *p)
{
    ml_image *img = p->img;
    uint32_t names = img->headers.names;
    img->nsections = img->headers.n;
    img->role = ml_zalloc(p->a, img->nsections, sizeof *img->role);
    if (!img->role)
        return ml_nomem(p->d);
    if (names >= img->nsections || (names && !raw(p, names, &img->names)))
        return bad(p, ML_E_FORMAT, NULL, "section names lie outside the file; section", names);
    bool ended = img->names.n && img->names.p[img->names.n - 1] == 0;
    if (!img->headers.raw)
        return read_short(p, ended);
    for (uint32_t i = 1; i < img->nsections; i++) {
        int rc = read_section(p, i, ended);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int bad_symbol(const parser *p, const char *text, uint64_t number)
{
    return bad(p, ML_E_FORMAT, section_name(p, p->symtab), text, number);
}

/* Checks a symbol whose section is none of the first 65,280. */
static int check_index(const parser *p, uint32_t i, uint32_t shndx, uint64_t value)
{
    const ml_image *img = p->img;
    switch (shndx) {
    case SHN_XINDEX:
        if (!img->xindex.p)
            return bad_symbol(p, "symbol needs a section index table that is not there; symbol", i);
        if (ml_get32(img->xindex.p + (size_t)i * 4) >= img->nsections)
            return bad_symbol(p, "symbol lies in a section that does not exist; symbol", i);
        return 0;
    case SHN_ABS: return 0;
    case SHN_COMMON:
    case ML_SHN_LCOMMON:
        if ((value & (value - 1)) || value > ALIGN_MAX)
            return bad_symbol(p, "common symbol with a bad alignment; symbol", i);
        return 0;
    default:
        return bad(p, ML_E_UNSUPPORTED, section_name(p, p->symtab),
                   "symbol with a reserved section index", shndx);
    }
}

/* Checks symbols `from` to `to`, which are all local or all not, against everything that they point
** at. */
static int check_symbols(const parser *p, uint32_t from, uint32_t to, bool local)
{
    const ml_image *img = p->img;
    const size_t strings = img->strtab.n;
    const uint32_t nsections = img->nsections;
    const uint8_t *s = img->symtab.p + (size_t)from * ML_ST_ALL;
    for (uint32_t i = from; i < to; i++, s += ML_ST_ALL) {
        if (ml_get32(s + ML_ST_NAME) >= strings)
            return bad_symbol(p, "symbol name lies outside the string table; symbol", i);
        const uint32_t shndx = ml_get16(s + ML_ST_SHNDX);
        if (shndx >= SHN_LORESERVE) {
            int rc = check_index(p, i, shndx, ml_get64(s + ML_ST_VALUE));
            if (rc < 0)
                return rc;
        } else if (shndx >= nsections) {
            return bad_symbol(p, "symbol lies in a section that does not exist; symbol", i);
        }
        if ((ELF64_ST_BIND(s[ML_ST_INFO]) == STB_LOCAL) != local)
            return bad_symbol(p, "local and global symbols are mixed; symbol", i);
    }
    return 0;
}

static int read_symbols(parser *p)
{
    ml_image *img = p->img;
    static const uint8_t nothing[ML_ST_ALL + 1];
    img->symtab = (ml_slice){nothing, ML_ST_ALL};
    img->strtab = (ml_slice){nothing, 1};
    img->nsymbols = img->first_global = 1;
    if (!p->symtab)
        return 0;
    const ml_shdr h = header(p, p->symtab);
    int rc = table(p, p->symtab, ML_ST_ALL, &img->symtab);
    if (rc < 0)
        return rc;
    if (h.link == 0 || h.link >= img->nsections || !raw(p, h.link, &img->strtab))
        return bad_symbol(p, "string table lies outside the file; section", h.link);
    if (img->strtab.n == 0 || img->strtab.p[img->strtab.n - 1] != 0)
        return bad(p, ML_E_FORMAT, section_name(p, h.link),
                   "string table does not end in a zero byte; size", img->strtab.n);
    if (img->symtab.n / ML_ST_ALL >= UINT32_MAX)
        return bad(p, ML_E_UNSUPPORTED, section_name(p, p->symtab), "too many symbols",
                   img->symtab.n / ML_ST_ALL);
    img->nsymbols = (uint32_t)(img->symtab.n / ML_ST_ALL);
    img->first_global = h.info;
    if (img->nsymbols == 0 || h.info == 0 || h.info > img->nsymbols)
        return bad_symbol(p, "number of local symbols is wrong", h.info);
    if (p->xindex) {
        rc = table(p, p->xindex, 4, &img->xindex);
        if (rc < 0)
            return rc;
        if (img->xindex.n / 4 < img->nsymbols)
            return bad(p, ML_E_FORMAT, section_name(p, p->xindex),
                       "section index table is shorter than the symbol table", img->xindex.n / 4);
    }
    rc = check_symbols(p, 0, img->first_global,
                       true); /* a relocation may refer to the null symbol */
    return rc < 0 ? rc : check_symbols(p, img->first_global, img->nsymbols, false);
}

/* Compact relocations of section i, decoded. */
static int read_crel(const parser *p, uint32_t i, bool *rela, ml_slice *out)
{
    ml_slice bytes;
    const char *why;
    uint64_t record;
    int rc = table(p, i, 1, &bytes);
    if (rc < 0 || ml_crel_decode(p->a, bytes, out, rela, &why, &record))
        return rc;
    return why ? bad(p, ML_E_FORMAT, section_name(p, i), why, record) : ml_nomem(p->d);
}

static inline int check_rels(const parser *p, uint32_t i, const ml_irels *r)
{
    const size_t size = r->rela ? ML_RELA_ALL : ML_REL_ALL;
    const uint32_t nsymbols = p->img->nsymbols;
    const uint8_t *end = r->p + r->count * size;
    for (const uint8_t *q = r->p; q < end; q += size) {
        if (ml_get32(q + ML_REL_SYMBOL) >= nsymbols)
            return bad(p, ML_E_FORMAT, section_name(p, i),
                       "relocation against a symbol that does not exist; symbol",
                       ml_get32(q + ML_REL_SYMBOL));
        if (ml_get64(q + ML_REL_OFFSET) > r->size)
            return bad(p, ML_E_FORMAT, section_name(p, i),
                       "relocation past the end of its section; offset",
                       ml_get64(q + ML_REL_OFFSET));
    }
    return 0;
}

/* Section i, whose header is h, holds relocations of one that will have memory, of `size` bytes. */
static inline int read_rels(parser *p, uint32_t i, const ml_shdr h, uint64_t size, ml_irels *r)
{
    ml_slice records;
    bool rela = h.type == SHT_RELA;
    int rc = h.type == ML_SHT_CREL ? read_crel(p, i, &rela, &records) : 0;
    if (rc == 0 && h.type != ML_SHT_CREL && !raw_of(p, h, &records))
        rc = table(p, i, 1, &records); /* says what is wrong */
    if (rc < 0)
        return rc;
    const size_t n = rela ? records.n / ML_RELA_ALL : records.n / ML_REL_ALL;
    if (n * (rela ? ML_RELA_ALL : ML_REL_ALL) != records.n)
        return table(p, i, rela ? ML_RELA_ALL : ML_REL_ALL, &records);
    if (h.link != p->symtab)
        return bad(p, ML_E_FORMAT, section_name(p, i),
                   "relocations that use no symbol table of this file; section", h.link);
    if (n > INT32_MAX)
        return bad(p, ML_E_UNSUPPORTED, section_name(p, i), "too many relocations", n);
    *r = (ml_irels){
        .p = records.p, .size = size, .target = h.info, .count = n & INT32_MAX, .rela = rela};
    return check_rels(p, i, r);
}

static int read_relocations(parser *p)
{
    ml_image *img = p->img;
    const ml_headers all = img->headers;
    const uint8_t *role = img->role;
    ml_irels *r = img->rels = ml_nalloc(p->a, p->nrels, sizeof *img->rels);
    if (!r)
        return ml_nomem(p->d);
    for (uint32_t i = 1; i < all.n; i++) {
        if (role[i] != ML_ROLE_RELOCATIONS)
            continue;
        const ml_shdr h = ml_headers_at(&all, i);
        if (h.info >= all.n)
            return bad(p, ML_E_FORMAT, section_name(p, i),
                       "relocations for a section that does not exist; section", h.info);
        const ml_shdr target = ml_headers_at(&all, h.info);
        if (h.info == 0 || !(target.flags & SHF_ALLOC))
            continue;
        int rc = read_rels(p, i, h, target.size, r);
        if (rc < 0)
            return rc;
        r++;
    }
    img->nrels = (uint32_t)(r - img->rels);
    return 0;
}

static int read_group(parser *p, uint32_t i, ml_igroup *g)
{
    const ml_shdr h = header(p, i);
    ml_image *img = p->img;
    ml_slice words = {NULL, 0};
    int rc = table(p, i, 4, &words);
    if (rc < 0)
        return rc;
    if (words.n < 4)
        return bad(p, ML_E_FORMAT, section_name(p, i), "section group without flags; section", i);
    if (h.link != p->symtab || h.info >= img->nsymbols)
        return bad(p, ML_E_FORMAT, section_name(p, i),
                   "section group whose signature is no symbol of this file; symbol", h.info);
    g->comdat = ml_get32(words.p) & GRP_COMDAT;
    g->signature = ml_image_symbol_name(img, h.info);
    g->members = words.p + 4;
    g->count = (uint32_t)(words.n / 4 - 1);
    for (uint32_t k = 0; k < g->count; k++) {
        uint32_t member = ml_get32(g->members + (size_t)k * 4);
        if (member == 0 || member >= img->nsections)
            return bad(p, ML_E_FORMAT, section_name(p, i),
                       "section group with a member that does not exist; section", member);
        img->group[member] = img->ngroups + 1;
    }
    return 0;
}

static int read_groups(parser *p)
{
    ml_image *img = p->img;
    if (p->ngroups == 0)
        return 0;
    img->groups = ml_zalloc(p->a, p->ngroups, sizeof *img->groups);
    img->group = ml_zalloc(p->a, img->nsections, sizeof *img->group);
    if (!img->groups || !img->group)
        return ml_nomem(p->d);
    for (uint32_t i = 1; i < img->nsections; i++) {
        if (img->role[i] != ML_ROLE_GROUP)
            continue;
        int rc = read_group(p, i, &img->groups[img->ngroups]);
        if (rc < 0)
            return rc;
        img->ngroups++;
    }
    return 0;
}

/* GCC's own header of an LTO section: two 16-bit versions, then a byte that is 1 when the object
** holds no machine code (gcc/lto-streamer.h, struct lto_section). */
static int refuse_slim_lto(const parser *p)
{
    ml_slice s;
    if (!p->lto || !raw(p, p->lto, &s) || s.n < 5 || s.p[4] == 0)
        return 0;
    return ml_fail(p->d, ML_E_KIND, (ml_where){.file = p->img->file, .member = p->img->member},
                   "compile with -ffat-lto-objects, or without -flto; or make code of it: gcc -r "
                   "-flinker-output=nolto-rel -nostdlib FILE -o NEW.o",
                   "GCC LTO object without machine code");
}

/* The section headers of a file that is in memory; with more than 65,279 of them, the first one
** says how many, and where their names are. check_header has seen that they lie in the file. */
static int find_headers(parser *p)
{
    static const uint8_t nothing[ML_SH_ALL];
    const uint8_t *e = p->head;
    uint64_t off = ml_get64(e + ML_EH_SHOFF);
    const uint8_t *first = off ? p->bytes.p + off : nothing;
    uint64_t count = off ? ml_headers_count(e, first) : 0;
    if (count > UINT32_MAX - 0x10000)
        return bad(p, ML_E_UNSUPPORTED, NULL, "too many sections", count);
    p->img->headers = (ml_headers){.raw = first,
                                   .n = count ? (uint32_t)count : 1,
                                   .names = off ? ml_headers_names(e, first) : 0};
    return 0;
}

static int parse(parser *p)
{
    int rc = read_sections(p);
    if (rc == 0)
        rc = refuse_slim_lto(p);
    if (rc == 0)
        rc = read_symbols(p);
    if (rc == 0)
        rc = read_relocations(p);
    return rc == 0 ? read_groups(p) : rc;
}

/* The section header table lies in the file; libelf's own message would not say where it ends. */
static int check_header(const parser *p)
{
    const uint8_t *e = p->head;
    uint64_t off = ml_get64(e + ML_EH_SHOFF), n = ml_get16(e + ML_EH_SHNUM), size = p->img->bytes;
    if (off && ml_get16(e + ML_EH_SHENTSIZE) != ML_SH_ALL)
        return bad(p, ML_E_FORMAT, NULL, "section headers of a wrong size",
                   ml_get16(e + ML_EH_SHENTSIZE));
    if (off && !ml_within(size, off, (n ? n : 1) * ML_SH_ALL))
        return ml_fail(
            p->d, ML_E_TRUNCATED, (ml_where){.file = p->img->file, .member = p->img->member},
            "the file was cut off; build it again",
            "truncated: section header table ends at %llu, file has %llu bytes",
            (unsigned long long)(off + (n ? n : 1) * ML_SH_ALL), (unsigned long long)size);
    if (off && n == 0) {
        uint64_t many = ml_get64(p->bytes.p + off + ML_SH_SIZE);
        if (many > size / ML_SH_ALL || !ml_within(size, off, many * ML_SH_ALL))
            return bad(p, ML_E_TRUNCATED, NULL,
                       "section header table goes past the end of the file; sections", many);
    }
    return 0;
}

/* what: file, member, machine, early and raw are set. */
static int parse_image(ml_diag *d, ml_arena *a, ml_image what, ml_slice head, const ml_image **out)
{
    what.bytes = what.early ? what.early->file.id.size : what.raw.n;
    ml_kind kind = ml_kind_of(head, what.bytes);
    if (kind == ML_KIND_OBJECT && head.n < ML_EH_ALL)
        return ml_fail(d, ML_E_TRUNCATED, (ml_where){.file = what.file, .member = what.member},
                       NULL, "truncated: the ELF header has 64 bytes, the file %llu",
                       (unsigned long long)what.bytes);
    if (kind != ML_KIND_OBJECT || ml_get16(head.p + ML_EH_MACHINE) != what.machine)
        return ml_kind_refuse(d, what.file, what.member, kind, head, what.machine);
    ml_image *img = ml_alloc(a, sizeof *img);
    if (!img)
        return ml_nomem(d);
    *img = what;
    parser p = {.d = d, .a = a, .img = img, .head = head.p, .bytes = img->raw};
    int rc = 0;
    if (img->early) {
        p.early = img->early->size;
        img->headers = img->early->headers;
    } else {
        rc = check_header(&p);
        if (rc == 0)
            rc = find_headers(&p);
    }
    if (rc == 0)
        rc = parse(&p);
    if (rc == 0)
        *out = img;
    return rc;
}

int ml_image_parse(ml_diag *d, ml_arena *a, const char *file, const char *member, ml_slice bytes,
                   uint16_t machine, const ml_image **out)
{
    ml_image what = {.file = file, .member = member, .machine = machine, .raw = bytes};
    return parse_image(d, a, what, bytes, out);
}

int ml_image_parse_apart(ml_diag *d, ml_arena *a, const char *file, ml_slice head,
                         const ml_early *early, ml_slice rest, uint16_t machine,
                         const ml_image **out)
{
    ml_image what = {.file = file, .machine = machine, .early = early, .raw = rest};
    return parse_image(d, a, what, head, out);
}

const char *ml_image_symbol_name(const ml_image *img, uint32_t i)
{
    ml_isym s = ml_image_symbol(img, i);
    if (s.name[0] == 0 && s.type == ML_TYPE_SECTION && s.section < img->nsections)
        return ml_image_section(img, s.section).name;
    return s.name;
}

const char *ml_image_function_at(const ml_image *img, uint32_t section, uint64_t offset,
                                 uint64_t *start)
{
    const char *name = NULL;
    *start = 0;
    for (uint32_t i = 1; i < img->nsymbols; i++) {
        ml_isym s = ml_image_symbol(img, i);
        if (s.section != section || (s.type != ML_TYPE_FUNC && s.type != ML_TYPE_IFUNC))
            continue;
        if (s.value <= offset && (!name || s.value >= *start)) {
            name = s.name;
            *start = s.value;
        }
    }
    return name;
}
