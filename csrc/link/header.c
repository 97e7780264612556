/* header.c -- link: __ehdr_start, the ELF header that ld puts in front of a program.
** takes a load that refers to it; gives it 64 bytes of constants that say: a shared object for this
** machine, without program headers, without sections. Profilers look for build ids through it.
** Spec: gABI chapter 4 "ELF Header"; GNU ld manual on __ehdr_start.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

enum { HEADER_SIZE = 64, ET_DYN_ = 3 };

void ml_header_piece(ml_txn *t)
{
    t->piece_header = 0;
    if (ml_builtin_wanted(t, ml_header_address))
        t->piece_header = ml_piece_add(t, ML_CLASS_CONST, HEADER_SIZE, 16);
}

uint64_t ml_header_address(const ml_txn *t, unsigned which)
{
    (void)which;
    return ml_piece_addr(t, t->piece_header);
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
