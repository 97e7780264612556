/* scan.c -- stage PLACE, first half: what do the relocations need?
** takes bound inputs and the range in which the block will lie; gives counts of GOT slots, stubs
** and moved instructions, a slot number in each entry that has one, and the zone. Every relocation
** of every kept section is checked here against the table: unknown types, dynamic-only types,
** fields that stick out of their section. What is decided here on distances is decided for the
** whole range, so that it still holds when the block has its address; relocate.c decides again with
** the real distance and finds a slot wherever it could need one.
** Spec: x86-64 psABI 4.4; the rows of target/.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* What a symbol is good for: a direct relocation that its type says may go with one of these asks
** for nothing, whatever its addend (NEAR, LOW: unless that is large). */
enum symbol_is {
    IS_PLAIN = 1,   /* neither thread-local nor chosen at run time nor dropped */
    IS_OF_LOAD = 2, /* plain, and in the block of this load */
    IS_NEAR = 4,    /* plain, and near it with SLACK to spare */
    IS_LOW = 8      /* plain, and below 2 GiB, likewise */
};
enum { SLACK = 1 << 24, TYPES = 64, WIDEST = 8 /* bytes of a field */ };

/* What goes along while one input's relocations are read. */
typedef struct scan {
    ml_txn *t;
    ml_input *in;
    const ml_irels *rels;
    uint32_t number;       /* of the piece of the section that rels change, */
    const ml_piece *piece; /* which is this one */
    bool plain;            /* it has bytes, and is not thread-local */
    uint64_t size;         /* of that section's bytes */
    ml_slice data;         /* those bytes (for scan_one) */
    uint8_t *is;           /* symbol_is, by symbol */
    uint8_t easy[TYPES];   /* by relocation type: symbols with any of these bits need nothing */
    uint8_t width[TYPES];  /* likewise: bytes of its field */
    bool low;              /* something wants the low zone */
    uint64_t offset;       /* where they are in the file, if they are there only */
    bool unread;           /* they cannot be read: said once, and there is nothing more to scan */
    int rc;
} scan;

/* Does S + A lie within a signed 32-bit distance of every byte of the block to be? */
static bool is_near(const ml_txn *t, uint64_t value)
{
    enum { MARGIN = 16 }; /* rewriting an instruction shifts its field by a byte or two */
    return ml_fits(ML_FIT_S32, value - t->lo + MARGIN) &&
           ml_fits(ML_FIT_S32, value - t->hi - MARGIN);
}

static void refuse(scan *c, const ml_irel *r, const ml_rrow *row, ml_code code, const char *hint,
                   const char *text)
{
    ml_where at = ml_binding_where(c->t, c->in, c->rels, r, row);
    if (row)
        c->rc = ml_fail(c->t->d, code, at, hint, "%s", text);
    else
        c->rc = ml_fail(c->t->d, code, at, hint, "relocation type %u %s", (unsigned)r->type, text);
}

/* The GOT slot of a symbol: counted once. */
static bool want_slot(scan *c, uint32_t symbol)
{
    ml_txn *t = c->t;
    uint32_t first = c->in->img->first_global, *slot;
    if (symbol >= first) {
        slot = &ml_input_bound(c->in, symbol - first)->got;
    } else {
        if (!c->in->local_got)
            c->in->local_got = ml_zalloc(&t->scratch, first, sizeof *c->in->local_got);
        if (!c->in->local_got)
            return false;
        slot = &c->in->local_got[symbol];
    }
    if (!*slot)
        *slot = ++t->ngot;
    return true;
}

static void want_stub(scan *c, ml_entry *e)
{
    if (!e->stub)
        e->stub = ++c->t->nstubs;
    if (!e->got)
        e->got = ++c->t->ngot;
}

static bool is_function(const ml_entry *e)
{
    return e->type == ML_TYPE_FUNC || e->type == ML_TYPE_IFUNC;
}

/* Relocation k may be in an instruction that has to move. */
static void want_move(scan *c, uint32_t k)
{
    ml_txn *t = c->t;
    uint32_t input = (uint32_t)(c->in - t->l->inputs),
             rels = (uint32_t)(c->rels - c->in->img->rels);
    if (ML_ROOM(t->movable, t->nmoved, t->room_movable))
        t->movable[t->nmoved++] = (ml_movable){.at = {input, rels, k}};
    else
        c->rc = ml_nomem(t->d);
}

/* The data of the section, even if it was in the file only. */
static bool fetch(scan *c)
{
    int rc = ml_contents_fetch(c->t, c->in->img);
    c->rc = rc < 0 ? rc : c->rc;
    c->unread = rc < 0;
    c->data = ml_image_section(c->in->img, c->rels->target).data;
    return rc == 0;
}

/* The code around the field at *field, and where the field is in that: the section's, or what says
** whether it is part of a branch, or of a load that may become direct. Empty: it cannot be read. */
static ml_slice code_around(scan *c, size_t *field)
{
    enum { BEFORE = 4, FIELD = 4 };
    const size_t before = *field < BEFORE ? *field : BEFORE;
    const uint8_t *p = NULL;
    if (c->data.p || c->unread || !ml_within(c->data.n, *field, FIELD))
        return c->data.p ? c->data : (ml_slice){0};
    int rc = ml_contents_look(c->t, c->in->img, c->offset + *field - before, before + FIELD, &p);
    c->rc = rc < 0 ? rc : c->rc;
    c->unread = rc < 0;
    *field = before;
    return (ml_slice){p, p ? before + FIELD : 0};
}

/* Is the field part of a branch? */
static bool is_branch(scan *c, uint64_t offset)
{
    size_t field = (size_t)offset;
    const ml_slice code = code_around(c, &field);
    return c->t->target->branch(code.p, code.n, field);
}

/* A direct reference to something that may be out of reach: a branch takes a stub, so does data
** that holds a distance to a function; an instruction is counted as one to move. What is in reach
** needs nothing, but branches that are to go through stubs. */
static void want_reach(scan *c, uint32_t k, const ml_irel *r, const ml_rrow *row,
                       const ml_binding *v)
{
    ml_txn *t = c->t;
    uint64_t value = v->S + (uint64_t)r->addend;
    bool pcrel = row->formula != ML_S_A;
    bool reached = !v->large && (pcrel ? is_near(t, value) : ml_fits(row->range, value));
    if (reached && (!v->e || ml_crossing_of(t, v->e) < ML_CROSS_STUBS))
        return;
    bool code = c->piece->class == ML_CLASS_TEXT;
    bool branch = row->formula == ML_L_A_P || (code && pcrel && is_branch(c, r->offset));
    if (reached && !branch)
        return;
    bool stub = v->e && (branch || (!code && is_function(v->e)));
    bool copy = v->e && !code && !stub && !pcrel && ml_copies_may(v->e);
    if (code && !branch)
        want_move(c, k);
    else if (stub)
        want_stub(c, v->e);
    else if (copy)
        ml_copies_want(t, v->e);
    if (stub || copy) /* is to lie where the field reaches it */
        c->low |= (row->needs & ML_NEED_LOW) != 0;
}

/* Can the code do without the slot, once its symbol is in reach? */
static bool can_relax(scan *c, const ml_irel *r, const ml_rrow *row)
{
    const ml_txn *t = c->t;
    size_t field = (size_t)r->offset;
    if (!(row->needs & ML_RELAX) || !t->o.relax)
        return false;
    const ml_slice code = code_around(c, &field);
    return t->target->can_relax(code.p, code.n, field, r->type, r->addend);
}

static void scan_got(scan *c, const ml_irel *r, const ml_rrow *row, const ml_binding *v)
{
    ml_txn *t = c->t;
    bool may = v->in_load || (v->e && !ml_crossing_of(t, v->e) && is_near(t, v->S));
    if (!v->large && may && can_relax(c, r, row))
        return;
    if (!want_slot(c, r->symbol))
        c->rc = ml_nomem(t->d);
}

/* What the table alone says against a relocation. */
static bool check_row(scan *c, const ml_irel *r, const ml_rrow *row)
{
    if (!row || row->formula == ML_R_DYNAMIC) {
        refuse(c, r, row, ML_E_RELOC,
               row ? "this is no relocatable object as a compiler makes it" : NULL,
               row ? "dynamic relocation in a relocatable file" : "is not known to this version");
        return false;
    }
    if (c->piece->class >= ML_CLASS_TDATA &&
        (row->formula == ML_S_A_P || row->formula == ML_L_A_P || row->formula == ML_G_GOT_A_P)) {
        refuse(c, r, row, ML_E_UNSUPPORTED, NULL,
               "a distance from thread-local storage, which each thread has elsewhere");
        return false;
    }
    if (row->formula != ML_R_NONE && !ml_within(c->size, r->offset, ml_field_width(row->field))) {
        refuse(c, r, row, ML_E_FORMAT, NULL,
               c->size ? "the field sticks out of its section"
                       : "relocation in a section without bytes");
        return false;
    }
    return true;
}

/* A local symbol has gone with its section: says in which group that was, and who kept it. */
static void refuse_discarded(scan *c, const ml_irel *r, const ml_rrow *row)
{
    const ml_txn *t = c->t;
    const ml_image *img = c->in->img;
    uint32_t index = ml_image_symbol(img, r->symbol).section;
    const ml_isec sec = ml_image_section(img, index < img->nsections ? index : 0);
    const char *name = sec.group ? img->groups[sec.group - 1].signature : "";
    const ml_entry *winner = ml_table_find_str(&t->comdats, name);
    if (!winner) {
        refuse(c, r, row, ML_E_DISCARDED, NULL, "refers to a symbol in a section without memory");
        return;
    }
    const ml_input *kept = &t->l->inputs[winner->image];
    c->rc = ml_fail(t->d, ML_E_DISCARDED, ml_binding_where(c->t, c->in, c->rels, r, row),
                    "compile all objects of the program alike",
                    "refers to a local symbol in discarded section %s (group '%s' kept from %s)",
                    sec.name, name, ml_input_text(&c->t->scratch, kept));
}

/* Does the section only describe code, one entry for each function? An entry of a discarded one is
** then void; elsewhere a pointer to what is not there would be silently wrong. */
static bool may_dangle(const scan *c)
{
    const ml_isec s = ml_image_section(c->in->img, c->rels->target);
    return (s.flags & ML_SEC_LINK_ORDER) || s.role == ML_ROLE_EH_FRAME ||
           s.role == ML_ROLE_EXCEPT_TABLE;
}

static bool check_symbol(scan *c, const ml_irel *r, const ml_rrow *row, const ml_binding *v)
{
    if (v->type == ML_TYPE_TLS && row->formula != ML_Z_A && !ml_formula_is_tls(row->formula)) {
        refuse(c, r, row, ML_E_RELOC, "compile all objects with one declaration",
               "the symbol is thread-local, the relocation is not");
        return false;
    }
    if (v->dropped && !may_dangle(c)) {
        if (v->e)
            refuse(c, r, row, ML_E_DISCARDED, "compile all objects of the program alike",
                   "the symbol is defined in a section that has no memory");
        else
            refuse_discarded(c, r, row);
        return false;
    }
    c->t->has_ifunc |= v->type == ML_TYPE_IFUNC && v->in_load;
    return true;
}

static uint8_t what_entry_is(const ml_txn *t, const ml_entry *e)
{
    if (e->type >= ML_TYPE_TLS || (e->flags & ML_ENT_NOWHERE))
        return 0;
    if (e->def == ML_DEF_LAZY)
        return 0;
    if (e->flags & ML_ENT_LARGE)
        return IS_PLAIN;
    if (ml_def_in_load(e->def))
        return IS_PLAIN | IS_OF_LOAD;
    if (ml_crossing_of(t, e) != ML_CROSS_DIRECT)
        return IS_PLAIN; /* near or not */
    uint64_t S = ml_entry_address(e);
    bool near = is_near(t, S - SLACK) && is_near(t, S + SLACK);
    bool low = S - SLACK < ((uint64_t)1 << 31) - 2 * (uint64_t)SLACK;
    return (uint8_t)(IS_PLAIN | (near ? IS_NEAR : 0) | (low ? IS_LOW : 0));
}

/* What the symbols of an input are. */
static void look_at_symbols(scan *c)
{
    const ml_input *in = c->in;
    const ml_image *img = in->img;
    bool plain = !(img->flags & ML_SEC_TLS) && !in->large;
    for (uint32_t i = 0; i < img->first_global; i++) {
        ml_isym s = ml_image_symbol(img, i);
        bool good =
            plain && s.type < ML_TYPE_TLS && s.section < img->nsections && in->piece[s.section];
        c->is[i] = good ? IS_PLAIN | IS_OF_LOAD : 0;
    }
    for (uint32_t i = img->first_global; i < img->nsymbols; i++) {
        ml_entry_prefetch(in->bind, i - img->first_global, in->nbind);
        const ml_entry *e = in->bind[i - img->first_global];
        if (ml_is_asleep(e)) {
            c->is[i] = IS_PLAIN | IS_OF_LOAD;
            continue;
        }
        uint8_t is = what_entry_is(c->t, e);
        c->is[i] = is && ml_count_crosses(c->t, in, i) ? IS_PLAIN : is;
    }
}

/* Which symbols are easy for which types. */
static void look_at_types(scan *c)
{
    const ml_target *target = c->t->target;
    bool may_be_low = c->t->zone == ML_ZONE_NEAR && !c->t->o.fixed;
    for (size_t i = 0; i < target->nrows && i < TYPES; i++) {
        const ml_rrow *row = &target->rows[i];
        if (row->direct == ML_DIRECT_NO || ((row->needs & ML_NEED_LOW) && may_be_low))
            continue;
        c->width[i] = (uint8_t)ml_field_width(row->field);
        c->easy[i] = IS_OF_LOAD;
        if (!(row->needs & ML_CODE))
            c->easy[i] |= IS_PLAIN;
        else
            c->easy[i] |= row->formula == ML_S_A ? IS_LOW : IS_NEAR;
    }
}

/* Skips relocations from number k on that are sound and ask for nothing; returns the number of the
** first that needs a closer look. Most relocations are seen only here. */
static inline uint32_t skip_easy(const scan *c, uint32_t k)
{
    const uint8_t *is = c->is, *easy = c->easy;
    const uint64_t size = c->size, wide = size >= WIDEST ? size - WIDEST + 1 : 0;
    const uint32_t count = c->rels->count;
    const ml_irels rels = {.p = c->rels->p, .rela = 1}; /* a constant saves a branch for each */
    if (!c->rels->rela || !c->plain)
        return k;
    for (; k < count; k++) {
        ml_irel r = ml_image_rel(&rels, k);
        if (r.type >= TYPES)
            break;
        if (r.offset >= wide && (r.offset > size || size - r.offset < c->width[r.type]))
            break;
        uint8_t good = is[r.symbol] & easy[r.type];
        if (!good || (good >= IS_NEAR && (uint64_t)r.addend + SLACK > 2 * (uint64_t)SLACK))
            break;
    }
    return k;
}

/* Of a name that is looked up at its first call: nothing else refers to it, says defer.c. */
static void scan_lazy(scan *c, const ml_irel *r, const ml_rrow *row, ml_entry *e)
{
    const ml_isec sec = ml_image_section(c->in->img, c->rels->target);
    if (ml_defer_is_call(c->t, &sec, r, row))
        ml_lazy_want(c->t, e);
    else
        refuse(c, r, row, ML_E_RELOC, "load it with bind = \"stubs\"",
               "a name that is looked up at its first call is wanted at load");
}

static void scan_one(scan *c, uint32_t k)
{
    ml_irel r = ml_image_rel(c->rels, k);
    const ml_rrow *row = ml_target_row(c->t->target, r.type);
    if (!check_row(c, &r, row) || row->formula == ML_R_NONE)
        return;
    if (!c->data.p && c->data.n && ml_formula_is_tls(row->formula) && !fetch(c))
        return;
    if ((c->is[r.symbol] & (IS_OF_LOAD | IS_NEAR)) && can_relax(c, &r, row))
        return;
    ml_binding v = ml_binding_of(c->in, r.symbol);
    if ((v.dropped || v.type >= ML_TYPE_TLS) && !check_symbol(c, &r, row, &v))
        return;
    if (ml_formula_is_tls(row->formula)) {
        int rc = ml_segment_scan(c->t, &(ml_tls_rel){c->in, c->rels, k, r, row});
        c->rc = rc < 0 ? rc : c->rc;
        return;
    }
    if (ml_count_crosses(c->t, c->in, r.symbol) &&
        ml_count_is_call(c->t, c->rels, &r, c->piece->class == ML_CLASS_TEXT, c->data)) {
        if (!ml_count_want(c->t, c->in, r.symbol))
            c->rc = ml_nomem(c->t->d);
        return;
    }
    if (v.e && v.e->def == ML_DEF_LAZY) {
        scan_lazy(c, &r, row, v.e);
        return;
    }
    if (row->needs & ML_NEED_GOTBASE)
        c->t->need_gotbase = true;
    if (row->needs & ML_NEED_GOT)
        scan_got(c, &r, row, &v);
    else if (v.in_load)
        c->low |= (row->needs & ML_NEED_LOW) != 0;
    else if (row->needs & ML_CODE)
        want_reach(c, k, &r, row, &v);
}

/* Will all be scanned again, for the low zone? Then there are no counts to finish; errors are to be
** seen all. */
static bool is_in_vain(const scan *c)
{
    return c->low && c->rc == 0 && c->t->zone == ML_ZONE_NEAR && !c->t->o.fixed;
}

/* Sections that follow each other share it, as a rule. */
static void enter_piece(scan *c, uint32_t piece)
{
    c->number = piece;
    c->piece = &c->t->pieces[piece - 1];
    c->plain = c->piece->filled && c->piece->class < ML_CLASS_TDATA;
}

/* Relocations of one section, the easy ones before number k aside. */
static void scan_section(scan *c, uint32_t k)
{
    const ml_isec s = ml_image_section(c->in->img, c->rels->target);
    c->data = s.data;
    c->offset = s.offset;
    for (; k < c->rels->count; k = skip_easy(c, k + 1)) {
        scan_one(c, k);
        if (c->unread || is_in_vain(c))
            return;
    }
}

static void scan_input(scan *c)
{
    const ml_image *img = c->in->img;
    uint64_t relocations = 0;
    c->number = 0;
    if (img->nrels)
        look_at_symbols(c);
    for (uint32_t i = 0; i < img->nrels && !c->unread && !is_in_vain(c); i++) {
        const ml_irels *rels = c->rels = &img->rels[i];
        uint32_t piece = c->in->piece[rels->target];
        if (!piece)
            continue;
        if (piece != c->number)
            enter_piece(c, piece);
        c->size = c->piece->filled ? rels->size : 0;
        relocations += rels->count;
        uint32_t k = skip_easy(c, 0);
        if (k < rels->count)
            scan_section(c, k);
    }
    c->t->l->stats.relocations += relocations;
}

/* Scanning may run again, for another zone or range. */
static void forget(ml_txn *t)
{
    bool given = t->scanned && (t->ngot || t->nstubs || t->copies); /* slots, to some entry */
    t->ngot = t->nstubs = t->nmoved = t->copies = t->nlazy = 0;
    ml_segment_forget(t);
    ml_count_forget(t);
    t->need_gotbase = false;
    t->l->stats.relocations = 0;
    for (uint32_t i = 0; given && i < t->l->names.count; i++) {
        ml_entry *e = ml_table_awake(&t->l->names, i);
        if (!e)
            continue;
        e->got = e->stub = e->copy = 0;
        e->lazy = false;
    }
    for (uint32_t i = 0; i < t->l->ninputs; i++)
        t->l->inputs[i].local_got = NULL;
    t->scanned = true;
}

enum { MANY = 1024, FIRST = 64 };

/* Do the first of MANY relocations ask for the low zone? A scan near the libraries would end in
** vain, once it had looked at all symbols of the input (0.4 ms of GHC's base). */
static bool begins_low(const ml_txn *t, const ml_input *in, const ml_irels *rels)
{
    for (uint32_t k = 0; k < FIRST; k++) {
        ml_irel r = ml_image_rel(rels, k);
        const ml_rrow *row = ml_target_row(t->target, r.type);
        if (!row || !(row->needs & ML_NEED_LOW))
            continue;
        ml_binding v = ml_binding_of(in, r.symbol);
        if (v.in_load && !v.dropped && v.type < ML_TYPE_TLS)
            return true;
    }
    return false;
}

static bool wants_low(const ml_txn *t)
{
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 0; k < in->img->nrels; k++) {
            const ml_irels *rels = &in->img->rels[k];
            if (rels->count >= MANY && in->piece[rels->target] && begins_low(t, in, rels))
                return true;
        }
    }
    return false;
}

int ml_scan(ml_txn *t)
{
    scan c = {.t = t};
    if (!t->scanned && t->zone == ML_ZONE_NEAR && !t->o.fixed && wants_low(t)) {
        t->zone = ML_ZONE_LOW;
        return 1;
    }
    forget(t);
    c.is = ml_nalloc(&t->scratch, t->most_symbols, sizeof *c.is);
    if (!c.is)
        return ml_nomem(t->d);
    look_at_types(&c);
    for (uint32_t i = 0; i < t->l->ninputs && !c.unread && !is_in_vain(&c); i++) {
        c.in = &t->l->inputs[i];
        scan_input(&c);
    }
    if (c.rc < 0)
        return c.rc;
    if (is_in_vain(&c)) {
        t->zone = ML_ZONE_LOW;
        return 1;
    }
    return 0;
}
