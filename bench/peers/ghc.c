/* ghc.c -- bench: the linker of GHC's run-time system, driven from C.
** Built with `ghc -no-hs-main`. Usage: ghc LIST N [whole]
** SPDX-License-Identifier: MIT */
#include "driver.h"

#include <Rts.h>
#include <string.h>

static int is_archive(const char *path)
{
    size_t length = strlen(path);
    return length > 2 && strcmp(path + length - 2, ".a") == 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: ghc LIST N [whole]");
    list files = list_read(argv[1]);
    hs_init(&argc, &argv);
    double begin = now_ms();
    initLinker_(0);
    for (size_t i = 0; i < files.count; i++) {
        char *path = files.path[i];
        if (!(is_archive(path) ? loadArchive(path) : loadObj(path)))
            die("cannot load %s", path);
    }
    if (!resolveObjs())
        die("resolveObjs failed");
    void *root = lookupSymbol("root");
    if (!root)
        die("root is not defined");
    double end = now_ms();
    report(begin, end, as_root(root), number(argv[2]), 0);
    return 0;
}
