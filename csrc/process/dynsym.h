/* dynsym.h -- process: the dynamic symbol table of a file that the process has loaded; private to
** process/. takes an address or a name; gives the definition as the file itself states it.
** Reads memory that the process's own loader has mapped and checked.
** Spec: gABI chapter 5 "Symbol Table", "Hash Table"; GNU hash section (binutils).
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_DYNSYM_H
#define ML_PROCESS_DYNSYM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ml_dynsym {
    uint64_t addr;        /* of a function or an object; else without meaning */
    uint64_t size;        /* bytes */
    uint8_t type;         /* STT_* */
    bool unique;          /* STB_GNU_UNIQUE */
    const char *provider; /* path in the loader's list */
} ml_dynsym;

/* The definition of name in the loaded file that holds addr or, when no file holds it (thread-local
** and absolute symbols), in the first file that defines it as such. False when there is none; then
** *out says what the segment at addr tells: function or object, and the file. */
bool ml_dynsym_find(uint64_t addr, const char *name, ml_dynsym *out);

#endif
