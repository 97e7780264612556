/* header.c -- link: __ehdr_start, the ELF header that ld puts in front of a program.
** takes a load that refers to it; gives it 64 bytes of constants that say: a shared object for this
** machine, without program headers, without sections. Profilers look for build ids through it.
** Spec: gABI chapter 4 "ELF Header"; GNU ld manual on __ehdr_start.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

enum { HEADER_SIZE = 64, ET_DYN_ = 3 };

bool ml_header_is(const char *name)
{
    return strcmp(name, "__ehdr_start") == 0;
}

void ml_header_piece(ml_txn *t)
{
    const ml_entry *e = ml_table_find_str(&t->l->names, "__ehdr_start");
    t->piece_header = 0;
    if (e && e->def == ML_DEF_LINKER)
        t->piece_header = ml_piece_add(t, ML_CLASS_CONST, HEADER_SIZE, 16);
}

void ml_header_write(ml_txn *t)
{
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1}; /* 64 bits, little-endian */
    if (!t->piece_header)
        return;
    uint8_t *p = ml_piece_view(t, t->piece_header);
    memcpy(p, ident, sizeof ident);
    ml_put16(p + 16, ET_DYN_);
    ml_put16(p + 18, t->target->machine);
    ml_put32(p + 20, 1);           /* e_version */
    ml_put16(p + 52, HEADER_SIZE); /* e_ehsize */
}
