/* memfile.c -- os: a file that has no name, for what the process's own loader is to open.
** takes bytes; gives an open file and a path by which this process can open it.
** The loader tells libraries apart by path, device and inode, and file descriptors are used again:
** the path spells the inode in redundant slashes and dots ("/" is 0, "/." is 1), so that no two
** files that live at one time share it.
** Spec: memfd_create(2), proc(5).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"

/* Debuggers open the path whenever they look at the process. A number that is unlikely to be used
** again does not lead them, later on, to something that blocks, such as a pipe. */
enum { HIGH = 700 };

static void spell(ml_os_memfile *f, const char *process, uint64_t inode)
{
    char *to = f->path;
    size_t size = sizeof f->path;
    int n = snprintf(to, size, "/proc/%s/fd", process);
    for (; inode; inode >>= 1)
        n += snprintf(to + n, size - (size_t)n, inode & 1 ? "/." : "/");
    snprintf(to + n, size - (size_t)n, "/%d", f->fd);
}

/* Under /proc/self a debugger would look for its own files; but where /proc is that of another PID
** namespace, nothing else is ours. */
static void name_file(ml_os_memfile *f, const struct stat *st)
{
    char number[24];
    struct stat seen;
    snprintf(number, sizeof number, "%ld", (long)getpid());
    spell(f, number, st->st_ino);
    if (stat(f->path, &seen) < 0 || seen.st_ino != st->st_ino || seen.st_dev != st->st_dev)
        spell(f, "self", st->st_ino);
}

int ml_os_memfile_open(ml_diag *d, const char *name, ml_slice bytes, ml_os_memfile *out)
{
    struct stat st;
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd >= 0) {
        int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
        if (high >= 0) {
            close(fd);
            fd = high;
        }
        if (ml_os_write_all(fd, bytes.p, bytes.n) && fstat(fd, &st) == 0) {
            out->fd = fd;
            name_file(out, &st);
            return 0;
        }
    }
    int code = errno;
    if (fd >= 0)
        close(fd);
    return ml_fail(d, ML_E_IO, (ml_where){0},
                   code == EMFILE ? "this process has too many files open: see ulimit -n" : NULL,
                   "cannot make a file in memory: %s", ml_os_error(code));
}

void ml_os_memfile_close(ml_os_memfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}
