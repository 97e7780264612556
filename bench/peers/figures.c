/* figures.c -- bench: see figures.h.
** SPDX-License-Identifier: MIT */
#include "figures.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LATER    1000u
#define ACCESSES 20000000u

double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

void measure_throw(unsigned (*thrown)(unsigned))
{
    double start = now_us();
    unsigned first = thrown(1);
    double middle = now_us();
    unsigned result = thrown(LATER);
    double end = now_us();
    printf("first_us=%.3f later_us=%.4f result=%u\n", middle - start, (end - middle) / LATER,
           first == 1 ? result : 0);
}

static void *in_a_thread(void *loop)
{
    unsigned (*run)(unsigned) = NULL;
    memcpy(&run, &loop, sizeof run);
    return (void *)(uintptr_t)run(10);
}

/* Each thread must count for itself. */
static void check_threads(const char *key, unsigned (*loop)(unsigned))
{
    pthread_t thread;
    void *address = NULL, *count = NULL;
    memcpy(&address, &loop, sizeof address);
    if (pthread_create(&thread, NULL, in_a_thread, address) != 0)
        return;
    pthread_join(thread, &count);
    if (strcmp(key, "plain") != 0 && (uintptr_t)count != 10) {
        fprintf(stderr, "error: %s: a new thread's variable does not begin at zero\n", key);
        exit(1);
    }
}

void measure_access(const char *key, unsigned (*loop)(unsigned))
{
    if (!loop)
        return;
    loop(1000);
    double start = now_us();
    unsigned count = loop(ACCESSES);
    double end = now_us();
    if (count != 1000 + ACCESSES) {
        fprintf(stderr, "error: %s: counts to %u, not to %u\n", key, count, 1000 + ACCESSES);
        exit(1);
    }
    check_threads(key, loop);
    printf("%s_ns=%.4f\n", key, (end - start) * 1e3 / ACCESSES);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void print_median(const char *key, double *us, unsigned n)
{
    qsort(us, n, sizeof *us, by_value);
    printf("%s=%.3f\n", key, us[n / 2]);
}
