/* perf.h -- process: what Linux's perf reads to name code that no file holds.
** Two files by contract: /tmp/perf-PID.map, a line per function; jit-PID.dump, with code and lines,
** which `perf inject --jit` merges into a recording. Both are only ever appended to.
** Spec: tools/perf/Documentation/jit-interface.txt and jitdump-specification.txt (Linux).
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_PERF_H
#define ML_PROCESS_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct ml_perf_line {
    uint64_t addr;
    uint32_t line;
    const char *file;
} ml_perf_line;

typedef struct ml_perf_function {
    const char *name;
    uint64_t addr, size; /* the code is there, and readable */
    const ml_perf_line *lines;
    size_t nlines;
} ml_perf_function;

/* Each writes all functions in one piece, from any thread. Returns NULL, or why nothing was
** written: a text in the arena (NULL also when memory is too short for that). */
const char *ml_perf_map(ml_arena *a, const ml_perf_function *v, size_t n);
const char *ml_perf_dump(ml_arena *a, uint16_t machine, const ml_perf_function *v, size_t n);

#endif
