/* packages.c -- bench: the linker of GHC's run-time system loads packages.
** Built with `ghc -no-hs-main`, so that the runtime is there already. Usage: packages INPUT ...
** An input is an object, an archive or -lNAME; prints key=value words; ms is processor time. Only what objects need of
** archives is relocated: GHC's linker loads their members when somebody looks for them.
** SPDX-License-Identifier: MIT */
#include "driver.h"

#include <Rts.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);
    return n > k && strcmp(path + n - k, end) == 0;
}

/* Development files are scripts or links; what is installed has a version in its name. */
static void open_library(const char *name)
{
    static const char *const versions[] = {"", ".6", ".1", ".2", ".8", ".7", ".10"};
    char path[256];
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        snprintf(path, sizeof path, "lib%s.so%s", name, versions[i]);
        if (dlopen(path, RTLD_NOW | RTLD_GLOBAL))
            return;
    }
    die("cannot open lib%s.so", name);
}

static double status_mb(const char *key)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            sscanf(line + strlen(key), ": %ld", &kb);
    if (f)
        fclose(f);
    return (double)kb / 1024;
}

int main(int argc, char **argv)
{
    int count = 1;
    char *name[] = {argv[0], NULL}, **names = name;
    hs_init(&count, &names);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "-l", 2) == 0)
            open_library(argv[i] + 2);
    double before = status_mb("VmRSS"), begin = (double)clock();
    initLinker_(0);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-l", 2) == 0)
            continue;
        if (!(ends_in(argv[i], ".a") ? loadArchive(argv[i]) : loadObj(argv[i])))
            die("cannot load %s", argv[i]);
    }
    if (!resolveObjs())
        die("resolveObjs failed");
    double ms = ((double)clock() - begin) * 1e3 / CLOCKS_PER_SEC;
    printf("ms=%.3f peak=%.3f\n", ms, status_mb("VmHWM") - before);
    return 0;
}
