/* libtcc.c -- bench: the works of figures.h with libtcc, whose states hold what they linked.
** Usage: libtcc throw LIST | libtcc access LIST | libtcc rounds OBJECT N
**        libtcc reload LIST FOLDER N     LIST: all objects but the changed one
** SPDX-License-Identifier: MIT */
#include "driver.h"
#include "figures.h"

#include <libtcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(void *opaque, const char *text)
{
    (void)opaque;
    fprintf(stderr, "%s\n", text);
}

/* A state with all files, and one more unless it is NULL. */
static TCCState *linked(const list *files, const char *more)
{
    TCCState *s = tcc_new();
    if (!s)
        die("error: tcc_new failed");
    tcc_set_error_func(s, NULL, complain);
    tcc_set_output_type(s, TCC_OUTPUT_MEMORY);
    for (size_t i = 0; files && i < files->count; i++)
        if (tcc_add_file(s, files->path[i]) != 0)
            die("error: tcc_add_file failed: %s", files->path[i]);
    if (more && tcc_add_file(s, more) != 0)
        die("error: tcc_add_file failed: %s", more);
    if (tcc_relocate(s, TCC_RELOCATE_AUTO) != 0)
        die("error: tcc_relocate failed");
    return s;
}

static root_fn *find(TCCState *s, const char *name)
{
    root_fn *root = as_root(tcc_get_symbol(s, name));
    if (!root)
        die("error: %s is not defined", name);
    return root;
}

static void rounds(const char *object, unsigned n)
{
    unsigned result = 0;
    double start = now_us();
    for (unsigned i = 0; i < n; i++) {
        TCCState *s = linked(NULL, object);
        result = find(s, "root")(7);
        tcc_delete(s);
    }
    printf("round_us=%.3f result=%u\n", (now_us() - start) / n, result);
}

static void reload(const list *files, const char *folder, unsigned n)
{
    double *us = calloc(n, sizeof *us);
    char unit[2][4096];
    snprintf(unit[0], sizeof unit[0], "%s/0/unit.o", folder);
    snprintf(unit[1], sizeof unit[1], "%s/1/unit.o", folder);
    TCCState *s = linked(files, unit[0]);
    for (unsigned i = 1; us && i <= n; i++) {
        double start = now_us();
        tcc_delete(s);
        s = linked(files, unit[i & 1]);
        unsigned result = find(s, "own")(0);
        us[i - 1] = now_us() - start;
        if (result != (i & 1))
            die("error: version %u after %u reloads", result, i);
    }
    print_median("reload_us", us, n);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: libtcc WHAT ...");
    if (strcmp(argv[1], "rounds") == 0 && argc == 4) {
        rounds(argv[2], number(argv[3]));
        return 0;
    }
    list files = list_read(argv[2]);
    if (strcmp(argv[1], "reload") == 0 && argc == 5) {
        reload(&files, argv[3], number(argv[4]));
        return 0;
    }
    TCCState *s = linked(&files, NULL);
    if (strcmp(argv[1], "throw") == 0)
        measure_throw(find(s, "thrown"));
    else
        measure_access("gd", find(s, "gd_loop"));
    return 0;
}
