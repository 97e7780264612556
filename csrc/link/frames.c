/* frames.c -- link: the unwind table of a load.
** takes relocated .eh_frame sections, which lie side by side, with an end mark behind the last;
** gives one table that every unwinder can read, registered when the load is committed.
** Invariant: after ml_frames_check each record of the table lies inside its section, each FDE has a
** CIE that was understood, and either covers code of this load or is void. A zero word in the
** middle (crtend.o has one) would end the table for all behind it: the record before has it.
** Spec: LSB 5.0 core, chapter 10.6 "Exception Frames"; DWARF 5, 6.4.1; x86-64 psABI 3.7, 4.2.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/leb128.h"
#include "link/handlers.h"
#include "object/cfi.h"

enum { MOST_ALIGN = 0xffff }; /* factor of advances: no sum of them overflows */

/* What an FDE must know of its CIE. */
typedef struct cie {
    uint64_t at;             /* offset in its section */
    bool sized;              /* 'z': lengths of augmentation data are there */
    uint8_t pointer, lsda;   /* encodings */
    uint8_t width;           /* bytes of a pointer */
    uint8_t personality;     /* likewise, of the pointer at: */
    uint64_t personality_at; /* 0: none */
    uint64_t program;        /* where its instructions begin */
    uint64_t code_align;
    bool cfa; /* they give a rule for the CFA */
} cie;

/* The instructions of an FDE that was right. */
typedef struct last_program {
    const uint8_t *p;
    uint64_t n, reach; /* bytes; of the function, at least */
    uint64_t cie;      /* its place */
} last_program;

/* A walk over one section. */
typedef struct walk {
    ml_txn *t;
    const ml_input *in;
    uint32_t section; /* its index */
    uint32_t rels;    /* index of its relocations; img->nrels: it has none; above: not yet known */
    uint32_t rel;     /* the one that was found last */
    uint8_t *p;
    uint64_t addr, size;
    uint8_t *before; /* the length of the record before, maybe in another section; NULL: none */
    cie *cies;       /* of this section, as they come */
    size_t ncies, room;
    const cie *cie;    /* the one that was used last; NULL: none */
    uint64_t first;    /* offset of the first record of the section */
    uint64_t last_cie; /* the CIE that was passed last */
    uint32_t records;
    bool mixed;    /* an FDE belongs to a CIE before that one */
    uint32_t live; /* FDEs of code that is there */
    last_program last;
    ml_handlers handlers;
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

static int faulty(const walk *w, uint64_t at, const char *func, const char *which, const char *what)
{
    return ml_fail(w->t->d, ML_E_FORMAT,
                   (ml_where){.file = w->in->file,
                              .member = w->in->member,
                              .section = ml_image_section(w->in->img, w->section).name,
                              .func = func,
                              .offset = at,
                              .has_offset = true},
                   ML_FRAMES_HINT, "%s %s", which, what);
}

static int broken(const walk *w, uint64_t at, const char *what)
{
    return faulty(w, at, NULL, "an unwind table", what);
}

static bool can_read(uint8_t encoding)
{
    uint8_t base = encoding & 0x70;
    return ml_pe_width(encoding) && (base == 0 || base == ML_PE_PCREL);
}

/* The letters behind 'z', each with its data. False when one is not known: what follows is not,
** either; or when libgcc would find another encoding of addresses than the others do, or none: it
** looks for the first R, and passes over P and L alone. */
static bool augmentation(const walk *w, const char *letters, uint64_t at, uint64_t end, cie *c)
{
    const char *r = strchr(letters, 'R');
    if (r && (letters[strspn(letters, "LP")] != 'R' || strchr(r + 1, 'R')))
        return false;
    for (; *letters; letters++) {
        uint8_t encoding = at < end ? w->p[at] : ML_PE_OMIT;
        if (*letters == 'S' || *letters == 'B')
            continue;
        if (!strchr("LPR", *letters) || at++ >= end)
            return false;
        if (*letters == 'L')
            c->lsda = encoding;
        else if (*letters == 'R')
            c->pointer = encoding;
        else { /* the personality routine's pointer follows */
            if (!can_read(encoding) || end - at < ml_pe_width(encoding))
                return false;
            c->personality = encoding;
            c->personality_at = at;
            at += ml_pe_width(encoding);
        }
    }
    return can_read(c->pointer) && !(c->pointer & ML_PE_INDIRECT) &&
           (c->lsda == ML_PE_OMIT || can_read(c->lsda));
}

/* Reads the CIE whose content, behind its id, goes from at to end. */
static bool read_cie(const walk *w, uint64_t start, uint64_t at, uint64_t end, cie *out)
{
    cie c = {.at = start, .pointer = ML_PE_ABSPTR, .lsda = ML_PE_OMIT};
    uint64_t number;
    if (at >= end)
        return false;
    uint8_t version = w->p[at++];
    const char *letters = (const char *)w->p + at;
    const uint8_t *nul = memchr(letters, 0, (size_t)(end - at));
    if (!nul || (version != 1 && version != 3))
        return false;
    at = (uint64_t)(nul - w->p) + 1;
    /* the factors of places and of offsets; any of the latter will do */
    if (!ml_uleb128(w->p, &at, end, &c.code_align) || !ml_uleb128(w->p, &at, end, &number))
        return false;
    if (at >= end || (version != 1 && !ml_uleb128(w->p, &at, end, &number)))
        return false;
    if (version == 1)
        number = w->p[at++];
    if (number >= w->t->target->columns || !c.code_align || c.code_align > MOST_ALIGN)
        return false;
    if (*letters == 'z') {
        c.sized = true;
        if (!ml_uleb128(w->p, &at, end, &number) || number > end - at ||
            !augmentation(w, letters + 1, at, at + number, &c))
            return false;
        at += number;
    } else if (*letters) {
        return false;
    }
    c.program = at;
    c.width = (uint8_t)ml_pe_width(c.pointer);
    *out = c;
    return true;
}

/* Finds the CIE that an FDE points back to: one that came before it in its section. */
static bool find_cie(walk *w, uint64_t id_at, uint32_t back)
{
    if (back > id_at)
        return false;
    uint64_t start = id_at - back;
    if (w->cie && start == w->cie->at)
        return true;
    size_t lo = 0, hi = w->ncies;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (w->cies[mid].at < start)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == w->ncies || w->cies[lo].at != start)
        return false;
    w->cie = &w->cies[lo];
    return true;
}

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
    memset(w->p + at, 0, (size_t)ml_pe_width(w->cie->pointer) * 2);
}

/* ---- what unwinders run ---- */

static ml_cfi program(const walk *w, const cie *c, uint64_t at, uint64_t end)
{
    return (ml_cfi){.p = w->p,
                    .at = at,
                    .end = end,
                    .addr = w->addr,
                    .code_align = c->code_align,
                    .pointer = c->pointer,
                    .columns = w->t->target->columns,
                    .registers = w->t->target->registers,
                    .cfa = c->cfa};
}

/* Is there a relocation at an offset of the section? They are asked for in their order. */
static bool is_relocated(walk *w, uint64_t at)
{
    const ml_image *img = w->in->img;
    if (w->rels > img->nrels)
        for (w->rels = 0; w->rels < img->nrels && img->rels[w->rels].target != w->section;)
            w->rels++;
    const ml_irels *r = &img->rels[w->rels];
    uint32_t n = w->rels < img->nrels ? r->count : 0;
    for (uint32_t i = 0; i < n; i++, w->rel++) {
        w->rel = w->rel < n ? w->rel : 0;
        if (ml_image_rel(r, w->rel).offset == at)
            return true;
    }
    return false;
}

/* A CIE, whose content goes up to end. Its personality routine is called: what is not named by a
** relocation is no address of anything. */
static int check_cie(walk *w, uint64_t start, uint64_t end)
{
    if (!ML_ARENA_ROOM(&w->t->scratch, w->cies, w->ncies, w->room))
        return ml_nomem(w->t->d);
    cie *c = &w->cies[w->ncies];
    if (!read_cie(w, start, start + 8, end, c))
        return faulty(w, start, NULL, "a CIE", "of a kind that is not known to this version");
    if (c->personality_at && !is_relocated(w, c->personality_at))
        return faulty(w, c->personality_at, NULL, "a CIE",
                      "has a personality routine that no relocation names");
    ml_cfi run = program(w, c, c->program, end);
    const char *wrong = ml_cfi_check(&run);
    if (wrong)
        return faulty(w, run.at, NULL, "a CIE", wrong);
    c->cfa = run.cfa;
    w->cie = c;
    w->last_cie = start;
    w->ncies++;
    return 0;
}

/* The address of an FDE's language-specific data, 0: it has none. False when it is not of this
** load. */
static bool find_handlers(const walk *w, uint64_t at, uint64_t *out)
{
    const ml_block *b = &w->t->l->block;
    *out = 0;
    if (ml_pe_raw(w->p, at, w->cie->lsda) == 0)
        return true;
    uint64_t value = ml_pe_value(w->p, at, w->cie->lsda, w->addr);
    if (w->cie->lsda & ML_PE_INDIRECT) {
        if (value - b->addr > b->size - ML_GOT_SLOT)
            return false;
        value = ml_get64(ml_txn_view(w->t, value - b->addr));
    }
    *out = value;
    return value - b->addr < b->size;
}

/* Was the last program the same? Functions of one kind often stand together. */
static bool is_last_program(const walk *w, uint64_t at, uint64_t end, uint64_t size)
{
    const last_program *l = &w->last;
    return l->n == end - at && l->cie == w->cie->at && l->reach <= size &&
           memcmp(l->p, w->p + at, (size_t)l->n) == 0;
}

/* What stands behind the range of an FDE: its handlers, and its instructions, from at to end. */
static int check_rest(walk *w, uint64_t at, uint64_t end, uint64_t start, uint64_t size)
{
    uint64_t length, handlers = 0;
    if (w->cie->sized) {
        if (!ml_uleb128(w->p, &at, end, &length) || length > end - at ||
            (w->cie->lsda != ML_PE_OMIT && length < ml_pe_width(w->cie->lsda)))
            return faulty(w, at, ml_binding_function(w->t, start), "an unwind entry", "is cut off");
        if (w->cie->lsda != ML_PE_OMIT && !find_handlers(w, at, &handlers))
            return faulty(w, at, ml_binding_function(w->t, start), "an unwind entry",
                          "names handlers outside of its load");
        at += length;
    }
    if (!is_last_program(w, at, end, size)) {
        ml_cfi run = program(w, w->cie, at, end);
        run.start = start;
        run.size = size;
        const char *wrong = ml_cfi_check(&run);
        if (!wrong && !run.cfa)
            wrong = "has no rule for the frame's address (CFA)";
        if (wrong)
            return faulty(w, run.at, ml_binding_function(w->t, start), "an unwind entry", wrong);
        w->last = (last_program){w->p + at, end - at, run.reach, w->cie->at};
    }
    return handlers ? ml_handlers_check(&w->handlers, w->t, handlers, start, size) : 0;
}

/* ---- the table ---- */

static int check_fde(walk *w, uint64_t start, uint64_t at, uint64_t end)
{
    if (!find_cie(w, start + 4, ml_get32(w->p + start + 4)))
        return faulty(w, start, NULL, "an unwind entry", "has no CIE that can be read");
    const uint8_t encoding = w->cie->pointer;
    unsigned bytes = w->cie->width;
    if (end - at < 2 * bytes)
        return faulty(w, start, NULL, "an unwind entry", "ends before it says what it covers");
    uint64_t raw, size;
    if (encoding == (ML_PE_PCREL | ML_PE_SDATA4)) { /* nearly all are */
        raw = (uint64_t)(int32_t)ml_get32(w->p + at);
        size = ml_get32(w->p + at + 4);
    } else {
        raw = ml_pe_raw(w->p, at, encoding);
        size = ml_pe_raw(w->p, at + bytes, encoding & 15 & ~ML_PE_SIGNED);
    }
    uint64_t function = ml_pe_based(raw, at, encoding, w->addr);
    if (raw == 0 || !covers_code(w, function, size)) {
        make_void(w, at);
        return 0;
    }
    w->live++;
    return check_rest(w, at + 2 * bytes, end, function, size);
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
    uint64_t raw = ml_pe_raw(w->p, at, encoding);
    if ((encoding & 0x70) != ML_PE_PCREL || raw == 0)
        return true;
    uint64_t moved = raw - by;
    for (unsigned i = 0; i < ml_pe_width(encoding); i++)
        w->p[at + i] = (uint8_t)(moved >> 8 * i);
    return ml_pe_raw(w->p, at, encoding) == moved;
}

/* Adjusts the record at `at`, which belongs to the CIE read as c and has moved by `by` bytes. */
static bool move_record(const walk *w, uint64_t at, uint64_t by, const cie *c)
{
    uint64_t end = at + 4 + ml_get32(w->p + at), length, data;
    if (at == c->at)
        return !c->personality_at || move_pointer(w, c->personality_at, c->personality, by);
    ml_put32(w->p + at + 4, (uint32_t)(at + 4 - c->at));
    data = at + 8 + 2 * ml_pe_width(c->pointer);
    if (!move_pointer(w, at + 8, c->pointer, by))
        return false;
    if (!c->sized || c->lsda == ML_PE_OMIT || !ml_uleb128(w->p, &data, end, &length) || length == 0)
        return true;
    return ml_pe_width(c->lsda) <= end - data && move_pointer(w, data, c->lsda, by);
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
                return broken(w, v[i].at, "has a CIE that cannot be moved");
        }
        if (v[i].cie != group || !move_record(w, at, at - v[i].at, &c))
            return broken(w, v[i].at, "has an entry that cannot be put behind its CIE");
    }
    return 0;
}

static int check_section(walk *w)
{
    int rc;
    for (uint64_t at = 0; at < w->size;) {
        uint64_t left = w->size - at;
        uint32_t length = left < 4 ? 0 : ml_get32(w->p + at);
        if (left < 4 || length > left - 4 || (length && length < 4))
            return broken(w, at, "has a record that goes past the end of its section");
        if (length == 0) {
            swallow_end(w, at);
            at += 4;
            continue;
        }
        uint64_t end = at + 4 + length;
        if (ml_get32(w->p + at + 4) == 0) {
            rc = check_cie(w, at, end);
        } else {
            rc = check_fde(w, at, at + 8, end);
            w->mixed |= rc == 0 && w->cie->at != w->last_cie;
        }
        if (rc < 0)
            return rc;
        if (w->records++ == 0)
            w->first = at;
        w->before = w->p + at;
        at = end;
    }
    return w->mixed ? regroup(w) : 0;
}

static void begin_section(walk *w, uint32_t k, uint64_t size)
{
    w->section = k;
    w->rels = UINT32_MAX;
    w->rel = 0;
    w->p = ml_section_view(w->t, w->in, k);
    w->addr = ml_section_base(w->in, k);
    w->size = size;
    w->cie = NULL;
    w->ncies = 0;
    w->last_cie = UINT64_MAX;
    w->last = (last_program){.reach = UINT64_MAX};
    w->records = 0;
    w->mixed = false;
    if (!w->t->l->frames)
        w->t->l->frames = w->addr;
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
            begin_section(&w, k, sec.data.n);
            int rc = check_section(&w);
            if (rc < 0)
                return rc;
        }
    }
    memcpy(ml_piece_view(t, t->piece_frames), table_end, sizeof table_end);
    if (!w.live)
        t->l->frames = 0;
    t->frame_entries = w.live;
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
    bool by_records = add && remove;
    if (!by_records) {
        add = address_of(l, "__register_frame");
        remove = address_of(l, "__deregister_frame");
    }
    if (!add || !remove || !address_of(l, "_Unwind_RaiseException"))
        return;
    ml_unwinders_add(l->unwinders, add, remove, by_records);
    l->unwinder = add;
}

int ml_frames_register(ml_txn *t)
{
    ml_linked *l = t->l;
    l->unwinders = t->s->unwinders;
    enter_runtime(l);
    ml_unwinders_refresh(l->unwinders);
    const ml_unwind_table table = {.at = l->frames,
                                   .code = l->block.addr,
                                   .size = l->block.size,
                                   .home = l->block.home,
                                   .entries = t->frame_entries,
                                   .alone = t->o.alone};
    if (table.at && !ml_unwind_register(l->unwinders, &table, &l->unwind))
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
