/* tcc.c -- bench: libtcc links into this process.
** Usage: tcc LIST N [whole]
** SPDX-License-Identifier: MIT */
#include "driver.h"

#include <libtcc.h>
#include <stdio.h>
#include <string.h>

static void complain(void *opaque, const char *text)
{
    (void)opaque;
    fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: tcc LIST N [whole]");
    list files = list_read(argv[1]);
    double begin = now_ms();
    TCCState *s = tcc_new();
    if (!s)
        die("tcc_new failed");
    tcc_set_error_func(s, NULL, complain);
    if (argc > 3 && strcmp(argv[3], "whole") == 0)
        tcc_set_options(s, "-Wl,-whole-archive");
    tcc_set_output_type(s, TCC_OUTPUT_MEMORY);
    for (size_t i = 0; i < files.count; i++)
        if (tcc_add_file(s, files.path[i]) != 0)
            die("tcc_add_file failed: %s", files.path[i]);
    if (tcc_relocate(s, TCC_RELOCATE_AUTO) != 0)
        die("tcc_relocate failed");
    void *root = tcc_get_symbol(s, "root");
    if (!root)
        die("root is not defined");
    double end = now_ms();
    report(begin, end, as_root(root), number(argv[2]), 0);
    return 0;
}
