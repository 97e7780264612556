/* folder.c -- os: lists a folder; says where the process is.
** takes a path; gives the names in it, sorted, so that no order of the file system's reaches a
** result. Spec: POSIX.1-2017 open, getcwd, isatty.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* O_DIRECTORY, getcwd */
#include "os/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/directory.h"

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int fail(ml_diag *d, const char *path, int code)
{
    ml_code e = code == ENOENT || code == ENOTDIR ? ML_E_NOENT : ML_E_IO;
    return ml_fail(d, e, (ml_where){.file = path}, NULL, "cannot open the folder: %s",
                   ml_os_error(code));
}

int ml_os_folder(ml_diag *d, ml_arena *a, const char *path, const char *const **names, size_t *n)
{
    ml_directory dir = {.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .path = path};
    if (dir.fd < 0)
        return fail(d, path, errno);
    const char **list;
    int e = ml_directory_list(d, a, &dir, &list, n);
    ml_directory_close(&dir);
    if (e < 0)
        return e;
    if (*n)
        qsort(list, *n, sizeof *list, by_bytes);
    *names = (const char *const *)list;
    return 0;
}

bool ml_os_current_folder(char *path, size_t size)
{
    return getcwd(path, size) != NULL;
}

bool ml_os_is_terminal(int fd)
{
    return isatty(fd) == 1;
}
