/* unwind.c -- bench: tables told to an unwinder and taken back; see bench/works/unwind.lua.
** Usage: unwind LIBRARY COUNT ORDER (oldest, newest, random) [beside]. beside: another thread waits
** meanwhile. Prints microseconds of the processor:
** telling all, the first look-up, as of an exception, taking all back; and, all being told anew,
** changing each for another at its place and taking these back. Each table describes a function in
** a page of its own, where nothing else is.
** Compiled with the rooms base and os, and unwind.c, runs.c, objects.c and runtime.c of process.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/slice.h"
#include "process/unwind.h"

enum { PAGE = 4096, CODE = 512 };

typedef const void *find_fde(const void *pc, void *bases);

/* A CIE, an entry for a function at its page's start, and the end. */
static void make_table(uint8_t *page)
{
    static const uint8_t cie[] = {
        20,   0,    0,   0, 0,    0,    0,  0, /* length, a CIE */
        1,    'z',  'R', 0, 1,    0x78, 16, 1, /* version, letters, factors, return address */
        0x1b, 0x0c, 7,   8, 0x90, 1,    0,  0, /* distances of 32 bits; CFA rsp+8; rip there */
        16,   0,    0,   0, 28,   0,    0,  0, /* length, distance to the CIE */
    };
    uint8_t *p = page + CODE;
    memcpy(p, cie, sizeof cie);
    ml_put32(p + 32, (uint32_t) - (CODE + 32));
    ml_put32(p + 36, CODE);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void arrange(unsigned *order, unsigned n, const char *how)
{
    for (unsigned i = 0; i < n; i++)
        order[i] = strcmp(how, "newest") == 0 ? n - 1 - i : i;
    for (unsigned i = n; strcmp(how, "random") == 0 && i > 1; i--) {
        unsigned k = (unsigned)rand() % i, other = order[k];
        order[k] = order[i - 1];
        order[i - 1] = other;
    }
}

/* Table number i, for which its page is given anew. False when memory is short. */
static bool tell(ml_unwinders *w, const uint8_t *code, unsigned i, ml_unwind *out)
{
    uint64_t at = (uint64_t)(uintptr_t)(code + (size_t)i * PAGE);
    ml_unwind_table table = {
        .at = at + CODE, .code = at, .size = PAGE, .home = (uint64_t)(uintptr_t)code, .entries = 1};
    ml_unwinders_vacate(w, at, PAGE);
    return ml_unwind_register(w, &table, out);
}

static bool tell_all(ml_unwinders *w, const uint8_t *code, unsigned n, ml_unwind *all)
{
    bool enough = true;
    for (unsigned i = 0; enough && i < n; i++)
        enough = tell(w, code, i, &all[i]);
    return enough;
}

static void *wait_for_end(void *unused)
{
    for (;;)
        pause();
    return unused;
}

int main(int argc, char **argv)
{
    unsigned n = argc >= 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    pthread_t thread;
    if (argc == 5 && pthread_create(&thread, NULL, wait_for_end, NULL) != 0)
        return 2;
    if (!n || !dlopen(argv[1], RTLD_LAZY | RTLD_GLOBAL))
        return 2;
    uint8_t *code =
        mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ml_unwind *all = calloc(n, sizeof *all);
    unsigned *order = calloc(n, sizeof *order);
    ml_unwinders *w = ml_unwinders_new();
    if (code == MAP_FAILED || !all || !order || !w)
        return 2;
    arrange(order, n, argv[3]);
    for (unsigned i = 0; i < n; i++)
        make_table(code + (size_t)i * PAGE);
    ml_unwinders_refresh(w);
    double start = now();
    if (!tell_all(w, code, n, all))
        return 2;
    double told = now();
    char bases[64];
    find_fde *find = (find_fde *)(uintptr_t)dlsym(RTLD_DEFAULT, "_Unwind_Find_FDE");
    if (find)
        find(code + 1, bases);
    double found = now();
    for (unsigned i = 0; i < n; i++)
        ml_unwind_unregister(&all[order[i]]);
    double end = now();
    bool enough = tell_all(w, code, n, all);
    double again = now();
    for (unsigned i = 0; enough && i < n; i++) {
        ml_unwind_unregister(&all[order[i]]);
        enough = tell(w, code, order[i], &all[order[i]]);
    }
    double changed = now();
    if (!enough)
        return 2;
    for (unsigned i = 0; i < n; i++)
        ml_unwind_unregister(&all[order[i]]);
    printf("%.1f %.1f %.1f %.1f %.1f\n", told - start, found - told, end - found, changed - again,
           now() - changed);
    ml_unwinders_free(w);
    return 0;
}
