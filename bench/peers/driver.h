/* driver.h -- bench: what the peers' drivers share. A driver loads the inputs, takes the time from
** "open" to "callable" inside its own process, and proves by a call that the load is real.
** It prints one line of key=value words, which bench/harness.lua reads.
** SPDX-License-Identifier: MIT */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stddef.h>

/* What every set of inputs defines: its value for a given argument is known in advance. */
typedef unsigned root_fn(unsigned);

typedef struct list {
    char **path; /* count paths, then NULL */
    size_t count;
} list;

/* Milliseconds of the monotonic clock, which is the same in all processes. */
double now_ms(void);
/* Prints the reason on stderr and ends the process with status 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The lines of a file; a driver calls it before its clock starts. */
list list_read(const char *file);
/* The decimal argument of the check call. */
unsigned number(const char *text);
/* Measures this process, calls root(n), prints the line. begin and end are of now_ms();
** child_kb is the peak memory of a helper process, or 0: the larger of the two is printed. */
void report(double begin, double end, root_fn *root, unsigned n, long child_kb);
/* dlsym returns an object pointer; this is the one place where it becomes a function. */
root_fn *as_root(void *address);

#endif
