/* count.c -- link: calls that are counted.
** takes relocations that are calls of what somebody else defines; gives each object and symbol one
** stub that counts and jumps on, and one counter; says what they have counted.
** SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "link/txn.h"

/* Note [Counting calls]
** ~~~~~~~~~~~~~~~~~~~~~
** A call is an instruction of a text section that calls or jumps to a global symbol itself (addend
** -4): direct (PLT32, PC32), or through the GOT where the assembler has marked it (GOTPCRELX). That
** one then becomes direct whatever the options `relax` and `crossing` say. It is counted when it
** leaves the object for another unit, a library or the process (ML_COUNT_UNITS), or for another
** object of the load, too (ML_COUNT_OBJECTS). The stub jumps through the symbol's GOT slot, so that
** a reload of what is called finds it where it finds all others, and the counts go on.
**
** Everything else about the symbol is as it would be without: in particular its address, which is
** never that of a stub, so that pointers to functions compare equal. Calls through pointers are not
** counted, then, nor what a compiler has resolved within an object, nor calls of weak symbols that
** nobody defines.
**
** Counters lie in the load's own writable memory, and end with it. A new version of the load begins
** at 0. */

static bool is_definition(const ml_entry *e)
{
    return e->def == ML_DEF_SECTION || e->def == ML_DEF_ABS;
}

bool ml_count_crosses(const ml_txn *t, const ml_input *in, uint32_t symbol)
{
    if (t->o.count == ML_COUNT_NONE || symbol < in->img->first_global)
        return false;
    const ml_entry *e = ml_input_bound(in, symbol - in->img->first_global);
    if (e->type == ML_TYPE_TLS || (e->flags & ML_ENT_NOWHERE))
        return false;
    if (is_definition(e))
        return t->o.count == ML_COUNT_OBJECTS && e->image != (uint32_t)(in - t->l->inputs);
    return e->def == ML_DEF_UNIT || e->def == ML_DEF_PROCESS || e->def == ML_DEF_GIVEN ||
           e->def == ML_DEF_LAZY;
}

bool ml_count_is_call(const ml_txn *t, const ml_irels *rels, const ml_irel *r, bool text,
                      ml_slice code)
{
    const ml_target *target = t->target;
    const ml_rrow *row = &target->rows[r->type];
    size_t field = (size_t)r->offset;
    if (!text || !rels->rela || r->addend != -4 || row->field != ML_F_LE32)
        return false;
    if (row->formula == ML_L_A_P || row->formula == ML_S_A_P)
        return target->branch(code.p, code.n, field);
    return (row->needs & ML_RELAX) &&
           target->can_relax(code.p, code.n, field, r->type, r->addend) &&
           target->got_branch(code.p, field);
}

bool ml_count_want(ml_txn *t, ml_input *in, uint32_t symbol)
{
    ml_linked *l = t->l;
    uint32_t i = symbol - in->img->first_global;
    if (!in->counted)
        in->counted = ml_zalloc(&t->scratch, in->nbind, sizeof *in->counted);
    if (!in->counted)
        return false;
    if (in->counted[i])
        return true;
    if (!ML_ARENA_ROOM(&l->keep, l->counted, l->ncounted, l->room_counted))
        return false;
    ml_entry *e = ml_input_bound(in, i);
    l->counted[l->ncounted++] = (ml_counted){(uint32_t)(in - l->inputs), e};
    in->counted[i] = (uint32_t)l->ncounted;
    if (e->def == ML_DEF_LAZY)
        ml_lazy_want(t, e);
    else if (!e->got)
        e->got = ++t->ngot;
    return true;
}

void ml_count_forget(ml_txn *t)
{
    t->l->ncounted = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++)
        t->l->inputs[i].counted = NULL;
}

void ml_count_pieces(ml_txn *t)
{
    uint64_t n = t->l->ncounted;
    t->piece_counting = t->piece_counters = 0;
    if (!n)
        return;
    t->piece_counting = ml_piece_add(t, ML_CLASS_TEXT, n * t->target->count_size, 16);
    t->piece_counters = ml_piece_add(t, ML_CLASS_BSS, n * ML_COUNTER, ML_COUNTER);
}

void ml_count_place(ml_txn *t)
{
    t->l->counting = ml_piece_addr(t, t->piece_counting);
    t->l->counters = ml_piece_addr(t, t->piece_counters);
    t->l->counting_size = t->target->count_size;
}

int ml_count_write(ml_txn *t)
{
    const ml_linked *l = t->l;
    for (size_t i = 0; i < l->ncounted; i++) {
        uint8_t *to = ml_piece_view(t, t->piece_counting) + i * l->counting_size;
        const ml_entry *e = l->counted[i].e;
        if (!t->target->count(to, ml_counting_address(l, i), l->counters + i * ML_COUNTER,
                              e->lazy ? ml_lazy_slot(l, e) : ml_slot_address(l, e->got)))
            return ml_fail(t->d, ML_E_RANGE, (ml_where){.symbol = e->name}, "load it in parts",
                           "the stub that counts is out of reach of its counter or GOT slot");
    }
    return 0;
}

uint64_t ml_count_stub(const ml_txn *t, const ml_input *in, uint32_t symbol)
{
    uint32_t first = in->img->first_global;
    uint32_t n = in->counted && symbol >= first ? in->counted[symbol - first] : 0;
    return n ? ml_counting_address(t->l, n - 1) : 0;
}

bool ml_unit_call(const ml_unit *u, size_t i, bool reset, ml_call_info *out)
{
    const ml_linked *l = u->l;
    if (i >= l->ncounted)
        return false;
    _Atomic uint64_t *counter = (_Atomic uint64_t *)(uintptr_t)(l->counters + i * ML_COUNTER);
    out->input = l->counted[i].input;
    ml_linked_describe(l, l->counted[i].e, &out->symbol);
    out->count = reset ? atomic_exchange_explicit(counter, 0, memory_order_relaxed)
                       : atomic_load_explicit(counter, memory_order_relaxed);
    return true;
}
