/* x86_64_insn.h -- target: where the parts of one x86-64 instruction lie.
** A length decoder of 64-bit mode: it finds prefixes, opcode, ModRM, SIB, displacement and
** immediate of every instruction that a compiler or assembler emits, and says no to all else. It
** does not know what an instruction does; x86_64_uses.c knows that for the ones that can be moved.
** SPDX-License-Identifier: MIT */
#ifndef ML_TARGET_X86_64_INSN_H
#define ML_TARGET_X86_64_INSN_H

#include "target/target.h"

typedef enum ml_x86_64_form {
    ML_X_LEGACY, /* maps: 0 one byte, 1 0f, 2 0f 38, 3 0f 3a */
    ML_X_VEX2,   /* c5; map 1 */
    ML_X_VEX3,   /* c4; maps 1 to 3 */
    ML_X_EVEX,   /* 62; maps 1 to 3, 5, 6 */
    ML_X_XOP     /* 8f; maps 8 to 10 */
} ml_x86_64_form;

/* Bits of `rex`, whichever prefix brought them: the value that REX has, not the inverse. */
enum { ML_X_B = 1, ML_X_X = 2, ML_X_R = 4, ML_X_W = 8 };

/* Legacy prefixes that were seen. */
enum {
    ML_X_66 = 1,
    ML_X_67 = 2,
    ML_X_F2 = 4,
    ML_X_F3 = 8,
    ML_X_LOCK = 16,
    ML_X_SEG = 32, /* fs or gs, which move the address */
    ML_X_DS = 64   /* cs, ds, es, ss: hints at most */
};

/* Offsets count from the instruction's first byte; an offset of 0 means that there is none. */
typedef struct ml_x86_64_insn {
    uint8_t len; /* bytes, 1 to 15 */
    uint8_t form;
    uint8_t prefixes;  /* ML_X_66 ... */
    uint8_t npre;      /* bytes of legacy prefixes; REX, VEX, EVEX, XOP or the opcode follows */
    bool has_rex;      /* form LEGACY: a REX byte stands at npre */
    uint8_t rex;       /* ML_X_W | ... */
    uint8_t map;
    uint8_t op_at;     /* the opcode byte; here 0 is an offset */
    uint8_t opcode;
    uint8_t vvvv;      /* the extra register of VEX, EVEX, XOP, 0 to 15 */
    uint8_t modrm_at;
    uint8_t modrm;
    uint8_t sib_at;
    uint8_t sib;
    uint8_t disp_at, disp_len;
    uint8_t imm_at, imm_len; /* imm_len covers all immediates */
} ml_x86_64_insn;

/* Decodes the instruction at p, of which n bytes may be read. False, and *out undefined, when it
** is none that is known, or not all there. */
bool ml_x86_64_insn_decode(const uint8_t *p, size_t n, ml_x86_64_insn *out);

static inline unsigned ml_x86_64_mod(const ml_x86_64_insn *i) { return i->modrm >> 6; }

/* The register that ModRM.reg names, 0 to 15 (EVEX may mean one 16 higher). */
static inline unsigned ml_x86_64_reg(const ml_x86_64_insn *i)
{
    return (i->modrm >> 3 & 7u) | (i->rex & ML_X_R ? 8u : 0);
}

/* ModRM.rm with its extension bit: a register when mod is 3. */
static inline unsigned ml_x86_64_rm(const ml_x86_64_insn *i)
{
    return (i->modrm & 7u) | (i->rex & ML_X_B ? 8u : 0);
}

static inline bool ml_x86_64_has_mem(const ml_x86_64_insn *i)
{
    return i->modrm_at && ml_x86_64_mod(i) != 3;
}

/* disp32(%rip) */
static inline bool ml_x86_64_is_rip(const ml_x86_64_insn *i)
{
    return i->modrm_at && (i->modrm & 0xc7) == 0x05;
}

enum {
    ML_X_RAX,
    ML_X_RCX,
    ML_X_RDX,
    ML_X_RBX,
    ML_X_RSP,
    ML_X_RSI = 6,
    ML_X_RDI,
    ML_X_R8,
    ML_X_R9,
    ML_X_R10,
    ML_X_R11,
    ML_X_NOREG = 16
};

/* Base and index registers of the memory operand; ML_X_NOREG when there is none. */
unsigned ml_x86_64_base(const ml_x86_64_insn *i);
unsigned ml_x86_64_index(const ml_x86_64_insn *i);

/* The instruction roughly in AT&T syntax, for messages; `sym` stands for the displacement
** (in_disp) or the immediate. Always terminated. */
void ml_x86_64_insn_text(const ml_x86_64_insn *i, bool in_disp, char *to, size_t size);

/* x86_64_move.c: what ml_target_x86_64.move does. */
bool ml_x86_64_move(const ml_move_in *in, ml_move_out *out);

#endif
