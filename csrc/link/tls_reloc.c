/* tls_reloc.c -- stages PLACE and RELOCATE: relocations with a thread-local formula.
** takes bound inputs; gives what they need of the GOT and of the storage, then their values, or
** code that needs none. See Note [Thread-local accesses].
** Spec: x86-64 psABI 4.4.1; Drepper, "ELF Handling For Thread-Local Storage".
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Note [Thread-local accesses]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** Local exec and initial exec need a static block: when some code of the load so reaches a variable
** of the load, its block is asked for as static, else as static if there is room to spare. Whether
** there is, is known only when .tdata is relocated and the storage is opened; so the scan sets
** slots aside as if there were not, and relocating rewrites accesses where there was
** (target/x86_64_tls.c).
**
** Local dynamic accesses share a call that asks for the block. Code may use its result in another
** section (.text.unlikely), so either all of an input are rewritten, and x@dtpoff in its code
** becomes an offset from the thread pointer, or none is. The same holds of descriptors, whose two
** instructions need not be neighbours.
**
** Each thread-local symbol that anything in the GOT is wanted for has seven words there: */
enum {
    SLOT_MODULE, /* the pair for __tls_get_addr; with the next two an ml_tls_index */
    SLOT_OFFSET,
    SLOT_SAVE,
    SLOT_GENERATION,
    SLOT_TP,       /* initial exec */
    SLOT_RESOLVER, /* descriptor */
    SLOT_ARGUMENT,
    SLOTS
};

/* What a symbol is for the thread-local formulas. */
typedef struct value {
    uint64_t module, S; /* module 0 and zero false: not known yet, or not to be had */
    bool has_tp;        /* its block is static: */
    int64_t tp;         /* TP, of the block */
    bool zero;          /* undefined and allowed to be: its address is 0 */
    bool own;           /* of this load */
} value;

static value value_of(const ml_txn *t, const ml_binding *b)
{
    const ml_entry *e = b->e;
    const ml_tls *own = &t->l->tls;
    if (!e || ml_def_in_load(e->def))
        return (value){own->module, b->S, own->is_static, own->tp, false, true};
    if (e->def == ML_DEF_UNIT) {
        const ml_tls *other = &e->unit->l->tls;
        return (value){other->module, b->S, other->is_static, other->tp, false, false};
    }
    if (e->def == ML_DEF_PROCESS)
        return (value){e->value, b->S, e->section != 0, (int32_t)e->section - (int64_t)b->S,
                       false,    false};
    return (value){.zero = true};
}

static bool is_undefined(const ml_entry *e)
{
    return e && (e->def == ML_DEF_NONE || e->def == ML_DEF_ZERO);
}

static ml_where where(const ml_txn *t, const ml_tls_rel *p)
{
    return ml_binding_where(t, p->in, p->rels, &p->r, p->row);
}

/* The access as the target wants to see it. */
static ml_tls_site site_of(const ml_tls_rel *p)
{
    ml_slice code = ml_image_section(p->in->img, p->rels->target).data;
    ml_tls_site s = {.code = code.p,
                     .size = code.n,
                     .field = (size_t)p->r.offset,
                     .type = p->r.type,
                     .addend = p->r.addend};
    if (p->rel + 1 < p->rels->count) {
        ml_irel next = ml_image_rel(p->rels, p->rel + 1);
        uint32_t first = p->in->img->first_global;
        s.next_offset = next.offset;
        s.next_type = next.type;
        const ml_entry *e =
            next.symbol >= first ? ml_input_bound(p->in, next.symbol - first) : NULL;
        s.next_get_addr = e && strcmp(e->name, "__tls_get_addr") == 0;
    }
    return s;
}

static bool is_code(const ml_tls_rel *p)
{
    return ml_image_section(p->in->img, p->rels->target).flags & ML_SEC_EXEC;
}

/* Is it code that can be rewritten? With the addend in the field nothing is known of the field. */
static bool can_relax(const ml_txn *t, const ml_tls_rel *p)
{
    ml_tls_site s = site_of(p);
    return p->rels->rela && is_code(p) && t->target->tls_can_relax(&s);
}

/* ---- scan ---- */

void ml_segment_forget(ml_txn *t)
{
    t->segment.own = 0;
    t->segment.fixed = false;
    for (uint32_t i = 0; i < t->l->ninputs; i++)
        t->l->inputs[i].tls = 0;
}

static bool want_slots(ml_txn *t, const ml_tls_rel *p)
{
    uint32_t first = p->in->img->first_global, *slot;
    if (p->r.symbol >= first) {
        slot = &ml_input_bound(p->in, p->r.symbol - first)->got;
    } else {
        if (!p->in->local_got)
            p->in->local_got = ml_zalloc(&t->scratch, first, sizeof *p->in->local_got);
        if (!p->in->local_got)
            return false;
        slot = &p->in->local_got[p->r.symbol];
    }
    if (!*slot) {
        *slot = t->ngot + 1;
        t->ngot += SLOTS;
    }
    return true;
}

/* The offset of a variable of another unit or of the process must be known. */
static int want_static(ml_txn *t, const ml_tls_rel *p, const ml_binding *b)
{
    value v = value_of(t, b);
    ml_segment *g = &t->segment;
    if (v.own) {
        if (!g->fixed) {
            g->input = (uint32_t)(p->in - t->l->inputs);
            g->rels = (uint32_t)(p->rels - p->in->img->rels);
            g->rel = p->rel;
        }
        g->fixed = true;
        return 0;
    }
    if (v.zero || v.has_tp)
        return 0;
    if (b->e->def == ML_DEF_UNIT)
        return ml_fail(t->d, ML_E_RELOC, where(t, p),
                       "load both together, or compile this code with -fPIC, or the other with "
                       "-ftls-model=initial-exec",
                       "needs a fixed offset from the thread pointer, but the thread-local storage "
                       "of unit %s is dynamic",
                       ml_unit_name(b->e->unit));
    int64_t tp;
    ml_tls_variable known = {b->e->value, b->e->addr, b->e->provider};
    if (!ml_tls_find_static(b->e->name, &known, &tp))
        return ml_fail(t->d, ML_E_SPACE, where(t, p),
                       "compile this code with -fPIC, or start the program with the library "
                       "preloaded",
                       "needs a fixed offset from the thread pointer, and %s has no static "
                       "thread-local storage, nor can it still get some",
                       *b->e->provider ? b->e->provider : "the executable");
    b->e->section = (uint32_t)(int32_t)tp;
    return 0;
}

/* Local dynamic code, and a pair without a symbol, mean the load's own block. */
static int want_own(ml_txn *t, const ml_tls_rel *p, const ml_binding *b)
{
    if (!t->segment.any || (p->r.symbol && !value_of(t, b).own))
        return ml_fail(t->d, ML_E_RELOC, where(t, p), "define the variable in the load",
                       "asks for the load's own thread-local storage, and that does not hold it");
    if (!t->segment.own) {
        t->segment.own = t->ngot + 1;
        t->ngot += 2;
    }
    return 0;
}

/* What stands against the symbol. */
static int check(ml_txn *t, const ml_tls_rel *p, const ml_binding *b)
{
    const ml_isec target = ml_image_section(p->in->img, p->rels->target);
    ml_formula f = p->row->formula;
    bool anonymous = f == ML_LD_A_P || f == ML_R_DTPMOD || f == ML_R_DTPOFF || f == ML_R_TPOFF;
    if (!p->r.symbol && !(anonymous && t->segment.any))
        return ml_fail(t->d, ML_E_RELOC, where(t, p), NULL,
                       "a thread-local relocation without a symbol");
    if (is_undefined(b->e))
        b->e->type = ML_TYPE_TLS;
    else if (b->type != ML_TYPE_TLS && p->r.symbol)
        return ml_fail(t->d, ML_E_RELOC, where(t, p), "compile all objects with one declaration",
                       "the relocation is thread-local, the symbol is not");
    if (t->o.fixed && !(f == ML_R_DTPOFF && value_of(t, b).own))
        return ml_fail(t->d, ML_E_UNSUPPORTED, where(t, p),
                       "load it into a process (load, run, call)",
                       "thread-local storage is given by a running process, a link for an address "
                       "has none");
    if ((target.flags & ML_SEC_TLS) && f != ML_R_DTPOFF)
        return ml_fail(t->d, ML_E_UNSUPPORTED, where(t, p), NULL,
                       "the initial image of thread-local storage cannot hold this");
    return 0;
}

/* A pair of an undefined variable would be taken for one of the executable. */
static int check_zero(ml_txn *t, const ml_tls_rel *p, const ml_binding *b)
{
    ml_formula f = p->row->formula;
    bool pair = f == ML_R_DTPMOD || (f == ML_GD_A_P && !can_relax(t, p));
    if (!is_undefined(b->e) || !pair)
        return 0;
    return ml_fail(t->d, ML_E_UNDEFINED, where(t, p), "define the variable",
                   "the weak thread-local variable is undefined, which this access cannot express");
}

static int want_descriptor(ml_txn *t, const ml_tls_rel *p, const ml_binding *b)
{
    if (!t->segment.save)
        t->segment.save = ml_tlsdesc_save();
    if (b->e && b->e->def == ML_DEF_LINKER) { /* local dynamic, in its other form */
        p->in->tls |= ML_TLS_ODD_LD;
        int rc = want_own(t, p, b);
        if (rc < 0)
            return rc;
    }
    return want_slots(t, p) ? 0 : ml_nomem(t->d);
}

int ml_segment_scan(ml_txn *t, const ml_tls_rel *p)
{
    ml_binding b = ml_binding_of(p->in, p->r.symbol);
    ml_formula f = p->row->formula;
    int rc = check(t, p, &b);
    if (rc == 0)
        rc = check_zero(t, p, &b);
    if (rc < 0)
        return rc;
    switch (f) {
    case ML_IE_A_P:
        rc = want_static(t, p, &b);
        return rc < 0 ? rc : want_slots(t, p) ? 0 : ml_nomem(t->d);
    case ML_R_TPOFF: return want_static(t, p, &b);
    case ML_GD_A_P: return want_slots(t, p) ? 0 : ml_nomem(t->d);
    case ML_LD_A_P:
        p->in->tls |= ML_TLS_LD | (can_relax(t, p) ? 0 : ML_TLS_ODD_LD);
        return want_own(t, p, &b);
    case ML_DESC_A_P:
    case ML_R_TLSCALL:
        p->in->tls |= can_relax(t, p) ? 0 : ML_TLS_ODD_DESC;
        return want_descriptor(t, p, &b);
    case ML_R_TLSDESC: return want_descriptor(t, p, &b);
    case ML_R_DTPMOD: return p->r.symbol ? 0 : want_own(t, p, &b);
    default: return 0;
    }
}

/* ---- apply ---- */

/* For descriptors of dynamic blocks. What it is for a library is not known. */
static uint64_t generation_of(const ml_txn *t, const ml_entry *e)
{
    if (!t->segment.save)
        return UINT64_MAX;
    if (!e || ml_def_in_load(e->def))
        return ml_tlsdesc_generation(&t->l->tls);
    return e->def == ML_DEF_UNIT ? ml_tlsdesc_generation(&e->unit->l->tls) : UINT64_MAX;
}

static void fill_slots(const ml_txn *t, uint8_t *got, uint32_t slot, const ml_binding *b)
{
    value v = value_of(t, b);
    uint8_t *p = got + (size_t)(slot - 1) * ML_GOT_SLOT;
    uint64_t tp = v.zero ? 0 : (uint64_t)v.tp + v.S;
    uint64_t words[SLOTS] = {v.module, v.S, t->segment.save};
    words[SLOT_GENERATION] = v.zero || v.has_tp ? UINT64_MAX : generation_of(t, b->e);
    words[SLOT_TP] = tp;
    words[SLOT_RESOLVER] = v.zero     ? (uint64_t)(uintptr_t)ml_tlsdesc_zero
                           : v.has_tp ? (uint64_t)(uintptr_t)ml_tlsdesc_static
                                      : (uint64_t)(uintptr_t)ml_tlsdesc_dynamic;
    words[SLOT_ARGUMENT] = v.zero || v.has_tp ? tp : ml_slot_address(t->l, slot);
    for (unsigned i = 0; i < SLOTS; i++)
        ml_put64(p + (size_t)i * ML_GOT_SLOT, words[i]);
}

void ml_segment_fill(ml_txn *t, uint8_t *got)
{
    if (t->segment.own)
        ml_put64(got + (size_t)(t->segment.own - 1) * ML_GOT_SLOT, t->l->tls.module);
    for (size_t i = 0; i < t->nslotted; i++) {
        ml_entry *e = t->slotted[i];
        if (e->got && e->type == ML_TYPE_TLS)
            fill_slots(t, got, e->got, &(ml_binding){.S = e->addr, .e = e});
    }
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 0; in->local_got && k < in->img->first_global; k++) {
            ml_binding b = ml_binding_of(in, k);
            if (in->local_got[k] && b.type == ML_TYPE_TLS)
                fill_slots(t, got, in->local_got[k], &b);
        }
    }
}

/* Do local dynamic accesses of the input know the thread pointer? */
static bool is_local_exec(const ml_txn *t, const ml_input *in)
{
    return t->o.relax && t->l->tls.is_static &&
           (in->tls & (ML_TLS_LD | ML_TLS_ODD_LD)) == ML_TLS_LD;
}

/* Rewrites the access when that can be; as many relocations as it was, 0: none. */
static uint32_t relaxed(ml_txn *t, const ml_tls_rel *p, const value *v, uint8_t *code)
{
    ml_formula f = p->row->formula;
    bool zero = f == ML_GD_A_P && v->zero;
    bool may = zero || (t->o.relax && v->has_tp && !v->zero);
    if (f == ML_LD_A_P)
        may = is_local_exec(t, p->in);
    else if (f == ML_DESC_A_P || f == ML_R_TLSCALL)
        may = may && !(p->in->tls & ML_TLS_ODD_DESC);
    else if (f != ML_GD_A_P && f != ML_IE_A_P)
        return 0;
    if (!may || !can_relax(t, p))
        return 0;
    ml_tls_site s = site_of(p);
    int32_t tp = (int32_t)((uint64_t)v->tp + v->S);
    t->target->tls_relax(&s, code, zero ? NULL : &tp);
    t->l->stats.relaxed += f != ML_R_TLSCALL;
    return f == ML_GD_A_P || f == ML_LD_A_P ? 2 : 1;
}

/* A descriptor in place has no room for more than its two words: what ml_tlsdesc_dynamic needs is
** in the symbol's slots. */
static int write_descriptor(const ml_txn *t, const ml_tls_rel *p, const value *v, uint64_t slots,
                            uint8_t *code)
{
    uint64_t A = (uint64_t)p->r.addend;
    if (!v->zero && !v->has_tp && A)
        return ml_fail(t->d, ML_E_UNSUPPORTED, where(t, p), "put the offset into the code",
                       "a descriptor of dynamic thread-local storage cannot have an addend");
    uint8_t *field = code + p->r.offset;
    ml_put64(field, v->zero     ? (uint64_t)(uintptr_t)ml_tlsdesc_zero
                    : v->has_tp ? (uint64_t)(uintptr_t)ml_tlsdesc_static
                                : (uint64_t)(uintptr_t)ml_tlsdesc_dynamic);
    ml_put64(field + 8, v->zero     ? A
                        : v->has_tp ? (uint64_t)v->tp + v->S + A
                                    : slots + SLOT_MODULE * ML_GOT_SLOT);
    return 0;
}

static int offset_in_block(const ml_txn *t, const ml_tls_rel *p, const value *v, uint64_t *out)
{
    *out = v->S + (uint64_t)p->r.addend;
    if (!(p->in->tls & ML_TLS_LD) || !is_code(p))
        return 0;
    if (!v->own)
        return ml_fail(t->d, ML_E_RELOC, where(t, p), "compile with -ftls-model=global-dynamic",
                       "local dynamic code for a variable that the load does not define");
    if (is_local_exec(t, p->in))
        *out += (uint64_t)v->tp;
    return 0;
}

int ml_segment_apply(ml_txn *t, const ml_tls_rel *p, uint8_t *code, uint64_t P, uint64_t *out,
                     uint32_t *done)
{
    ml_binding b = ml_binding_of(p->in, p->r.symbol);
    value v = value_of(t, &b);
    uint64_t A = (uint64_t)p->r.addend, slots = ml_binding_slot(t, p->in, p->r.symbol);
    uint64_t own = ml_slot_address(t->l, t->segment.own);
    *done = relaxed(t, p, &v, code);
    if (*done)
        return 0;
    switch (p->row->formula) {
    case ML_GD_A_P: *out = slots + SLOT_MODULE * ML_GOT_SLOT + A - P; return 0;
    case ML_LD_A_P: *out = own + A - P; return 0;
    case ML_IE_A_P: *out = slots + SLOT_TP * ML_GOT_SLOT + A - P; return 0;
    case ML_DESC_A_P: *out = slots + SLOT_RESOLVER * ML_GOT_SLOT + A - P; return 0;
    case ML_R_DTPMOD: *out = v.module; return 0;
    case ML_R_DTPOFF: return offset_in_block(t, p, &v, out);
    case ML_R_TPOFF: *out = (v.zero ? 0 : (uint64_t)v.tp + v.S) + A; return 0;
    case ML_R_TLSDESC: *done = 1; return write_descriptor(t, p, &v, slots, code);
    default: *done = 1; return 0;
    }
}
