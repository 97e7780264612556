/* x86_64_uses.h -- target: which registers an instruction uses, as far as moving it asks.
** SPDX-License-Identifier: MIT */
#ifndef ML_TARGET_X86_64_USES_H
#define ML_TARGET_X86_64_USES_H

#include "target/x86_64_insn.h"

/* What an instruction with a memory operand uses, as a letter of the tables in x86_64_uses.c; '.':
** it is not known well enough to be moved. */
char ml_x86_64_uses(const ml_x86_64_insn *i);
/* The registers that it uses without naming them: bits 1 << number. kind: that letter. */
unsigned ml_x86_64_implicit(const ml_x86_64_insn *i, char kind);
/* A register to be saved and used, which the instruction does not name and which is not in the set
** `busy`; ML_X_NOREG when there is none. */
unsigned ml_x86_64_scratch(const ml_x86_64_insn *i, unsigned busy);
/* Is rsp an operand, where the letter says that registers are general ones? */
bool ml_x86_64_names_rsp(const ml_x86_64_insn *i, char kind);
/* The general register that the instruction overwrites as a whole without reading it, when the
** address needs no register of that number: it can hold the address. Else ML_X_NOREG. */
unsigned ml_x86_64_free_dest(const ml_x86_64_insn *i);

#endif
