/* cfi.c -- fuzz: any bytes as call frame instructions, and as a table of exception handlers.
** What the check lets pass is run as unwinders do, with nothing checked but what they rely on: a
** program that would make one of them abort, or leave its memory, ends the fuzzer.
** SPDX-License-Identifier: MIT */
#include "object/cfi.h"

#include "fuzz.h"

enum { FUNCTION = 100, COLUMNS = 17, REGISTERS = 130, UNWINDER_STACK = 64, MOST = 1 << 20 };

/* A reader that has no idea where its bytes end: touching one that is not there is found by
** AddressSanitizer. */
typedef struct reader {
    const uint8_t *p;
    unsigned random; /* decides branches */
} reader;

static uint64_t leb(reader *r)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = *r->p++;
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        shift += 7;
    } while (byte & 0x80);
    return value;
}

static void takes(unsigned *depth, unsigned n, unsigned gives)
{
    check(*depth >= n);
    *depth += gives - n;
    check(*depth <= UNWINDER_STACK);
}

static void constant(reader *r, uint8_t op, unsigned *depth)
{
    if (op == 0x03 || op == 0x0e || op == 0x0f)
        r->p += 8;
    else if (op == 0x08 || op == 0x09)
        r->p += 1;
    else if (op == 0x0a || op == 0x0b)
        r->p += 2;
    else if (op == 0x0c || op == 0x0d)
        r->p += 4;
    else
        leb(r);
    takes(depth, 0, 1);
}

static void operation(reader *r, uint8_t op, unsigned *depth)
{
    if (op >= 0x30 && op <= 0x4f) {
        takes(depth, 0, 1);
    } else if (op >= 0x50 && op <= 0x6f) {
        check(op - 0x50 < COLUMNS);
        takes(depth, 0, 1);
    } else if (op >= 0x70 && op <= 0x8f) {
        check(op - 0x70 < COLUMNS);
        leb(r);
        takes(depth, 0, 1);
    } else if (op == 0x90 || op == 0x92) {
        check(leb(r) < COLUMNS);
        if (op == 0x92)
            leb(r);
        takes(depth, 0, 1);
    } else if (op == 0x03 || (op >= 0x08 && op <= 0x11)) {
        constant(r, op, depth);
    } else if (op >= 0x1a && op <= 0x2e && op != 0x1f && op != 0x20 && op != 0x23 && op != 0x28) {
        takes(depth, 2, 1);
    } else {
        switch (op) {
        case 0x12: takes(depth, 1, 2); break;
        case 0x13: takes(depth, 1, 0); break;
        case 0x14: takes(depth, 2, 3); break;
        case 0x15:
            check(*depth && *r->p++ < *depth - 1);
            takes(depth, 0, 1);
            break;
        case 0x16: takes(depth, 2, 2); break;
        case 0x17: takes(depth, 3, 3); break;
        case 0x94:
            check(*r->p == 1 || *r->p == 2 || *r->p == 4 || *r->p == 8);
            r->p++; /* fall through */
        case 0x06:
        case 0x19:
        case 0x1f:
        case 0x20: takes(depth, 1, 1); break;
        case 0x23:
            leb(r);
            takes(depth, 1, 1);
            break;
        case 0x96: break;
        default: check(false);
        }
    }
}

static void expression(reader *r)
{
    uint64_t size = leb(r);
    const uint8_t *end = r->p + size;
    unsigned depth = 1, steps = 0;
    while (r->p < end) {
        uint8_t op = *r->p++;
        check(++steps < MOST);
        if (op != 0x28 && op != 0x2f) {
            operation(r, op, &depth);
            continue;
        }
        int16_t by = (int16_t)ml_get16(r->p);
        r->p += 2;
        if (op == 0x28)
            takes(&depth, 1, 0);
        r->random = r->random * 1664525 + 1013904223;
        if (op == 0x2f || r->random >> 31)
            r->p += by;
    }
    check(r->p == end && depth >= 1);
}

/* What an instruction of no operand in its opcode does; true: there is a rule for the CFA now. */
static bool extended(reader *r, uint8_t op)
{
    switch (op) {
    case 0x00: return false;
    case 0x05:
    case 0x11:
    case 0x14:
    case 0x15:
    case 0x2f:
        check(leb(r) < REGISTERS);
        leb(r);
        return false;
    case 0x06:
    case 0x07:
    case 0x08: check(leb(r) < REGISTERS); return false;
    case 0x09:
        check(leb(r) < REGISTERS);
        check(leb(r) < COLUMNS);
        return false;
    case 0x0c:
    case 0x12:
        check(leb(r) < COLUMNS);
        leb(r);
        return true;
    case 0x0d: check(leb(r) < COLUMNS); return true;
    case 0x0e:
    case 0x13:
    case 0x2e: leb(r); return false;
    case 0x0f: expression(r); return true;
    case 0x10:
    case 0x16:
        check(leb(r) < REGISTERS);
        expression(r);
        return false;
    default: check(false);
    }
    return false;
}

static uint64_t advance(reader *r, uint8_t op, const ml_cfi *c)
{
    const uint8_t *p = r->p;
    unsigned width = op == 2 ? 1 : op == 3 ? 2 : 4;
    r->p += width;
    return c->code_align * (width == 1 ? p[0] : width == 2 ? ml_get16(p) : ml_get32(p));
}

/* Every row of the program, as for an exception at the function's last byte. */
static void run(const ml_cfi *c, unsigned random)
{
    reader r = {c->p + c->at, random};
    const uint8_t *end = c->p + c->end;
    uint64_t loc = 0;
    unsigned depth = 0;
    bool cfa = false, kept[64];
    while (r.p < end) {
        uint64_t before = loc;
        bool had = cfa;
        uint8_t op = *r.p++;
        if (op >> 6 == 1) {
            loc += (op & 0x3f) * c->code_align;
        } else if (op >> 6 == 2) {
            leb(&r);
        } else if (op == 1) {
            loc = ml_pe_value(c->p, (uint64_t)(r.p - c->p), c->pointer, c->addr) - c->start;
            r.p += ml_pe_width(c->pointer);
        } else if (op >= 2 && op <= 4) {
            loc += advance(&r, op, c);
        } else if (op == 0x0a) {
            check(depth < 64);
            kept[depth++] = cfa;
        } else if (op == 0x0b) {
            check(depth > 0);
            cfa = kept[--depth];
        } else if (op >> 6 != 3) {
            cfa |= extended(&r, op);
        }
        check(loc >= before && loc <= FUNCTION && (loc == before || had));
    }
    check(r.p == end && cfa == c->cfa);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return -1;
    unsigned choice = data[0];
    uint8_t *p = malloc(size);
    check(p != NULL);
    memcpy(p, data, size);
    if (choice & 1) {
        uint64_t steps = MOST;
        ml_lsda l = {.p = p,
                     .at = 1,
                     .end = size,
                     .addr = 0x1000,
                     .start = 0x8000,
                     .size = FUNCTION,
                     .text = 0x8000,
                     .text_size = FUNCTION,
                     .steps = &steps};
        const char *wrong = ml_lsda_check(&l);
        check(l.at <= size && (!wrong || *wrong));
    } else {
        ml_cfi c = {.p = p,
                    .at = 1,
                    .end = size,
                    .addr = 0x1000,
                    .start = 0x8000,
                    .size = FUNCTION,
                    .code_align = 1 + (choice >> 4 & 3),
                    .pointer = choice & 2 ? ML_PE_PCREL | ML_PE_SDATA4 : ML_PE_ABSPTR,
                    .columns = COLUMNS,
                    .registers = REGISTERS};
        ml_cfi checked = c;
        if (!ml_cfi_check(&checked)) {
            c.cfa = checked.cfa;
            run(&c, choice);
        }
        check(checked.at <= size);
    }
    free(p);
    return 0;
}
