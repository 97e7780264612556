/* target.h -- target: what a processor is, as tables and pure functions.
** One row of a .def file says all about one relocation type; scanning, applying, checking, naming,
** the docs and the specs use the same row. Nothing here touches memory outside the buffers it is
** given, so that every target is compiled and tested on every host.
** Letters are the psABI's: S symbol, A addend, P place, G offset of the symbol's GOT slot from the
** GOT's start, GOT address of the GOT, L address of the stub (PLT entry) or of S when in reach, Z
** size.
** SPDX-License-Identifier: MIT */
#ifndef ML_TARGET_TARGET_H
#define ML_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

typedef enum ml_formula {
    ML_R_NONE,    /* nothing to do */
    ML_S_A,       /* S + A */
    ML_S_A_P,     /* S + A - P */
    ML_L_A_P,     /* L + A - P: a branch */
    ML_G_A,       /* G + A */
    ML_G_GOT_A_P, /* G + GOT + A - P */
    ML_S_A_GOT,   /* S + A - GOT */
    ML_GOT_A_P,   /* GOT + A - P */
    ML_L_A_GOT,   /* L + A - GOT */
    ML_Z_A,       /* Z + A */
    ML_R_DYNAMIC, /* only a dynamic linker's: an error in a relocatable object */
    /* thread-local: S is an offset in a block, TP that block's from the thread pointer */
    ML_GD_A_P,    /* GD + A - P: GD is the address of the pair {module id, S} */
    ML_LD_A_P,    /* LD + A - P: of the pair {id of the load's own module, 0} */
    ML_IE_A_P,    /* IE + A - P: of the word that holds TP + S */
    ML_DESC_A_P,  /* DESC + A - P: of the descriptor of S */
    ML_R_TLSCALL, /* marks a call through a descriptor */
    ML_R_TLSDESC, /* a descriptor of S + A in place */
    ML_R_DTPMOD,  /* the module id of S */
    ML_R_DTPOFF,  /* S + A; TP + S + A behind a local dynamic access that became local exec */
    ML_R_TPOFF    /* TP + S + A */
} ml_formula;

static inline bool ml_formula_is_tls(ml_formula f)
{
    return f >= ML_GD_A_P;
}

typedef enum ml_field {
    ML_F_NONE,
    ML_F_LE8,
    ML_F_LE16,
    ML_F_LE32,
    ML_F_LE64,
    ML_F_PAIR /* two words of 64 bits */
} ml_field;

/* Which values fit. B8 and B16: as signed or as unsigned. */
typedef enum ml_range {
    ML_FIT_ANY,
    ML_FIT_B8,
    ML_FIT_S8,
    ML_FIT_B16,
    ML_FIT_S16,
    ML_FIT_U32,
    ML_FIT_S32
} ml_range;

enum ml_need {
    ML_NEED_GOT = 1,     /* a GOT slot for the symbol */
    ML_NEED_STUB = 2,    /* a stub when the symbol is out of reach */
    ML_NEED_GOTBASE = 4, /* the GOT's address */
    ML_NEED_LOW = 8,     /* S must be below 2 GiB unless it is absolute */
    ML_RELAX = 16,       /* GOTPCRELX: the load may become direct */
    ML_CODE = 32         /* the field may be (part of) an instruction */
};

/* A row whose value needs S, A and P alone, in a field of 4 or 8 bytes: most relocations are such,
** and are scanned and applied without another look at their row. */
typedef enum ml_direct {
    ML_DIRECT_NO,
    ML_DIRECT_ABS64,
    ML_DIRECT_ABS32U,
    ML_DIRECT_ABS32S,
    ML_DIRECT_PC64,
    ML_DIRECT_PC32
} ml_direct;

typedef struct ml_rrow {
    const char *name; /* "R_X86_64_PC32" */
    uint32_t type;    /* its number */
    ml_formula formula;
    ml_field field;
    ml_range range;
    unsigned needs; /* ml_need */
    uint8_t direct; /* ml_direct; follows from the formula, the field and the range */
} ml_rrow;

/* Width in bytes of a field. */
static inline unsigned ml_field_width(ml_field f)
{
    return f == ML_F_NONE ? 0 : 1u << (f - ML_F_LE8);
}

/* True when v, seen as a signed 64-bit value, fits the range. */
static inline bool ml_fits(ml_range r, uint64_t v)
{
    int64_t s = (int64_t)v;
    switch (r) {
    case ML_FIT_ANY: return true;
    case ML_FIT_B8: return s >= -128 && s <= 255;
    case ML_FIT_S8: return s >= -128 && s <= 127;
    case ML_FIT_B16: return s >= -32768 && s <= 65535;
    case ML_FIT_S16: return s >= -32768 && s <= 32767;
    case ML_FIT_U32: return v <= UINT32_MAX;
    case ML_FIT_S32: return s >= INT32_MIN && s <= INT32_MAX;
    }
    return false;
}

/* An access to a thread-local variable, in a section's bytes. */
typedef struct ml_tls_site {
    const uint8_t *code;
    size_t size;  /* bytes in code */
    size_t field; /* offset of the relocation */
    uint32_t type;
    int64_t addend;
    /* the relocation after this one, when it is in the same section: */
    uint64_t next_offset;
    uint32_t next_type;
    bool next_get_addr; /* it is against __tls_get_addr */
} ml_tls_site;

/* An instruction to be moved out of line, because a field of it cannot hold the address it must
** refer to. See Note [Moving an instruction] in x86_64_move.c. */
typedef struct ml_move_in {
    const uint8_t *code; /* section bytes, relocated where they could be */
    size_t size;         /* bytes in code */
    size_t start;   /* offset of a known instruction start at or before the field (a function) */
    size_t field;   /* offset of the 4-byte field */
    uint64_t addr;  /* address of code[0] at run time */
    bool pcrel;     /* the field is relative to itself (S+A-P), else absolute (S+A) */
    uint64_t value; /* S + A, 64 bits */
    /* S + A of the absolute field of 4 bytes right behind this one (an immediate behind a
    ** displacement), when that cannot hold it either; else NULL */
    const uint64_t *second;
    uint64_t to; /* address that the thunk will have */
} ml_move_in;

enum { ML_MOVE_MAX = 96 }; /* bytes that a thunk may take; each starts at a multiple of 16 */

typedef struct ml_move_out {
    size_t site;       /* offset in code of the instruction */
    size_t site_len;   /* its length */
    uint8_t patch[16]; /* what replaces it: site_len bytes */
    uint8_t body[ML_MOVE_MAX];
    size_t body_len;
    const char *why; /* on failure: what kind of instruction it is and why it cannot be moved */
    char text[64];   /* the instruction, roughly, for messages: "mov sym(%rip),%rax" */
} ml_move_out;

typedef struct ml_target {
    const char *name; /* "x86-64" */
    uint16_t machine; /* e_machine */
    const ml_rrow *rows;
    size_t nrows;       /* rows[type].type == type for each; name NULL where the psABI has none */
    unsigned stub_size; /* bytes of a stub, a multiple of 16 */
    uint8_t trap;       /* byte that fills gaps between code */
    uint8_t nop;        /* the same where code runs on through the gap */
    uint8_t columns;    /* registers of which an unwinder keeps track, from number 0 on */
    uint8_t registers;  /* DWARF numbers of registers end here */
    ml_slice enter;     /* stands before the pieces of .init and .fini, which form one function */
    ml_slice leave;     /* and this behind them */
    /* Writes a stub at `at` that jumps to the address held in the GOT slot `slot`; false when the
    ** slot is out of the stub's reach. */
    bool (*stub)(uint8_t *to, uint64_t at, uint64_t slot);
    /* Lazy stubs, as those of a PLT that is bound lazily: number i pushes i and jumps to the head,
    ** which pushes the word at `words` and jumps to the address in the next one; false when they
    ** are out of its reach. Both take at most stub_size bytes. */
    void (*lazy)(uint8_t *to, uint64_t at, uint32_t i, uint64_t head);
    bool (*lazy_head)(uint8_t *to, uint64_t at, uint64_t words);
    /* Writes a stub of count_size bytes, a multiple of 16, at `at` that adds 1 to the word of 64
    ** bits at `counter`, for all threads, and jumps as `stub` does, with all registers and flags as
    ** they were; false when counter or slot is out of its reach. */
    bool (*count)(uint8_t *to, uint64_t at, uint64_t counter, uint64_t slot);
    unsigned count_size;
    /* The function that starts at code checks its stack (-fsplit-stack): makes it claim `more`
    ** bytes beside its frame, or all there are. False when it does not begin like that. */
    bool (*claim)(uint8_t *code, size_t size, uint32_t more);
    uint32_t stack_end; /* where such functions find it, from the thread pointer */
    uint32_t tm_words;  /* likewise: where libitm keeps what it knows of a thread, two words */
    /* Is the 4-byte pc-relative field at code[field] that of a direct call or jump? */
    bool (*branch)(const uint8_t *code, size_t size, size_t field);
    /* Could the GOT load whose field stands at code[field] become direct (given a near target)?
    ** needs as in the row of `type`; addend A. */
    bool (*can_relax)(const uint8_t *code, size_t size, size_t field, uint32_t type,
                      int64_t addend);
    /* Is that load part of a call or a jump to S? Only after can_relax. */
    bool (*got_branch)(const uint8_t *code, size_t field);
    /* Does it: rewrites the instruction and its field for P = place and S; false, and nothing
    ** written, when the displacement does not fit. Only after can_relax. */
    bool (*relax)(uint8_t *code, size_t size, size_t field, uint32_t type, uint64_t place,
                  uint64_t S);
    /* Could the access be done with an offset from the thread pointer that is known? General and
    ** local dynamic ones then use up the relocation after theirs. */
    bool (*tls_can_relax)(const ml_tls_site *s);
    /* Does it, in code, which has the bytes of s->code; tp: the offset, NULL: the address is 0
    ** (general dynamic only). Only after tls_can_relax. */
    void (*tls_relax)(const ml_tls_site *s, uint8_t *code, const int32_t *tp);
    /* Moves an instruction out of line. Pure: writes only *out. */
    bool (*move)(const ml_move_in *in, ml_move_out *out);
} ml_target;

extern const ml_target ml_target_x86_64;

/* By e_machine; NULL when there is none. */
const ml_target *ml_target_find(uint16_t machine);
/* The row of a type; NULL when the psABI has no such number. */
static inline const ml_rrow *ml_target_row(const ml_target *t, uint32_t type)
{
    return type < t->nrows && t->rows[type].name ? &t->rows[type] : NULL;
}

#endif
