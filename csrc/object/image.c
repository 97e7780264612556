/* image.c -- stage PARSE: bytes of an ET_REL file -> const ml_image.
** Every number of the header and the section headers is checked here before it is used. They are
** read where they stand: libelf makes a record of some 300 bytes for each section, which for
** 100,000 of them takes longer than all the rest.
** Spec: gABI chapter 4.
** SPDX-License-Identifier: MIT */
#include "object/image.h"

#include <elf.h>

#include "object/crel.h"
#include "object/kind.h"

enum { HEADER_SIZE = 64, SYM_SIZE = 24, REL_SIZE = 16, RELA_SIZE = 24, ALIGN_MAX = 2 << 20 };

/* What the parser carries along. */
typedef struct parser {
    ml_diag *d;
    ml_arena *a;
    ml_image *img;
    ml_slice bytes;
    const uint8_t *headers;       /* the section header table */
    uint32_t symtab, xindex, lto; /* section indexes, 0: none */
    uint32_t names;               /* section index of the section names */
} parser;

/* Header of section i < nsections. */
static Elf64_Shdr header(const parser *p, uint32_t i)
{
    const uint8_t *h = p->headers + (size_t)i * HEADER_SIZE;
    return (Elf64_Shdr){
        .sh_name = ml_get32(h),
        .sh_type = ml_get32(h + 4),
        .sh_flags = ml_get64(h + 8),
        .sh_offset = ml_get64(h + 24),
        .sh_size = ml_get64(h + 32),
        .sh_link = ml_get32(h + 40),
        .sh_info = ml_get32(h + 44),
        .sh_addralign = ml_get64(h + 48),
        .sh_entsize = ml_get64(h + 56),
    };
}

static int bad(const parser *p, ml_code code, const char *section, const char *text,
               uint64_t number)
{
    ml_where at = {.file = p->img->file, .member = p->img->member, .section = section};
    return ml_fail(p->d, code, at,
                   code == ML_E_TRUNCATED ? "the file was cut off; build it again" : NULL,
                   "%s (%llu)", text, (unsigned long long)number);
}

static const char *section_name(const parser *p, uint32_t i)
{
    return p->img->sections[i].name;
}

/* Bytes of section i as the file has them. */
static bool raw(const parser *p, uint32_t i, ml_slice *out)
{
    const Elf64_Shdr h = header(p, i);
    if (h.sh_type == SHT_NOBITS) {
        *out = (ml_slice){NULL, 0};
        return true;
    }
    return ml_slice_sub(p->bytes, h.sh_offset, h.sh_size, out);
}

/* A section as a table of records of `entry` bytes. */
static int table(const parser *p, uint32_t i, size_t entry, ml_slice *out)
{
    if (!raw(p, i, out))
        return bad(p, ML_E_TRUNCATED, section_name(p, i),
                   "section goes past the end of the file; its offset is", header(p, i).sh_offset);
    if (out->n % entry)
        return bad(p, ML_E_FORMAT, section_name(p, i),
                   "section size is no multiple of its record size", out->n);
    return 0;
}

static int read_section(parser *p, uint32_t i, ml_slice names)
{
    const Elf64_Shdr h = header(p, i);
    ml_isec *s = &p->img->sections[i];
    s->name = ml_slice_str(names, h.sh_name);
    if (!s->name) {
        s->name = "";
        return bad(p, ML_E_FORMAT, NULL, "section name lies outside the section names; section", i);
    }
    s->flags = h.sh_flags;
    s->type = h.sh_type;
    s->size = h.sh_size;
    s->align = h.sh_addralign ? h.sh_addralign : 1;
    if (s->align & (s->align - 1))
        return bad(p, ML_E_FORMAT, s->name, "alignment is no power of two", s->align);
    if (s->align > ALIGN_MAX && (s->flags & SHF_ALLOC))
        return bad(p, ML_E_UNSUPPORTED, s->name, "alignment above 2 MiB", s->align);
    if (h.sh_type == SHT_SYMTAB) {
        if (p->symtab)
            return bad(p, ML_E_FORMAT, s->name, "second symbol table; section", i);
        p->symtab = i;
    } else if (h.sh_type == SHT_SYMTAB_SHNDX) {
        p->xindex = i;
    }
    s->role = ml_role_of(s->name, h.sh_type);
    p->img->roles |= 1u << s->role;
    if (!p->lto && s->role == ML_ROLE_LTO)
        p->lto = i;
    s->entsize = h.sh_entsize <= UINT32_MAX ? (uint32_t)h.sh_entsize : 0;
    if ((s->flags & SHF_LINK_ORDER) && h.sh_link < p->img->nsections)
        s->link = h.sh_link;
    if ((s->flags & SHF_ALLOC) && (s->flags & SHF_COMPRESSED))
        return bad(p, ML_E_FORMAT, s->name, "a section with memory must not be compressed; flags",
                   s->flags);
    if ((s->flags & SHF_ALLOC) && (s->flags & SHF_EXECINSTR) && s->type == SHT_NOBITS && s->size)
        return bad(p, ML_E_FORMAT, s->name,
                   "code without bytes, as in a file of debug information; size", s->size);
    if (!(s->flags & SHF_ALLOC) || s->type == SHT_NOBITS)
        return 0;
    if (!raw(p, i, &s->data))
        return bad(p, ML_E_TRUNCATED, s->name,
                   "section goes past the end of the file; its offset is", h.sh_offset);
    return 0;
}

static int read_sections(parser *p, size_t count)
{
    ml_image *img = p->img;
    img->sections = ml_zalloc(p->a, count, sizeof *img->sections);
    if (!img->sections)
        return ml_nomem(p->d);
    img->nsections = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        img->sections[i].name = "";
    img->sections[0].align = 1;
    ml_slice names = {NULL, 0};
    if (p->names >= count || (p->names && !raw(p, p->names, &names)))
        return bad(p, ML_E_FORMAT, NULL, "section names lie outside the file; section", p->names);
    for (uint32_t i = 1; i < count; i++) {
        int rc = read_section(p, i, names);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Checks one symbol against everything that it points at. */
static int check_symbol(const parser *p, uint32_t i)
{
    const ml_image *img = p->img;
    const uint8_t *s = img->symtab.p + (size_t)i * SYM_SIZE;
    if (ml_get32(s) >= img->strtab.n && ml_get32(s) != 0)
        return bad(p, ML_E_FORMAT, section_name(p, p->symtab),
                   "symbol name lies outside the string table; symbol", i);
    uint32_t shndx = ml_get16(s + 6);
    if (shndx == SHN_XINDEX) {
        if (!img->xindex.p)
            return bad(p, ML_E_FORMAT, section_name(p, p->symtab),
                       "symbol needs a section index table that is not there; symbol", i);
        shndx = ml_get32(img->xindex.p + (size_t)i * 4);
        if (shndx >= img->nsections)
            return bad(p, ML_E_FORMAT, section_name(p, p->symtab),
                       "symbol lies in a section that does not exist; symbol", i);
    } else if (shndx >= SHN_LORESERVE) {
        if (shndx != SHN_ABS && shndx != SHN_COMMON && shndx != ML_SHN_LCOMMON)
            return bad(p, ML_E_UNSUPPORTED, section_name(p, p->symtab),
                       "symbol with a reserved section index", shndx);
    } else if (shndx >= img->nsections) {
        return bad(p, ML_E_FORMAT, section_name(p, p->symtab),
                   "symbol lies in a section that does not exist; symbol", i);
    }
    if (i >= img->first_global ? s[4] >> 4 == STB_LOCAL : s[4] >> 4 != STB_LOCAL)
        return bad(p, ML_E_FORMAT, section_name(p, p->symtab),
                   "local and global symbols are mixed; symbol", i);
    if (shndx == SHN_COMMON || shndx == ML_SHN_LCOMMON) {
        uint64_t align = ml_get64(s + 8);
        if ((align & (align - 1)) || align > ALIGN_MAX)
            return bad(p, ML_E_FORMAT, section_name(p, p->symtab),
                       "common symbol with a bad alignment; symbol", i);
    }
    return 0;
}

static int read_symbols(parser *p)
{
    ml_image *img = p->img;
    static const uint8_t nothing[SYM_SIZE + 1];
    img->symtab = (ml_slice){nothing, SYM_SIZE};
    img->strtab = (ml_slice){nothing, 1};
    img->nsymbols = img->first_global = 1;
    if (!p->symtab)
        return 0;
    const Elf64_Shdr h = header(p, p->symtab);
    int rc = table(p, p->symtab, SYM_SIZE, &img->symtab);
    if (rc < 0)
        return rc;
    if (h.sh_link == 0 || h.sh_link >= img->nsections || !raw(p, h.sh_link, &img->strtab))
        return bad(p, ML_E_FORMAT, section_name(p, p->symtab),
                   "string table lies outside the file; section", h.sh_link);
    if (img->strtab.n == 0 || img->strtab.p[img->strtab.n - 1] != 0)
        return bad(p, ML_E_FORMAT, section_name(p, h.sh_link),
                   "string table does not end in a zero byte; size", img->strtab.n);
    if (img->symtab.n / SYM_SIZE >= UINT32_MAX)
        return bad(p, ML_E_UNSUPPORTED, section_name(p, p->symtab), "too many symbols",
                   img->symtab.n / SYM_SIZE);
    img->nsymbols = (uint32_t)(img->symtab.n / SYM_SIZE);
    img->first_global = h.sh_info;
    if (img->nsymbols == 0 || h.sh_info == 0 || h.sh_info > img->nsymbols)
        return bad(p, ML_E_FORMAT, section_name(p, p->symtab), "number of local symbols is wrong",
                   h.sh_info);
    if (p->xindex) {
        rc = table(p, p->xindex, 4, &img->xindex);
        if (rc < 0)
            return rc;
        if (img->xindex.n / 4 < img->nsymbols)
            return bad(p, ML_E_FORMAT, section_name(p, p->xindex),
                       "section index table is shorter than the symbol table", img->xindex.n / 4);
    }
    /* The null symbol too: a relocation may refer to it. */
    for (uint32_t i = 0; i < img->nsymbols && rc == 0; i++)
        rc = check_symbol(p, i);
    return rc;
}

/* The records of a relocation section, as they stand in the file or decoded. */
static int read_records(const parser *p, uint32_t i, ml_irels *r)
{
    r->rela = header(p, i).sh_type == SHT_RELA;
    if (header(p, i).sh_type != ML_SHT_CREL)
        return table(p, i, r->rela ? RELA_SIZE : REL_SIZE, &r->raw);
    ml_slice bytes;
    const char *why;
    uint64_t record;
    int rc = table(p, i, 1, &bytes);
    if (rc < 0 || ml_crel_decode(p->a, bytes, &r->raw, &r->rela, &why, &record))
        return rc;
    return why ? bad(p, ML_E_FORMAT, section_name(p, i), why, record) : ml_nomem(p->d);
}

static int read_rels(parser *p, uint32_t i, ml_irels *r)
{
    const Elf64_Shdr h = header(p, i);
    r->target = h.sh_info;
    int rc = read_records(p, i, r);
    if (rc < 0)
        return rc;
    if (h.sh_link != p->symtab)
        return bad(p, ML_E_FORMAT, section_name(p, i),
                   "relocations that use no symbol table of this file; section", h.sh_link);
    size_t size = r->rela ? RELA_SIZE : REL_SIZE, n = r->raw.n / size;
    if (n > UINT32_MAX)
        return bad(p, ML_E_UNSUPPORTED, section_name(p, i), "too many relocations", n);
    r->count = (uint32_t)n;
    uint64_t limit = p->img->sections[r->target].size;
    for (size_t k = 0; k < n; k++) {
        const uint8_t *q = r->raw.p + k * size;
        if (ml_get32(q + 12) >= p->img->nsymbols)
            return bad(p, ML_E_FORMAT, section_name(p, i),
                       "relocation against a symbol that does not exist; symbol", ml_get32(q + 12));
        if (ml_get64(q) > limit)
            return bad(p, ML_E_FORMAT, section_name(p, i),
                       "relocation past the end of its section; offset", ml_get64(q));
    }
    return 0;
}

static bool holds_relocations(const Elf64_Shdr *h)
{
    return h->sh_type == SHT_REL || h->sh_type == SHT_RELA || h->sh_type == ML_SHT_CREL;
}

/* Does section i hold relocations of a section that will have memory? */
static bool relocates(const parser *p, uint32_t i)
{
    const Elf64_Shdr h = header(p, i);
    return holds_relocations(&h) && h.sh_info < p->img->nsections &&
           (p->img->sections[h.sh_info].flags & SHF_ALLOC);
}

static int read_relocations(parser *p)
{
    ml_image *img = p->img;
    uint32_t n = 0;
    for (uint32_t i = 1; i < img->nsections; i++) {
        const Elf64_Shdr h = header(p, i);
        if (holds_relocations(&h) && h.sh_info >= img->nsections)
            return bad(p, ML_E_FORMAT, section_name(p, i),
                       "relocations for a section that does not exist; section", h.sh_info);
        n += relocates(p, i);
    }
    img->rels = ml_zalloc(p->a, n, sizeof *img->rels);
    if (!img->rels)
        return ml_nomem(p->d);
    for (uint32_t i = 1; i < img->nsections; i++) {
        if (!relocates(p, i))
            continue;
        int rc = read_rels(p, i, &img->rels[img->nrels]);
        if (rc < 0)
            return rc;
        img->nrels++;
    }
    return 0;
}

static int read_group(parser *p, uint32_t i, ml_igroup *g)
{
    const Elf64_Shdr h = header(p, i);
    ml_image *img = p->img;
    ml_slice words;
    int rc = table(p, i, 4, &words);
    if (rc < 0)
        return rc;
    if (words.n < 4)
        return bad(p, ML_E_FORMAT, section_name(p, i), "section group without flags; section", i);
    if (h.sh_link != p->symtab || h.sh_info >= img->nsymbols)
        return bad(p, ML_E_FORMAT, section_name(p, i),
                   "section group whose signature is no symbol of this file; symbol", h.sh_info);
    g->comdat = ml_get32(words.p) & GRP_COMDAT;
    g->signature = ml_image_symbol_name(img, h.sh_info);
    g->members = words.p + 4;
    g->count = (uint32_t)(words.n / 4 - 1);
    for (uint32_t k = 0; k < g->count; k++) {
        uint32_t member = ml_get32(g->members + (size_t)k * 4);
        if (member == 0 || member >= img->nsections)
            return bad(p, ML_E_FORMAT, section_name(p, i),
                       "section group with a member that does not exist; section", member);
        img->sections[member].group = img->ngroups + 1;
    }
    return 0;
}

static int read_groups(parser *p)
{
    ml_image *img = p->img;
    uint32_t n = 0;
    for (uint32_t i = 1; i < img->nsections; i++)
        n += img->sections[i].type == SHT_GROUP;
    if (n == 0)
        return 0;
    img->groups = ml_zalloc(p->a, n, sizeof *img->groups);
    if (!img->groups)
        return ml_nomem(p->d);
    for (uint32_t i = 1; i < img->nsections; i++) {
        if (img->sections[i].type != SHT_GROUP)
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
                   "compile with -ffat-lto-objects, or without -flto",
                   "GCC LTO object without machine code");
}

/* Number of sections and where their names are; with more than 65,279 sections, the null section's
** header says both. check_header has seen that the table lies in the file. */
static int parse(parser *p)
{
    static const uint8_t nothing[HEADER_SIZE];
    const uint8_t *e = p->bytes.p;
    uint64_t off = ml_get64(e + 40), count = off ? ml_get16(e + 60) : 0;
    p->headers = off ? e + off : nothing;
    p->names = off ? ml_get16(e + 62) : 0;
    if (off && count == 0)
        count = header(p, 0).sh_size;
    if (p->names == SHN_XINDEX)
        p->names = header(p, 0).sh_link;
    if (count > UINT32_MAX - 0x10000)
        return bad(p, ML_E_UNSUPPORTED, NULL, "too many sections", count);
    int rc = read_sections(p, count ? (size_t)count : 1);
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
    const uint8_t *e = p->bytes.p;
    uint64_t off = ml_get64(e + 40), n = ml_get16(e + 60);
    if (off && ml_get16(e + 58) != 64)
        return bad(p, ML_E_FORMAT, NULL, "section headers of a wrong size", ml_get16(e + 58));
    if (off && !ml_within(p->bytes.n, off, (n ? n : 1) * 64))
        return ml_fail(
            p->d, ML_E_TRUNCATED, (ml_where){.file = p->img->file, .member = p->img->member},
            "the file was cut off; build it again",
            "truncated: section header table ends at %llu, file has %llu bytes",
            (unsigned long long)(off + (n ? n : 1) * 64), (unsigned long long)p->bytes.n);
    if (off && n == 0) {
        uint64_t many = ml_get64(e + off + 32); /* sh_size of section 0 */
        if (many > p->bytes.n / 64 || !ml_within(p->bytes.n, off, many * 64))
            return bad(p, ML_E_TRUNCATED, NULL,
                       "section header table goes past the end of the file; sections", many);
    }
    return 0;
}

int ml_image_parse(ml_diag *d, ml_arena *a, const char *file, const char *member, ml_slice bytes,
                   uint16_t machine, const ml_image **out)
{
    ml_kind kind = ml_kind_of(bytes, bytes.n);
    if (kind == ML_KIND_OBJECT && bytes.n < 64)
        return ml_fail(d, ML_E_TRUNCATED, (ml_where){.file = file, .member = member}, NULL,
                       "truncated: the ELF header has 64 bytes, the file %llu",
                       (unsigned long long)bytes.n);
    if (kind != ML_KIND_OBJECT || ml_get16(bytes.p + 18) != machine)
        return ml_kind_refuse(d, file, member, kind, bytes, machine);
    ml_image *img = ml_zalloc(a, 1, sizeof *img);
    if (!img)
        return ml_nomem(d);
    img->file = file;
    img->member = member;
    img->machine = machine;
    img->bytes = bytes.n;
    img->raw = bytes;
    parser p = {.d = d, .a = a, .img = img, .bytes = bytes};
    int rc = check_header(&p);
    if (rc < 0)
        return rc;
    rc = parse(&p);
    if (rc == 0)
        *out = img;
    return rc;
}

const char *ml_image_symbol_name(const ml_image *img, uint32_t i)
{
    ml_isym s = ml_image_symbol(img, i);
    if (s.name[0] == 0 && s.type == ML_TYPE_SECTION && s.section < img->nsections)
        return img->sections[s.section].name;
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
