/* copies.c -- link: type_info objects of libraries, copied to where 32 bits reach them.
** takes references from data with an absolute field of 32 bits; gives each type_info one copy among
** the load's constants. See Note [Copies of type_info].
** Spec: Itanium C++ ABI 2.9.4 "RTTI Layout"; gABI on copy relocations.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Note [Copies of type_info]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~
** C++ that is compiled without -fPIC names the types that it catches by 32-bit addresses in
** .gcc_except_table, whose readers are in the unwinder: there is no instruction to move. ld copies
** such an object into the executable, and makes the library use the copy. A library that runs
** cannot be changed; but type_info is constant, and compared by its name (the ABI wants it so for
** types in several libraries), so that a copy does as well as the original. For no other kind of
** object is that true: those are refused. */

enum { LEAST = 16, MOST = 4096, ALIGN = 8 };

bool ml_copies_may(const ml_entry *e)
{
    return strncmp(e->name, "_ZTI", 4) == 0 && e->type == ML_TYPE_OBJECT && e->size >= LEAST &&
           e->size <= MOST && (e->def == ML_DEF_PROCESS || e->def == ML_DEF_UNIT);
}

void ml_copies_want(ml_txn *t, ml_entry *e)
{
    if (e->copy)
        return;
    e->copy = 1 + t->copies;
    t->copies += (uint32_t)(e->size + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
}

void ml_copies_piece(ml_txn *t)
{
    t->piece_copies = t->copies ? ml_piece_add(t, ML_CLASS_CONST, t->copies, ALIGN) : 0;
}

uint64_t ml_copies_address(const ml_txn *t, const ml_entry *e)
{
    return e && e->copy ? ml_piece_addr(t, t->piece_copies) + (e->copy - 1) : 0;
}

int ml_copies_write(ml_txn *t)
{
    for (uint32_t i = 0; t->copies && i < t->l->names.count; i++) {
        const ml_entry *e = ml_table_awake(&t->l->names, i);
        if (!e || !e->copy)
            continue;
        uint8_t *to = ml_piece_view(t, t->piece_copies) + (e->copy - 1);
        if (!ml_os_peek(e->addr, to, (size_t)e->size))
            return ml_fail(t->d, ML_E_REFUSED, (ml_where){.symbol = e->name}, NULL,
                           "the object cannot be read at 0x%llx", (unsigned long long)e->addr);
    }
    return 0;
}
