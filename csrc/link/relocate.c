/* relocate.c -- stage RELOCATE: layout + binding -> bytes.
** takes addresses, which are final, and the sections' bytes in the block; gives the relocated
** bytes. Every value is checked against the range of its field before it is written; what does not
** fit goes to a stub, or is left to far.c, or is an error: never a cut-off value.
** The names S, A, P, G, GOT, L and Z are the psABI's.
** Spec: x86-64 psABI 4.4.1 "Relocation Types"; the table in target/.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* What a symbol is. */
enum {
    PLAIN = 0,
    DROPPED, /* in a section that has no memory */
    MERGED,  /* a section symbol, of a section that was */
    STUBBED, /* branches reach it by its stub alone */
    COUNTED, /* its calls go through a stub that counts */
    WITHIN   /* another unit's, whose address lies in this load's block all the same: an absolute
                symbol */
};

/* In place of S, of a symbol that is not PLAIN: see apply_direct. */
#define NO_PLAIN_S ((uint64_t)1 << 63)

static bool may_be_plain(uint64_t S)
{
    return (int64_t)S >= 0; /* one test of a sign: no code lies above */
}

enum { BATCH = 256 };

/* How a type of relocation is applied when it is direct. */
typedef struct direct {
    uint64_t pc;    /* all ones when it is relative, else 0 */
    uint64_t bias;  /* a value of 4 bytes fits when it and this together do */
    unsigned width; /* bytes; 0: it is not */
} direct;

/* One input while it is relocated. */
typedef struct work {
    ml_txn *t;
    ml_input *in;
    const ml_irels *rels;
    uint32_t nrels; /* index of rels */
    uint8_t *code;  /* the target section's bytes in the block */
    uint64_t base;  /* its address */
    uint32_t piece; /* the piece that it lies in, */
    uint8_t *bytes; /* its bytes, */
    uint64_t addr;  /* its address, */
    uint8_t class;  /* and class */
    bool exec;
    bool skip;   /* sections in it are not relocated now */
    bool tls;    /* only thread-local sections, else only others */
    uint64_t *S; /* by symbol index, or NO_PLAIN_S */
    uint8_t *is; /* by symbol index: PLAIN and so on */
    bool sited;  /* references to other units are noted: see sites.c */
    const direct *types;
    ml_area own;       /* what lies outside may be another unit's: that load's block, or all */
    uint32_t *outside; /* relocations of a batch that are direct and lead there */
    uint32_t noutside;
    ml_watch watch;
    int rc;
} work;

/* Bytes of the target section. */
static size_t size_of(const work *w)
{
    return w->t->pieces[w->piece - 1].filled ? (size_t)w->rels->size : 0;
}

static void put(uint8_t *at, ml_field field, uint64_t v)
{
    switch (field) {
    case ML_F_NONE: break;
    case ML_F_LE8: *at = (uint8_t)v; break;
    case ML_F_LE16: ml_put16(at, (uint16_t)v); break;
    case ML_F_LE32: ml_put32(at, (uint32_t)v); break;
    case ML_F_LE64: ml_put64(at, v); break;
    case ML_F_PAIR: break; /* tls_reloc.c writes it */
    }
}

/* The addend that stands in the field itself (SHT_REL), sign-extended. */
static int64_t implicit(const uint8_t *at, ml_field field)
{
    switch (field) {
    case ML_F_NONE:
    case ML_F_PAIR: break;
    case ML_F_LE8: return (int8_t)*at;
    case ML_F_LE16: return (int16_t)ml_get16(at);
    case ML_F_LE32: return (int32_t)ml_get32(at);
    case ML_F_LE64: return (int64_t)ml_get64(at);
    }
    return 0;
}

static void out_of_range(work *w, const ml_irel *r, const ml_rrow *row, uint64_t S, uint64_t v)
{
    ml_where at = ml_binding_where(w->t, w->in, w->rels, r, row);
    bool pcrel = row->formula == ML_S_A_P || row->formula == ML_L_A_P;
    unsigned bits = 8 * ml_field_width(row->field);
    if (pcrel && bits == 32) {
        int64_t d = (int64_t)v;
        uint64_t far = d < 0 ? 0 - (uint64_t)d : (uint64_t)d;
        w->rc = ml_fail(w->t->d, ML_E_RANGE, at,
                        ml_binding_of(w->in, r->symbol).large
                            ? "compile with -mcmodel=medium or -fPIC"
                            : "compile with -fPIC, or define the symbol in the load",
                        "target 0x%llx is 0x%llx bytes away, limit is 2 GiB", (unsigned long long)S,
                        (unsigned long long)far);
    } else {
        w->rc = ml_fail(w->t->d, ML_E_RANGE, at, bits == 32 ? "compile with -fPIC or -fPIE" : NULL,
                        "value 0x%llx does not fit %u bits", (unsigned long long)v, bits);
    }
}

static bool is_branch(const work *w, const ml_irel *r, const ml_rrow *row)
{
    const ml_target *target = w->t->target;
    return row->formula == ML_L_A_P || (w->exec && row->formula == ML_S_A_P &&
                                        target->branch(w->code, size_of(w), (size_t)r->offset));
}

/* The value did not fit: a stub when scan made one and the reference can use it, a moved
** instruction when it is one, else an error. */
static void out_of_reach(work *w, uint32_t k, const ml_irel *r, const ml_rrow *row, uint64_t S,
                         uint64_t v)
{
    ml_txn *t = w->t;
    ml_binding value = ml_binding_of(w->in, r->symbol);
    uint64_t A = (uint64_t)r->addend, P = w->base + r->offset;
    uint64_t L = ml_binding_stub(t, value.e);
    bool pcrel = row->formula != ML_S_A;
    bool branch = is_branch(w, r, row);
    bool function = (value.type == ML_TYPE_FUNC || value.type == ML_TYPE_IFUNC) && !w->exec;
    if (L && (branch || function)) {
        uint64_t by_stub = pcrel ? L + A - P : L + A;
        if (ml_fits(row->range, by_stub)) {
            put(w->code + r->offset, row->field, by_stub);
            return;
        }
    }
    uint64_t copy = pcrel || w->exec ? 0 : ml_copies_address(t, value.e);
    if (copy && ml_fits(row->range, copy + A)) {
        put(w->code + r->offset, row->field, copy + A);
        return;
    }
    if (!w->exec || branch || value.in_load || !(row->needs & ML_CODE) || row->field != ML_F_LE32) {
        out_of_range(w, r, row, S, v);
        return;
    }
    if (!ML_ROOM(t->far, t->nfar, t->room_far)) {
        w->rc = ml_nomem(t->d);
        return;
    }
    t->far[t->nfar++] = (ml_rel_at){(uint32_t)(w->in - t->l->inputs), w->nrels, k};
}

/* Is this a GOT load of something outside, which is to stay one? */
static bool keeps_slot(const work *w, const ml_irel *r)
{
    if (w->t->o.crossing == ML_CROSS_DIRECT && !w->t->crossed)
        return false;
    ml_binding v = ml_binding_of(w->in, r->symbol);
    return v.e && !v.in_load && ml_crossing_of(w->t, v.e) != ML_CROSS_DIRECT;
}

/* Is it a call that is counted? */
static bool is_counted(const work *w, const ml_irel *r)
{
    return w->is[r->symbol] == COUNTED &&
           ml_count_is_call(w->t, w->rels, r, w->exec, (ml_slice){w->code, size_of(w)});
}

static bool relaxed(work *w, const ml_irel *r, const ml_rrow *row, uint64_t S)
{
    const ml_target *target = w->t->target;
    size_t field = (size_t)r->offset, size = size_of(w);
    if (is_counted(w, r))
        return target->relax(w->code, size, field, r->type, w->base + r->offset,
                             ml_count_stub(w->t, w->in, r->symbol));
    if (!(row->needs & ML_RELAX) || !w->t->o.relax || keeps_slot(w, r) ||
        !target->can_relax(w->code, size, field, r->type, r->addend) ||
        !target->relax(w->code, size, field, r->type, w->base + r->offset, S))
        return false;
    w->t->l->stats.relaxed++;
    return true;
}

/* S where a section symbol's section was merged: S + A is looked up, and S is what that leaves; see
** Note [Addresses into merged sections]. */
static uint64_t merged_address(const work *w, const ml_irel *r)
{
    ml_isym s = ml_image_symbol(w->in->img, r->symbol);
    uint64_t A = (uint64_t)r->addend;
    return ml_section_address(w->in, s.section, s.value + A) - A;
}

static inline uint64_t address_of(const work *w, const ml_irel *r)
{
    ml_binding v;
    switch (w->is[r->symbol]) {
    case MERGED: return merged_address(w, r);
    case STUBBED:
    case COUNTED:
    case WITHIN:
    case DROPPED:
        v = ml_binding_of(w->in, r->symbol);
        return v.e && v.e->lazy ? ml_binding_stub(w->t, v.e) : v.S;
    default: return w->S[r->symbol];
    }
}

/* The formulas that need more than S, A and P: most of them the GOT or a slot of it. */
static void apply_by_got(work *w, const ml_irel *r, const ml_rrow *row)
{
    uint64_t S = address_of(w, r), A = (uint64_t)r->addend, P = w->base + r->offset;
    uint64_t GOT = w->t->l->got, v = 0;
    if ((row->needs & ML_NEED_GOT) && relaxed(w, r, row, S))
        return;
    uint64_t slot = row->needs & ML_NEED_GOT ? ml_binding_slot(w->t, w->in, r->symbol) : 0;
    if ((row->needs & ML_NEED_GOT) && !slot) { /* the scan has seen one that needs none */
        w->rc = ml_fail(w->t->d, ML_E_FORMAT, ml_binding_where(w->t, w->in, w->rels, r, row),
                        "the file is damaged: compile or assemble it anew",
                        "another relocation has changed its instruction: the two overlap");
        return;
    }
    uint64_t G = slot - GOT;
    switch (row->formula) {
    case ML_G_A: v = G + A; break;
    case ML_G_GOT_A_P: v = G + GOT + A - P; break;
    case ML_S_A_GOT: v = S + A - GOT; break;
    case ML_GOT_A_P: v = GOT + A - P; break;
    case ML_L_A_GOT: v = S + A - GOT; break; /* 64 bits reach S itself: L is S */
    case ML_Z_A: v = ml_binding_of(w->in, r->symbol).size + A; break;
    default: break;
    }
    if (ml_fits(row->range, v))
        put(w->code + r->offset, row->field, v);
    else
        out_of_range(w, r, row, S, v);
}

/* A thread-local formula; returns how many relocations it was. */
static uint32_t apply_tls(work *w, uint32_t k, const ml_irel *r, const ml_rrow *row)
{
    uint64_t P = w->base + r->offset, v = 0;
    uint32_t done = 0;
    int rc =
        ml_segment_apply(w->t, &(ml_tls_rel){w->in, w->rels, k, *r, row}, w->code, P, &v, &done);
    if (rc < 0)
        w->rc = rc;
    else if (done)
        return done;
    else if (ml_fits(row->range, v))
        put(w->code + r->offset, row->field, v);
    else
        out_of_range(w, r, row, w->S[r->symbol], v);
    return 1;
}

/* Is it another unit's, and a site to be noted? */
static bool is_foreign(const work *w, uint32_t symbol)
{
    uint32_t first = w->in->img->first_global;
    return w->sited && symbol >= first && ml_input_bound(w->in, symbol - first)->def == ML_DEF_UNIT;
}

/* Returns how many relocations it was. */
static uint32_t apply(work *w, uint32_t k)
{
    ml_irel r = ml_image_rel(w->rels, k);
    const ml_rrow *row = &w->t->target->rows[r.type]; /* scan has seen it */
    uint64_t S = address_of(w, &r), v;
    if (row->formula == ML_R_NONE)
        return 1;
    if (is_foreign(w, r.symbol)) {
        int rc = ml_sites_note_later(w->t, w->in, w->nrels, k);
        w->rc = rc < 0 ? rc : w->rc;
    }
    if (!w->rels->rela)
        r.addend = implicit(w->code + r.offset, row->field);
    if (ml_formula_is_tls(row->formula) && w->is[r.symbol] != DROPPED)
        return apply_tls(w, k, &r, row);
    if (w->is[r.symbol] == STUBBED && is_branch(w, &r, row))
        S = ml_binding_stub(w->t, ml_binding_of(w->in, r.symbol).e);
    else if (row->formula == ML_L_A_P || row->formula == ML_S_A_P)
        S = is_counted(w, &r) ? ml_count_stub(w->t, w->in, r.symbol) : S;
    switch (row->formula) {
    case ML_S_A: v = S + (uint64_t)r.addend; break;
    case ML_S_A_P:
    case ML_L_A_P: v = S + (uint64_t)r.addend - (w->base + r.offset); break;
    default: apply_by_got(w, &r, row); return 1;
    }
    if (w->is[r.symbol] == DROPPED)
        put(w->code + r.offset, row->field, 0); /* an unwind entry of a dropped function, say */
    else if (ml_fits(row->range, v))
        put(w->code + r.offset, row->field, v);
    else
        out_of_reach(w, k, &r, row, S, v);
    return 1;
}

static direct direct_of(const ml_rrow *row)
{
    const uint64_t half = (uint64_t)1 << 31;
    switch ((ml_direct)row->direct) {
    case ML_DIRECT_ABS64: return (direct){.width = 8};
    case ML_DIRECT_PC64: return (direct){.width = 8, .pc = UINT64_MAX};
    case ML_DIRECT_ABS32U: return (direct){.width = 4};
    case ML_DIRECT_ABS32S: return (direct){.width = 4, .bias = half};
    case ML_DIRECT_PC32: return (direct){.width = 4, .bias = half, .pc = UINT64_MAX};
    case ML_DIRECT_NO: break;
    }
    return (direct){0};
}

/* Applies relocations from number k up to end as long as they are direct, against a plain symbol,
** and their value fits; returns the number of the first that is not. This is the loop in which a
** load spends most of its time: it has no branches but those that a section takes all alike, and
** all that it reads of the work is in registers. noting: there may be something for sites.c or
** far.c. A constant, so that each case has a loop of its own. */
static inline __attribute__((always_inline)) uint32_t apply_direct(work *w, uint32_t k,
                                                                   uint32_t end, bool noting)
{
    const direct *types = w->types;
    const uint64_t *S = w->S;
    uint8_t *code = w->code;
    const uint64_t base = w->base;
    const ml_area own = w->own;
    const ml_irels rels = {.p = w->rels->p, .rela = 1};
    const ml_watch watch = w->watch;
    uint32_t *outside = w->outside, n = 0;
    for (; k < end; k++) {
        ml_irel r = ml_image_rel(&rels, k);
        direct d = types[r.type];
        uint64_t s = S[r.symbol], v = s + (uint64_t)r.addend - ((base + r.offset) & d.pc);
        if (!may_be_plain(s))
            break;
        if (d.width == 4 && v + d.bias <= UINT32_MAX)
            ml_put32(code + r.offset, (uint32_t)v);
        else if (d.width == 8)
            ml_put64(code + r.offset, v);
        else
            break;
        if (noting) {
            outside[n] = k;
            n += !ml_area_has(own, s);
            if (ml_watch_has(&watch, v | d.pc))
                ml_watch_note(&w->watch, v);
        }
    }
    w->noutside = n;
    return k;
}

static inline void relocate_section(work *w, bool noting)
{
    const uint32_t count = w->rels->count;
    int rc = 0;
    for (uint32_t k = 0; k < count;) {
        uint32_t end = count - k < BATCH ? count : k + BATCH;
        w->noutside = 0;
        if (w->rels->rela)
            k = noting ? apply_direct(w, k, end, true) : apply_direct(w, k, end, false);
        if (w->noutside && (rc = ml_sites_note(w->t, w->in, w->nrels, w->outside, w->noutside)) < 0)
            w->rc = rc;
        if (k < end)
            k += apply(w, k);
    }
}

/* Local symbols: most lie in a plain section of memory. */
static void local_values(work *w)
{
    const ml_input *in = w->in;
    const ml_image *img = in->img;
    const bool plain = !in->wide && !in->split;
    const uint32_t n = img->first_global, nsections = plain ? img->nsections : 0;
    const uint32_t *piece = in->piece, *at = in->at;
    const uint64_t base = in->base;
    for (uint32_t i = 0; i < n; i++) {
        ml_isym s = ml_image_symbol(img, i);
        if (s.type <= ML_TYPE_SECTION && s.section < nsections && s.section) {
            bool placed = piece[s.section];
            w->is[i] = placed ? PLAIN : DROPPED;
            w->S[i] = placed ? base + at[s.section] + s.value : NO_PLAIN_S;
            continue;
        }
        ml_binding v = ml_binding_of(in, i);
        bool merged = in->split && v.type == ML_TYPE_SECTION && !v.dropped &&
                      s.section < img->nsections && ml_is_merged(in, s.section);
        w->is[i] = v.dropped ? DROPPED : merged ? MERGED : PLAIN;
        w->S[i] = w->is[i] ? NO_PLAIN_S : v.S;
    }
}

/* S of every symbol of an input, so that applying a relocation is an array access. */
static void symbol_values(work *w)
{
    const ml_image *img = w->in->img;
    local_values(w);
    for (uint32_t i = img->first_global; i < img->nsymbols; i++) {
        ml_entry_prefetch(w->in->bind, i - img->first_global, w->in->nbind);
        const ml_entry *e = w->in->bind[i - img->first_global];
        if (ml_is_asleep(e)) {
            ml_isym s = ml_image_symbol(img, i);
            w->is[i] = PLAIN;
            w->S[i] = ml_section_base(w->in, s.section) + s.value;
            continue;
        }
        bool gone = e->flags & ML_ENT_NOWHERE;
        bool by_stub =
            e->stub && !ml_def_in_load(e->def) && ml_crossing_of(w->t, e) >= ML_CROSS_STUBS;
        bool counted = w->in->counted && w->in->counted[i - img->first_global];
        bool within = w->sited && e->def == ML_DEF_UNIT && ml_area_has(w->own, ml_entry_address(e));
        w->is[i] = gone ? DROPPED : counted ? COUNTED : by_stub ? STUBBED : within ? WITHIN : PLAIN;
        w->S[i] = w->is[i] ? NO_PLAIN_S : ml_entry_address(e);
    }
}

/* Sections that follow each other share it, as a rule. */
static void enter_piece(work *w, uint32_t piece)
{
    w->piece = piece;
    w->bytes = ml_piece_view(w->t, piece);
    w->addr = ml_piece_addr(w->t, piece);
    w->class = w->t->pieces[piece - 1].class;
    w->exec = w->class == ML_CLASS_TEXT;
    w->skip = w->tls != (w->class >= ML_CLASS_TDATA);
}

static void relocate_input(work *w)
{
    const ml_image *img = w->in->img;
    if (!ml_watch_begin(w->t, w->in, &w->watch)) {
        w->rc = ml_nomem(w->t->d);
        return;
    }
    const bool noting = w->sited || w->watch.span;
    for (uint32_t i = 0; i < img->nrels; i++) {
        const uint32_t target = img->rels[i].target, piece = w->in->piece[target];
        if (!piece)
            continue;
        if (piece != w->piece)
            enter_piece(w, piece);
        if (w->skip)
            continue;
        w->rels = &img->rels[i];
        w->nrels = i;
        w->base = ml_section_base(w->in, target);
        w->code = w->bytes + (w->base - w->addr);
        relocate_section(w, noting);
    }
    ml_watch_end(&w->watch);
}

static void fill_got(ml_txn *t)
{
    if (!t->piece_got || !t->ngot)
        return;
    uint8_t *got = ml_piece_view(t, t->piece_got);
    for (size_t i = 0; i < t->nslotted; i++) {
        const ml_entry *e = t->slotted[i];
        if (e->got && e->type != ML_TYPE_TLS)
            ml_put64(got + (size_t)(e->got - 1) * ML_GOT_SLOT, e->addr);
    }
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 0; in->local_got && k < in->img->first_global; k++)
            if (in->local_got[k])
                ml_put64(got + (size_t)(in->local_got[k] - 1) * ML_GOT_SLOT,
                         ml_binding_of(in, k).S);
    }
    ml_segment_fill(t, got); /* writes over what local thread-local symbols just got */
}

static int write_stubs(ml_txn *t)
{
    if (!t->piece_stubs)
        return 0;
    uint8_t *stubs = ml_piece_view(t, t->piece_stubs);
    for (size_t i = 0; i < t->nslotted; i++) {
        const ml_entry *e = t->slotted[i];
        if (!e->stub || e->lazy)
            continue;
        size_t at = (size_t)(e->stub - 1) * t->l->stub_size;
        uint64_t slot = ml_slot_address(t->l, e->got);
        if (!t->target->stub(stubs + at, t->l->stubs + at, slot))
            return ml_fail(t->d, ML_E_RANGE, (ml_where){.symbol = e->name}, "load it in parts",
                           "the stub is out of reach of its GOT slot");
    }
    return 0;
}

/* All inputs: their thread-local sections, or all others. */
static int relocate_all(ml_txn *t, bool tls)
{
    work w = {.t = t, .tls = tls};
    uint32_t outside[BATCH];
    direct *types = ml_nalloc(&t->scratch, t->target->nrows, sizeof *types);
    w.S = ml_nalloc(&t->scratch, t->most_symbols, sizeof *w.S);
    w.is = ml_nalloc(&t->scratch, t->most_symbols, 1);
    if (!w.S || !w.is || !types)
        return ml_nomem(t->d);
    for (size_t i = 0; i < t->target->nrows; i++)
        types[i] = direct_of(&t->target->rows[i]);
    w.types = types;
    w.outside = outside;
    w.sited = t->l->uses_units && !t->o.fixed;
    w.own = w.sited ? (ml_area){t->l->block.addr, t->l->block.size} : (ml_area){0, UINT64_MAX};
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        w.in = &t->l->inputs[i];
        if (w.in->img->nrels == 0)
            continue;
        symbol_values(&w);
        relocate_input(&w);
    }
    return w.rc;
}

int ml_relocate(ml_txn *t)
{
    int rc = t->segment.filled ? relocate_all(t, true) : 0;
    if (rc == 0)
        rc =
            ml_segment_open(t); /* with an image that is complete; code wants to know where it is */
    if (rc < 0)
        return rc;
    fill_got(t);
    rc = relocate_all(t, false);
    if (rc == 0)
        rc = write_stubs(t);
    if (rc == 0)
        rc = ml_lazy_write(t);
    if (rc == 0)
        rc = ml_count_write(t);
    if (rc == 0)
        rc = ml_ifunc_write(t);
    if (rc == 0)
        rc = ml_copies_write(t);
    if (rc == 0)
        rc = ml_splitstack_adjust(t);
    return rc == 0 && t->nfar ? ml_far_move(t) : rc;
}
