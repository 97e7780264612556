/* kind.h -- object: what a file is, told by its content and never by its name.
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_KIND_H
#define ML_OBJECT_KIND_H

#include "base/error.h"
#include "base/slice.h"

/* The ELF header where it stands: these fields of Elf64_Ehdr, at these offsets. */
enum { ML_EH_MACHINE = 18, ML_EH_SHOFF = 40, ML_EH_SHENTSIZE = 58, ML_EH_SHNUM = 60 };
enum { ML_EH_SHSTRNDX = 62, ML_EH_ALL = 64 };

typedef enum ml_kind {
    ML_KIND_OBJECT,  /* ELF64 little-endian ET_REL, any machine */
    ML_KIND_SHARED,  /* ELF ET_DYN (also a position-independent executable) */
    ML_KIND_PROGRAM, /* ELF ET_EXEC */
    ML_KIND_CORE,    /* ELF ET_CORE, or an ELF type that is none of the others */
    ML_KIND_ELF32,   /* any ELF of the 32-bit class */
    ML_KIND_ELFBE,   /* ELF64 big-endian */
    ML_KIND_ARCHIVE, /* "!<arch>\n" */
    ML_KIND_THIN,    /* "!<thin>\n" */
    ML_KIND_BITCODE, /* LLVM bitcode, raw or wrapped */
    ML_KIND_MACHO,
    ML_KIND_COFF,
    ML_KIND_WASM,
    ML_KIND_TEXT, /* plausibly a linker script: printable text */
    ML_KIND_EMPTY,
    ML_KIND_UNKNOWN
} ml_kind;

/* head: the first bytes of the file (64 are enough; 4096 for a safe guess at text), size: its whole
** size. */
ml_kind ml_kind_of(ml_slice head, uint64_t size);
/* "relocatable object", "shared object" ... for messages. */
const char *ml_kind_name(ml_kind k);
/* Name of an e_machine ("x86-64", "AArch64", "i386" ...); NULL when unknown. */
const char *ml_machine_name(uint16_t machine);
/* Records the error for a file of kind k where a relocatable object for `machine` was wanted, each
** kind with its own text and hint. head as above; file and member may be NULL. Returns the negative
** code. For ML_KIND_OBJECT it is the machine that is wrong. */
int ml_kind_refuse(ml_diag *d, const char *file, const char *member, ml_kind k, ml_slice head,
                   uint16_t machine);

#endif
