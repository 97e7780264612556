/* x86_64_move.c -- target: move one instruction out of line.
** takes ml_move_in; gives ml_move_out: a thunk that does what the instruction did, with a full
** 64-bit address in place of the field that could not hold it, and the jump that takes the
** instruction's place. Pure. An instruction is moved only when it is known which registers it uses
** (x86_64_uses.c); for every other one the answer is false, with the reason in out->why.
** Spec: Intel SDM volume 2; x86-64 psABI 3.2.2 (red zone), 3.2.1 (registers).
** SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/slice.h"
#include "target/x86_64_insn.h"
#include "target/x86_64_uses.h"

/* Note [Moving an instruction]
** Code of the small model that is not position independent reads a variable of a library 2 GiB away
** with a field of 4 bytes. The field cannot hold the address, and a stub is no variable. So the one
** instruction goes: a jmp takes its place (it has 5 bytes at least: the field and an opcode), and a
** thunk within reach does its work.
**
** Which instruction it is, is never guessed backwards from the field: the bytes are decoded from
** in->start, the start of a function, one instruction after the other. The field must be exactly
** the disp32 or the imm32 of the one that holds it. Moved neighbours do not disturb this: what
** replaces an instruction has its length and decodes as well. Bytes of data amid the code could
** lead the decoder astray; that it then falls on the field, in an instruction of the right kind, is
** what is left to chance.
**
** What is preserved: everything. The thunk needs the address in a register. When the instruction
** overwrites a general register as a whole, that one serves (mov, movzx, movsx, lea, imul by an
** immediate, conversions). Else a register that the instruction neither names nor uses implicitly
** is saved on the stack, below the red zone: rsp goes down by 128 and 8 for the saved register,
** with lea, which leaves the flags alone. Operands based on rsp are adjusted by as much. An
** instruction with rsp as a register operand is refused.
**
** Jumps into the middle of the instruction do not occur: compilers branch to instruction starts
** only, and a branch to its start finds the jmp. A signal handler, a debugger or a profiler may see
** the thunk's address as a program counter; there is no unwind information for it. No moved
** instruction throws, except through a memory fault: a call keeps its return address, because it is
** the last thing in its old place and the thunk only jumps.
**
** When displacement and immediate are both out of reach (cmpq $sym, other(%rip)), the thunk takes
** two registers. Such a pair must come as one request: of two requests with one site the second
** finds the jmp and its nops there, in which no field could be moved, and is refused.
*/

enum {
    RED_ZONE = 128,
    SAVED = 8,               /* one pushed register */
    DOWN = RED_ZONE + SAVED, /* how far rsp is below its old place while the instruction runs */
};

/* One request. `code` is the instruction's first byte. */
typedef struct job {
    const ml_move_in *in;
    ml_move_out *out;
    ml_x86_64_insn i;
    const uint8_t *code;
    uint64_t value; /* what the field stands for, 64 bits */
} job;

static const char unknown[] = "an instruction that is not known well enough to be moved";
static const char narrow[] = "it uses only 32 bits of the address";

static bool refuse(job *j, const char *why)
{
    j->out->why = why;
    return false;
}

/* ---- writing the thunk ----
** The longest thunk (a push of memory with base and index) takes 62 of the ML_MOVE_MAX bytes. */

static void byte(job *j, unsigned b) { j->out->body[j->out->body_len++] = (uint8_t)b; }

static void bytes(job *j, const uint8_t *p, size_t n)
{
    memcpy(j->out->body + j->out->body_len, p, n);
    j->out->body_len += n;
}

static void word(job *j, uint32_t v)
{
    ml_put32(j->out->body + j->out->body_len, v);
    j->out->body_len += 4;
}

/* REX.W with the extension bits of the registers in ModRM.reg, SIB.index and base. */
static void rex_w(job *j, unsigned reg, unsigned index, unsigned base)
{
    byte(j, 0x48 | (reg >> 3 << 2) | (index >> 3 << 1) | base >> 3);
}

static void movabs(job *j, unsigned reg, uint64_t v)
{
    rex_w(j, 0, 0, reg);
    byte(j, 0xb8 | (reg & 7)); /* movabs $v,%reg */
    word(j, (uint32_t)v);
    word(j, (uint32_t)(v >> 32));
}

static void push(job *j, unsigned reg)
{
    if (reg >= 8)
        byte(j, 0x41);
    byte(j, 0x50 | (reg & 7));
}

static void pop(job *j, unsigned reg)
{
    if (reg >= 8)
        byte(j, 0x41);
    byte(j, 0x58 | (reg & 7));
}

/* lea n(%rsp),%rsp */
static void move_rsp(job *j, int n)
{
    static const uint8_t lea8[] = {0x48, 0x8d, 0x64, 0x24};  /* lea disp8(%rsp),%rsp */
    static const uint8_t lea32[] = {0x48, 0x8d, 0xa4, 0x24}; /* lea disp32(%rsp),%rsp */
    bool is_short = n >= -128 && n <= 127;
    bytes(j, is_short ? lea8 : lea32, 4);
    if (is_short)
        byte(j, (unsigned)n);
    else
        word(j, (uint32_t)n);
}

/* ModRM (and SIB) for the operand (%base) with `reg` in ModRM.reg. */
static void operand(job *j, unsigned reg, unsigned base)
{
    reg = (reg & 7) << 3;
    if ((base & 7) == 4) { /* rm 100 means SIB */
        byte(j, reg | 4);
        byte(j, 0x24);
    } else if ((base & 7) == 5) { /* mod 00, rm 101 means rip: take disp8 = 0 */
        byte(j, 0x40 | reg | 5);
        byte(j, 0);
    } else {
        byte(j, reg | (base & 7));
    }
}

/* lea disp32(%base,%index,1 << scale),%to */
static void lea_sib(job *j, unsigned to, unsigned base, unsigned index, unsigned scale,
                    uint32_t disp)
{
    rex_w(j, to, index, base);
    byte(j, 0x8d);
    byte(j, 0x84 | (to & 7) << 3); /* mod 10, SIB */
    byte(j, scale << 6 | (index & 7) << 3 | (base & 7));
    word(j, disp);
}

/* %s = the address of the memory operand. `down` is how far rsp has been lowered. */
static void load_address(job *j, unsigned s, unsigned down)
{
    unsigned base = ml_x86_64_base(&j->i), index = ml_x86_64_index(&j->i);
    movabs(j, s, j->value);
    if (base != ML_X_NOREG)
        lea_sib(j, s, base, s, 0, base == ML_X_RSP ? down : 0);
    if (index != ML_X_NOREG)
        lea_sib(j, s, s, index, j->i.sib >> 6, 0);
}

/* The instruction itself, with (%s) as its memory operand. */
static void rebased(job *j, unsigned s)
{
    const ml_x86_64_insn *i = &j->i;
    unsigned at = i->npre;
    bytes(j, j->code, at);
    if (i->form == ML_X_LEGACY && i->has_rex) {
        byte(j, 0x40 | (i->rex & (ML_X_W | ML_X_R)) | (s >= 8 ? ML_X_B : 0));
        at++;
    } else if (i->form == ML_X_VEX3 || i->form == ML_X_EVEX) {
        byte(j, j->code[at]);
        byte(j, (j->code[at + 1] & 0x9fu) | 0x40 | (s >= 8 ? 0 : 0x20)); /* X and B, inverted */
        at += 2;
    }
    bytes(j, j->code + at, i->op_at + 1u - at);
    operand(j, i->modrm >> 3, s);
    bytes(j, j->code + i->imm_at, i->imm_len);
}

/* jmp or call (op) from `at` to `to` */
static bool branch_to(uint8_t *p, unsigned op, uint64_t at, uint64_t to)
{
    uint64_t disp = to - (at + 5);
    p[0] = (uint8_t)op;
    ml_put32(p + 1, (uint32_t)disp);
    return ml_fits(ML_FIT_S32, disp);
}

/* n bytes of nop. None has a displacement of 4 bytes, nor an immediate: see the end of the Note. */
static void nops(uint8_t *p, size_t n)
{
    static const uint8_t nop[7][6] = {
        {0},
        {0x90},                          /* nop */
        {0x66, 0x90},                    /* xchg %ax,%ax */
        {0x0f, 0x1f, 0x00},              /* nopl (%rax) */
        {0x0f, 0x1f, 0x40, 0},           /* nopl 0(%rax) */
        {0x0f, 0x1f, 0x44, 0, 0},        /* nopl 0(%rax,%rax,1) */
        {0x66, 0x0f, 0x1f, 0x44, 0, 0},  /* nopw 0(%rax,%rax,1) */
    };
    while (n) {
        size_t k = n < 6 ? n : 6;
        memcpy(p, nop[k], k);
        p += k;
        n -= k;
    }
}

/* The jump to the thunk. */
static bool enter(job *j)
{
    ml_move_out *out = j->out;
    if (!branch_to(out->patch, 0xe9, j->in->addr + out->site, j->in->to))
        return refuse(j, "the thunk would be out of reach of the code");
    nops(out->patch + 5, out->site_len - 5);
    return true;
}

/* The jump back, and the one to the thunk. */
static bool finish(job *j)
{
    ml_move_out *out = j->out;
    uint64_t back = j->in->addr + out->site + out->site_len;
    bool near = branch_to(out->body + out->body_len, 0xe9, j->in->to + out->body_len, back);
    out->body_len += 5;
    assert(out->body_len <= ML_MOVE_MAX);
    return near ? enter(j) : refuse(j, "the thunk would be out of reach of the code");
}

static void save(job *j, unsigned s)
{
    move_rsp(j, -RED_ZONE);
    push(j, s);
}

static bool restore(job *j, unsigned s)
{
    pop(j, s);
    move_rsp(j, RED_ZONE);
    return finish(j);
}

/* ---- the displacement is out of reach ---- */

/* call *mem, jmp *mem. r11 belongs to nobody between functions (psABI 3.2.1), and that is where we
** are: a pointer that lies in another library points at a function, so that a jmp through it
** leaves the function as a call does. The nops stand before the call: its return address stays. */
static bool move_branch(job *j, bool is_call)
{
    ml_move_out *out = j->out;
    unsigned base = ml_x86_64_base(&j->i), index = ml_x86_64_index(&j->i);
    if (base == ML_X_R11 || index == ML_X_R11 || base == ML_X_RSP)
        return refuse(j, "an indirect branch with %r11 or %rsp in its address");
    if (j->i.prefixes & ~(unsigned)(ML_X_DS | ML_X_F2)) /* notrack, bnd */
        return refuse(j, "an indirect branch with a prefix");
    load_address(j, ML_X_R11, 0);
    bytes(j, j->code, j->i.npre);
    byte(j, 0x41);
    byte(j, 0xff);
    operand(j, 4, ML_X_R11); /* jmp *(%r11) */
    if (!is_call)
        return enter(j);
    size_t pad = out->site_len - 5;
    nops(out->patch, pad);
    if (!branch_to(out->patch + pad, 0xe8, j->in->addr + out->site + pad, j->in->to))
        return refuse(j, "the thunk would be out of reach of the code");
    return true;
}

/* push of what is in memory (in_memory) or of the address itself. The pushed word's place lies
** above the red zone that is kept: rsp goes down by one word more, and stays there. */
static bool move_push(job *j, bool in_memory)
{
    unsigned s = ml_x86_64_scratch(&j->i, 0);
    if (j->i.prefixes & ML_X_66)
        return refuse(j, "a push of 16 bits");
    move_rsp(j, -(RED_ZONE + 8));
    push(j, s);
    if (in_memory)
        load_address(j, s, DOWN + 8);
    else
        movabs(j, s, j->value);
    if (in_memory) {
        rex_w(j, s, 0, s);
        byte(j, 0x8b); /* mov (%s),%s */
        operand(j, s, s);
    }
    rex_w(j, s, 0, 0);
    byte(j, 0x89); /* mov %s,136(%rsp) */
    byte(j, 0x84 | (s & 7) << 3);
    byte(j, 0x24);
    word(j, DOWN);
    return restore(j, s);
}

static bool move_plain(job *j, char kind)
{
    const ml_x86_64_insn *i = &j->i;
    unsigned s = ml_x86_64_free_dest(i);
    bool is_lea = i->map == 0 && i->opcode == 0x8d;
    if (is_lea && !(i->rex & ML_X_W))
        return refuse(j, "lea keeps only 32 bits of the address");
    if (s != ML_X_NOREG) {
        load_address(j, s, 0);
        if (!is_lea)
            rebased(j, s);
        return finish(j);
    }
    if (ml_x86_64_names_rsp(i, kind))
        return refuse(j, "%rsp is an operand");
    s = ml_x86_64_scratch(i, ml_x86_64_implicit(i, kind));
    if (s == ML_X_NOREG)
        return refuse(j, "it leaves no register free to hold the address");
    save(j, s);
    load_address(j, s, DOWN);
    rebased(j, s);
    return restore(j, s);
}

/* The opcode of the instruction by a register that does what this one does by an immediate of 64
** bits; 0 when there is none. */
static unsigned register_form(const ml_x86_64_insn *i)
{
    unsigned ext = i->modrm >> 3 & 7u;
    switch (i->opcode) {
    case 0x81: return ext << 3 | 1;        /* add, or, adc, sbb, and, sub, xor, cmp */
    case 0xc7: return ext == 0 ? 0x89 : 0; /* mov */
    case 0xf7: return ext <= 1 ? 0x85 : 0; /* test */
    case 0xa9: return 0x85;                /* test, of rax */
    default: break;
    }
    bool of_rax = i->opcode < 0x40 && (i->opcode & 7) == 5; /* add to cmp again */
    return of_rax ? (i->opcode & 0x38u) | 1 : 0;
}

/* Displacement and immediate, in->second being what the latter stands for. */
static bool move_both(job *j)
{
    const ml_x86_64_insn *i = &j->i;
    unsigned op = i->form == ML_X_LEGACY && i->map == 0 ? register_form(i) : 0;
    if (!op || i->imm_at != i->disp_at + 4 || i->imm_len != 4)
        return refuse(j, "two fields out of reach in one instruction");
    if (!(i->rex & ML_X_W))
        return refuse(j, narrow);
    unsigned s = ml_x86_64_scratch(i, 0), v = ml_x86_64_scratch(i, 1u << s);
    save(j, s);
    push(j, v);
    load_address(j, s, DOWN + SAVED);
    movabs(j, v, *j->in->second);
    bytes(j, j->code, i->npre);
    rex_w(j, v, 0, s);
    byte(j, op); /* op %v,(%s) */
    operand(j, v, s);
    pop(j, v);
    return restore(j, s);
}

/* The field is the displacement of the memory operand. */
static bool move_disp(job *j)
{
    const ml_x86_64_insn *i = &j->i;
    unsigned ext = i->modrm >> 3 & 7u;
    char kind = ml_x86_64_uses(i);
    bool rip = ml_x86_64_is_rip(i);
    if (rip != j->in->pcrel)
        return refuse(j, rip ? "an absolute value in a %rip-relative operand"
                             : "a pc-relative value in an operand that is not %rip-relative");
    if (rip) /* the field is relative to the instruction's end, the relocation to the field */
        j->value += i->len - i->disp_at;
    if (j->in->second)
        return move_both(j);
    if (i->map == 0 && i->opcode == 0xff && (ext == 2 || ext == 4))
        return move_branch(j, ext == 2);
    if (i->map == 0 && i->opcode == 0xff && ext == 6)
        return move_push(j, true);
    if (kind == '.')
        return refuse(j, unknown);
    return move_plain(j, kind);
}

/* ---- the immediate is out of reach ---- */

/* `op` r/m with %s as its register: the instruction by an immediate, now by a register. The
** memory operand is in reach, but counts from elsewhere now when it is based on rip or rsp. */
static bool by_register(job *j, unsigned op, unsigned s)
{
    const ml_x86_64_insn *i = &j->i;
    bool on_stack = ml_x86_64_base(i) == ML_X_RSP;
    int64_t disp = 0;
    if (i->disp_len)
        disp = i->disp_len == 1 ? (int8_t)j->code[i->disp_at]
                                : (int32_t)ml_get32(j->code + i->disp_at);
    bytes(j, j->code, i->npre);
    byte(j, 0x40 | (i->rex & ~(unsigned)ML_X_R) | (s >= 8 ? ML_X_R : 0));
    byte(j, op);
    unsigned mod = on_stack ? 0x80 : i->modrm & 0xc0u;
    byte(j, mod | (s & 7) << 3 | (i->modrm & 7u));
    if (i->sib_at)
        byte(j, i->sib);
    if (ml_x86_64_is_rip(i)) {
        uint64_t target = j->in->addr + j->out->site + i->len + (uint64_t)disp;
        disp = (int64_t)(target - (j->in->to + j->out->body_len + 4));
    } else if (on_stack) {
        disp += DOWN;
    }
    if (!ml_fits(ML_FIT_S32, (uint64_t)disp))
        return refuse(j, "its memory operand would be out of reach of the thunk");
    if (i->disp_len == 1 && !on_stack)
        byte(j, (unsigned)disp);
    else if (i->disp_len || on_stack)
        word(j, (uint32_t)disp);
    return true;
}

static bool move_by_register(job *j, unsigned op)
{
    const ml_x86_64_insn *i = &j->i;
    unsigned s = ml_x86_64_scratch(i, 0);
    if (!ml_x86_64_has_mem(i) && ml_x86_64_rm(i) == ML_X_RSP)
        return refuse(j, "%rsp is an operand");
    save(j, s);
    movabs(j, s, j->value);
    return by_register(j, op, s) && restore(j, s);
}

/* The same for the forms whose other operand is rax, which have no ModRM. */
static bool move_by_register_rax(job *j, unsigned op)
{
    save(j, ML_X_RCX);
    movabs(j, ML_X_RCX, j->value);
    bytes(j, j->code, j->i.npre);
    rex_w(j, ML_X_RCX, 0, ML_X_RAX);
    byte(j, op);
    byte(j, 0xc0 | ML_X_RCX << 3 | ML_X_RAX);
    return restore(j, ML_X_RCX);
}

static bool move_constant(job *j, unsigned reg)
{
    movabs(j, reg, j->value);
    return finish(j);
}

/* The field is the immediate. */
static bool move_imm(job *j)
{
    const ml_x86_64_insn *i = &j->i;
    unsigned op = i->opcode, ext = i->modrm >> 3 & 7u;
    if (i->form != ML_X_LEGACY || i->map != 0)
        return refuse(j, i->map == 1 && (op & 0xf0) == 0x80 && !i->modrm_at
                             ? "a branch, which wants a stub"
                             : unknown);
    if (op == 0xe8 || op == 0xe9)
        return refuse(j, "a branch, which wants a stub");
    if (j->in->pcrel)
        return refuse(j, "a pc-relative immediate");
    if (op >= 0xb8 && op <= 0xbf) /* mov $sym,%r32: the program means the address */
        return move_constant(j, (op & 7) | (i->rex & ML_X_B ? 8u : 0));
    if (op == 0xc7 && ext == 0 && !ml_x86_64_has_mem(i))
        return move_constant(j, ml_x86_64_rm(i));
    if (op == 0x68)
        return move_push(j, false);
    op = register_form(i);
    if (!(i->rex & ML_X_W))
        return refuse(j, narrow);
    if (!op)
        return refuse(j, unknown);
    return i->modrm_at ? move_by_register(j, op) : move_by_register_rax(j, op);
}

/* ---- finding the instruction ---- */

static bool find(job *j)
{
    const ml_move_in *in = j->in;
    size_t at = in->start;
    if (!ml_within(in->size, in->field, 4) || at > in->field)
        return refuse(j, "no place where an instruction starts is known before it");
    for (;;) {
        if (!ml_x86_64_insn_decode(in->code + at, in->size - at, &j->i))
            return refuse(j, "an instruction before it, or itself, is unknown");
        if (in->field < at + j->i.len)
            break;
        at += j->i.len;
    }
    j->code = in->code + at;
    j->out->site = at;
    j->out->site_len = j->i.len;
    return true;
}

bool ml_x86_64_move(const ml_move_in *in, ml_move_out *out)
{
    memset(out, 0, sizeof *out);
    job j = {.in = in, .out = out, .value = in->value};
    if (!find(&j))
        return false;
    size_t at = in->field - out->site;
    bool in_disp = j.i.disp_at && at == j.i.disp_at && j.i.disp_len == 4;
    bool in_imm = j.i.imm_at && at == j.i.imm_at && j.i.imm_len == 4;
    if (!in_disp && !in_imm)
        return refuse(&j, "the field is neither displacement nor immediate of the instruction");
    ml_x86_64_insn_text(&j.i, in_disp, out->text, sizeof out->text);
    if (j.i.prefixes & ML_X_67)
        return refuse(&j, "an instruction with 32-bit addresses");
    if (j.i.prefixes & ML_X_SEG)
        return refuse(&j, "an instruction with a segment prefix");
    if (in->second && !in_disp)
        return refuse(&j, "two fields out of reach in one instruction");
    return in_disp ? move_disp(&j) : move_imm(&j);
}
