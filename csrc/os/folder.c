/* folder.c -- os: lists a folder; says where the process is.
** takes a path; gives the names in it, sorted, so that no order of the file system's reaches a
** result. Spec: POSIX.1-2017 opendir, readdir, getcwd, isatty.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* opendir, getcwd */
#include "os/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int fail(ml_diag *d, const char *path, const char *verb, int code)
{
    ml_code e = code == ENOENT || code == ENOTDIR ? ML_E_NOENT : ML_E_IO;
    return ml_fail(d, e, (ml_where){.file = path}, NULL, "cannot %s the folder: %s", verb,
                   ml_os_error(code));
}

typedef struct list {
    const char **names;
    size_t n, room;
} list;

static bool add(ml_arena *a, list *l, const char *name)
{
    if (!ml_array_room(a, &l->names, l->n, &l->room, sizeof *l->names))
        return false;
    const char *copy = ml_strdup(a, name);
    if (copy)
        l->names[l->n++] = copy;
    return copy != NULL;
}

static int read_all(ml_diag *d, ml_arena *a, const char *path, DIR *dir, list *l)
{
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e)
            return errno ? fail(d, path, "read", errno) : 0;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !add(a, l, e->d_name))
            return ml_nomem(d);
    }
}

int ml_os_folder(ml_diag *d, ml_arena *a, const char *path, const char *const **names, size_t *n)
{
    DIR *dir = opendir(path);
    if (!dir)
        return fail(d, path, "open", errno);
    list l = {0};
    int r = read_all(d, a, path, dir, &l);
    closedir(dir);
    if (r < 0)
        return r;
    if (l.n)
        qsort(l.names, l.n, sizeof *l.names, by_bytes);
    *names = (const char *const *)l.names;
    *n = l.n;
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
