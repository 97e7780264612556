/* string.h -- pkg: string literals of Haskell, which both text formats use.
** Spec: Haskell 2010 Language Report, 2.6 "Character and String Literals".
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_STRING_H
#define ML_PKG_STRING_H

#include "base/arena.h"
#include "base/slice.h"
#include "pkg/bytes.h"

typedef struct ml_string_error {
    const uint8_t *at;
    const char *expected; /* NULL: the number there is too large for a character */
    bool no_memory;
} ml_string_error;

/* Reads the literal whose opening quote is at p. Gives the address behind the closing quote and
** the text in *out, a slice of the input when nothing is escaped, else in the arena; NULL and *e
** when it is none. */
const uint8_t *ml_string_read(ml_arena *a, const uint8_t *p, const uint8_t *end, ml_slice *out,
                              ml_string_error *e);
/* The same for a character literal: its text is one character. */
const uint8_t *ml_char_read(ml_arena *a, const uint8_t *p, const uint8_t *end, ml_slice *out,
                            ml_string_error *e);
/* Writes s as a literal with its quotes, as `show` does. */
void ml_string_write(ml_bytes *out, ml_slice s);

#endif
