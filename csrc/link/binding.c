/* binding.c -- link: what a symbol of an input means once it is bound: the psABI's S and Z, and
** where its slot and stub are.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

ml_binding ml_binding_of(const ml_input *in, uint32_t symbol)
{
    const ml_image *img = in->img;
    if (symbol >= img->first_global) {
        ml_entry *e = ml_input_bound(in, symbol - img->first_global);
        return (ml_binding){.S = ml_entry_address(e),
                            .size = e->size,
                            .e = e,
                            .in_load = ml_def_in_load(e->def) && !(e->flags & ML_ENT_LARGE),
                            .large = e->flags & ML_ENT_LARGE,
                            .dropped = e->flags & ML_ENT_NOWHERE,
                            .type = e->type};
    }
    ml_isym s = ml_image_symbol(img, symbol);
    ml_binding v = {.size = s.size, .type = s.type};
    if (s.section == ML_SEC_ABS) {
        v.S = s.value;
    } else if (s.section != ML_SEC_UNDEF && s.section < img->nsections) {
        v.dropped = in->piece[s.section] == 0;
        v.large = in->large && in->large[s.section];
        v.in_load = !v.dropped && !v.large;
        v.S = v.dropped ? 0 : ml_section_address(in, s.section, s.value);
        if ((img->flags & ML_SEC_TLS) && (ml_image_section(img, s.section).flags & ML_SEC_TLS))
            v.type = ML_TYPE_TLS;
        else if (s.type == ML_TYPE_TLS)
            v.type = ML_TYPE_NONE;
        uint64_t stub = s.type == ML_TYPE_IFUNC ? ml_ifunc_address(in, s.section, s.value) : 0;
        v.S = stub ? stub : v.S;
    }
    return v;
}

ml_where ml_binding_where(const ml_txn *t, const ml_input *in, const ml_irels *rels,
                          const ml_irel *rel, const ml_rrow *row)
{
    if (t->d->count >= ML_DIAG_MAX)
        return (ml_where){0};
    const ml_image *img = in->img;
    uint64_t start;
    const char *symbol = ml_image_symbol_name(img, rel->symbol);
    if (rel->symbol >= img->first_global)
        symbol = ml_input_bound(in, rel->symbol - img->first_global)->name;
    return (ml_where){.file = in->file,
                      .member = in->member,
                      .section = ml_image_section(img, rels->target).name,
                      .symbol = symbol,
                      .reloc = row ? row->name : NULL,
                      .func = ml_image_function_at(img, rels->target, rel->offset, &start),
                      .offset = rel->offset,
                      .has_offset = true};
}

const char *ml_binding_function(const ml_txn *t, uint64_t addr)
{
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 1; k < in->img->nsections; k++) {
            uint64_t start, offset = addr - ml_section_base(in, k);
            if (in->piece[k] && offset < ml_image_section(in->img, k).size)
                return ml_image_function_at(in->img, k, offset, &start);
        }
    }
    return NULL;
}

uint64_t ml_binding_slot(const ml_txn *t, const ml_input *in, uint32_t symbol)
{
    uint32_t first = in->img->first_global, slot;
    if (symbol >= first)
        slot = ml_input_bound(in, symbol - first)->got;
    else
        slot = in->local_got ? in->local_got[symbol] : 0;
    return ml_slot_address(t->l, slot);
}

uint64_t ml_binding_stub(const ml_txn *t, const ml_entry *e)
{
    return e ? ml_stub_address(t->l, e->stub) : 0;
}
