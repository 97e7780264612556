/* cfi.c -- object: call frame instructions and their expressions, checked.
** takes the bytes of a program, its function and what the processor has; gives the first thing that
** an unwinder could not run.
** Spec: DWARF 5, 2.5, 6.4.2, 7.7.1, 7.24; libgcc unwind-dw2.c and LLVM's libunwind for what they
** know beside it.
** SPDX-License-Identifier: MIT */
#include "object/cfi.h"

#include "base/leb128.h"
#include "base/slice.h"

/* ---- pointers ---- */

unsigned ml_pe_width(uint8_t encoding)
{
    switch (encoding & ML_PE_FORMAT) {
    case ML_PE_ABSPTR:
    case ML_PE_UDATA8:
    case ML_PE_SDATA8: return 8;
    case ML_PE_UDATA4:
    case ML_PE_SDATA4: return 4;
    case ML_PE_UDATA2:
    case ML_PE_SDATA2: return 2;
    default: return 0;
    }
}

uint64_t ml_pe_raw(const uint8_t *p, uint64_t at, uint8_t encoding)
{
    switch (ml_pe_width(encoding)) {
    case 8: return ml_get64(p + at);
    case 4: return encoding & ML_PE_SIGNED ? (uint64_t)(int32_t)ml_get32(p + at) : ml_get32(p + at);
    default:
        return encoding & ML_PE_SIGNED ? (uint64_t)(int16_t)ml_get16(p + at) : ml_get16(p + at);
    }
}

uint64_t ml_pe_value(const uint8_t *p, uint64_t at, uint8_t encoding, uint64_t addr)
{
    return ml_pe_based(ml_pe_raw(p, at, encoding), at, encoding, addr);
}

/* ---- expressions ---- */

enum {
    STACK = 64,  /* entries that every unwinder has, with the one that it begins with */
    TARGETS = 16 /* branches of one expression */
};

enum {
    OP_ADDR = 0x03,
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST8S = 0x0f,
    OP_CONSTU = 0x10,
    OP_CONSTS,
    OP_DUP,
    OP_DROP,
    OP_OVER,
    OP_PICK,
    OP_SWAP,
    OP_ROT,
    OP_ABS = 0x19,
    OP_AND,
    OP_DIV,
    OP_MINUS,
    OP_MOD,
    OP_MUL,
    OP_NEG,
    OP_NOT,
    OP_OR,
    OP_PLUS,
    OP_PLUS_UCONST,
    OP_SHL,
    OP_SHR,
    OP_SHRA,
    OP_XOR,
    OP_BRA,
    OP_EQ,
    OP_NE = 0x2e,
    OP_SKIP,
    OP_LIT0,
    OP_LIT31 = 0x4f,
    OP_REG0,
    OP_REG31 = 0x6f,
    OP_BREG0,
    OP_BREG31 = 0x8f,
    OP_REGX,
    OP_BREGX = 0x92,
    OP_DEREF_SIZE = 0x94,
    OP_NOP = 0x96
};

/* An expression being read. Branches go forward only, so that it ends: each place that one leads to
** is known before it is reached, with the depth of the stack there. */
typedef struct expression {
    const ml_cfi *c;
    uint64_t at, end;
    unsigned depth;
    bool reached; /* the place is reached at all */
    bool divides; /* the top is a literal above 0 */
    unsigned ntargets;
    uint64_t target[TARGETS];
    unsigned target_depth[TARGETS];
} expression;

/* What an operation takes off the stack and puts there. */
static void effect_of(uint8_t op, unsigned *takes, unsigned *gives)
{
    *takes = 0;
    *gives = 1;
    switch (op) {
    case OP_DUP: *takes = 1, *gives = 2; break;
    case OP_DROP:
    case OP_BRA: *takes = 1, *gives = 0; break;
    case OP_OVER: *takes = 2, *gives = 3; break;
    case OP_SWAP: *takes = *gives = 2; break;
    case OP_ROT: *takes = *gives = 3; break;
    case OP_DEREF:
    case OP_DEREF_SIZE:
    case OP_ABS:
    case OP_NEG:
    case OP_NOT:
    case OP_PLUS_UCONST: *takes = 1; break;
    case OP_NOP:
    case OP_SKIP: *gives = 0; break;
    default:
        if (op >= OP_AND && op <= OP_NE)
            *takes = 2;
    }
}

static bool is_known(uint8_t op)
{
    return op == OP_ADDR || op == OP_DEREF || (op >= OP_CONST1U && op <= OP_ROT) ||
           (op >= OP_ABS && op <= OP_REGX) || op == OP_BREGX || op == OP_DEREF_SIZE || op == OP_NOP;
}

static const char *const CUT = "has an expression that goes past its end";

/* A branch of the expression: leads forward, to an operation or the end. */
static const char *branch(expression *x)
{
    if (x->end - x->at < 2)
        return CUT;
    uint16_t by = ml_get16(x->c->p + x->at);
    x->at += 2;
    if (by > INT16_MAX)
        return "has an expression that branches backwards, and may never end";
    if (by > x->end - x->at)
        return "has an expression that branches out of itself";
    if (x->ntargets == TARGETS)
        return "has an expression of more branches than this version follows";
    x->target[x->ntargets] = x->at + by;
    x->target_depth[x->ntargets++] = x->depth;
    return NULL;
}

/* Before the operation at x->at: branches that lead here agree about the stack. */
static const char *arrive(expression *x)
{
    for (unsigned i = 0; i < x->ntargets;) {
        if (x->target[i] > x->at) {
            i++;
            continue;
        }
        if (x->target[i] < x->at)
            return "has an expression that branches into the middle of an operation";
        if (x->reached && x->target_depth[i] != x->depth)
            return "has an expression whose branches leave different stacks";
        x->depth = x->target_depth[i];
        x->reached = true;
        x->divides = false;
        x->ntargets--;
        x->target[i] = x->target[x->ntargets];
        x->target_depth[i] = x->target_depth[x->ntargets];
    }
    return x->reached ? NULL : "has an expression with operations that nothing reaches";
}

/* The operands behind an operation. */
static const char *operands(expression *x, uint8_t op)
{
    const uint8_t *p = x->c->p;
    uint64_t number = 0, fixed = 0, left = x->end - x->at;
    if (op == OP_BRA || op == OP_SKIP)
        return branch(x);
    if (op == OP_ADDR)
        fixed = 8;
    else if (op >= OP_CONST1U && op <= OP_CONST8S)
        fixed = (uint64_t)1 << (op - OP_CONST1U) / 2;
    else if (op == OP_PICK || op == OP_DEREF_SIZE)
        fixed = 1;
    if (fixed > left)
        return CUT;
    if (op == OP_PICK && p[x->at] >= x->depth - 1)
        return "has an expression that takes more from its stack than there is";
    if (op == OP_DEREF_SIZE && (p[x->at] > 8 || !p[x->at] || p[x->at] & (p[x->at] - 1)))
        return "has an expression that reads neither 1, 2, 4 nor 8 bytes";
    x->at += fixed;
    bool leb = op == OP_CONSTU || op == OP_CONSTS || op == OP_PLUS_UCONST ||
               (op >= OP_BREG0 && op <= OP_BREGX);
    if (leb && !ml_uleb128(p, &x->at, x->end, &number))
        return CUT;
    unsigned reg = 0;
    if (op >= OP_REG0 && op <= OP_REG31)
        reg = op - OP_REG0;
    else if (op >= OP_BREG0 && op <= OP_BREG31)
        reg = op - OP_BREG0;
    if (reg >= x->c->columns || ((op == OP_REGX || op == OP_BREGX) && number >= x->c->columns))
        return "has an expression with a register that no unwinder keeps";
    if (op == OP_BREGX && !ml_uleb128(p, &x->at, x->end, &number))
        return CUT;
    return NULL;
}

/* Every unwinder puts one value on the stack before it begins. */
static const char *check_expression(const ml_cfi *c, uint64_t *at, uint64_t size)
{
    expression x = {.c = c, .at = *at, .end = *at + size, .depth = 1, .reached = true};
    const char *wrong = NULL;
    while (!wrong && x.at < x.end) {
        *at = x.at;
        wrong = arrive(&x);
        if (wrong)
            break;
        uint8_t op = c->p[x.at++];
        if (!is_known(op))
            return "has an expression with an operation that unwinders do not know";
        unsigned takes, gives;
        effect_of(op, &takes, &gives);
        if (takes > x.depth || (op == OP_PICK && x.depth < 2))
            return "has an expression that takes more from its stack than there is";
        if ((op == OP_DIV || op == OP_MOD) && !x.divides)
            return "has an expression that may divide by zero";
        if (op == OP_BRA)
            x.depth--;
        wrong = operands(&x, op);
        if (op != OP_BRA)
            x.depth = x.depth - takes + gives;
        if (!wrong && x.depth > STACK)
            wrong = "has an expression that needs more stack than unwinders have";
        x.divides = op > OP_LIT0 && op <= OP_LIT31;
        x.reached = op != OP_SKIP;
    }
    if (wrong)
        return wrong;
    wrong = arrive(&x);
    *at = x.end;
    return wrong || x.depth ? wrong : "has an expression that leaves nothing on its stack";
}

/* ---- instructions ---- */

enum {
    CFA_ADVANCE = 0x40, /* in the two upper bits; the rest is the first operand */
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    DEF_CFA_OFFSET = 0x0e,
    ARGS_SIZE = 0x2e,
    MOST_REMEMBERED = 64
};

typedef enum operand {
    UNKNOWN, /* there is no such instruction */
    NONE,
    FOR,   /* a register that a rule is for */
    USES,  /* a register whose value a rule uses */
    LEB,   /* a number that any value will do for */
    BLOCK, /* an expression */
    LOC,   /* an address */
    BY1,   /* an advance of so many bytes' size */
    BY2,
    BY4,
    REMEMBER,
    RECALL
} operand;

typedef struct instruction {
    uint8_t first, second; /* operand */
    bool cfa;              /* the CFA has a rule from here on */
} instruction;

static const instruction instructions[] = {
    [0x00] = {NONE, NONE, 0},     /* nop */
    [0x01] = {LOC, NONE, 0},      /* set_loc */
    [0x02] = {BY1, NONE, 0},      /* advance_loc1, 2, 4 */
    [0x03] = {BY2, NONE, 0},      /* */
    [0x04] = {BY4, NONE, 0},      /* */
    [0x05] = {FOR, LEB, 0},       /* offset_extended */
    [0x06] = {FOR, NONE, 0},      /* restore_extended */
    [0x07] = {FOR, NONE, 0},      /* undefined */
    [0x08] = {FOR, NONE, 0},      /* same_value */
    [0x09] = {FOR, USES, 0},      /* register */
    [0x0a] = {REMEMBER, NONE, 0}, /* remember_state */
    [0x0b] = {RECALL, NONE, 0},   /* restore_state */
    [0x0c] = {USES, LEB, 1},      /* def_cfa */
    [0x0d] = {USES, NONE, 1},     /* def_cfa_register */
    [0x0e] = {LEB, NONE, 0},      /* def_cfa_offset */
    [0x0f] = {BLOCK, NONE, 1},    /* def_cfa_expression */
    [0x10] = {FOR, BLOCK, 0},     /* expression */
    [0x11] = {FOR, LEB, 0},       /* offset_extended_sf */
    [0x12] = {USES, LEB, 1},      /* def_cfa_sf */
    [0x13] = {LEB, NONE, 0},      /* def_cfa_offset_sf */
    [0x14] = {FOR, LEB, 0},       /* val_offset */
    [0x15] = {FOR, LEB, 0},       /* val_offset_sf */
    [0x16] = {FOR, BLOCK, 0},     /* val_expression */
    [0x2e] = {LEB, NONE, 0},      /* GNU_args_size */
    [0x2f] = {FOR, LEB, 0},       /* GNU_negative_offset_extended */
};

/* A program being read. */
typedef struct run {
    ml_cfi *c;
    uint64_t at;         /* behind what was read */
    uint64_t loc;        /* from the start of the function */
    unsigned depth;      /* states that are remembered */
    uint64_t remembered; /* bit: the state had a rule for the CFA */
} run;

static const char *const PAST = "has an instruction that goes past its end";

static const char *move(run *r, uint64_t to)
{
    if (to > r->c->size)
        return "has an instruction for a place behind the end of the function";
    if (to > r->loc && !r->c->cfa)
        return "has no rule for the frame's address (CFA)";
    r->loc = to;
    return NULL;
}

static const char *advance(run *r, unsigned bytes)
{
    const uint8_t *p = r->c->p + r->at;
    if (r->c->end - r->at < bytes)
        return PAST;
    r->at += bytes;
    uint64_t by = bytes == 1 ? p[0] : bytes == 2 ? ml_get16(p) : ml_get32(p);
    return move(r, r->loc + by * r->c->code_align);
}

static const char *set_location(run *r)
{
    unsigned width = ml_pe_width(r->c->pointer);
    if (!width || r->c->end - r->at < width)
        return PAST;
    uint64_t to = ml_pe_value(r->c->p, r->at, r->c->pointer, r->c->addr) - r->c->start;
    r->at += width;
    return to < r->loc ? "has an instruction for a place before the last one" : move(r, to);
}

static const char *remember(run *r)
{
    if (r->depth == MOST_REMEMBERED)
        return "remembers more states than unwinders have stack for";
    uint64_t bit = (uint64_t)1 << r->depth++;
    r->remembered = r->c->cfa ? r->remembered | bit : r->remembered & ~bit;
    return NULL;
}

static const char *recall(run *r)
{
    if (!r->depth)
        return "restores a state that it did not remember";
    r->c->cfa = r->remembered >> --r->depth & 1;
    return NULL;
}

static const char *check_register(const run *r, operand o, uint64_t reg)
{
    if (o == USES && reg >= r->c->columns)
        return "uses a register that no unwinder keeps";
    return o == FOR && reg >= r->c->registers ? "names a register that the processor has not"
                                              : NULL;
}

static const char *read_operand(run *r, operand o)
{
    uint64_t number;
    const char *wrong;
    switch (o) {
    case NONE: return NULL;
    case FOR:
    case USES:
    case LEB:
        if (!ml_uleb128(r->c->p, &r->at, r->c->end, &number))
            return PAST;
        return check_register(r, o, number);
    case BLOCK:
        if (!ml_uleb128(r->c->p, &r->at, r->c->end, &number) || number > r->c->end - r->at)
            return PAST;
        wrong = check_expression(r->c, &r->at, number);
        if (wrong)
            r->c->at = r->at;
        return wrong;
    case LOC: return set_location(r);
    case BY1: return advance(r, 1);
    case BY2: return advance(r, 2);
    case BY4: return advance(r, 4);
    case REMEMBER: return remember(r);
    case RECALL: return recall(r);
    case UNKNOWN: break;
    }
    return "has an instruction that unwinders do not know";
}

/* What an instruction of the first group does, when it is one that compilers use all the time and
** that has other operands than one number. */
enum { RARE, BARE, REGISTER, REGISTER_NUMBER, BYTE, HALF, DOWN, UP };

static const uint8_t usual[CFA_ADVANCE] = {
    [0x00] = BARE,            /* nop */
    [0x02] = BYTE,            /* advance_loc1 */
    [0x03] = HALF,            /* advance_loc2 */
    [0x0a] = DOWN,            /* remember_state */
    [0x0b] = UP,              /* restore_state */
    [0x0c] = REGISTER_NUMBER, /* def_cfa */
    [0x0d] = REGISTER,        /* def_cfa_register */
};

/* A number of one byte, or of two, as the sizes of most frames are; NULL: it is longer, or cut. */
static inline const uint8_t *pass_number(const uint8_t *p, const uint8_t *end)
{
    if (p < end && *p++ < 0x80)
        return p;
    return p < end && *p++ < 0x80 ? p : NULL;
}

/* A usual instruction of the first group, all but its first byte; NULL: it is wrong, or none. */
static const uint8_t *pass_usual(const uint8_t *p, const uint8_t *end, unsigned what,
                                 unsigned columns, uint64_t *loc, unsigned *depth)
{
    static const uint8_t length[] = {
        [REGISTER] = 1, [REGISTER_NUMBER] = 2, [BYTE] = 1, [HALF] = 2, [UP] = 0};
    if (end - p < length[what])
        return NULL;
    switch (what) {
    case BARE: return p;
    case REGISTER: return p[0] < columns ? p + 1 : NULL;
    case REGISTER_NUMBER: return p[0] < columns && p[1] < 0x80 ? p + 2 : NULL;
    case BYTE: *loc += p[0]; return p + 1;
    case HALF: *loc += ml_get16(p); return p + 2;
    case DOWN: return ++*depth <= MOST_REMEMBERED ? p : NULL;
    case UP: return (*depth)-- > 0 ? p : NULL;
    default: return NULL;
    }
}

/* Nearly all programs hold nothing but usual instructions with short operands, and are right: that
** is known at a few steps each. The CFA has a rule from the start, and none of them takes it away;
** places only grow, so that the last one stands for all. False: it has to be read again, step by
** step. */
static bool is_usual(ml_cfi *c)
{
    const uint8_t *p = c->p + c->at, *end = c->p + c->end;
    const unsigned columns = c->columns < 0x80 ? c->columns : 0x80;
    const unsigned most = c->registers < 0x40 ? c->registers : 0x40;
    uint64_t loc = 0;
    unsigned depth = 0;
    while (p < end) {
        unsigned byte = *p++;
        if (byte - CFA_ADVANCE < 0x40) {
            loc += byte - CFA_ADVANCE;
        } else if (byte - CFA_OFFSET < most || byte == DEF_CFA_OFFSET || byte == ARGS_SIZE) {
            if (!(p = pass_number(p, end)))
                return false;
        } else if (byte < CFA_ADVANCE) {
            if (!(p = pass_usual(p, end, usual[byte], columns, &loc, &depth)))
                return false;
        } else if (byte - CFA_RESTORE >= most) {
            return false;
        }
    }
    c->reach = loc * c->code_align;
    return c->cfa && c->reach <= c->size;
}

const char *ml_cfi_check(ml_cfi *c)
{
    run r = {.c = c, .at = c->at};
    const char *wrong;
    if (is_usual(c))
        return NULL;
    c->reach = UINT64_MAX;
    while (r.at < c->end) {
        c->at = r.at;
        uint8_t byte = c->p[r.at++], low = byte & 0x3f;
        switch (byte & 0xc0) {
        case CFA_ADVANCE: wrong = move(&r, r.loc + low * c->code_align); break;
        case CFA_OFFSET:
            wrong = check_register(&r, FOR, low);
            wrong = wrong ? wrong : read_operand(&r, LEB);
            break;
        case CFA_RESTORE: wrong = check_register(&r, FOR, low); break;
        default:
            if (byte >= sizeof instructions / sizeof *instructions)
                return read_operand(&r, UNKNOWN);
            const instruction *i = &instructions[byte];
            wrong = read_operand(&r, (operand)i->first);
            wrong = wrong ? wrong : read_operand(&r, (operand)i->second);
            c->cfa |= i->cfa;
        }
        if (wrong)
            return wrong;
    }
    return NULL;
}
