/* assemble.c -- stage PLACE, second half: every section, common, slot and stub gets its address.
** takes bound inputs; gives a block of memory that is ours and writable, addresses in inputs and
** entries, and the sections' bytes in place. After it addresses are final.
** Spec: gABI chapter 4 "Special Sections"; ld manual on __start_ and __stop_.
** SPDX-License-Identifier: MIT */
#include "base/align.h"
#include "link/sleep.h"
#include "link/txn.h"

enum { MORE_PIECES = 32 }; /* what linker_pieces, ml_ifunc_pieces and ml_lazy_pieces add */

static bool has_memory(const ml_input *in, uint32_t i, uint64_t flags)
{
    return (flags & ML_SEC_ALLOC) && !(flags & ML_SEC_EXCLUDE) && !ml_is_dropped(in, i);
}

/* What a section becomes. Writable sections that the ABI's linkers make constant after relocation
** are constant here as well; there is no flag for them but type and name. */
static ml_class class_of(const ml_isec *s)
{
    if (s->flags & ML_SEC_TLS)
        return s->type == ML_SHT_NOBITS ? ML_CLASS_TBSS : ML_CLASS_TDATA;
    if (s->flags & ML_SEC_EXEC)
        return ML_CLASS_TEXT;
    if (!(s->flags & ML_SEC_WRITE))
        return ML_CLASS_CONST;
    if (s->role == ML_ROLE_RELRO || s->role == ML_ROLE_INIT_ARRAY ||
        s->role == ML_ROLE_FINI_ARRAY || s->role == ML_ROLE_PREINIT_ARRAY)
        return ML_CLASS_CONST;
    return s->type == ML_SHT_NOBITS ? ML_CLASS_BSS : ML_CLASS_DATA;
}

/* The run of a section whose name is a C identifier; all its sections get one class. */
static uint32_t ident_run(const ml_txn *t, const char *name, ml_class class)
{
    ml_entry *e = name[0] == '.' ? NULL : ml_table_find_str(&t->idents, name);
    if (!e)
        return 0;
    if (e->section < class + 1u)
        e->section = class + 1u;
    return e->image + ML_RUN_IDENTS;
}

/* The pieces that must lie side by side: most sections have nothing to do with that. */
static void join_run(ml_txn *t, const ml_image *img, uint32_t section, uint32_t piece)
{
    const ml_isec s = ml_image_section(img, section);
    ml_piece *p = &t->pieces[piece - 1];
    if (s.flags & ML_SEC_TLS)
        return;
    if (s.role == ML_ROLE_INIT || s.role == ML_ROLE_FINI)
        p->run = ml_fragments_run(t, &s);
    else if (t->idents.count)
        p->run = ident_run(t, s.name, (ml_class)p->class);
    if (ml_frames_section(&s))
        ml_frames_join(t, piece);
}

uint32_t ml_piece_add(ml_txn *t, ml_class class, uint64_t size, uint64_t align)
{
    t->pieces[t->npieces++] = (ml_piece){
        .size = size, .class = (uint8_t) class, .align_log2 = (uint8_t)__builtin_ctzll(align)};
    t->classes |= 1u << class;
    return t->npieces;
}

/* Note [Pieces of many sections]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** What is compiled with -ffunction-sections has as many sections as functions, and most of a piece
** is the same for all of them. So small sections of one object and class that follow each other
** share a piece; each knows its offset in it, and lies where it would lie with a piece of its own,
** since no one's alignment is larger than the first one's. A section stays alone when something may
** move it (large.c, tls.c), puts it into a run, or joins it to the next (frames.c). Pieces stay
** small, so that a piece that is too large is still one section, for errors and for large.c.
**
** 100,000 sections of 18 bytes become 28 pieces: the walks over pieces take no time, and 2.4 MB
** need not be there. */
enum { SHARED_MOST = 32 << 10, PIECE_MOST = 64 << 10 }; /* bytes of a section, of a piece */

static bool may_share(const ml_image *img, const ml_isec *s)
{
    const uint32_t roles = 1u << ML_ROLE_NONE | 1u << ML_ROLE_RELRO | 1u << ML_ROLE_EXCEPT_TABLE;
    return s->size <= SHARED_MOST && (roles >> s->role & 1) &&
           !(s->flags & (ML_SEC_TLS | ML_SEC_LARGE)) && !(img->idents && s->name[0] != '.');
}

/* Puts a section behind what the piece has; false: it cannot go there. */
static bool share(ml_txn *t, uint32_t piece, const ml_isec *s, uint32_t *offset)
{
    ml_piece *p = piece ? &t->pieces[piece - 1] : NULL;
    if (!p || s->align > ml_piece_align(p) || p->filled != (s->type != ML_SHT_NOBITS))
        return false;
    uint64_t at = ml_align_up(p->size, s->align);
    if (at + s->size > PIECE_MOST)
        return false;
    p->size = at + s->size;
    *offset = (uint32_t)at;
    t->nshared++;
    return true;
}

/* Is there room for another piece? Looked at where one is added: most sections share one. */
static bool has_room(ml_txn *t)
{
    return ML_ARENA_ROOM(&t->scratch, t->pieces, t->npieces, t->room_pieces);
}

static int section_pieces(ml_txn *t, ml_input *in)
{
    const ml_image *img = in->img;
    uint32_t first = t->npieces;
    uint32_t open[ML_CLASS_COUNT] = {0}; /* the last piece of a class, if it may be shared */
    in->piece = ml_zalloc(&t->scratch, img->nsections, sizeof *in->piece);
    in->at = ml_zalloc(in->sleeps ? &t->l->keep : &t->scratch, img->nsections, sizeof *in->at);
    if (!in->piece || !in->at)
        return ml_nomem(t->d);
    for (uint32_t i = 1; i < img->nsections; i++) {
        const ml_isec s = ml_image_section(img, i);
        if (!has_memory(in, i, s.flags))
            continue;
        if ((s.flags & ML_SEC_EXEC) && (s.flags & (ML_SEC_WRITE | ML_SEC_TLS)))
            return ml_fail(t->d, ML_E_REFUSED,
                           (ml_where){.file = in->file, .member = in->member, .section = s.name},
                           "make the section either writable or executable",
                           "section is %s and executable",
                           s.flags & ML_SEC_TLS ? "thread-local" : "writable");
        if (in->split && !(s.flags & ML_SEC_TLS)) {
            if (!has_room(t))
                return ml_nomem(t->d);
            if ((in->piece[i] = ml_merge_piece(t, in, i)))
                continue;
        }
        const ml_class class = class_of(&s);
        const bool shared = may_share(img, &s);
        if (shared && share(t, open[class], &s, &in->at[i])) {
            in->piece[i] = open[class];
            continue;
        }
        if (!has_room(t))
            return ml_nomem(t->d);
        t->asks_large |= (s.flags & ML_SEC_LARGE) != 0;
        in->piece[i] = ml_piece_add(t, class, s.size, s.align);
        open[class] = shared ? in->piece[i] : 0;
        t->pieces[in->piece[i] - 1].filled = s.type != ML_SHT_NOBITS;
        if (s.role != ML_ROLE_NONE || t->idents.count)
            join_run(t, img, i, in->piece[i]);
    }
    ml_protect_divide(t, first);
    return 0;
}

/* Adds to the newest error, which a stage without names recorded, whose piece it is about. */
static int blame(ml_txn *t, uint32_t piece, int rc)
{
    ml_error *e = t->d->last;
    if (!e || e->at.file || e->code == ML_E_NOMEM)
        return rc;
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 1; in->piece && k < in->img->nsections; k++) {
            if (in->piece[k] != piece)
                continue;
            e->at.file = ml_strdup(&t->d->arena, in->file);
            e->at.member = in->member ? ml_strdup(&t->d->arena, in->member) : NULL;
            e->at.section = ml_strdup(&t->d->arena, ml_image_section(in->img, k).name);
            return rc;
        }
    }
    for (uint32_t i = 0; i < t->l->names.count; i++) {
        const ml_entry *common = ml_table_awake(&t->l->names, i);
        if (!common || common->def != ML_DEF_COMMON || common->section != piece)
            continue;
        e->at.file = ml_strdup(&t->d->arena, t->l->inputs[common->image].file);
        e->at.symbol = ml_strdup(&t->d->arena, common->name);
    }
    return rc;
}

/* Too much memory: the largest piece is named. */
static int blame_largest(ml_txn *t, int rc)
{
    uint32_t most = 0;
    for (uint32_t i = 1; i < t->npieces; i++)
        if (t->pieces[i].size > t->pieces[most].size)
            most = i;
    return t->npieces ? blame(t, most + 1, rc) : rc;
}

/* Sections of one run lie together, so they share the most permissive of their classes. */
static int merge_runs(ml_txn *t)
{
    for (uint32_t i = 0; t->idents.count && i < t->npieces; i++) {
        ml_piece *p = &t->pieces[i];
        if (p->run < ML_RUN_IDENTS)
            continue;
        const ml_entry *e = ml_table_at(&t->idents, p->run - ML_RUN_IDENTS);
        if (e->section == 0 || p->class + 1u == e->section)
            continue;
        if (p->class == ML_CLASS_TEXT)
            return blame(t, i + 1,
                         ml_fail(t->d, ML_E_REFUSED, (ml_where){0}, "give them different names",
                                 "sections named '%s' are executable in one object and not in "
                                 "another",
                                 e->name));
        p->class = (uint8_t)(e->section - 1);
    }
    return 0;
}

static ml_class common_class(const ml_entry *e)
{
    return e->type == ML_TYPE_TLS ? ML_CLASS_TBSS : ML_CLASS_BSS;
}

/* Adds the pieces of common symbols; there are n. */
static int common_pieces(ml_txn *t, uint32_t n)
{
    for (uint32_t i = 0; n && i < t->l->names.count; i++) {
        ml_entry *e = ml_table_awake(&t->l->names, i);
        if (e && e->def == ML_DEF_COMMON)
            e->section = ml_piece_add(t, common_class(e), e->size, e->value ? e->value : 1);
    }
    return 0;
}

/* Room for n more pieces than sections have, and for those of the linker. */
static int more_pieces(ml_txn *t, uint32_t n)
{
    size_t room = (size_t)t->npieces + n + MORE_PIECES;
    if (room > UINT32_MAX)
        return ml_nomem(t->d);
    if (room <= t->room_pieces)
        return 0;
    ml_piece *more = ml_nalloc(&t->scratch, room, sizeof *more);
    if (!more)
        return ml_nomem(t->d);
    if (t->npieces)
        memcpy(more, t->pieces, t->npieces * sizeof *more);
    t->pieces = more;
    t->room_pieces = room;
    return 0;
}

/* What becomes of the definitions, now that it is known which sections have memory. */
static int look_at_names(ml_txn *t, bool has_tls)
{
    t->ncommons = 0;
    for (uint32_t i = 0; i < t->l->names.count; i++) {
        ml_entry *e = ml_table_awake(&t->l->names, i);
        if (!e) /* its section has memory, and it is an ordinary variable or function */
            continue;
        if (e->def == ML_DEF_SECTION && !t->l->inputs[e->image].piece[e->section])
            e->flags |= ML_ENT_NOWHERE;
        t->asks_large |= e->def == ML_DEF_COMMON && (e->flags & ML_ENT_LARGE);
        t->has_ifunc |= e->def == ML_DEF_SECTION && e->type == ML_TYPE_IFUNC;
        t->ncommons += e->def == ML_DEF_COMMON;
        int rc = has_tls || e->type == ML_TYPE_TLS ? ml_segment_define(t, e) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int all_pieces(ml_txn *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++)
        n += t->l->inputs[i].img->nmemory;
    if (n > UINT32_MAX / 2)
        return ml_nomem(t->d);
    bool has_tls = false;
    int rc = ml_merge_choose(t);
    for (uint32_t i = 0; rc == 0 && i < t->l->ninputs; i++) {
        rc = section_pieces(t, &t->l->inputs[i]);
        has_tls |= (t->l->inputs[i].img->flags & ML_SEC_TLS) != 0;
    }
    if (rc < 0)
        return rc;
    t->l->stats.sections = t->npieces + t->nshared;
    rc = look_at_names(t, has_tls);
    if (rc == 0)
        rc = more_pieces(t, t->ncommons);
    if (rc < 0)
        return rc;
    rc = common_pieces(t, t->ncommons);
    return rc < 0 ? rc : merge_runs(t);
}

/* GOT, stubs, moved instructions, __dso_handle: behind the sections, as scan counted them. */
static void linker_pieces(ml_txn *t)
{
    t->piece_got = t->piece_stubs = t->piece_moved = t->piece_dso = 0;
    uint64_t got = (uint64_t)(t->ngot ? t->ngot : 1) * ML_GOT_SLOT;
    uint64_t stubs = (uint64_t)t->nstubs * t->target->stub_size;
    if (t->ngot || t->need_gotbase || ml_builtin_wanted(t, ml_got_address))
        t->piece_got = ml_piece_add(t, ML_CLASS_CONST, got, 16);
    if (t->nstubs)
        t->piece_stubs = ml_piece_add(t, ML_CLASS_TEXT, stubs, 16);
    if (t->nmoved)
        t->piece_moved = ml_piece_add(t, ML_CLASS_TEXT, (uint64_t)t->nmoved * ML_MOVE_MAX, 16);
    ml_count_pieces(t);
    if (ml_builtin_wanted(t, ml_dso_address))
        t->piece_dso = ml_piece_add(t, ML_CLASS_DATA, ML_DSO_SIZE, 8);
    ml_header_piece(t);
    ml_ctors_pieces(t);
    ml_copies_piece(t);
    ml_fragments_pieces(t);
    ml_frames_pieces(t);
}

/* Where a block of this size will lie. */
static int find_range(ml_txn *t, uint64_t size, uint64_t align)
{
    const ml_wish wish = {.zone = t->zone, .alone = t->o.alone};
    if (!t->o.fixed)
        return ml_space_prepare(t->s->space, t->d, wish, size, align, &t->lo, &t->hi);
    t->lo = t->o.at;
    t->hi = t->o.at + size;
    if (t->hi < t->lo)
        return ml_fail(t->d, ML_E_ARGUMENT, (ml_where){0}, "choose a lower address",
                       "0x%llx bytes from address 0x%llx on go past the end of the address space",
                       (unsigned long long)size, (unsigned long long)t->o.at);
    if (t->o.at & (align - 1))
        return ml_fail(t->d, ML_E_ARGUMENT, (ml_where){0}, "choose a rounder address",
                       "address 0x%llx is no multiple of the alignment 0x%llx",
                       (unsigned long long)t->o.at, (unsigned long long)align);
    return 0;
}

static int place_pieces(ml_txn *t)
{
    int rc = ml_layout_place(t->d, &t->scratch, t->pieces, t->npieces, false, ml_protect_grain(t),
                             &t->l->layout[0]);
    return rc < 0 ? blame_largest(t, rc) : 0;
}

/* Room beside the sections for slots, stubs and moved instructions; in a large load also for its
** start to be a huge page's. More than a small load can want would keep it out of small holes. */
static uint64_t spare_bytes(const ml_txn *t, uint64_t size)
{
    uint64_t some = (16 << 10) + 64 * (uint64_t)t->nopen;
    return size / 4 + (size < 1 << 20 && some < 1 << 20 ? some : 1 << 20);
}

/* Would a small block, now that its size is known, fit into a hole before the one it has? Such are
** the holes that units of its size have left. */
static bool fits_before(ml_txn *t, const ml_layout *y)
{
    uint64_t lo = t->lo;
    return y->size < 1 << 20 && find_range(t, y->size, y->align) == 0 && t->lo != lo;
}

/* Scans and lays out until the block fits the range that the scan was made for: once, as a rule;
** again when relocations ask for the low zone, when slots and stubs need more room than assumed, or
** when they need less and there is a hole for that. */
static int lay_out(ml_txn *t)
{
    uint32_t sections = t->npieces;
    const ml_layout *y = &t->l->layout[0];
    int rc = place_pieces(t);
    uint64_t size = rc == 0 ? y->size + spare_bytes(t, y->size) : 0;
    bool tight = false;
    while (rc == 0) {
        rc = find_range(t, size, y->align);
        if (rc == -(int)ML_E_SPACE)
            blame_largest(t, rc);
        if (rc == 0 && (rc = ml_scan(t)) == 1) {
            rc = 0;
            continue;
        }
        if (rc < 0)
            break;
        t->npieces = sections;
        rc = ml_ifunc_collect(t);
        linker_pieces(t);
        ml_ifunc_pieces(t);
        ml_lazy_pieces(t);
        ml_protect_divide(t, sections);
        if (rc == 0)
            rc = place_pieces(t);
        if (rc < 0 || (y->size <= size && (tight || !fits_before(t, y))))
            break;
        tight = true;
        size = y->size;
    }
    return rc;
}

/* Bytes from the start of the block that will be written at once; 0 for a hostile size, whose pages
** are left to page faults. */
static uint64_t solid_bytes(const ml_txn *t)
{
    const ml_layout *y = &t->l->layout[0];
    uint64_t bytes = y->part[ML_PART_TEXT].size;
    for (uint32_t i = 0; i < t->npieces; i++)
        if (t->pieces[i].class == ML_CLASS_CONST || t->pieces[i].class == ML_CLASS_DATA)
            bytes += t->pieces[i].size;
    return bytes > 2 * t->l->stats.bytes + (1 << 20) || bytes > y->size ? 0 : bytes;
}

/* Of how many bytes the pages are to be huge. Some huge pages are made in a fifth of the time that
** small ones take (0.5 ms against 2.5 for 7 MiB); for many the system may have to clear the way. */
static size_t huge_bytes(const ml_txn *t, uint64_t solid)
{
    enum { LEAST = 4 << 20, MOST = 16 << 20 };
    if (t->o.pages == ML_PAGES_HUGE)
        return (size_t)t->l->layout[0].size;
    if (t->o.pages != ML_PAGES_AUTO || t->o.protect == ML_PROTECT_DUAL || t->slow_pages ||
        solid < LEAST || solid > MOST)
        return 0;
    return (size_t)solid & ~(ml_os_page() - 1);
}

/* Brings in the pages that will be written, in one call; with them a last one of zeros, which would
** cost a fault when it is first read and one when it is first written: 2 us. */
static void populate(const ml_txn *t, uint64_t solid)
{
    uint64_t code = t->l->block.view ? t->l->block.code : 0; /* huge pages come by themselves */
    uint64_t all = t->l->layout[0].size;
    if (solid && all - solid < 2 * ml_os_page())
        solid = all;
    if (t->o.pages == ML_PAGES_HUGE)
        return;
    if (code && solid)
        ml_os_populate((uintptr_t)t->code, (size_t)code);
    if (solid > code)
        ml_os_populate(t->l->block.addr + code, (size_t)(solid - code));
}

static int take_block(ml_txn *t)
{
    const ml_layout *y = &t->l->layout[0];
    if (t->o.fixed) {
        t->view = t->code = t->buffer = ml_heap_zalloc(1, y->size);
        t->l->block = (ml_block){.addr = t->o.at, .size = y->size};
        return t->view ? 0 : ml_nomem(t->d);
    }
    uint64_t solid = solid_bytes(t);
    ml_wish wish = {.zone = t->zone, .alone = t->o.alone, .huge = huge_bytes(t, solid)};
    if (t->o.pages == ML_PAGES_HUGETLB)
        wish.set_aside = y->part[ML_PART_DATA].offset;
    if (t->o.protect == ML_PROTECT_DUAL)
        wish.code = y->part[ML_PART_TEXT].size;
    int rc = ml_block_take(t->s->space, t->d, wish, y->size, y->align, &t->l->block);
    if (rc < 0)
        return rc;
    t->taken = true;
    ml_unwinders_vacate(t->s->unwinders, t->l->block.addr, t->l->block.size);
    t->view = (uint8_t *)(uintptr_t)t->l->block.addr;
    t->code = ml_block_writable(&t->l->block, t->l->block.addr);
    ml_protect_warn(t);
    populate(t, solid);
    return 0;
}

/* Where the sections of each C identifier begin and end. */
static void run_extents(ml_txn *t)
{
    for (uint32_t i = 0; t->idents.count && i < t->npieces; i++) {
        const ml_piece *p = &t->pieces[i];
        if (p->run < ML_RUN_IDENTS)
            continue;
        ml_entry *e = ml_table_at(&t->idents, p->run - ML_RUN_IDENTS);
        uint64_t addr = t->l->block.addr + p->offset;
        if (!e->size || addr < e->addr)
            e->addr = addr;
        if (addr + p->size > e->size)
            e->size = addr + p->size; /* here the end, not the length */
    }
}

uint64_t ml_dso_address(const ml_txn *t, unsigned which)
{
    (void)which;
    return t->l->dso_handle;
}

uint64_t ml_got_address(const ml_txn *t, unsigned which)
{
    (void)which;
    return t->l->got;
}

static uint64_t linker_symbol(const ml_txn *t, const ml_entry *e)
{
    const ml_builtin *own = ml_builtin_find(e->name, e->len);
    bool stop;
    if (own)
        return own->of_load(t, own->which);
    const char *section = ml_builtin_section(e->name, &stop);
    const ml_entry *run = section ? ml_table_find_str(&t->idents, section) : NULL;
    return run ? (stop ? run->size : run->addr) : 0;
}

static uint64_t section_symbol(const ml_linked *l, const ml_entry *e)
{
    const ml_input *in = &l->inputs[e->image];
    if (!in->piece[e->section])
        return e->value;
    uint64_t stub = e->type == ML_TYPE_IFUNC ? ml_ifunc_address(in, e->section, e->value) : 0;
    return stub ? stub : ml_section_address(in, e->section, e->value);
}

/* Everything has its address now. Lists the entries that have slots: few, as a rule, so that others
** need not go through all. */
static int give_addresses(ml_txn *t)
{
    ml_linked *l = t->l;
    l->got = ml_piece_addr(t, t->piece_got);
    l->stubs = ml_piece_addr(t, t->piece_stubs);
    l->moved = ml_piece_addr(t, t->piece_moved);
    l->dso_handle = ml_piece_addr(t, t->piece_dso);
    l->stub_size = t->target->stub_size;
    run_extents(t);
    ml_count_place(t);
    ml_ifunc_place(t);
    for (uint32_t i = 0; i < l->names.nsleepers; i++) {
        ml_sleepers *g = &l->names.sleepers[i];
        g->at = l->inputs[g->input].at;
        g->base = l->block.addr;
    }
    for (uint32_t i = 0; i < l->names.count; i++) {
        ml_entry *e = ml_table_awake(&l->names, i);
        if (!e)
            continue;
        if (e->def == ML_DEF_SECTION)
            e->addr = section_symbol(l, e);
        else if (e->def == ML_DEF_COMMON)
            e->addr = ml_piece_addr(t, e->section);
        else if (e->def == ML_DEF_ABS)
            e->addr = e->value;
        else if (e->def == ML_DEF_LINKER)
            e->addr = linker_symbol(t, e);
        if (!e->got && !e->stub)
            continue;
        if (!ML_ARENA_ROOM(&t->scratch, t->slotted, t->nslotted, t->room_slotted))
            return ml_nomem(t->d);
        t->slotted[t->nslotted++] = e;
    }
    return 0;
}

/* What the linker writes that is known before relocations are. */
static void write_own(ml_txn *t)
{
    ml_header_write(t);
    ml_merge_write(t);
    if (t->l->dso_handle)
        ml_put64(t->view + t->pieces[t->piece_dso - 1].offset, t->l->dso_handle);
}

int ml_assemble(ml_txn *t)
{
    t->zone = t->o.zone;
    int rc = all_pieces(t);
    if (rc == 0)
        rc = ml_large_choose(t);
    if (rc == 0 && (rc = ml_segment_place(t)) == -(int)ML_E_SPACE)
        blame_largest(t, rc);
    if (rc == 0)
        rc = lay_out(t);
    if (rc == 0)
        rc = take_block(t);
    if (rc == 0 && (rc = ml_large_take(t)) == -(int)ML_E_SPACE)
        blame_largest(t, rc);
    if (rc < 0)
        return rc;
    rc = ml_put_sections(t);
    if (rc < 0)
        return rc;
    rc = give_addresses(t);
    if (rc < 0)
        return rc;
    write_own(t);
    const ml_layout *y = t->l->layout;
    ml_link_stats *s = &t->l->stats;
    s->memory = y[0].size + y[1].size;
    s->text = y[0].part[ML_PART_TEXT].size;
    s->constants = y[0].part[ML_PART_CONST].size + y[1].part[ML_PART_CONST].size;
    s->data = y[0].part[ML_PART_DATA].size + y[1].part[ML_PART_DATA].size;
    s->got_slots = t->ngot + t->nifuncs;
    s->stubs = t->nstubs + t->nifuncs;
    s->counted = t->l->ncounted;
    s->lazy = t->nlazy;
    return 0;
}
