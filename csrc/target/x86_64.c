/* x86_64.c -- target: x86-64 in the LP64 small model: the table, stubs, GOT load relaxation.
** takes bytes of code and numbers; gives bytes. Pure: writes only into the buffers it is given, and
** looks at no byte outside [code, code + size).
** The mover is in x86_64_move.c, what it knows of registers in x86_64_uses.c, the instruction
** decoder in x86_64_insn.c.
** Spec: System V x86-64 psABI 3.6.2 (DWARF's registers), 4.4.1 (relocation types), 5.2
** (PLT), B.2 (GOTPCRELX).
** SPDX-License-Identifier: MIT */
#include "base/slice.h"
#include "target/target.h"
#include "target/x86_64_count.h"
#include "target/x86_64_insn.h"
#include "target/x86_64_tls.h"

enum { STUB_SIZE = 16, FIELD = 4, EM_X86_64_ = 62, INT3 = 0xcc };

/* The two types that x86_64.def marks ML_RELAX. */
enum { GOTPCRELX = 41, REX_GOTPCRELX = 42 };

/* ml_direct of a row. */
#define IS_PC(formula) ((formula) == ML_S_A_P || (formula) == ML_L_A_P)
#define DIRECT32(formula, range)                                       \
    ((formula) == ML_S_A && (range) == ML_FIT_U32   ? ML_DIRECT_ABS32U \
     : (formula) == ML_S_A && (range) == ML_FIT_S32 ? ML_DIRECT_ABS32S \
     : IS_PC(formula) && (range) == ML_FIT_S32      ? ML_DIRECT_PC32   \
                                                    : ML_DIRECT_NO)
#define DIRECT(formula, field, range)                                         \
    ((field) == ML_F_LE32                          ? DIRECT32(formula, range) \
     : (field) == ML_F_LE64 && (formula) == ML_S_A ? ML_DIRECT_ABS64          \
     : (field) == ML_F_LE64 && IS_PC(formula)      ? ML_DIRECT_PC64           \
                                                   : ML_DIRECT_NO)

static const ml_rrow rows[] = {
#define RELOC(number, name, formula, field, range, needs) \
    [number] = {"R_X86_64_" #name,                        \
                number,                                   \
                ML_##formula,                             \
                ML_F_##field,                             \
                ML_FIT_##range,                           \
                needs,                                    \
                DIRECT(ML_##formula, ML_F_##field, ML_FIT_##range)},
#define GAP(number) [number] = {NULL, number, ML_R_NONE, ML_F_NONE, ML_FIT_ANY, 0, ML_DIRECT_NO},
#include "target/x86_64.def"
#undef RELOC
#undef GAP
};

static bool stub(uint8_t *to, uint64_t at, uint64_t slot)
{
    static const uint8_t bytes[STUB_SIZE] = {
        0xf3, 0x0f, 0x1e, 0xfa,             /* endbr64: a stub may be called through a pointer */
        0xff, 0x25, 0,    0,    0,    0,    /* jmp *slot(%rip) */
        INT3, INT3, INT3, INT3, INT3, INT3, /* never reached */
    };
    uint64_t disp = slot - (at + 10);
    if (!ml_fits(ML_FIT_S32, disp))
        return false;
    memcpy(to, bytes, sizeof bytes);
    ml_put32(to + 6, (uint32_t)disp);
    return true;
}

static void lazy(uint8_t *to, uint64_t at, uint32_t i, uint64_t head)
{
    static const uint8_t bytes[STUB_SIZE] = {
        0xf3, 0x0f, 0x1e, 0xfa,    /* endbr64: the slot is jumped through */
        0x68, 0,    0,    0,    0, /* push $i */
        0xe9, 0,    0,    0,    0, /* jmp head: both lie in one piece */
        INT3, INT3,
    };
    memcpy(to, bytes, sizeof bytes);
    ml_put32(to + 5, i);
    ml_put32(to + 10, (uint32_t)(head - (at + 14)));
}

static bool lazy_head(uint8_t *to, uint64_t at, uint64_t words)
{
    static const uint8_t bytes[STUB_SIZE] = {
        0xff, 0x35, 0,    0,    0, 0, /* push words(%rip) */
        0xff, 0x25, 0,    0,    0, 0, /* jmp *words+8(%rip) */
        INT3, INT3, INT3, INT3,
    };
    uint64_t push = words - (at + 6), jmp = words + 8 - (at + 12);
    if (!ml_fits(ML_FIT_S32, push) || !ml_fits(ML_FIT_S32, jmp))
        return false;
    memcpy(to, bytes, sizeof bytes);
    ml_put32(to + 2, (uint32_t)push);
    ml_put32(to + 8, (uint32_t)jmp);
    return true;
}

/* The two beginnings that gcc gives a function that checks its stack. Behind either stands a jump
** on carry to the call of __morestack. */
static bool claim(uint8_t *code, size_t size, uint32_t more)
{
    static const uint8_t small[] = {0x64, 0x48, 0x3b, 0x24, 0x25}; /* cmp %fs:0x70,%rsp */
    static const uint8_t always[] = {
        0xf9,                               /* stc */
        0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0, /* nop */
    };
    if (size >= sizeof always && memcmp(code, small, sizeof small) == 0) {
        memcpy(code, always, sizeof always);
        return true;
    }
    /* lea -frame(%rsp),%r10 or %r11 */
    if (size < 8 || code[0] != 0x4c || code[1] != 0x8d || (code[2] | 8) != 0x9c || code[3] != 0x24)
        return false;
    uint32_t frame = 0 - ml_get32(code + 4);
    if (frame > INT32_MAX - more)
        return false;
    ml_put32(code + 4, 0 - (frame + more));
    return true;
}

/* Prefixes (addr32, REX, bnd, notrack) stand before the opcode and do not matter here. xbegin
** (c7 f8) is no branch to S: its field is where an abort goes, always inside the function. */
static bool branch(const uint8_t *code, size_t size, size_t field)
{
    if (!ml_within(size, field, FIELD) || field < 1)
        return false;
    uint8_t op = code[field - 1];
    if (op == 0xe8 || op == 0xe9) /* call rel32, jmp rel32 */
        return true;
    return field >= 2 && code[field - 2] == 0x0f && (op & 0xf0) == 0x80; /* jcc rel32 */
}

/* Note [Relaxing a GOT load]
** The psABI (B.2) lets the linker replace a load of S from its GOT slot by S itself. The assembler
** marks with GOTPCRELX an instruction of two bytes before its field, with REX_GOTPCRELX one that
** has a REX prefix as well, so that the bytes before the field can be trusted to be opcode and
** ModRM once they have been looked at.
**    mov foo@GOTPCREL(%rip),%reg     8b /r    lea foo(%rip),%reg      8d /r
**    call *foo@GOTPCREL(%rip)        ff /2    addr32 call foo         67 e8
**    jmp *foo@GOTPCREL(%rip)         ff /4    jmp foo; nop            e9 .. 90
** mov to a 32-bit register is the low half of the slot; lea to a 32-bit register is the low half of
** the address: the same bits, so it is as good as the 64-bit form.
** test and the arithmetic forms could take S as an immediate, but only below 2 GiB: they stay.
** The call of __tls_get_addr in a general dynamic access is padded, 66 48 ff 15, and stays: addr32
** behind REX.W would make that void, and AMD's processors obey 66 then: the call's displacement
** would have 16 bits, and so its target.
** With another addend than -4 the instruction loads something else than the whole slot: it stays.
*/
static bool can_relax(const uint8_t *code, size_t size, size_t field, uint32_t type, int64_t addend)
{
    size_t before = type == REX_GOTPCRELX ? 3 : 2;
    if (type != GOTPCRELX && type != REX_GOTPCRELX)
        return false;
    if (addend != -4 || !ml_within(size, field, FIELD) || field < before)
        return false;
    uint8_t op = code[field - 2], modrm = code[field - 1];
    if ((modrm & 0xc7) != 0x05) /* mod 00, rm 101: disp32(%rip) */
        return false;
    if (type == REX_GOTPCRELX)
        return (code[field - 3] & 0xf0) == 0x40 && op == 0x8b;
    bool padded = field >= 4 && code[field - 4] == 0x66 && code[field - 3] == 0x48;
    return op == 0x8b || (op == 0xff && !padded && (modrm == 0x15 || modrm == 0x25));
}

static bool got_branch(const uint8_t *code, size_t field)
{
    return code[field - 2] == 0xff;
}

/* In each form the value that the field must hold is S - (address after the field): the field of
** jmp starts one byte earlier. */
static bool relax(uint8_t *code, size_t size, size_t field, uint32_t type, uint64_t place,
                  uint64_t S)
{
    if (!can_relax(code, size, field, type, -4))
        return false;
    bool is_jmp = code[field - 2] == 0xff && code[field - 1] == 0x25;
    uint64_t disp = S - (place + FIELD - (is_jmp ? 1 : 0));
    if (!ml_fits(ML_FIT_S32, disp))
        return false;
    if (is_jmp) {
        code[field - 2] = 0xe9; /* jmp rel32 */
        ml_put32(code + field - 1, (uint32_t)disp);
        code[field + 3] = 0x90; /* nop */
        return true;
    }
    if (code[field - 2] == 0xff) {
        code[field - 2] = 0x67; /* addr32: keeps the length, and the return address, as they were */
        code[field - 1] = 0xe8; /* call rel32 */
    } else {
        code[field - 2] = 0x8d; /* lea disp32(%rip),%reg */
    }
    ml_put32(code + field, (uint32_t)disp);
    return true;
}

/* One function over several sections: a frame that keeps the stack aligned for calls. */
static const uint8_t enter[] = {0xf3, 0x0f, 0x1e, 0xfa,  /* endbr64 */
                                0x48, 0x83, 0xec, 0x08}; /* sub $8,%rsp */
static const uint8_t leave[] = {0x48, 0x83, 0xc4, 0x08,  /* add $8,%rsp */
                                0xc3};                   /* ret */

const ml_target ml_target_x86_64 = {
    .name = "x86-64",
    .machine = EM_X86_64_,
    .rows = rows,
    .nrows = sizeof rows / sizeof *rows,
    .stub_size = STUB_SIZE,
    .trap = INT3,
    .nop = 0x90,
    .columns = 17,    /* the general ones and the return address */
    .registers = 130, /* up to %bnd3 */
    .enter = {enter, sizeof enter},
    .leave = {leave, sizeof leave},
    .stub = stub,
    .lazy = lazy,
    .claim = claim,
    .stack_end = 0x70, /* %fs:0x70, __private_ss of glibc's tcbhead_t */
    .tm_words = 0x50,  /* __private_tm */
    .lazy_head = lazy_head,
    .count = ml_x86_64_count,
    .count_size = ML_X86_64_COUNT_SIZE,
    .branch = branch,
    .can_relax = can_relax,
    .got_branch = got_branch,
    .relax = relax,
    .tls_can_relax = ml_x86_64_tls_can_relax,
    .tls_relax = ml_x86_64_tls_relax,
    .move = ml_x86_64_move,
};
