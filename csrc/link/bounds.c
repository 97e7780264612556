/* bounds.c -- link: the names that ld gives to the ends of a program's parts, for a load: _end and
** its kin. Collectors and profilers find a program's data and code by them.
** takes a layout with final addresses; gives an address for such a name.
** Spec: end(3); GNU ld's default linker script.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

typedef enum bound { TEXT_START, TEXT_END, DATA_START, DATA_END, BSS_END } bound;

static const struct {
    const char *name;
    bound bound;
} names[] = {
    {"__executable_start", TEXT_START},
    {"_etext", TEXT_END},
    {"__etext", TEXT_END},
    {"__data_start", DATA_START},
    {"_edata", DATA_END},
    {"__bss_start", DATA_END},
    {"_end", BSS_END},
    {"etext", TEXT_END}, /* these may be anybody's names */
    {"data_start", DATA_START},
    {"edata", DATA_END},
    {"end", BSS_END},
};
enum { NAMES = sizeof names / sizeof *names };

static size_t index_of(const char *name)
{
    size_t i = 0;
    while (i < NAMES && strcmp(names[i].name, name) != 0)
        i++;
    return i;
}

bool ml_bounds_has(const char *name)
{
    return index_of(name) < NAMES;
}

/* Where the first piece of a class begins, from the start of the block; `none` without pieces. */
static uint64_t first_of(const ml_txn *t, ml_class class, uint64_t none)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < t->npieces; i++)
        if (t->pieces[i].class == class && t->pieces[i].size && t->pieces[i].offset < first)
            first = t->pieces[i].offset;
    return first < UINT64_MAX ? first : none;
}

uint64_t ml_bounds_address(const ml_txn *t, const char *name)
{
    size_t i = index_of(name);
    const ml_layout *y = &t->l->layout[0];
    ml_area text = ml_linked_area(t->l, false, ML_PART_TEXT);
    ml_area data = ml_linked_area(t->l, false, ML_PART_DATA);
    uint64_t base = t->l->block.addr;
    if (i == NAMES)
        return 0;
    if (data.size == 0)
        data.addr = base + y->size;
    uint64_t end = data.addr + data.size;
    switch (names[i].bound) {
    case TEXT_START: return text.addr;
    case TEXT_END: return text.addr + text.size;
    case DATA_START: return data.addr;
    case DATA_END: return base + first_of(t, ML_CLASS_BSS, end - base);
    case BSS_END: return end;
    }
    return 0;
}
