/* driver.c -- bench: see driver.h.
** SPDX-License-Identifier: MIT */
#include "driver.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

_Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

list list_read(const char *file)
{
    FILE *in = fopen(file, "r");
    if (!in)
        die("cannot read the list %s", file);
    list l = {NULL, 0};
    size_t room = 0;
    char line[4096];
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (l.count + 1 >= room) {
            room = room ? room * 2 : 64;
            l.path = realloc(l.path, room * sizeof *l.path);
        }
        char *copy = strdup(line);
        if (!l.path || !copy)
            die("out of memory");
        l.path[l.count++] = copy;
        l.path[l.count] = NULL;
    }
    fclose(in);
    if (l.count == 0)
        die("the list %s is empty", file);
    return l;
}

unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

/* VmHWM belongs to the address space, so it starts anew with exec, unlike ru_maxrss. */
static long peak_kb(void)
{
    FILE *in = fopen("/proc/self/status", "r");
    char line[256];
    long kb = 0;
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    if (in)
        fclose(in);
    return kb;
}

static long mapping_count(void)
{
    FILE *in = fopen("/proc/self/maps", "r");
    long lines = 0;
    for (int c; in && (c = getc(in)) != EOF;)
        lines += c == '\n';
    if (in)
        fclose(in);
    return lines;
}

void report(double begin, double end, root_fn *root, unsigned n, long child_kb)
{
    long kb = peak_kb();
    long mappings = mapping_count();
    double before_call = now_ms();
    unsigned result = root(n);
    double after_call = now_ms();
    printf("ms=%.6f call_ms=%.6f at_ms=%.6f result=%u peak_kb=%ld mappings=%ld\n", end - begin,
           after_call - before_call, end, result, kb > child_kb ? kb : child_kb, mappings);
    fflush(stdout);
}

root_fn *as_root(void *address)
{
    root_fn *root = NULL;
    memcpy(&root, &address, sizeof root);
    return root;
}
