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
    const ml_layout *l = &t->layout;
    uint64_t base = t->l->block.addr, end = l->part[2].offset + l->part[2].size;
    if (i == NAMES)
        return 0;
    if (l->part[2].size == 0)
        end = l->size;
    switch (names[i].bound) {
    case TEXT_START: return base + l->part[0].offset;
    case TEXT_END: return base + l->part[0].offset + l->part[0].size;
    case DATA_START: return base + (l->part[2].size ? l->part[2].offset : l->size);
    case DATA_END: return base + first_of(t, ML_CLASS_BSS, end);
    case BSS_END: return base + end;
    }
    return 0;
}
