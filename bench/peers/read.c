/* read.c -- bench: the floor. Opens, measures, reads and closes every file, into one buffer that
** holds them all. The buffer's pages are touched beforehand: a loader pays for fresh memory, the
** floor does not, so that it is the cost of the files alone.
** Usage: read LIST RESULT (nothing is loaded, so the expected result is handed through)
** SPDX-License-Identifier: MIT */
#include "driver.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned same(unsigned n)
{
    return n;
}

static size_t total_size(const list *files)
{
    size_t total = 0;
    for (size_t i = 0; i < files->count; i++) {
        struct stat st;
        if (stat(files->path[i], &st) != 0)
            die("cannot stat %s", files->path[i]);
        total += (size_t)st.st_size;
    }
    return total;
}

static size_t read_one(const char *path, char *to)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        die("cannot open %s", path);
    size_t size = (size_t)st.st_size;
    if (read(fd, to, size) != (ssize_t)size)
        die("cannot read %s", path);
    close(fd);
    return size;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: read LIST RESULT");
    list files = list_read(argv[1]);
    size_t total = total_size(&files);
    char *buffer = malloc(total);
    if (!buffer)
        die("out of memory");
    memset(buffer, 1, total);
    double begin = now_ms();
    size_t at = 0;
    for (size_t i = 0; i < files.count; i++)
        at += read_one(files.path[i], buffer + at);
    double end = now_ms();
    report(begin, end, same, number(argv[2]), 0);
    return 0;
}
