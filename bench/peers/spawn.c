/* spawn.c -- bench: a tool that links and runs in a process of its own (a JIT's command line, or a
** linker followed by the program it made). The program holds program.c, which says when root was
** callable; the monotonic clock is the same in all processes.
** Usage: spawn COMMAND... [-- COMMAND...]    all commands in turn; the last one runs the program
** SPDX-License-Identifier: MIT */
#include "driver.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Runs one command with its standard output in `out`, cut to what fits. */
static void run(char **command, char *out, size_t room)
{
    int end[2];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (pipe(end) != 0 || posix_spawn_file_actions_init(&actions) != 0)
        die("no pipe");
    posix_spawn_file_actions_adddup2(&actions, end[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, end[0]);
    posix_spawn_file_actions_addclose(&actions, end[1]);
    if (posix_spawnp(&pid, command[0], &actions, NULL, command, environ) != 0)
        die("cannot run %s", command[0]);
    close(end[1]);
    size_t used = 0;
    for (ssize_t got; used + 1 < room && (got = read(end[0], out + used, room - 1 - used)) > 0;)
        used += (size_t)got;
    out[used] = '\0';
    close(end[0]);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        die("%s failed", command[0]);
}

int main(int argc, char **argv)
{
    static char out[65536];
    double begin = now_ms();
    for (int first = 1, at = 1; at <= argc; at++) {
        if (at < argc && strcmp(argv[at], "--") != 0)
            continue;
        argv[at] = NULL;
        run(argv + first, out, sizeof out);
        first = at + 1;
    }
    char *at_ms = strstr(out, "at_ms=");
    if (!at_ms)
        die("%s did not reach root", argv[1]);
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    /* the harness takes the last value of a key, so these replace those of the program */
    out[strcspn(out, "\n")] = '\0';
    printf("%s ms=%.6f peak_kb=%ld\n", out, strtod(at_ms + 6, NULL) - begin, children.ru_maxrss);
    return 0;
}
