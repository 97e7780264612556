/* frames.c -- link: the unwind table of a load.
** takes relocated .eh_frame sections, which lie side by side, with an end mark behind the last;
** gives one table that every unwinder can read, registered when the load is committed.
** Invariant: after ml_frames_check each record of the table lies inside its section, each FDE has a
** CIE that was understood, and either covers code of this load or is void. A zero word in the
** middle (crtend.o has one) would end the table for all behind it: the record before has it.
** Spec: LSB 5.0 core, chapter 10.6 "Exception Frames"; DWARF 5, 6.4.1; x86-64 psABI 3.7, 4.2.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/txn.h"

/* Pointer encodings, DW_EH_PE_*: format, what it is relative to, and a flag. */
enum {
    PE_ABSPTR = 0,
    PE_UDATA2 = 2,
    PE_UDATA4,
    PE_UDATA8,
    PE_SIGNED = 8,
    PE_SDATA2 = 10,
    PE_SDATA4,
    PE_SDATA8,
    PE_PCREL = 0x10,
    PE_INDIRECT = 0x80,
    PE_OMIT = 0xff
};

/* What an FDE must know of its CIE. */
typedef struct cie {
    uint64_t at;             /* offset in its section; UINT64_MAX: none read yet */
    bool sized;              /* 'z': lengths of augmentation data are there */
    uint8_t pointer, lsda;   /* encodings */
    uint8_t personality;     /* likewise, of the pointer at: */
    uint64_t personality_at; /* 0: none */
} cie;

/* A walk over one section. */
typedef struct walk {
    ml_txn *t;
    const ml_input *in;
    uint32_t section;
    uint8_t *p;
    uint64_t addr, size;
    uint8_t *before; /* the length of the record before, maybe in another section; NULL: none */
    cie cie;
    uint64_t first;    /* offset of the first record of the section */
    uint64_t last_cie; /* the CIE that was passed last */
    uint32_t records;
    bool mixed;    /* an FDE belongs to a CIE before that one */
    uint32_t live; /* FDEs of code that is there */
} walk;

bool ml_frames_section(const ml_isec *s)
{
    return s->role == ML_ROLE_EH_FRAME &&
           (s->flags & (ML_SEC_ALLOC | ML_SEC_EXEC)) == ML_SEC_ALLOC && s->type != ML_SHT_NOBITS;
}

/* Where one section ends the next begins: alignment would leave a gap of zeros, an end. */
void ml_frames_join(ml_txn *t, uint32_t piece)
{
    ml_piece *p = &t->pieces[piece - 1];
    p->class = ML_CLASS_CONST;
    p->run = ML_RUN_FRAMES;
    if (t->has_frames)
        p->align_log2 = 0;
    t->has_frames = true;
}

/* Behind the last: a CIE of no version that there is, and a zero word. The word ends the table for
** libgcc, which passes over a CIE that no FDE uses. LLVM's libunwind (14) takes the word for a CIE
** as long as the one before and goes on into whatever follows; at an unknown version it stops. */
static const uint8_t table_end[] = {
    8,    0, 0, 0, /* length */
    0,    0, 0, 0, /* a CIE */
    0xff,          /* version */
    0,    0, 0,    /* no augmentation; padding */
    0,    0, 0, 0, /* the zero word */
};

void ml_frames_pieces(ml_txn *t)
{
    t->piece_frames = 0;
    if (!t->has_frames)
        return;
    t->piece_frames = ml_piece_add(t, ML_CLASS_CONST, sizeof table_end, 1);
    t->pieces[t->piece_frames - 1].run = ML_RUN_FRAMES;
}

/* ---- reading ---- */

static int broken(const walk *w, uint64_t at, const char *what)
{
    return ml_fail(w->t->d, ML_E_FORMAT,
                   (ml_where){.file = w->in->file,
                              .member = w->in->member,
                              .section = ml_image_section(w->in->img, w->section).name,
                              .offset = at,
                              .has_offset = true},
                   "compile it again, or remove the section with objcopy if nothing is thrown",
                   "%s", what);
}

/* A number of 7 bits a byte (LEB128), without its sign. False at the end of the record. */
static bool leb128(const walk *w, uint64_t *at, uint64_t end, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
        uint8_t byte = w->p[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* Bytes of a pointer; 0: of a kind that stands in no unwind table of an object. */
static unsigned width(uint8_t encoding)
{
    switch (encoding & 15) {
    case PE_ABSPTR:
    case PE_UDATA8:
    case PE_SDATA8: return 8;
    case PE_UDATA4:
    case PE_SDATA4: return 4;
    case PE_UDATA2:
    case PE_SDATA2: return 2;
    default: return 0;
    }
}

static bool can_read(uint8_t encoding)
{
    uint8_t base = encoding & 0x70;
    return width(encoding) && (base == 0 || base == PE_PCREL);
}

/* The raw value, widened with its sign. */
static uint64_t raw_at(const walk *w, uint64_t at, uint8_t encoding)
{
    const uint8_t *p = w->p + at;
    switch (width(encoding)) {
    case 8: return ml_get64(p);
    case 4: return encoding & PE_SIGNED ? (uint64_t)(int32_t)ml_get32(p) : ml_get32(p);
    default: return encoding & PE_SIGNED ? (uint64_t)(int16_t)ml_get16(p) : ml_get16(p);
    }
}

static uint64_t pointer_at(const walk *w, uint64_t at, uint8_t encoding)
{
    uint64_t raw = raw_at(w, at, encoding);
    return (encoding & 0x70) == PE_PCREL ? raw + w->addr + at : raw;
}

/* The letters behind 'z', each with its data. False when one is not known: what follows is not,
** either. */
static bool augmentation(const walk *w, const char *letters, uint64_t at, uint64_t end, cie *c)
{
    for (; *letters; letters++) {
        uint8_t encoding = at < end ? w->p[at] : PE_OMIT;
        if (*letters == 'S' || *letters == 'B')
            continue;
        if (!strchr("LPR", *letters) || at++ >= end)
            return false;
        if (*letters == 'L')
            c->lsda = encoding;
        else if (*letters == 'R')
            c->pointer = encoding;
        else if (encoding != PE_OMIT) { /* the personality routine's pointer follows */
            if (!can_read(encoding) || end - at < width(encoding))
                return false;
            c->personality = encoding;
            c->personality_at = at;
            at += width(encoding);
        }
    }
    return can_read(c->pointer) && !(c->pointer & PE_INDIRECT) &&
           (c->lsda == PE_OMIT || can_read(c->lsda));
}

/* Reads the CIE whose content, behind its id, goes from at to end. */
static bool read_cie(const walk *w, uint64_t start, uint64_t at, uint64_t end, cie *out)
{
    cie c = {.at = start, .pointer = PE_ABSPTR, .lsda = PE_OMIT};
    uint64_t number;
    if (at >= end)
        return false;
    uint8_t version = w->p[at++];
    const char *letters = (const char *)w->p + at;
    const uint8_t *nul = memchr(letters, 0, (size_t)(end - at));
    if (!nul || (version != 1 && version != 3))
        return false;
    at = (uint64_t)(nul - w->p) + 1;
    if (!leb128(w, &at, end, &number) || !leb128(w, &at, end, &number)) /* factors */
        return false;
    if (version == 1 ? at++ >= end : !leb128(w, &at, end, &number)) /* return address */
        return false;
    if (*letters == 'z') {
        c.sized = true;
        if (!leb128(w, &at, end, &number) || number > end - at ||
            !augmentation(w, letters + 1, at, at + number, &c))
            return false;
    } else if (*letters) {
        return false;
    }
    *out = c;
    return true;
}

/* Finds the CIE that an FDE at `at` points back to. */
static bool find_cie(walk *w, uint64_t id_at, uint32_t back)
{
    if (back > id_at)
        return false;
    uint64_t start = id_at - back;
    if (start == w->cie.at)
        return true;
    if (id_at - start < 8)
        return false;
    uint32_t length = ml_get32(w->p + start);
    if (length < 4 || length > w->size - start - 4 || ml_get32(w->p + start + 4) != 0)
        return false;
    return read_cie(w, start, start + 8, start + 4 + length, &w->cie);
}

/* ---- the table ---- */

/* Is the range code of this load? */
static bool covers_code(const walk *w, uint64_t start, uint64_t size)
{
    ml_area text = ml_linked_area(w->t->l, false, ML_PART_TEXT);
    return size && ml_area_has(text, start) && size <= text.size - (start - text.addr);
}

/* An FDE of code that is not there (a function that another object's copy stands for) becomes void:
** a start that reads as 0 is passed over by libgcc, and nothing lies in a range of 0 bytes. */
static void make_void(const walk *w, uint64_t at)
{
    memset(w->p + at, 0, (size_t)width(w->cie.pointer) * 2);
}

static bool lsda_is_ours(const walk *w, uint64_t at, uint64_t end)
{
    uint64_t length;
    if (!w->cie.sized)
        return true;
    if (!leb128(w, &at, end, &length) || length > end - at)
        return false;
    if (w->cie.lsda == PE_OMIT)
        return true;
    if (length < width(w->cie.lsda))
        return false;
    uint64_t raw = raw_at(w, at, w->cie.lsda);
    const ml_block *b = &w->t->l->block;
    return raw == 0 || (w->cie.lsda & PE_INDIRECT) ||
           pointer_at(w, at, w->cie.lsda) - b->addr < b->size;
}

static int check_fde(walk *w, uint64_t start, uint64_t at, uint64_t end)
{
    if (!find_cie(w, start + 4, ml_get32(w->p + start + 4)))
        return broken(w, start, "an unwind entry has no CIE that can be read");
    unsigned bytes = width(w->cie.pointer);
    if (end - at < 2 * bytes)
        return broken(w, start, "an unwind entry ends before it says what it covers");
    uint64_t raw = raw_at(w, at, w->cie.pointer);
    uint64_t size = raw_at(w, at + bytes, w->cie.pointer & 15 & ~PE_SIGNED);
    if (raw == 0 || !covers_code(w, pointer_at(w, at, w->cie.pointer), size))
        make_void(w, at);
    else if (!lsda_is_ours(w, at + 2 * bytes, end))
        return broken(w, start, "an unwind entry names handlers outside of its load");
    else
        w->live++;
    return 0;
}

/* A zero word: the record before takes it as padding; at the very start the table begins behind. */
static void swallow_end(walk *w, uint64_t at)
{
    if (w->before)
        ml_put32(w->before, ml_get32(w->before) + 4);
    else
        w->t->l->frames = w->addr + at + 4;
}

/* ---- the order ---- */

/* Note [Entries behind their CIE]
** The format lets an FDE name any CIE before it, and g++ uses that: entries with and without
** handlers take turns. LLVM's libunwind, told of a table, stops at the first entry that does not
** belong to the CIE passed last. So the records of such a section are put in another order: each
** CIE, then its entries. Whatever in them counts from its own place is changed by the distance. */

typedef struct record {
    uint64_t at, size;
    uint64_t cie; /* where its CIE is; of a CIE: itself */
} record;

static int by_cie(const void *a, const void *b)
{
    const record *x = a, *y = b;
    if (x->cie != y->cie)
        return x->cie < y->cie ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Changes a pointer that has moved `by` bytes with its record. False when it fits no longer. */
static bool move_pointer(const walk *w, uint64_t at, uint8_t encoding, uint64_t by)
{
    uint64_t raw = raw_at(w, at, encoding);
    if ((encoding & 0x70) != PE_PCREL || raw == 0)
        return true;
    uint64_t moved = raw - by;
    for (unsigned i = 0; i < width(encoding); i++)
        w->p[at + i] = (uint8_t)(moved >> 8 * i);
    return raw_at(w, at, encoding) == moved;
}

/* Adjusts the record at `at`, which belongs to the CIE read as c and has moved by `by` bytes. */
static bool move_record(const walk *w, uint64_t at, uint64_t by, const cie *c)
{
    uint64_t end = at + 4 + ml_get32(w->p + at), length, data;
    if (at == c->at)
        return !c->personality_at || move_pointer(w, c->personality_at, c->personality, by);
    ml_put32(w->p + at + 4, (uint32_t)(at + 4 - c->at));
    data = at + 8 + 2 * width(c->pointer);
    if (!move_pointer(w, at + 8, c->pointer, by))
        return false;
    return !c->sized || c->lsda == PE_OMIT || !leb128(w, &data, end, &length) || length == 0 ||
           move_pointer(w, data, c->lsda, by);
}

static void list_records(const walk *w, record *v)
{
    uint64_t at = w->first;
    for (uint32_t i = 0; i < w->records; i++) {
        uint32_t length = ml_get32(w->p + at), back = ml_get32(w->p + at + 4);
        v[i] = (record){at, 4 + (uint64_t)length, back ? at + 4 - back : at};
        at += 4 + (uint64_t)length;
    }
}

static int regroup(walk *w)
{
    record *v = ml_nalloc(&w->t->scratch, w->records, sizeof *v);
    uint8_t *old = ml_alloc(&w->t->scratch, (size_t)w->size);
    if (!v || !old)
        return ml_nomem(w->t->d);
    memcpy(old, w->p, (size_t)w->size);
    list_records(w, v);
    qsort(v, w->records, sizeof *v, by_cie);
    cie c = {.at = UINT64_MAX};
    uint64_t at = w->first, group = UINT64_MAX;
    for (uint32_t i = 0; i < w->records; i++, at += v[i - 1].size) {
        memcpy(w->p + at, old + v[i].at, (size_t)v[i].size);
        w->before = w->p + at;
        if (v[i].at == v[i].cie) {
            group = v[i].at;
            if (!read_cie(w, at, at + 8, at + v[i].size, &c))
                return broken(w, v[i].at, "a CIE of a kind that is not known to this version");
        }
        if (v[i].cie != group || !move_record(w, at, at - v[i].at, &c))
            return broken(w, v[i].at, "an unwind entry cannot be put behind its CIE");
    }
    return 0;
}

static int check_section(walk *w)
{
    for (uint64_t at = 0; at < w->size;) {
        uint64_t left = w->size - at;
        uint32_t length = left < 4 ? 0 : ml_get32(w->p + at);
        if (left < 4 || length > left - 4 || (length && length < 4))
            return broken(w, at, "a record of the unwind table goes past the end of its section");
        if (length == 0) {
            swallow_end(w, at);
            at += 4;
            continue;
        }
        uint64_t end = at + 4 + length;
        if (ml_get32(w->p + at + 4) == 0) {
            if (!read_cie(w, at, at + 8, end, &w->cie))
                return broken(w, at, "a CIE of a kind that is not known to this version");
            w->last_cie = at;
        } else {
            int rc = check_fde(w, at, at + 8, end);
            if (rc < 0)
                return rc;
            w->mixed |= w->cie.at != w->last_cie;
        }
        if (w->records++ == 0)
            w->first = at;
        w->before = w->p + at;
        at = end;
    }
    return w->mixed ? regroup(w) : 0;
}

int ml_frames_check(ml_txn *t)
{
    walk w = {.t = t};
    if (!t->has_frames)
        return 0;
    t->l->frames = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        w.in = &t->l->inputs[i];
        const ml_image *img = w.in->img;
        for (uint32_t k = 0; (k = ml_image_next(img, ML_ROLE_EH_FRAME, k + 1)) < img->nsections;) {
            if (!w.in->piece[k])
                continue;
            const ml_isec sec = ml_image_section(img, k);
            if ((sec.flags & ML_SEC_TLS) || !ml_frames_section(&sec))
                continue;
            w.section = k;
            w.p = ml_piece_view(t, w.in->piece[k]);
            w.addr = w.in->addr[k];
            w.size = sec.data.n;
            w.cie.at = w.last_cie = UINT64_MAX;
            w.records = 0;
            w.mixed = false;
            if (!t->l->frames)
                t->l->frames = w.addr;
            int rc = check_section(&w);
            if (rc < 0)
                return rc;
        }
    }
    memcpy(ml_piece_view(t, t->piece_frames), table_end, sizeof table_end);
    if (!w.live)
        t->l->frames = 0;
    return 0;
}

/* ---- registering ---- */

static uint64_t address_of(const ml_linked *l, const char *name)
{
    const ml_entry *e = ml_table_find_str(&l->names, name);
    return e && e->def == ML_DEF_SECTION && !(e->flags & ML_ENT_NOWHERE) ? e->addr : 0;
}

/* A load that holds an unwinder or a C++ runtime: what others must know of it. */
static void enter_runtime(ml_linked *l)
{
    ml_runtime *r = &l->runtime;
    bool any = false;
    r->start = l->block.addr;
    r->end = l->block.addr + l->block.size;
    for (int i = 0; i < ML_RT_COUNT; i++) {
        r->fn[i] = address_of(l, ml_runtime_name((ml_runtime_fn)i));
        any |= r->fn[i] != 0;
    }
    if (any)
        ml_runtime_enter(r);
}

static void add_unwinder(ml_linked *l)
{
    uint64_t add = address_of(l, "__unw_add_dynamic_eh_frame_section");
    uint64_t remove = address_of(l, "__unw_remove_dynamic_eh_frame_section");
    if (!add || !remove) {
        add = address_of(l, "__register_frame");
        remove = address_of(l, "__deregister_frame");
    }
    if (!add || !remove || !address_of(l, "_Unwind_RaiseException"))
        return;
    ml_unwinders_add(l->unwinders, add, remove);
    l->unwinder = add;
}

int ml_frames_register(ml_txn *t)
{
    ml_linked *l = t->l;
    l->unwinders = t->s->unwinders;
    enter_runtime(l);
    ml_unwinders_refresh(l->unwinders);
    uint64_t lo = ml_space_start(t->s->space, l->block.addr);
    uint64_t window = l->block.addr - (l->block.addr - lo) % ML_UNWIND_WINDOW;
    if (l->frames && !ml_unwind_register(l->unwinders, l->frames, window, &l->unwind))
        return ml_nomem(t->d);
    add_unwinder(l);
    return 0;
}

void ml_frames_unregister(ml_linked *l)
{
    if (l->unwinder)
        ml_unwinders_forget(l->unwinders, l->unwinder);
    l->unwinder = 0;
    ml_unwind_unregister(&l->unwind);
    ml_runtime_leave(&l->runtime);
}
