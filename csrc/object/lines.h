/* lines.h -- object: which source line an instruction came from.
** takes .debug_line of relocated code, versions 2 to 5, 32- and 64-bit, with the string sections
** that it refers to; gives rows in the order of the addresses. Nothing in it is trusted: what
** cannot be read ends a unit's table, never more.
** Spec: DWARF 5 section 6.2.
** SPDX-License-Identifier: MIT */
#ifndef ML_OBJECT_LINES_H
#define ML_OBJECT_LINES_H

#include "base/arena.h"
#include "base/slice.h"

/* From addr up to the next row's address: this line. */
typedef struct ml_line {
    uint64_t addr;
    uint32_t line; /* 0: here ends a sequence, nothing is known from here on */
    uint32_t file; /* index into ml_lines.files */
} ml_line;

/* A source file's name, in two parts of the sections' bytes: folder may be NULL. */
typedef struct ml_line_file {
    const char *folder, *name;
} ml_line_file;

typedef struct ml_lines {
    ml_line *v;
    size_t n, room;
    ml_line_file *files;
    size_t nfiles, room_files;
} ml_lines;

/* Everything goes into the arena; the names stay in the sections. most: rows that make sense, the
** rest is left out: a byte of a program may make a row, and a kilobyte of a file a million such
** bytes. False when memory is short. */
bool ml_lines_read(ml_arena *a, ml_slice line, ml_slice line_str, ml_slice str, size_t most,
                   ml_lines *out);
/* The row that covers an address, or NULL. */
const ml_line *ml_lines_find(const ml_lines *l, uint64_t addr);
/* "folder/name" into buf, always terminated; the length that it would need. */
size_t ml_lines_file(const ml_lines *l, const ml_line *row, char *buf, size_t size);

#endif
