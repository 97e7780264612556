/* debug.c -- object: debugging sections, read again from the bytes of a parsed object.
** takes an image; gives its .debug_* sections, inflated, with their relocations. libelf inflates:
** it refuses a size that the compressed bytes cannot have.
** SPDX-License-Identifier: MIT */
#include "object/debug.h"

#include <libelf.h>

const char *ml_debug_name(ml_debug_kind k)
{
    static const char *const names[ML_DEBUG_KINDS] = {
        [ML_DEBUG_INFO] = ".debug_info",         [ML_DEBUG_ABBREV] = ".debug_abbrev",
        [ML_DEBUG_LINE] = ".debug_line",         [ML_DEBUG_STR] = ".debug_str",
        [ML_DEBUG_LINE_STR] = ".debug_line_str", [ML_DEBUG_STR_OFFSETS] = ".debug_str_offsets",
        [ML_DEBUG_ADDR] = ".debug_addr",         [ML_DEBUG_RANGES] = ".debug_ranges",
        [ML_DEBUG_RNGLISTS] = ".debug_rnglists", [ML_DEBUG_LOC] = ".debug_loc",
        [ML_DEBUG_LOCLISTS] = ".debug_loclists", [ML_DEBUG_TYPES] = ".debug_types",
        [ML_DEBUG_MACINFO] = ".debug_macinfo",   [ML_DEBUG_MACRO] = ".debug_macro",
        [ML_DEBUG_ARANGES] = ".debug_aranges",   [ML_DEBUG_FRAME] = ".debug_frame",
        [ML_DEBUG_NAMES] = ".debug_names",
    };
    return names[k];
}

/* The kind of a section, or ML_DEBUG_KINDS. ".zdebug_info" is what old tools call the compressed
** form. */
static ml_debug_kind kind_of(const ml_image *img, uint32_t i)
{
    const ml_isec s = ml_image_section(img, i);
    const char *name = s.name;
    if ((s.flags & ML_SEC_ALLOC) || s.type == ML_SHT_NOBITS || name[0] != '.')
        return ML_DEBUG_KINDS;
    bool z = name[1] == 'z';
    if (strncmp(name + 1 + z, "debug_", 6) != 0)
        return ML_DEBUG_KINDS;
    unsigned k = 0;
    while (k < ML_DEBUG_KINDS && strcmp(ml_debug_name(k) + 1, name + 1 + z) != 0)
        k++;
    return k;
}

static int broken(ml_diag *d, const ml_image *img, uint32_t i, const char *why)
{
    ml_where at = {.file = img->file, .member = img->member};
    return ml_fail(d, ML_E_FORMAT, at, NULL, "%s %s", ml_image_section(img, i).name, why);
}

/* The bytes of a compressed section, inflated by libelf and copied before it forgets them. */
static int inflate(ml_diag *d, ml_arena *a, const ml_image *img, ml_idebug *s, Elf_Scn *scn)
{
    Elf64_Chdr *ch = elf64_getchdr(scn);
    bool gnu = ml_image_section(img, s->section).name[1] == 'z';
    uint32_t type = ch ? ch->ch_type : 0;
    if (ch && ch->ch_addralign && !(ch->ch_addralign & (ch->ch_addralign - 1)))
        s->align = ch->ch_addralign;
    if ((gnu ? elf_compress_gnu(scn, 0, 0) : elf_compress(scn, 0, 0)) < 0)
        return broken(d, img, s->section,
                      type == 2 ? "is compressed with zstd, libelf here lacks it"
                                : "cannot be inflated");
    const Elf_Data *data = elf_rawdata(scn, NULL);
    uint8_t *p = data ? ml_alloc(a, data->d_size) : NULL;
    if (!p)
        return ml_nomem(d);
    if (data->d_size)
        memcpy(p, data->d_buf, data->d_size);
    s->data = (ml_slice){p, data->d_size};
    return 0;
}

static int read_rels(ml_diag *d, const ml_image *img, const Elf64_Shdr *h, uint32_t i, ml_irels *r)
{
    bool rela = h->sh_type == SHT_RELA;
    size_t size = rela ? 24 : 16;
    ml_slice raw;
    *r = (ml_irels){.rela = rela, .target = h->sh_info};
    if (h->sh_type != SHT_RELA && h->sh_type != SHT_REL)
        return broken(d, img, i, "is of a type that is not read for debugging sections");
    if (!ml_slice_sub(img->raw, h->sh_offset, h->sh_size, &raw) || raw.n % size ||
        raw.n / size > INT32_MAX)
        return broken(d, img, i, "has a wrong size");
    r->p = raw.p;
    r->count = raw.n / size & INT32_MAX;
    for (uint32_t k = 0; k < r->count; k++)
        if (ml_get32(r->p + k * size + 12) >= img->nsymbols)
            return broken(d, img, i, "refers to a symbol that does not exist");
    return 0;
}

static int read_section(ml_diag *d, ml_arena *a, const ml_image *img, Elf *elf, ml_idebug *s)
{
    Elf_Scn *scn = elf_getscn(elf, s->section);
    const Elf64_Shdr *header = scn ? elf64_getshdr(scn) : NULL;
    Elf64_Shdr h;
    if (!header)
        return broken(d, img, s->section, "cannot be read");
    memcpy(&h, header, sizeof h); /* it may lie at any address */
    s->align = ml_image_section(img, s->section).align;
    if (!ml_slice_sub(img->raw, h.sh_offset, h.sh_size, &s->data))
        return broken(d, img, s->section, "goes past the end of the file");
    bool packed = (h.sh_flags & SHF_COMPRESSED) || ml_image_section(img, s->section).name[1] == 'z';
    return packed ? inflate(d, a, img, s, scn) : 0;
}

static int read_all(ml_diag *d, ml_arena *a, const ml_image *img, unsigned want, Elf *elf,
                    ml_idebug *list, uint32_t *n)
{
    uint32_t *slot = ml_zalloc(a, img->nsections, sizeof *slot); /* 1 + index into list */
    int rc = slot ? 0 : ml_nomem(d);
    for (uint32_t i = 1; rc == 0 && i < img->nsections; i++) {
        ml_debug_kind k = kind_of(img, i);
        if (k == ML_DEBUG_KINDS || !(want >> k & 1))
            continue;
        list[*n] = (ml_idebug){.kind = k, .section = i};
        rc = read_section(d, a, img, elf, &list[*n]);
        slot[i] = ++*n;
    }
    for (uint32_t i = 1; rc == 0 && *n && i < img->nsections; i++) {
        uint32_t type = ml_image_section(img, i).type;
        if (type != SHT_REL && type != SHT_RELA && type != 0x40000014) /* SHT_CREL */
            continue;
        Elf_Scn *scn = elf_getscn(elf, i);
        const Elf64_Shdr *header = scn ? elf64_getshdr(scn) : NULL;
        Elf64_Shdr h = {0};
        if (header)
            memcpy(&h, header, sizeof h);
        if (h.sh_info < img->nsections && slot[h.sh_info])
            rc = read_rels(d, img, &h, i, &list[slot[h.sh_info] - 1].rels);
    }
    return rc;
}

int ml_image_debug(ml_diag *d, ml_arena *a, const ml_image *img, unsigned want, ml_idebug **out,
                   uint32_t *n)
{
    uint32_t most = 0, found = 0;
    for (uint32_t i = 1; i < img->nsections; i++) {
        ml_debug_kind k = kind_of(img, i);
        most += k < ML_DEBUG_KINDS && (want >> k & 1);
    }
    *n = 0;
    *out = NULL;
    if (most == 0 || img->early) /* whoever wants any reads files whole */
        return 0;
    ml_idebug *list = ml_nalloc(a, most, sizeof *list);
    Elf *elf = list ? elf_memory((char *)(uintptr_t)img->raw.p, img->raw.n) : NULL;
    if (!elf)
        return ml_nomem(d);
    int rc = read_all(d, a, img, want, elf, list, &found);
    elf_end(elf);
    if (rc == 0) {
        *out = list;
        *n = found;
    }
    return rc;
}
