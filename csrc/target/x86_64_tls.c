/* x86_64_tls.c -- target: accesses to thread-local variables become local exec.
** takes code that asks __tls_get_addr, a descriptor or the GOT where a variable is; gives code of
** the same length that knows the offset from the thread pointer. Pure, as all of target/.
** See Note [Relaxing a thread-local access]. Spec: Drepper, "ELF Handling For Thread-Local
** Storage", 5.5 "x86-64 Linker Optimizations"; Oliva on TLS descriptors; x86-64 psABI 11
** (large code model), B.2.
** SPDX-License-Identifier: MIT */
#include "target/x86_64_tls.h"

#include "base/slice.h"

/* Note [Relaxing a thread-local access]
** A static linker has four ways, from general and local dynamic to initial and local exec, since it
** knows a variable's offset from the thread pointer only in the executable. At run time the offset
** of every static block is known, so there is one: local exec. x is the variable, tp its offset.
**
** general dynamic, 16 bytes (22 in the large model)
**    data16 lea x@tlsgd(%rip),%rdi           mov %fs:0,%rax
**    .. call __tls_get_addr                  lea tp(%rax),%rax
** local dynamic, 12 or 13 bytes (22); x@dtpoff in the code that follows becomes tp
**    lea x@tlsld(%rip),%rdi                  mov %fs:0,%rax
**    call __tls_get_addr
** descriptors, 7 and 2 bytes that need not be neighbours
**    lea x@tlsdesc(%rip),%rax                mov $tp,%rax
**    call *x@tlscall(%rax)                   xchg %ax,%ax
** initial exec, 7 bytes
**    mov x@gottpoff(%rip),%reg               mov $tp,%reg
**    add x@gottpoff(%rip),%reg               add $tp,%reg
**
** The call may be through the PLT, through the GOT (-fno-plt), relaxed to a direct one by the
** assembler, or by an offset from the GOT (large model); the relocation that follows must be that
** call's. Nothing but these bytes is ever rewritten: the access then stays what it is. */

enum { PC32 = 2, PLT32 = 4, GOTPCREL = 9, PLTOFF64 = 31, GOTPCRELX = 41, REX_GOTPCRELX = 42 };
enum { TLSGD = 19, TLSLD = 20, GOTTPOFF = 22, GOTPC32_TLSDESC = 34, TLSDESC_CALL = 35 };
enum { FIELD = 4 };

static const uint8_t mov_fs_rax[] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0}; /* mov %fs:0,%rax */

static bool has(const ml_tls_site *s, size_t at, const char *bytes, size_t n)
{
    return ml_within(s->size, at, n) && memcmp(s->code + at, bytes, n) == 0;
}
#define HAS(s, at, bytes) has(s, at, bytes, sizeof(bytes) - 1)

static bool is_direct(uint32_t type)
{
    return type == PLT32 || type == PC32;
}

static bool is_by_got(uint32_t type)
{
    return type == GOTPCREL || type == GOTPCRELX || type == REX_GOTPCRELX;
}

/* movabs $__tls_get_addr@pltoff,%rax; add %reg,%rax; call *%rax behind the field: 15 bytes. */
static bool is_large_call(const ml_tls_site *s)
{
    size_t at = s->field + FIELD;
    if (s->next_type != PLTOFF64 || s->next_offset != at + 2 || !ml_within(s->size, at, 15))
        return false;
    const uint8_t *p = s->code + at;
    return p[0] == 0x48 && p[1] == 0xb8 && (p[10] & 0xfb) == 0x48 && p[11] == 0x01 &&
           (p[12] & 0xc7) == 0xc0 && p[13] == 0xff && p[14] == 0xd0;
}

/* Bytes of a general dynamic access, and where it begins; 0 when it is none. */
static size_t general(const ml_tls_site *s, size_t *start)
{
    size_t f = s->field, call = f + FIELD;
    if (f >= 3 && HAS(s, f - 3, "\x48\x8d\x3d") && is_large_call(s)) {
        *start = f - 3;
        return 22;
    }
    if (f < 4 || !HAS(s, f - 4, "\x66\x48\x8d\x3d") || s->next_offset != call + 4 ||
        !ml_within(s->size, call, 8))
        return 0;
    bool direct = HAS(s, call, "\x66\x66\x48\xe8") || HAS(s, call, "\x66\x48\x67\xe8");
    bool by_got = HAS(s, call, "\x66\x48\xff\x15");
    *start = f - 4;
    return (direct && is_direct(s->next_type)) || (by_got && is_by_got(s->next_type)) ? 16 : 0;
}

/* The same of a local dynamic one. */
static size_t local(const ml_tls_site *s, size_t *start)
{
    size_t f = s->field, call = f + FIELD;
    if (f < 3 || !HAS(s, f - 3, "\x48\x8d\x3d"))
        return 0;
    *start = f - 3;
    if (is_large_call(s))
        return 22;
    if (HAS(s, call, "\xe8") && s->next_offset == call + 1 && is_direct(s->next_type) &&
        ml_within(s->size, call, 5))
        return 12;
    bool direct = HAS(s, call, "\x67\xe8") && is_direct(s->next_type);
    bool by_got = HAS(s, call, "\xff\x15") && is_by_got(s->next_type);
    return (direct || by_got) && s->next_offset == call + 2 && ml_within(s->size, call, 6) ? 13 : 0;
}

/* An instruction of 7 bytes: REX.W (and R), opcode, disp32(%rip) and a register. */
static bool is_rip(const ml_tls_site *s, uint8_t op, uint8_t other)
{
    if (s->field < 3 || !ml_within(s->size, s->field, FIELD))
        return false;
    const uint8_t *p = s->code + s->field - 3;
    return (p[0] & 0xfb) == 0x48 && (p[1] == op || p[1] == other) && (p[2] & 0xc7) == 0x05;
}

bool ml_x86_64_tls_can_relax(const ml_tls_site *s)
{
    size_t start;
    if (s->type != TLSDESC_CALL && s->addend != -FIELD)
        return false;
    switch (s->type) {
    case TLSGD: return s->next_get_addr && general(s, &start);
    case TLSLD: return s->next_get_addr && local(s, &start);
    case GOTTPOFF: return is_rip(s, 0x8b, 0x03);
    case GOTPC32_TLSDESC: return is_rip(s, 0x8d, 0x8d);
    case TLSDESC_CALL: return HAS(s, s->field, "\xff\x10");
    default: return false;
    }
}

/* What is left of a longer sequence: instructions that do nothing, of up to 10 bytes each. */
static void fill(uint8_t *p, size_t n)
{
    static const uint8_t nops[][10] = {
        [1] = {0x90},
        [2] = {0x66, 0x90},
        [4] = {0x0f, 0x1f, 0x40, 0x00},
        [6] = {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        [8] = {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    for (size_t k; n; p += k, n -= k) {
        k = n >= 8 ? 8 : n >= 6 ? 6 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
        memcpy(p, nops[k], k);
    }
}

static void write_general(uint8_t *p, size_t n, const int32_t *tp)
{
    static const uint8_t lea[] = {0x48, 0x8d, 0x80}; /* lea tp(%rax),%rax */
    enum { MOV = sizeof mov_fs_rax, LEA = sizeof lea + FIELD };
    if (!tp) { /* xor %eax,%eax: an address of 0 */
        p[0] = 0x31;
        p[1] = 0xc0;
        fill(p + 2, n - 2);
        return;
    }
    memcpy(p, mov_fs_rax, MOV);
    memcpy(p + MOV, lea, sizeof lea);
    ml_put32(p + MOV + sizeof lea, (uint32_t)*tp);
    fill(p + MOV + LEA, n - MOV - LEA);
}

/* Prefixes make up for the length: no instruction lies where the code may have had none. */
static void write_local(uint8_t *p, size_t n)
{
    size_t prefixes = n == 22 ? 0 : n - sizeof mov_fs_rax;
    memset(p, 0x66, prefixes);
    memcpy(p + prefixes, mov_fs_rax, sizeof mov_fs_rax);
    fill(p + prefixes + sizeof mov_fs_rax, n - prefixes - sizeof mov_fs_rax);
}

/* mov $tp,%reg, or add $tp,%reg where the instruction added. */
static void write_immediate(uint8_t *p, int32_t tp)
{
    uint8_t reg = p[2] >> 3 & 7, r = p[0] >> 2 & 1;
    p[0] = (uint8_t)(0x48 | r); /* REX.W, and REX.B for what was REX.R */
    p[1] = p[1] == 0x03 ? 0x81 : 0xc7;
    p[2] = (uint8_t)(0xc0 | reg);
    ml_put32(p + 3, (uint32_t)tp);
}

void ml_x86_64_tls_relax(const ml_tls_site *s, uint8_t *code, const int32_t *tp)
{
    size_t start = 0, n;
    switch (s->type) {
    case TLSGD:
        n = general(s, &start);
        write_general(code + start, n, tp);
        break;
    case TLSLD:
        n = local(s, &start);
        write_local(code + start, n);
        break;
    case TLSDESC_CALL: fill(code + s->field, 2); break;
    default: write_immediate(code + s->field - 3, *tp);
    }
}
