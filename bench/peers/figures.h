/* figures.h -- bench: what is measured of code that is loaded, however it was loaded. Each prints
** key=value words; bench/works says which are columns of a table.
** SPDX-License-Identifier: MIT */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#ifdef __cplusplus
extern "C" {
#endif

/* A function that throws and catches n times, and gives 1 + ... + n: prints first_us, later_us. */
void measure_throw(unsigned (*thrown)(unsigned));
/* One loop of n accesses to a thread-local variable, or NULL; prints KEY_ns. */
void measure_access(const char *key, unsigned (*loop)(unsigned));
/* Prints KEY=microseconds: the median of the n intervals, which it sorts. */
void print_median(const char *key, double *us, unsigned n);

double now_us(void);

#ifdef __cplusplus
}
#endif
#endif
