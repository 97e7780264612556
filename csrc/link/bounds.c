/* bounds.c -- link: the names that ld gives to the ends of a program's parts, for a load: _end and
** its kin. Collectors and profilers find a program's data and code by them.
** takes a layout with final addresses; gives the address of an end. The names are in builtin.c.
** Spec: end(3); GNU ld's default linker script.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Where the first piece of a class begins, from the start of the block; `none` without pieces. */
static uint64_t first_of(const ml_txn *t, ml_class class, uint64_t none)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < t->npieces; i++)
        if (t->pieces[i].class == class && t->pieces[i].size && t->pieces[i].offset < first)
            first = t->pieces[i].offset;
    return first < UINT64_MAX ? first : none;
}

uint64_t ml_bounds_address(const ml_txn *t, unsigned which)
{
    const ml_layout *y = &t->l->layout[0];
    ml_area text = ml_linked_area(t->l, false, ML_PART_TEXT);
    ml_area data = ml_linked_area(t->l, false, ML_PART_DATA);
    uint64_t base = t->l->block.addr;
    if (data.size == 0)
        data.addr = base + y->size;
    uint64_t end = data.addr + data.size;
    switch ((ml_bound)which) {
    case ML_BOUND_TEXT_START: return text.addr;
    case ML_BOUND_TEXT_END: return text.addr + text.size;
    case ML_BOUND_DATA_START: return data.addr;
    case ML_BOUND_DATA_END: return base + first_of(t, ML_CLASS_BSS, end - base);
    case ML_BOUND_BSS_END: return end;
    }
    return 0;
}
