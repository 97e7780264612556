/* x86_64_insn.c -- target: the x86-64 length decoder, 64-bit mode only.
** takes bytes; gives the places of an instruction's parts. Every read is checked against n first.
** Strict: what is not in the tables is refused, so that a caller who decodes a function from its
** start either stays in step with the processor or stops.
** Spec: Intel SDM volume 2, chapter 2 (formats) and appendix A (opcode maps); AMD APM volume 3,
** 1.8 and A (XOP). Where the two differ (66 before a near branch) the answer is no.
** SPDX-License-Identifier: MIT */
#include "target/x86_64_insn.h"

#include <stdio.h>
#include <string.h>

/* Opcode maps: one letter an opcode, 16 to a row.
**   .  nothing follows              M  ModRM                      x  no such opcode, or a prefix
**   b  imm8                         B  ModRM, imm8
**   z  imm32 (imm16 under 66)       Z  ModRM, imm32 (imm16)       v  like z; imm64 under REX.W
**   j  rel32                        w  imm16                      e  imm16, imm8 (enter)
**   o  moffs: an address of 8 bytes (4 under 67)
**   t  f6: ModRM, imm8 for /0, /1   T  f7: ModRM, imm32 (imm16) for /0, /1
**   C  ModRM whose mod is ignored: always registers
**   X  0f 78: ModRM, two imm8 under 66 or f2 (SSE4a)              8  ModRM; 8f: /0 only */
static const char map_one[] =
    "MMMMbzxxMMMMbzxx"  /* 00 */
    "MMMMbzxxMMMMbzxx"  /* 10 */
    "MMMMbzxxMMMMbzxx"  /* 20 */
    "MMMMbzxxMMMMbzxx"  /* 30 */
    "xxxxxxxxxxxxxxxx"  /* 40: REX */
    "................"  /* 50 */
    "xxxMxxxxzZbB...."  /* 60 */
    "bbbbbbbbbbbbbbbb"  /* 70 */
    "BZxBMMMMMMMMMMM8"  /* 80 */
    "..........x....."  /* 90 */
    "oooo....bz......"  /* a0 */
    "bbbbbbbbvvvvvvvv"  /* b0 */
    "BBw.xxBZe.w..bx."  /* c0 */
    "MMMMxxx.MMMMMMMM"  /* d0 */
    "bbbbbbbbjjxb...."  /* e0 */
    "x.xx..tT......MM"; /* f0 */

static const char map_0f[] =
    "MMMMx.....x.xM.B"  /* 00: 04 and 0c do not exist; 0f is 3DNow! */
    "MMMMMMMMMMMMMMMM"  /* 10 */
    "CCCCxxxxMMMMMMMM"  /* 20 */
    "......x.xxxxxxxx"  /* 30: 38 and 3a lead on */
    "MMMMMMMMMMMMMMMM"  /* 40 */
    "MMMMMMMMMMMMMMMM"  /* 50 */
    "MMMMMMMMMMMMMMMM"  /* 60 */
    "BBBBMMM.XMxxMMMM"  /* 70 */
    "jjjjjjjjjjjjjjjj"  /* 80 */
    "MMMMMMMMMMMMMMMM"  /* 90 */
    "...MBMMM...MBMMM"  /* a0 */
    "MMMMMMMMMMBMMMMM"  /* b0 */
    "MMBMBBBM........"  /* c0 */
    "MMMMMMMMMMMMMMMM"  /* d0 */
    "MMMMMMMMMMMMMMMM"  /* e0 */
    "MMMMMMMMMMMMMMMM"; /* f0 */

/* A reader that stops at the end of what may be read, and at 15 bytes, the longest instruction. */
typedef struct cursor {
    const uint8_t *p;
    size_t n, at;
} cursor;

static bool peek(const cursor *c, uint8_t *b)
{
    if (c->at >= c->n)
        return false;
    *b = c->p[c->at];
    return true;
}

static bool next(cursor *c, uint8_t *b)
{
    if (!peek(c, b))
        return false;
    c->at++;
    return true;
}

static bool skip(cursor *c, unsigned len)
{
    if (c->n - c->at < len)
        return false;
    c->at += len;
    return true;
}

static unsigned prefix_bit(uint8_t b)
{
    switch (b) {
    case 0x66: return ML_X_66;
    case 0x67: return ML_X_67;
    case 0xf2: return ML_X_F2;
    case 0xf3: return ML_X_F3;
    case 0xf0: return ML_X_LOCK;
    case 0x64: case 0x65: return ML_X_SEG;
    case 0x26: case 0x2e: case 0x36: case 0x3e: return ML_X_DS;
    default: return 0;
    }
}

static void legacy_prefixes(cursor *c, ml_x86_64_insn *i)
{
    uint8_t b;
    while (peek(c, &b) && prefix_bit(b)) {
        i->prefixes |= (uint8_t)prefix_bit(b);
        c->at++;
    }
    i->npre = (uint8_t)c->at;
}

/* VEX, EVEX and XOP after their first byte. A legacy prefix that they stand for, or REX, before
** them is an invalid opcode. */
static bool vex(cursor *c, ml_x86_64_insn *i)
{
    uint8_t b0, b1, b2;
    if (i->prefixes & (ML_X_66 | ML_X_F2 | ML_X_F3 | ML_X_LOCK) || !next(c, &b0) || !next(c, &b1))
        return false;
    if (b0 == 0xc5) {
        i->form = ML_X_VEX2;
        i->rex = b1 & 0x80 ? 0 : ML_X_R;
        i->vvvv = ~b1 >> 3 & 15;
        i->map = 1;
        return true;
    }
    if (!next(c, &b2))
        return false;
    i->form = b0 == 0xc4 ? ML_X_VEX3 : ML_X_XOP;
    i->rex = (uint8_t)((~b1 >> 5 & 7) | (b2 >> 7 << 3));
    i->vvvv = ~b2 >> 3 & 15;
    i->map = b1 & 31;
    return i->form == ML_X_XOP ? i->map <= 10 : i->map >= 1 && i->map <= 3;
}

static bool evex(cursor *c, ml_x86_64_insn *i)
{
    uint8_t b0, b1, b2, b3;
    if (i->prefixes & (ML_X_66 | ML_X_F2 | ML_X_F3 | ML_X_LOCK))
        return false;
    if (!next(c, &b0) || !next(c, &b1) || !next(c, &b2) || !next(c, &b3))
        return false;
    i->form = ML_X_EVEX;
    i->rex = (uint8_t)((~b1 >> 5 & 7) | (b2 >> 7 << 3));
    i->vvvv = ~b2 >> 3 & 15;
    i->map = b1 & 7;
    if ((b1 & 0x08) || !(b2 & 0x04)) /* fixed bits; APX gives them other meanings */
        return false;
    return i->map >= 1 && i->map != 4 && i->map <= 6;
}

/* REX and the escapes 0f, 0f 38, 0f 3a; the opcode is next. */
static bool legacy(cursor *c, ml_x86_64_insn *i)
{
    uint8_t b;
    if (!peek(c, &b))
        return false;
    if ((b & 0xf0) == 0x40) {
        i->has_rex = true;
        i->rex = b & 15;
        c->at++;
    }
    if (!peek(c, &b))
        return false;
    if (b != 0x0f)
        return true;
    c->at++;
    i->map = 1;
    if (!peek(c, &b))
        return false;
    if (b == 0x38 || b == 0x3a) {
        i->map = b == 0x38 ? 2 : 3;
        c->at++;
    }
    return true;
}

static bool head(cursor *c, ml_x86_64_insn *i)
{
    uint8_t b, b1;
    legacy_prefixes(c, i);
    if (!peek(c, &b))
        return false;
    if (b == 0xc4 || b == 0xc5)
        return vex(c, i);
    if (b == 0x62)
        return evex(c, i);
    if (b == 0x8f) { /* pop, or XOP: the latter's map number makes ModRM.reg other than 0 */
        if (c->n - c->at < 2)
            return false;
        b1 = c->p[c->at + 1];
        if ((b1 & 31) >= 8)
            return vex(c, i);
    }
    return legacy(c, i);
}

/* The letter of an opcode in the maps of VEX and EVEX, which are more regular. */
static char vex_letter(const ml_x86_64_insn *i)
{
    if (i->form == ML_X_XOP)
        return i->map == 8 ? 'B' : i->map == 9 ? 'M' : 'Z';
    if (i->map == 3)
        return 'B';
    if (i->map != 1)
        return 'M';
    if (i->opcode == 0x77 && i->form != ML_X_EVEX) /* vzeroupper */
        return '.';
    if ((i->opcode >= 0x70 && i->opcode <= 0x73) || i->opcode == 0xc2 ||
        (i->opcode >= 0xc4 && i->opcode <= 0xc6))
        return 'B';
    return 'M';
}

static char letter(const ml_x86_64_insn *i)
{
    if (i->form != ML_X_LEGACY)
        return vex_letter(i);
    switch (i->map) {
    case 0: return map_one[i->opcode];
    case 1: return map_0f[i->opcode];
    case 2: return 'M';
    default: return 'B';
    }
}

/* Displacement bytes that ModRM and SIB ask for. */
static unsigned disp_len(const ml_x86_64_insn *i)
{
    switch (ml_x86_64_mod(i)) {
    case 0:
        if ((i->modrm & 7) == 5)
            return 4;
        return i->sib_at && (i->sib & 7) == 5 ? 4 : 0;
    case 1: return 1;
    case 2: return 4;
    default: return 0;
    }
}

static bool modrm(cursor *c, ml_x86_64_insn *i, bool registers)
{
    i->modrm_at = (uint8_t)c->at;
    if (!next(c, &i->modrm))
        return false;
    if (registers)
        i->modrm |= 0xc0;
    if (ml_x86_64_has_mem(i) && (i->modrm & 7) == 4) {
        i->sib_at = (uint8_t)c->at;
        if (!next(c, &i->sib))
            return false;
    }
    i->disp_len = (uint8_t)disp_len(i);
    if (i->disp_len)
        i->disp_at = (uint8_t)c->at;
    return skip(c, i->disp_len);
}

/* Immediate bytes by letter; -1 when the combination is refused. */
static int imm_len(const ml_x86_64_insn *i, char kind)
{
    bool word = i->prefixes & ML_X_66 && !(i->rex & ML_X_W);
    int full = word && i->form == ML_X_LEGACY ? 2 : 4;
    bool is_test = (i->modrm & 0x30) == 0;
    switch (kind) {
    case 'b': case 'B': return 1;
    case 'z': case 'Z': return full;
    case 'v': return i->rex & ML_X_W ? 8 : full;
    case 'j': return word ? -1 : 4;
    case 'w': return 2;
    case 'e': return 3;
    case 'o': return i->prefixes & ML_X_67 ? 4 : 8;
    case 't': return is_test ? 1 : 0;
    case 'T': return is_test ? full : 0;
    case 'X': return i->prefixes & (ML_X_66 | ML_X_F2) ? 2 : 0;
    default: return 0;
    }
}

bool ml_x86_64_insn_decode(const uint8_t *p, size_t n, ml_x86_64_insn *out)
{
    cursor c = {p, n < 15 ? n : 15, 0};
    ml_x86_64_insn *i = out;
    memset(i, 0, sizeof *i);
    if (!head(&c, i))
        return false;
    i->op_at = (uint8_t)c.at;
    if (!next(&c, &i->opcode))
        return false;
    char kind = letter(i);
    if (kind == 'x' || (kind == 'j' && i->form != ML_X_LEGACY))
        return false;
    if (strchr("MBZtTCX8", kind) && !modrm(&c, i, kind == 'C'))
        return false;
    if (kind == '8' && (i->modrm & 0x38) != 0)
        return false;
    int imm = imm_len(i, kind);
    if (imm < 0)
        return false;
    i->imm_len = (uint8_t)imm;
    if (imm)
        i->imm_at = (uint8_t)c.at;
    if (!skip(&c, i->imm_len))
        return false;
    i->len = (uint8_t)c.at;
    return true;
}

unsigned ml_x86_64_base(const ml_x86_64_insn *i)
{
    if (!ml_x86_64_has_mem(i) || ml_x86_64_is_rip(i))
        return ML_X_NOREG;
    unsigned ext = i->rex & ML_X_B ? 8 : 0;
    if (!i->sib_at)
        return (i->modrm & 7u) | ext;
    if ((i->sib & 7) == 5 && ml_x86_64_mod(i) == 0)
        return ML_X_NOREG;
    return (i->sib & 7u) | ext;
}

unsigned ml_x86_64_index(const ml_x86_64_insn *i)
{
    if (!i->sib_at)
        return ML_X_NOREG;
    unsigned r = (i->sib >> 3 & 7u) | (i->rex & ML_X_X ? 8u : 0);
    return r == ML_X_RSP ? ML_X_NOREG : r;
}

/* ---- text for messages ---- */

static const char *const alu[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
static const char *const shift[] = {"rol", "ror", "rcl", "rcr", "shl", "shr", "shl", "sar"};
static const char *const unary[] = {"test", "test", "not", "neg", "mul", "imul", "div", "idiv"};
static const char *const five[] = {"inc", "dec", "call", "lcall", "jmp", "ljmp", "push", "(bad)"};

/* Opcodes whose name does not depend on ModRM. */
static const struct {
    uint8_t map, opcode;
    const char *name;
} names[] = {
    {0, 0x63, "movslq"}, {0, 0x68, "push"},   {0, 0x69, "imul"},   {0, 0x6b, "imul"},
    {0, 0x84, "test"},   {0, 0x85, "test"},   {0, 0x86, "xchg"},   {0, 0x87, "xchg"},
    {0, 0x88, "mov"},    {0, 0x89, "mov"},    {0, 0x8a, "mov"},    {0, 0x8b, "mov"},
    {0, 0x8d, "lea"},    {0, 0x8f, "pop"},    {0, 0xa8, "test"},   {0, 0xa9, "test"},
    {0, 0xc6, "mov"},    {0, 0xc7, "mov"},    {0, 0xe8, "call"},   {0, 0xe9, "jmp"},
    {1, 0x10, "movs"},   {1, 0x11, "movs"},   {1, 0x28, "movap"},  {1, 0x29, "movap"},
    {1, 0x2a, "cvtsi2"}, {1, 0x2c, "cvtt2si"}, {1, 0x2e, "ucomis"}, {1, 0x2f, "comis"},
    {1, 0x51, "sqrts"},  {1, 0x54, "andp"},   {1, 0x57, "xorp"},   {1, 0x58, "adds"},
    {1, 0x59, "muls"},   {1, 0x5a, "cvtsd2ss"}, {1, 0x5c, "subs"}, {1, 0x5e, "divs"},
    {1, 0x6e, "movd"},   {1, 0x6f, "movdq"},  {1, 0x7e, "movq"},   {1, 0x7f, "movdq"},
    {1, 0xaf, "imul"},   {1, 0xb0, "cmpxchg"}, {1, 0xb1, "cmpxchg"}, {1, 0xb6, "movzb"},
    {1, 0xb7, "movzw"},  {1, 0xbe, "movsb"},  {1, 0xbf, "movsw"},  {1, 0xc0, "xadd"},
    {1, 0xc1, "xadd"},   {1, 0xc7, "cmpxchg8b"}, {1, 0xd6, "movq"},
};

static const char *name_of(const ml_x86_64_insn *i)
{
    unsigned ext = i->modrm >> 3 & 7u;
    if (i->map == 0) {
        if (i->opcode < 0x40)
            return alu[i->opcode >> 3];
        if (i->opcode >= 0x80 && i->opcode <= 0x83)
            return alu[ext];
        if (i->opcode >= 0xb8 && i->opcode <= 0xbf)
            return "mov";
        if ((i->opcode & 0xfe) == 0xc0 || (i->opcode & 0xfc) == 0xd0)
            return shift[ext];
        if ((i->opcode & 0xfe) == 0xf6)
            return unary[ext];
        if ((i->opcode & 0xfe) == 0xfe)
            return five[ext];
    }
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (names[k].map == i->map && names[k].opcode == i->opcode)
            return names[k].name;
    return NULL;
}

static const char *reg_name(unsigned r, bool wide)
{
    static const char *const narrow_names[] = {"%eax", "%ecx", "%edx",  "%ebx",  "%esp",  "%ebp",
                                               "%esi", "%edi", "%r8d",  "%r9d",  "%r10d", "%r11d",
                                               "%r12d", "%r13d", "%r14d", "%r15d"};
    static const char *const wide_names[] = {"%rax", "%rcx", "%rdx", "%rbx", "%rsp", "%rbp",
                                             "%rsi", "%rdi", "%r8",  "%r9",  "%r10", "%r11",
                                             "%r12", "%r13", "%r14", "%r15", ""};
    return wide ? wide_names[r] : narrow_names[r];
}

/* The r/m operand. */
static void rm_text(const ml_x86_64_insn *i, bool in_disp, char *to, size_t size)
{
    const char *sym = in_disp ? "sym" : "";
    unsigned base = ml_x86_64_base(i), index = ml_x86_64_index(i);
    if (!ml_x86_64_has_mem(i))
        snprintf(to, size, "%s", reg_name(ml_x86_64_rm(i), i->rex & ML_X_W));
    else if (ml_x86_64_is_rip(i))
        snprintf(to, size, "%s(%%rip)", in_disp ? "sym" : "disp");
    else if (index != ML_X_NOREG)
        snprintf(to, size, "%s(%s,%s,%u)", sym, reg_name(base, true), reg_name(index, true),
                 1u << (i->sib >> 6));
    else if (base != ML_X_NOREG)
        snprintf(to, size, "%s(%s)", sym, reg_name(base, true));
    else
        snprintf(to, size, "%s", in_disp ? "sym" : "disp");
}

/* Does ModRM.reg name a general register that is worth printing? */
static bool reg_is_operand(const ml_x86_64_insn *i)
{
    uint8_t op = i->opcode;
    if (i->map == 1)
        return op == 0xaf || (op & 0xfe) == 0xb0 || (op & 0xf6) == 0xb6 || (op & 0xfe) == 0xc0;
    return op < 0x40 || op == 0x63 || op == 0x69 || op == 0x6b || (op >= 0x84 && op <= 0x8d);
}

/* Is r/m the last operand of AT&T syntax (the destination)? */
static bool rm_is_last(const ml_x86_64_insn *i)
{
    uint8_t op = i->opcode;
    if (i->map == 1)
        return (op & 0xfe) == 0xb0 || (op & 0xfe) == 0xc0;
    return op < 0x40 ? (op & 2) == 0 : op >= 0x84 && op <= 0x89;
}

/* What AT&T syntax puts before a memory operand that is the only one besides an immediate. */
static const char *rm_prefix(const ml_x86_64_insn *i)
{
    unsigned ext = i->modrm >> 3 & 7u;
    if (i->map == 0 && i->opcode == 0xff && ext >= 2 && ext <= 5)
        return "*";
    return i->imm_len ? "$imm," : "";
}

static const char *map_text(const ml_x86_64_insn *i)
{
    static const char *const maps[] = {"", "0f ", "0f 38 ", "0f 3a "};
    if (i->form == ML_X_LEGACY)
        return maps[i->map];
    return i->form == ML_X_EVEX ? "evex " : i->form == ML_X_XOP ? "xop " : "vex ";
}

void ml_x86_64_insn_text(const ml_x86_64_insn *i, bool in_disp, char *to, size_t size)
{
    char rm[40] = "";
    const char *name = i->form == ML_X_LEGACY ? name_of(i) : NULL;
    const char *reg = reg_name(ml_x86_64_reg(i), i->rex & ML_X_W);
    if (i->modrm_at)
        rm_text(i, in_disp, rm, sizeof rm);
    if (!name)
        snprintf(to, size, "instruction %s%02x with %s",
                 map_text(i), i->opcode, in_disp ? rm : "$sym");
    else if (!in_disp && !i->modrm_at && i->opcode < 0x40)
        snprintf(to, size, "%s $sym,%s", name, reg_name(0, i->rex & ML_X_W));
    else if (!in_disp && !i->modrm_at && (i->opcode & 0xf8) == 0xb8)
        snprintf(to, size, "%s $sym,%s", name,
                 reg_name((i->opcode & 7u) | (i->rex & ML_X_B ? 8u : 0), i->rex & ML_X_W));
    else if (!in_disp)
        snprintf(to, size, "%s %ssym%s%s", name, (i->opcode & 0xfe) == 0xe8 ? "" : "$",
                 i->modrm_at ? "," : "", rm);
    else if (!reg_is_operand(i))
        snprintf(to, size, "%s %s%s", name, rm_prefix(i), rm);
    else if (rm_is_last(i))
        snprintf(to, size, "%s %s,%s", name, reg, rm);
    else
        snprintf(to, size, "%s %s,%s", name, rm, reg);
}
