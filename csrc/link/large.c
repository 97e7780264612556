/* large.c -- stage PLACE: sections that may be out of 32-bit reach, in a block of their own.
** takes pieces; gives some of them a large class, and a second block that holds those.
** See Note [Large sections]. Spec: x86-64 psABI 3.5.1 (medium and large code models), 4.2.1
** (SHF_X86_64_LARGE, SHN_X86_64_LCOMMON).
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Note [Large sections]
** ~~~~~~~~~~~~~~~~~~~~~
** Code of the medium model reaches .lbss, .ldata and .lrodata through 64 bits; code of the large
** model so reaches everything. Near space is short (2 GiB for all that the process has), so large
** sections lie in a second block, far from the libraries, whose size has no such limit. Code stays
** in the first one whatever its model: stubs and GOT are then near.
**
** The large model marks nothing: its .bss may have 3 GiB. So when the pieces of the first block are
** too many bytes for it, those with SPILL_PIECE bytes or more go to the second one as well.
**
** An object of the small model may refer to a large variable of another. Its GOT loads are never
** relaxed, and instructions that name the variable directly are moved out of line, as those are
** that name a variable of a library out of reach: for the scan a large symbol is just that.
**
** A link for an address has one block, where nothing is large. Sections with a C identifier for a
** name are never large: __start_NAME and __stop_NAME must see them as one. */

#define SPILL_TOTAL (UINT64_C(1536) << 20)
#define SPILL_PIECE (UINT64_C(64) << 20)

static ml_class large_class(unsigned class)
{
    switch (class) {
    case ML_CLASS_CONST: return ML_CLASS_LCONST;
    case ML_CLASS_DATA: return ML_CLASS_LDATA;
    default: return ML_CLASS_LBSS;
    }
}

static int mark(ml_txn *t, ml_input *in, uint32_t section)
{
    if (!in->large && !(in->large = ml_zalloc(&t->scratch, in->img->nsections, 1)))
        return ml_nomem(t->d);
    in->large[section] = 1;
    ml_piece *p = &t->pieces[in->piece[section] - 1];
    p->class = (uint8_t)large_class(p->class);
    t->has_large = true;
    return 0;
}

static bool in_block(const ml_piece *p)
{
    return p->class < ML_CLASS_LCONST;
}

static bool may_spill(const ml_piece *p)
{
    return in_block(p) && p->class != ML_CLASS_TEXT && !p->run && p->size >= SPILL_PIECE;
}

/* Do the pieces need more than the block may have? The sum cannot overflow before that is known. */
static bool is_too_much(const ml_txn *t)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < t->npieces && sum <= SPILL_TOTAL; i++) {
        const ml_piece *p = &t->pieces[i];
        if (in_block(p))
            sum += p->size <= SPILL_TOTAL ? p->size : SPILL_TOTAL + 1;
    }
    return sum > SPILL_TOTAL;
}

static int mark_sections(ml_txn *t, bool spill)
{
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 1; k < in->img->nsections; k++) {
            const ml_isec s = ml_image_section(in->img, k);
            if (!in->piece[k])
                continue;
            const ml_piece *p = &t->pieces[in->piece[k] - 1];
            bool asked = (s.flags & ML_SEC_LARGE) && in_block(p) && p->class != ML_CLASS_TEXT &&
                         s.name[0] == '.' && !p->run;
            if ((asked || (spill && may_spill(p))) && mark(t, in, k) < 0)
                return -(int)ML_E_NOMEM;
        }
    }
    return 0;
}

static void mark_entries(ml_txn *t, bool spill)
{
    for (uint32_t i = 0; i < t->l->names.count; i++) {
        ml_entry *e = ml_table_at(&t->l->names, i);
        if (e->def == ML_DEF_SECTION) {
            const ml_input *in = &t->l->inputs[e->image];
            if (in->large && in->large[e->section])
                e->flags |= ML_ENT_LARGE;
        } else if (e->def == ML_DEF_COMMON) {
            ml_piece *p = &t->pieces[e->section - 1];
            if (spill && may_spill(p))
                e->flags |= ML_ENT_LARGE;
            if ((e->flags & ML_ENT_LARGE) && in_block(p)) {
                p->class = ML_CLASS_LBSS;
                t->has_large = true;
            }
        } else {
            e->flags &= (uint16_t)~ML_ENT_LARGE; /* a common that gave way */
        }
    }
}

int ml_large_choose(ml_txn *t)
{
    bool spill = is_too_much(t);
    if (t->o.fixed || (!spill && !t->asks_large))
        return 0;
    int rc = mark_sections(t, false);
    mark_entries(t, false);
    if (rc == 0 && spill && is_too_much(t)) {
        rc = mark_sections(t, true);
        mark_entries(t, true);
    }
    return rc;
}

int ml_large_take(ml_txn *t)
{
    if (!t->has_large)
        return 0;
    ml_layout *y = &t->l->layout[1];
    int rc = ml_layout_place(t->d, &t->scratch, t->pieces, t->npieces, true, ml_os_page(), y);
    if (rc < 0)
        return rc;
    return ml_block_take(t->s->space, t->d, (ml_wish){.zone = ML_ZONE_FAR}, y->size, y->align,
                         &t->l->large);
}
