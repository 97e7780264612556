/* image.h -- object: a relocatable ELF object, parsed and checked.
** stage PARSE. takes bytes; gives a const image. After it every section index, symbol index,
** string, offset and count of the image has been checked, so that no later stage looks at raw ELF
** or repeats a check; a relocation's r_offset is checked against its section here, and again with
** the field's width where the width is known (link/scan.c).
** Sections are told apart by index, never by name. Symbols and relocations stay where they are in
** the file's bytes, which must live as long as the image; the accessors below decode them: a copy
** of each would cost more time than all that is done with it. So do section headers, or they are
** kept in short (headers.h).
** Spec: gABI chapter 4 (Sections, Symbol Table, Relocation), "Section Groups".
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_IMAGE_H
#define ML_OBJECT_IMAGE_H

#include "base/error.h"
#include "base/slice.h"
#include "object/headers.h"
#include "object/kind.h"
#include "object/role.h"
#include "os/os.h"

/* Section indexes of symbols that lie in no section. */
#define ML_SEC_UNDEF  0u
#define ML_SEC_ABS    0xfffffff1u
#define ML_SEC_COMMON 0xfffffff2u

/* SHN_X86_64_LCOMMON, which libelf does not name. */
#define ML_SHN_LCOMMON 0xff02u

enum { ML_BIND_LOCAL, ML_BIND_GLOBAL, ML_BIND_WEAK, ML_BIND_UNIQUE = 10 };
enum {
    ML_TYPE_NONE,
    ML_TYPE_OBJECT,
    ML_TYPE_FUNC,
    ML_TYPE_SECTION,
    ML_TYPE_FILE,
    ML_TYPE_COMMON,
    ML_TYPE_TLS,
    ML_TYPE_IFUNC = 10
};
enum { ML_VIS_DEFAULT, ML_VIS_INTERNAL, ML_VIS_HIDDEN, ML_VIS_PROTECTED };

/* Flags of a section (sh_flags has all of them; these are what the linker acts on). */
enum {
    ML_SEC_WRITE = 1,
    ML_SEC_ALLOC = 2,
    ML_SEC_EXEC = 4,
    ML_SEC_LINK_ORDER = 0x80,
    ML_SEC_TLS = 0x400,
    ML_SEC_LARGE = 0x10000000 /* x86-64 psABI 4.2.1 SHF_X86_64_LARGE: may be out of 32-bit reach */
};
#define ML_SEC_EXCLUDE 0x80000000u /* more than an enumerator holds */
enum { ML_SHT_NOBITS = 8 };        /* a type of section */

/* A section, as ml_image_section decodes it. */
typedef struct ml_isec {
    const char *name;
    uint64_t flags;   /* sh_flags */
    uint64_t size;    /* bytes in memory */
    uint64_t align;   /* a power of two, at least 1, at most 2 MiB */
    uint64_t offset;  /* of its bytes in the file */
    ml_slice data;    /* file bytes; empty for SHT_NOBITS, and for what has no memory; p is NULL
                         while they are in the file only (ml_early) */
    uint32_t type;    /* sh_type */
    uint32_t group;   /* 1 + index into groups; 0: in none */
    uint32_t link;    /* SHF_LINK_ORDER: the section that it belongs to; else 0 */
    uint32_t entsize; /* sh_entsize, 0 when it does not fit */
    ml_role role;
} ml_isec;

/* The relocations of one allocated section. */
typedef struct ml_irels {
    const uint8_t *p; /* count records */
    uint64_t size;    /* bytes of the section they change, */
    uint32_t target;  /* which is this one */
    uint32_t count : 31;
    uint32_t rela : 1; /* with addends; else the addend stands in the field */
} ml_irels;

typedef struct ml_irel {
    uint64_t offset; /* into the target section, less than its size */
    uint32_t type;
    uint32_t symbol; /* index, 0: none */
    int64_t addend;  /* 0 when !rela */
} ml_irel;

typedef struct ml_isym {
    const char *name;
    uint64_t value; /* offset into its section; ML_SEC_ABS: the value; ML_SEC_COMMON: alignment */
    uint64_t size;
    uint32_t section; /* index, or ML_SEC_* */
    uint8_t bind, type, vis;
    bool large; /* a common that may be out of 32-bit reach (SHN_X86_64_LCOMMON) */
} ml_isym;

typedef struct ml_igroup {
    const char *signature;
    bool comdat;
    const uint8_t *members; /* count little-endian 32-bit section indexes, each < nsections */
    uint32_t count;
} ml_igroup;

/* What of an object's file is left there by who reads it: the first bytes, as long as they hold
** nothing but contents of sections with memory, none of which goes beyond them, until they are
** wanted; and the section headers, with which it ends. */
typedef struct ml_early {
    ml_os_file file;
    uint64_t size;        /* of the first bytes */
    const uint8_t *bytes; /* NULL: still in the file */
    ml_headers headers;
} ml_early;

typedef struct ml_image {
    const char *file;   /* path as given */
    const char *member; /* archive member, or NULL */
    uint16_t machine;   /* e_machine */
    uint32_t nsections; /* with the null section */
    uint32_t nmemory;   /* sections that ask for memory */
    uint64_t flags;     /* of those, or'ed */
    bool idents;        /* one of those has a name that does not begin with a dot */
    uint32_t roles;     /* those that sections have: bit 1 << ml_role */
    ml_headers headers; /* of the sections, checked */
    uint8_t *role;      /* ml_role by section */
    uint32_t *group;    /* by section: 1 + index into groups; NULL: there are none */
    ml_irels *rels;
    uint32_t nrels;
    ml_igroup *groups;
    uint32_t ngroups;
    uint32_t nsymbols;               /* with the null symbol */
    uint32_t first_global;           /* locals come first */
    ml_slice symtab, strtab, xindex; /* raw, checked */
    ml_slice names;                  /* of sections */
    uint64_t bytes;                  /* size of the file or member */
    const ml_early *early;           /* NULL: there are none apart */
    ml_slice raw;                    /* what follows them, for what is read when asked: debug.h */
} ml_image;

/* Parses a relocatable object for `machine`. Everything goes into the arena a; `file`, `member` and
** `bytes` are kept by reference. Anything that is no such object is refused with its own message
** (kind.h). */
int ml_image_parse(ml_diag *d, ml_arena *a, const char *file, const char *member, ml_slice bytes,
                   uint16_t machine, const ml_image **out);
/* The same of a file of which some is apart; head begins with its ELF header, which has been
** checked; rest: what lies between the first bytes and the headers. `early` is kept by reference.
*/
int ml_image_parse_apart(ml_diag *d, ml_arena *a, const char *file, ml_slice head,
                         const ml_early *early, ml_slice rest, uint16_t machine,
                         const ml_image **out);

/* A symbol where it stands: the fields of Elf64_Sym; a relocation: those of Elf64_Rela, of which
** Elf64_Rel lacks the last. */
enum { ML_ST_NAME = 0, ML_ST_INFO = 4, ML_ST_OTHER = 5, ML_ST_SHNDX = 6, ML_ST_VALUE = 8 };
enum { ML_ST_SIZE = 16, ML_ST_ALL = 24 };
enum { ML_REL_OFFSET = 0, ML_REL_TYPE = 8, ML_REL_SYMBOL = 12, ML_REL_ADDEND = 16 };
enum { ML_REL_ALL = 16, ML_RELA_ALL = 24 };

/* Where the byte of the file is that is at an offset; NULL while it is in the file only. */
static inline const uint8_t *ml_image_byte(const ml_image *img, uint64_t offset)
{
    const ml_early *early = img->early;
    if (!early)
        return img->raw.p + offset;
    if (offset >= early->size)
        return img->raw.p + (offset - early->size);
    return early->bytes ? early->bytes + offset : NULL;
}

/* Section i < nsections. Inline, so that only those fields are decoded that the caller uses. The
** null section is empty whatever its header says. */
static inline __attribute__((always_inline)) ml_isec ml_image_section(const ml_image *img,
                                                                      uint32_t i)
{
    if (i == 0)
        return (ml_isec){.name = "", .align = 1};
    const ml_shdr h = ml_headers_at(&img->headers, i);
    ml_isec s = {
        .name = (const char *)img->names.p + h.name,
        .flags = h.flags,
        .size = h.size,
        .align = h.align ? h.align : 1,
        .offset = h.offset,
        .type = h.type,
        .group = img->group ? img->group[i] : 0,
        .entsize = h.entsize <= UINT32_MAX ? (uint32_t)h.entsize : 0,
        .role = img->role[i],
    };
    if ((s.flags & ML_SEC_ALLOC) && s.type != ML_SHT_NOBITS)
        s.data = (ml_slice){ml_image_byte(img, h.offset), (size_t)s.size};
    s.link = (s.flags & ML_SEC_LINK_ORDER) && h.link < img->nsections ? h.link : 0;
    return s;
}

/* The next section from number i on that has a role; nsections when there is none. */
static inline uint32_t ml_image_next(const ml_image *img, ml_role role, uint32_t i)
{
    if (!(img->roles & 1u << role) || i >= img->nsections)
        return img->nsections;
    const uint8_t *p = memchr(img->role + i, (int)role, img->nsections - i);
    return p ? (uint32_t)(p - img->role) : img->nsections;
}

/* Symbol i < nsymbols. Inline for the same reason. */
static inline __attribute__((always_inline)) ml_isym ml_image_symbol(const ml_image *img,
                                                                     uint32_t i)
{
    const uint8_t *p = img->symtab.p + (size_t)i * ML_ST_ALL;
    uint32_t section = ml_get16(p + ML_ST_SHNDX);
    bool large = section == ML_SHN_LCOMMON;
    if (large)
        section = ML_SEC_COMMON;
    else if (section >= 0xff00)
        section =
            section == 0xffff ? ml_get32(img->xindex.p + (size_t)i * 4) : section | 0xffff0000u;
    return (ml_isym){
        .large = large,
        .name = (const char *)img->strtab.p + ml_get32(p + ML_ST_NAME),
        .bind = p[ML_ST_INFO] >> 4,
        .type = p[ML_ST_INFO] & 15,
        .vis = p[ML_ST_OTHER] & 3,
        .section = section,
        .value = ml_get64(p + ML_ST_VALUE),
        .size = ml_get64(p + ML_ST_SIZE),
    };
}

/* Its type alone. */
static inline uint8_t ml_image_symbol_type(const ml_image *img, uint32_t i)
{
    return img->symtab.p[(size_t)i * ML_ST_ALL + ML_ST_INFO] & 15;
}

/* Relocation i < r->count. */
static inline ml_irel ml_image_rel(const ml_irels *r, uint32_t i)
{
    const uint8_t *p = r->p + (size_t)i * (r->rela ? ML_RELA_ALL : ML_REL_ALL);
    return (ml_irel){
        .offset = ml_get64(p + ML_REL_OFFSET),
        .type = ml_get32(p + ML_REL_TYPE),
        .symbol = ml_get32(p + ML_REL_SYMBOL),
        .addend = r->rela ? (int64_t)ml_get64(p + ML_REL_ADDEND) : 0,
    };
}

/* The function of section `section` that covers `offset`, for messages, and where it starts in
** *start; NULL and 0 when there is none. Linear in the symbols. */
const char *ml_image_function_at(const ml_image *img, uint32_t section, uint64_t offset,
                                 uint64_t *start);
/* A name for symbol i that is never empty: a section symbol gets its section's name. */
const char *ml_image_symbol_name(const ml_image *img, uint32_t i);

#endif
