/* cfi.h -- object: may an unwinder run what an unwind table holds?
** Unwinders check nothing: libgcc aborts at an instruction that it does not know and follows a null
** pointer at a restore without a remember, LLVM's libunwind runs past the end of a record; both
** write past their stack for expressions. takes bytes; gives what is wrong with them, and where. A
** table that passes is well formed; whether its rules are true of the code, only the code could
** say.
** Spec: DWARF 5, 2.5 (expressions), 6.4.2 (call frame instructions), 7.7.1, 7.24 (encodings); LSB
** 5.0 core, 10.6; Itanium C++ ABI: Exception Handling, 2.5, and gcc's except.c (language data).
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_CFI_H
#define ML_OBJECT_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pointer encodings, DW_EH_PE_*: format, what it is relative to, and a flag. */
enum {
    ML_PE_ABSPTR = 0,
    ML_PE_ULEB128 = 1,
    ML_PE_UDATA2 = 2,
    ML_PE_UDATA4,
    ML_PE_UDATA8,
    ML_PE_SIGNED = 8,
    ML_PE_SLEB128 = 9,
    ML_PE_SDATA2 = 10,
    ML_PE_SDATA4,
    ML_PE_SDATA8,
    ML_PE_FORMAT = 15,
    ML_PE_PCREL = 0x10,
    ML_PE_BASE = 0x70,
    ML_PE_INDIRECT = 0x80,
    ML_PE_OMIT = 0xff
};

/* Bytes of an encoded pointer; 0: not of a fixed size, or of no kind that there is. */
unsigned ml_pe_width(uint8_t encoding);
/* What such a pointer holds, widened with its sign; its bytes must be there. */
uint64_t ml_pe_raw(const uint8_t *p, uint64_t at, uint8_t encoding);
/* What that means at offset `at` of bytes at address `addr`: it may be relative to its place. */
static inline uint64_t ml_pe_based(uint64_t raw, uint64_t at, uint8_t encoding, uint64_t addr)
{
    return (encoding & ML_PE_BASE) == ML_PE_PCREL ? raw + addr + at : raw;
}
/* Both at once. */
uint64_t ml_pe_value(const uint8_t *p, uint64_t at, uint8_t encoding, uint64_t addr);

/* A program of call frame instructions. */
typedef struct ml_cfi {
    const uint8_t *p;     /* bytes of its section */
    uint64_t at, end;     /* where it lies in them; afterwards, at: the instruction at fault */
    uint64_t addr;        /* address of p[0] */
    uint64_t start, size; /* its function; size 0: a CIE's program, which has none */
    uint64_t code_align;  /* factor of advances */
    uint8_t pointer;      /* encoding of addresses */
    uint8_t columns;      /* registers that an unwinder keeps, whose values rules may use */
    uint8_t registers;    /* registers that there are, which rules may be for */
    bool cfa;             /* there is a rule for the CFA: before the program, and behind it */
    uint64_t reach; /* set by the check: the same bytes, behind the same CIE, are right for any
                             function of at least so many bytes; UINT64_MAX: that is not known */
} ml_cfi;

/* NULL: it can be run; else what is wrong: "has an ...". */
const char *ml_cfi_check(ml_cfi *c);

/* Language-specific data, as gcc lays it out, for the functions of a load. */
typedef struct ml_lsda {
    const uint8_t *p;     /* bytes of its section */
    uint64_t at, end;     /* where it begins; the section's size. Afterwards, at: what is wrong */
    uint64_t addr;        /* address of p[0] */
    uint64_t start, size; /* the function */
    uint64_t text, text_size; /* where landing pads may lie */
    uint64_t *steps;          /* how many more of all may be taken, since tables may overlap */
} ml_lsda;

/* NULL: a personality routine can read it; else what is wrong, as above. */
const char *ml_lsda_check(ml_lsda *l);

#endif
