/* crel.h -- object: compact relocations, section type SHT_CREL.
** Spec: gABI discussion "CREL relocation format for ELF"; LLVM's `--crel` writes it.
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_CREL_H
#define ML_OBJECT_CREL_H

#include "base/arena.h"
#include "base/slice.h"

#define ML_SHT_CREL 0x40000014u

/* Turns the bytes of a CREL section into records of SHT_RELA (*rela) or SHT_REL, made in the arena.
** Their fields are not checked. False when the bytes are no CREL: *why says it, in which record
** *record (from 0); *why is NULL when memory was short. */
bool ml_crel_decode(ml_arena *a, ml_slice bytes, ml_slice *records, bool *rela, const char **why,
                    uint64_t *record);

#endif
