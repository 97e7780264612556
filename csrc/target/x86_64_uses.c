/* x86_64_uses.c -- target: which registers an instruction uses, as far as moving it asks.
** takes a decoded instruction; gives letters and sets of registers. Whatever the tables do not name
** is not moved: a register that was thought free and is not would be lost.
** Spec: Intel SDM volume 2, the opcode maps of appendix A.
** SPDX-License-Identifier: MIT */
#include "target/x86_64_uses.h"

#include <string.h>

/* For instructions with a memory operand, one letter an opcode:
**   .  not moved                     n  nothing implicit; ModRM.reg is a general register
**   v  ModRM.reg is a vector         g  ModRM.reg is part of the opcode
**   a  like n, rax                   c  like n, rcx (a count)        C  like g, rcx
**   d  like n, rdx                   m  f6, f7: like g; mul and div use rax and rdx
**   p  like v, rax, rcx, rdx         s  0f ae: like g; xsave and its kin use rax and rdx
**   8  0f c7 /1: rax, rbx, rcx, rdx  */
static const char uses_one[] =
    "nnnn....nnnn...." /* 00: add, or */
    "nnnn....nnnn...." /* 10: adc, sbb */
    "nnnn....nnnn...." /* 20: and, sub */
    "nnnn....nnnn...." /* 30: xor, cmp */
    "................" /* 40 */
    "................" /* 50 */
    "...n.....n.n...." /* 60: movslq, imul */
    "................" /* 70 */
    "gg.gnnnnnnnngn.." /* 80: by immediate, test, xchg, mov, lea */
    "................" /* 90 */
    "................" /* a0 */
    "................" /* b0 */
    "gg....gg........" /* c0: shifts, mov by immediate */
    "ggCC....gggggggg" /* d0: shifts, x87 */
    "................" /* e0 */
    "......mm......gg"; /* f0: unary; inc, dec */

static const char uses_0f[] =
    ".............g.." /* 00: prefetchw */
    "vvvvvvvvg......g" /* 10: moves; prefetch; nop */
    "........vvvvnnvv" /* 20: movaps, conversions, comis */
    "................" /* 30 */
    "nnnnnnnnnnnnnnnn" /* 40: cmov */
    ".vvvvvvvvvvvvvvv" /* 50 */
    "vvvvvvvvvvvvvvvv" /* 60 */
    "vvvvvvv.....vvvv" /* 70 */
    "................" /* 80 */
    "gggggggggggggggg" /* 90: setcc */
    "...nnc.....nncsn" /* a0: bt, shld, bts, shrd, imul */
    "aa.n..nnn.gnnnnn" /* b0: cmpxchg, btr, movzx, popcnt, btc, bsf, bsr, movsx */
    "nnvnv.v8........" /* c0: xadd, cmpps, movnti, pinsrw, shufps, cmpxchg8b */
    "vvvvvvvvvvvvvvvv" /* d0 */
    "vvvvvvvvvvvvvvvv" /* e0 */
    "vvvvvvvvvvvvvvv."; /* f0 */

static const char uses_0f38[] =
    "vvvvvvvvvvvvvvvv" /* 00 */
    "vvvvvvvvvvvvvvvv" /* 10 */
    "vvvvvvvvvvvvvvvv" /* 20 */
    "vvvvvvvvvvvvvvvv" /* 30 */
    "vvvvvvvvv.v.vvvv" /* 40: no tiles */
    "vvvvvvvvvvvvvvvv" /* 50 */
    "vvvvvvvvvvvvvvvv" /* 60 */
    "vvvvvvvvvvvvvvvv" /* 70 */
    "...v....vvvvvvvv" /* 80 */
    "......vvvvvvvvvv" /* 90: no gathers; fma */
    "......vvvvvvvvvv" /* a0: no scatters; fma */
    "....vvvvvvvvvvvv" /* b0 */
    "....v...vvvvvvvv" /* c0: sha */
    "...........vvvvv" /* d0: aes */
    "................" /* e0 */
    "nnng.ndnnn......"; /* f0: movbe, crc32, BMI, adx, mulx */

static char letter(const ml_x86_64_insn *i)
{
    if (i->form == ML_X_XOP)
        return '.';
    switch (i->map) {
    case 0: return uses_one[i->opcode];
    case 1: return uses_0f[i->opcode];
    case 2: return uses_0f38[i->opcode];
    case 3:
        if (i->opcode >= 0x60 && i->opcode <= 0x63)
            return 'p';
        return i->opcode == 0xf0 ? 'n' : i->opcode > 0xf0 ? '.' : 'v';
    default: return '.';
    }
}

/* Of the groups that the tables admit, the members that they do not mean. */
static bool known_ext(const ml_x86_64_insn *i, unsigned ext)
{
    if (i->form != ML_X_LEGACY)
        return true;
    if (i->map == 1)
        return i->opcode != 0xc7 || ext == 1; /* cmpxchg8b */
    if (i->map != 0)
        return true;
    switch (i->opcode) {
    case 0xfe: case 0xff: return ext <= 1; /* inc, dec */
    case 0xc6: case 0xc7: return ext == 0; /* mov */
    default: return true;
    }
}

char ml_x86_64_uses(const ml_x86_64_insn *i)
{
    return known_ext(i, i->modrm >> 3 & 7u) ? letter(i) : '.';
}

/* A set of one register; of none when there is none. */
static unsigned set(unsigned reg) { return reg == ML_X_NOREG ? 0 : 1u << reg; }

enum {
    RAX = 1 << ML_X_RAX,
    RCX = 1 << ML_X_RCX,
    RDX = 1 << ML_X_RDX,
    RBX = 1 << ML_X_RBX,
};

unsigned ml_x86_64_implicit(const ml_x86_64_insn *i, char kind)
{
    unsigned ext = i->modrm >> 3 & 7u;
    switch (kind) {
    case 'a': return RAX;
    case 'c': case 'C': return RCX;
    case 'd': return RDX;
    case 'm': return ext >= 4 ? RAX | RDX : 0;
    case 's': return RAX | RDX;
    case 'p': return RAX | RCX | RDX;
    case '8': return RAX | RBX | RCX | RDX;
    default: return 0;
    }
}

/* Registers that it names or may name; a field that is none (a vector, a part of the opcode) costs
** a candidate and nothing else. Without REX the numbers 4 to 7 may mean ah to bh. */
static unsigned named(const ml_x86_64_insn *i)
{
    unsigned reg = ml_x86_64_reg(i);
    unsigned mask = set(reg) | set(ml_x86_64_base(i)) | set(ml_x86_64_index(i));
    if (i->form != ML_X_LEGACY)
        mask |= set(i->vvvv);
    else if (!i->has_rex && reg >= 4)
        mask |= set(reg & 3);
    if (i->modrm_at && !ml_x86_64_has_mem(i))
        mask |= set(ml_x86_64_rm(i));
    return mask;
}

/* r8 to r11 only where the encoding can name them. */
unsigned ml_x86_64_scratch(const ml_x86_64_insn *i, unsigned busy)
{
    static const uint8_t order[] = {ML_X_RAX, ML_X_RCX, ML_X_RDX, ML_X_RBX, ML_X_RSI,
                                    ML_X_RDI, ML_X_R8,  ML_X_R9,  ML_X_R10, ML_X_R11};
    bool wide = i->has_rex || i->form == ML_X_VEX3 || i->form == ML_X_EVEX;
    busy |= named(i);
    for (size_t k = 0; k < (wide ? sizeof order : 6); k++)
        if (!(busy & set(order[k])))
            return order[k];
    return ML_X_NOREG;
}

/* Byte instructions without REX mean ah by 4: the even opcodes of the one-byte map up to mov,
** cmpxchg and xadd. */
bool ml_x86_64_names_rsp(const ml_x86_64_insn *i, char kind)
{
    if (i->form != ML_X_LEGACY && i->map == 2 && i->opcode >= 0xf0 && i->vvvv == ML_X_RSP)
        return true;
    if (!strchr("nacd", kind) || ml_x86_64_reg(i) != ML_X_RSP)
        return false;
    bool is_byte = !(i->opcode & 1) &&
                   (i->map == 0 || (i->map == 1 && (i->opcode == 0xb0 || i->opcode == 0xc0)));
    return !is_byte || i->has_rex;
}

unsigned ml_x86_64_free_dest(const ml_x86_64_insn *i)
{
    unsigned reg = ml_x86_64_reg(i);
    bool is_float = i->prefixes & (ML_X_F2 | ML_X_F3);
    if (i->form != ML_X_LEGACY || reg == ML_X_RSP)
        return ML_X_NOREG;
    if (i->prefixes & ML_X_66 && !(i->rex & ML_X_W)) /* writes 16 bits of it */
        return ML_X_NOREG;
    if (reg == ml_x86_64_base(i) || reg == ml_x86_64_index(i))
        return ML_X_NOREG;
    if (i->map == 0)
        return strchr("\x63\x69\x6b\x8b\x8d", i->opcode) && i->opcode ? reg : ML_X_NOREG;
    if (i->map != 1)
        return ML_X_NOREG;
    switch (i->opcode) {
    case 0x2c: case 0x2d: /* cvttsd2si; without f2 or f3 the destination is an MMX register */
        return is_float ? reg : ML_X_NOREG;
    case 0xb6: case 0xb7: case 0xbe: case 0xbf: /* movzx, movsx */
        return reg;
    default: return ML_X_NOREG;
    }
}
