/* shared.c -- bench: a linker run as a process, then dlopen of what it wrote.
** Usage: shared LIBRARY N [COMMAND...]
** Without a command the library exists already. The output of a command is removed afterwards.
** SPDX-License-Identifier: MIT */
#include "driver.h"

#include <dlfcn.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void run(char **command)
{
    pid_t pid;
    int status = 0;
    if (posix_spawnp(&pid, command[0], NULL, NULL, command, environ) != 0)
        die("cannot run %s", command[0]);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        die("%s failed", command[0]);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: shared LIBRARY N [COMMAND...]");
    int linking = argc > 3;
    double begin = now_ms();
    if (linking)
        run(argv + 3);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        die("%s", dlerror());
    void *root = dlsym(library, "root");
    if (!root)
        die("%s", dlerror());
    double end = now_ms();
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    report(begin, end, as_root(root), number(argv[2]), linking ? children.ru_maxrss : 0);
    if (linking)
        unlink(argv[1]);
    return 0;
}
