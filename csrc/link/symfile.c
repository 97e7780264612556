/* symfile.c -- link: one ELF file in memory that describes a whole load.
** takes a load that is relocated, while its images are there; gives an ET_EXEC whose sections stand
** at the addresses of the load's parts, with a symbol table (local functions too), .eh_frame, and
** the debugging sections of all inputs, each kind put together and relocated as ld does it.
** Nothing of it is ever loaded: text and data have no bytes in it.
** Spec: gABI chapter 4; DWARF 5 section 7.3 "Relocatable Debugging Information".
** SPDX-License-Identifier: MIT */
#include <elf.h>
#include <stdlib.h>

#include "base/align.h"
#include "link/debug.h"
#include "link/txn.h"

/* Debuggers ask libthread_db for a thread-local variable of a file, and are given one of the
** executable when the file is none that the process's loader knows. An offset that leads nowhere,
** in all bytes of the field or in its lower four, makes them say so. */
#define NOT_THERE UINT64_C(0x400000007fff0000)

enum { FRAMES_END = 4 }; /* bytes of the zero word that ends the unwind table */
enum { ALIGN_MAX = 64, SECTIONS_MAX = 12 + ML_DEBUG_KINDS };

/* A debugging section of an input, and where it stands among those of its kind. */
typedef struct piece {
    const ml_idebug *s;
    uint32_t input;
    uint64_t offset;
} piece;

/* The file while it is made. */
typedef struct file {
    ml_txn *t;
    ml_debug *out;
    ml_arena a;
    piece *pieces;
    size_t npieces, room;
    uint64_t total[ML_DEBUG_KINDS]; /* bytes of each kind */
    Elf64_Shdr headers[SECTIONS_MAX];
    const char *names[SECTIONS_MAX];
    unsigned nsections, debug[ML_DEBUG_KINDS]; /* section of each kind; 0: none */
    Elf64_Sym *syms;
    uint32_t nsyms, room_syms;
    char *strings;
    size_t nstrings, room_strings;
} file;

/* ---- debugging sections ---- */

/* Why an input's debugging sections are left out, from the newest error of d. */
static void leave_out(file *f, const ml_input *in, const ml_diag *d)
{
    ml_debug_warn(f->out, ml_format(&f->out->keep, "%s: %s; debugging disabled for this unit",
                                    ml_input_text(&f->a, in),
                                    d->last ? d->last->text : "broken debugging sections"));
}

/* Takes the sections of one input, or none of them. */
static int gather_input(file *f, uint32_t input, unsigned want)
{
    const ml_input *in = &f->t->l->inputs[input];
    ml_idebug *list;
    uint32_t n;
    ml_diag d;
    ml_diag_init(&d);
    int rc = ml_image_debug(&d, &f->a, in->img, want, &list, &n);
    if (rc < 0) {
        leave_out(f, in, &d);
        bool fatal = rc == -(int)ML_E_NOMEM;
        ml_diag_free(&d);
        return fatal ? ml_nomem(f->t->d) : 0;
    }
    ml_diag_free(&d);
    for (uint32_t i = 0; i < n; i++) {
        const ml_idebug *s = &list[i];
        uint64_t align = s->align < ALIGN_MAX ? s->align : ALIGN_MAX;
        if (ml_is_dropped(in, s->section))
            continue;
        if (!ML_ARENA_ROOM(&f->a, f->pieces, f->npieces, f->room))
            return ml_nomem(f->t->d);
        uint64_t offset = ml_align_up(f->total[s->kind], align);
        f->pieces[f->npieces++] = (piece){s, input, offset};
        f->total[s->kind] = offset + s->data.n;
    }
    return 0;
}

static int gather(file *f, unsigned want)
{
    int rc = 0;
    for (uint32_t i = 0; want && rc == 0 && i < f->t->l->ninputs; i++)
        rc = gather_input(f, i, want);
    for (unsigned k = 0; k < ML_DEBUG_KINDS; k++) {
        if (f->total[k] <= UINT32_MAX)
            continue;
        ml_debug_warn(f->out, "more than 4 GiB of debugging sections; debugging disabled");
        f->npieces = 0;
        memset(f->total, 0, sizeof f->total);
    }
    return rc;
}

/* ---- their relocations ---- */

/* The pieces of one input, and where its sections went. */
typedef struct work {
    file *f;
    const ml_input *in;
    uint64_t *offset; /* by section: 1 + offset among those of its kind; 0: no debugging section */
    uint64_t tombstone;
} work;

/* S. What was dropped is nowhere: 0, or 1 in lists of ranges, which a pair of zeros would end. */
static uint64_t value_of(const work *w, uint32_t symbol, int64_t addend)
{
    const ml_image *img = w->in->img;
    ml_isym s = ml_image_symbol(img, symbol);
    uint64_t A = (uint64_t)addend;
    if (s.section < img->nsections && w->offset[s.section])
        return w->offset[s.section] - 1 + s.value + A;
    ml_binding b = ml_binding_of(w->in, symbol);
    return b.dropped ? w->tombstone : b.S + A;
}

static void apply(const work *w, const ml_irels *rels, uint8_t *to, size_t size)
{
    const ml_target *target = w->f->t->target;
    for (uint32_t i = 0; i < rels->count; i++) {
        ml_irel r = ml_image_rel(rels, i);
        const ml_rrow *row = ml_target_row(target, r.type);
        bool tls = ml_image_symbol(w->in->img, r.symbol).type == ML_TYPE_TLS; /* DTPOFF */
        if (!row || (row->formula != ML_S_A && !tls))
            continue; /* no debugging section needs another */
        unsigned width = ml_field_width(row->field);
        if (width < 4 || !ml_within(size, r.offset, width))
            continue;
        uint8_t *at = to + r.offset;
        if (!rels->rela)
            r.addend = width == 8 ? (int64_t)ml_get64(at) : (int64_t)ml_get32(at);
        uint64_t v = tls ? NOT_THERE : value_of(w, r.symbol, r.addend);
        if (width == 8)
            ml_put64(at, v);
        else
            ml_put32(at, (uint32_t)v);
    }
}

/* Copies and relocates all pieces; those of one input stand together. */
static int fill(file *f)
{
    for (size_t i = 0; i < f->npieces;) {
        work w = {.f = f, .in = &f->t->l->inputs[f->pieces[i].input]};
        ml_arena a = {0};
        size_t end = i;
        w.offset = ml_zalloc(&a, w.in->img->nsections, sizeof *w.offset);
        if (!w.offset)
            return ml_nomem(f->t->d);
        for (; end < f->npieces && f->pieces[end].input == f->pieces[i].input; end++)
            w.offset[f->pieces[end].s->section] = 1 + f->pieces[end].offset;
        for (; i < end; i++) {
            const piece *p = &f->pieces[i];
            uint8_t *to = f->out->file + f->headers[f->debug[p->s->kind]].sh_offset + p->offset;
            if (p->s->data.n)
                memcpy(to, p->s->data.p, p->s->data.n);
            w.tombstone = p->s->kind == ML_DEBUG_RANGES || p->s->kind == ML_DEBUG_LOC;
            apply(&w, &p->s->rels, to, p->s->data.n);
        }
        ml_arena_free(&a);
    }
    return 0;
}

/* ---- sections ---- */

static unsigned add_section(file *f, const char *name, uint32_t type, uint64_t flags, uint64_t addr,
                            uint64_t size)
{
    unsigned i = f->nsections++;
    f->names[i] = name;
    f->headers[i] = (Elf64_Shdr){.sh_type = type,
                                 .sh_flags = flags,
                                 .sh_addr = addr,
                                 .sh_size = size,
                                 .sh_addralign = type == SHT_NOBITS ? 16 : 8};
    return i;
}

static void add_part(file *f, const char *name, uint64_t flags, ml_area part)
{
    if (part.size)
        add_section(f, name, SHT_NOBITS, SHF_ALLOC | flags, part.addr, part.size);
}

/* The load's memory: no two sections overlap, else gdb would not know whose an address is. */
static void add_parts(file *f)
{
    const ml_linked *l = f->t->l;
    ml_area constants = ml_linked_area(l, false, ML_PART_CONST);
    uint64_t at = constants.addr, end = at + constants.size, from = l->frames, to = 0;
    if (f->t->piece_frames)
        to = ml_piece_addr(f->t, f->t->piece_frames) + FRAMES_END;
    add_part(f, ".text", SHF_EXECINSTR, ml_linked_area(l, false, ML_PART_TEXT));
    if (from && from < to && from >= at && to <= end) {
        add_part(f, ".rodata", 0, (ml_area){at, from - at});
        add_section(f, ".eh_frame", SHT_PROGBITS, SHF_ALLOC, from, to - from);
        add_part(f, ".rodata.2", 0, (ml_area){to, end - to});
    } else {
        add_part(f, ".rodata", 0, constants);
    }
    add_part(f, ".data", SHF_WRITE, ml_linked_area(l, false, ML_PART_DATA));
    add_part(f, ".lrodata", 0, ml_linked_area(l, true, ML_PART_CONST));
    add_part(f, ".ldata", SHF_WRITE, ml_linked_area(l, true, ML_PART_DATA));
}

/* The section that holds an address of the load. */
static uint16_t section_at(const file *f, uint64_t addr)
{
    for (unsigned i = 1; i < f->nsections; i++)
        if ((f->headers[i].sh_flags & SHF_ALLOC) &&
            addr - f->headers[i].sh_addr < f->headers[i].sh_size)
            return (uint16_t)i;
    return SHN_ABS;
}

/* ---- symbols ---- */

static bool add_string(file *f, const char *s, uint32_t *offset)
{
    size_t n = strlen(s) + 1;
    if (f->nstrings + n > UINT32_MAX)
        return false;
    if (f->nstrings + n > f->room_strings) {
        size_t room = 2 * f->room_strings + n + 4096;
        char *more = ml_heap_grow(f->strings, room, 1);
        if (!more)
            return false;
        f->strings = more;
        f->room_strings = room;
    }
    memcpy(f->strings + f->nstrings, s, n);
    *offset = (uint32_t)f->nstrings;
    f->nstrings += n;
    return true;
}

static bool add_symbol(file *f, const char *name, unsigned bind, unsigned type, uint64_t addr,
                       uint64_t size)
{
    if (!ML_ROOM(f->syms, f->nsyms, f->room_syms))
        return false;
    Elf64_Sym *s = &f->syms[f->nsyms++];
    unsigned shown = type == STT_GNU_IFUNC ? STT_FUNC : type;
    *s = (Elf64_Sym){.st_info = (unsigned char)(bind << 4 | shown),
                     .st_shndx = section_at(f, addr),
                     .st_value = addr,
                     .st_size = size};
    return add_string(f, name, &s->st_name);
}

/* Symbol i of an input, when it names code or data that has memory. A definition that lost to
** another input's is there all the same: it is shown as a local one. */
static bool input_symbol(file *f, uint32_t input, uint32_t i)
{
    const ml_input *in = &f->t->l->inputs[input];
    const ml_image *img = in->img;
    ml_isym s = ml_image_symbol(img, i);
    const ml_entry *e = i < img->first_global ? NULL : ml_input_bound(in, i - img->first_global);
    bool wins = e && e->image == input && e->symbol == i;
    if (wins && e->def == ML_DEF_COMMON)
        return add_symbol(f, e->name, STB_GLOBAL, STT_OBJECT, e->addr, e->size);
    bool named = s.type == ML_TYPE_FUNC || s.type == ML_TYPE_OBJECT || s.type == ML_TYPE_IFUNC ||
                 (s.type == ML_TYPE_NONE && e);
    if (!named || s.name[0] == 0 || s.section == ML_SEC_UNDEF || s.section >= img->nsections ||
        !in->piece[s.section])
        return true;
    wins = wins && e->def == ML_DEF_SECTION;
    unsigned bind = !wins ? STB_LOCAL : e->bind == ML_BIND_WEAK ? STB_WEAK : STB_GLOBAL;
    return add_symbol(f, e ? e->name : s.name, bind, s.type,
                      ml_section_address(in, s.section, s.value), s.size);
}

/* "puts@plt", as disassemblers call it. */
static bool stub_symbol(file *f, const ml_entry *e, uint64_t addr, unsigned size)
{
    const char *name = ml_format(&f->a, "%s@plt", e->name);
    return name && add_symbol(f, name, STB_LOCAL, STT_FUNC, addr, size);
}

static bool stub_symbols(file *f)
{
    const ml_linked *l = f->t->l;
    bool ok = true;
    for (uint32_t i = 0; ok && i < l->names.count; i++) {
        const ml_entry *e = ml_table_awake(&l->names, i);
        ok = !e || !e->stub || stub_symbol(f, e, ml_stub_address(l, e->stub), l->stub_size);
    }
    for (size_t i = 0; ok && i < l->ncounted; i++)
        ok = stub_symbol(f, l->counted[i].e, ml_counting_address(l, i), l->counting_size);
    return ok;
}

static int by_value(const void *a, const void *b)
{
    const Elf64_Sym *x = a, *y = b;
    bool lx = ELF64_ST_BIND(x->st_info) == STB_LOCAL, ly = ELF64_ST_BIND(y->st_info) == STB_LOCAL;
    if (lx != ly)
        return lx ? -1 : 1; /* gABI: locals come first */
    if (x->st_value != y->st_value)
        return x->st_value < y->st_value ? -1 : 1;
    return x->st_name < y->st_name ? -1 : x->st_name > y->st_name;
}

static bool all_symbols(file *f)
{
    const ml_linked *l = f->t->l;
    uint32_t empty;
    bool ok = add_string(f, "", &empty);
    for (uint32_t i = 0; ok && i < l->ninputs; i++)
        for (uint32_t k = 1; ok && k < l->inputs[i].img->nsymbols; k++)
            ok = input_symbol(f, i, k);
    ok = ok && stub_symbols(f);
    if (ok && f->nsyms)
        qsort(f->syms, f->nsyms, sizeof *f->syms, by_value);
    return ok;
}

/* ---- the file ---- */

static bool add_tables(file *f)
{
    unsigned strtab = f->nsections + 1, local = 1;
    while (local <= f->nsyms && ELF64_ST_BIND(f->syms[local - 1].st_info) == STB_LOCAL)
        local++;
    unsigned i = add_section(f, ".symtab", SHT_SYMTAB, 0, 0, (f->nsyms + 1) * sizeof *f->syms);
    f->headers[i].sh_link = strtab;
    f->headers[i].sh_info = local;
    f->headers[i].sh_entsize = sizeof *f->syms;
    add_section(f, ".strtab", SHT_STRTAB, 0, 0, 0);
    for (unsigned k = 0; k < ML_DEBUG_KINDS; k++)
        if (f->total[k])
            f->debug[k] = add_section(f, ml_debug_name(k), SHT_PROGBITS, 0, 0, f->total[k]);
    for (i = 1; i < f->nsections; i++)
        if (!add_string(f, f->names[i], &f->headers[i].sh_name))
            return false;
    f->headers[strtab].sh_size = f->nstrings;
    return true;
}

/* Gives each section with bytes its place; the size of the file. */
static uint64_t place_sections(file *f)
{
    uint64_t at = sizeof(Elf64_Ehdr);
    for (unsigned i = 1; i < f->nsections; i++) {
        Elf64_Shdr *h = &f->headers[i];
        at = (at + ALIGN_MAX - 1) & ~(uint64_t)(ALIGN_MAX - 1);
        h->sh_offset = at;
        if (h->sh_type != SHT_NOBITS)
            at += h->sh_size;
    }
    return (at + 7) & ~(uint64_t)7;
}

static void write_tables(const file *f, uint64_t headers)
{
    ml_debug *out = f->out;
    Elf64_Ehdr e = {.e_type = ET_EXEC,
                    .e_machine = f->t->target->machine,
                    .e_version = EV_CURRENT,
                    .e_shoff = headers,
                    .e_ehsize = sizeof e,
                    .e_shentsize = sizeof(Elf64_Shdr),
                    .e_shnum = (uint16_t)f->nsections};
    memcpy(e.e_ident, ELFMAG, SELFMAG);
    e.e_ident[EI_CLASS] = ELFCLASS64;
    e.e_ident[EI_DATA] = ELFDATA2LSB;
    e.e_ident[EI_VERSION] = EV_CURRENT;
    for (unsigned i = 1; i < f->nsections; i++) {
        const Elf64_Shdr *h = &f->headers[i];
        uint8_t *to = out->file + h->sh_offset;
        if (h->sh_type == SHT_SYMTAB) {
            out->symtab = (ml_slice){to + sizeof *f->syms, f->nsyms * sizeof *f->syms};
            if (f->nsyms)
                memcpy(to + sizeof *f->syms, f->syms, out->symtab.n);
        } else if (h->sh_type == SHT_STRTAB) {
            e.e_shstrndx = (uint16_t)i;
            out->strtab = (ml_slice){to, f->nstrings};
            memcpy(to, f->strings, f->nstrings);
        } else if (h->sh_flags & SHF_ALLOC && h->sh_type == SHT_PROGBITS) {
            memcpy(to, ml_txn_view(f->t, h->sh_addr - f->t->l->block.addr), (size_t)h->sh_size);
        }
    }
    for (unsigned k = 0; k < ML_DEBUG_KINDS; k++)
        if (f->debug[k])
            out->section[k] =
                (ml_slice){out->file + f->headers[f->debug[k]].sh_offset, (size_t)f->total[k]};
    memcpy(out->file, &e, sizeof e);
    memcpy(out->file + headers, f->headers, f->nsections * sizeof *f->headers);
}

static int make(file *f, unsigned want)
{
    int rc = gather(f, want);
    if (rc < 0)
        return rc;
    f->nsections = 1;
    add_parts(f);
    if (!all_symbols(f) || !add_tables(f))
        return ml_nomem(f->t->d);
    uint64_t headers = place_sections(f);
    f->out->size = (size_t)headers + f->nsections * sizeof *f->headers;
    f->out->file = ml_heap_zalloc(f->out->size, 1);
    if (!f->out->file)
        return ml_nomem(f->t->d);
    rc = fill(f);
    if (rc == 0)
        write_tables(f, headers);
    return rc;
}

int ml_symfile_make(ml_txn *t, unsigned want, ml_debug *out)
{
    file f = {.t = t, .out = out};
    out->most_lines = 2 * (size_t)ml_linked_area(t->l, false, ML_PART_TEXT).size;
    int rc = make(&f, want);
    ml_heap_free(f.syms);
    ml_heap_free(f.strings);
    ml_arena_free(&f.a);
    return rc;
}
