/* lock.c -- os: a lock between processes.
** takes a file of a folder; gives a descriptor that holds the lock until it is closed, by the end
** of the process at the latest.
** The kind of lock is GHC's (GHC.IO.Handle.Lock on Linux): exclusive, over the whole file, owned by
** the open file and not by the process, so that two states of one process wait for each other, too.
** Spec: fcntl(2), "Open file description locks (non-POSIX)".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* F_OFD_SETLKW */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "os/directory.h"

enum { MODE = 0666 };

static int fail(ml_diag *d, const ml_directory *dir, const char *name, int code)
{
    const char *path = ml_format(&d->arena, "%s/%s", dir->path, name);
    ml_where at = {.file = path ? path : name};
    if (code == EAGAIN || code == EACCES)
        return ml_fail(d, ML_E_STATE, at, "another program is at work here: try again",
                       "is locked");
    return ml_fail(d, ML_E_IO, at, NULL, "cannot lock: %s", ml_os_error(code));
}

static int fail_open(ml_diag *d, const ml_directory *dir, const char *name, int code)
{
    const char *path = ml_format(&d->arena, "%s/%s", dir->path, name);
    ml_where at = {.file = path ? path : name};
    if (code == EACCES || code == EPERM)
        return ml_fail(d, ML_E_IO, at, "become the user who owns it, or use another one",
                       "you don't have permission to modify this file");
    return ml_fail(d, code == ENOENT ? ML_E_NOENT : ML_E_IO, at,
                   code == EROFS ? "the file system is mounted read-only" : NULL,
                   "cannot open for modification: %s", ml_os_error(code));
}

int ml_os_lock(ml_diag *d, const ml_directory *dir, const char *name, bool make, bool wait)
{
    int fd = openat(dir->fd, name, O_RDWR | (make ? O_CREAT : 0) | O_CLOEXEC | O_NOCTTY, MODE);
    if (fd < 0)
        return fail_open(d, dir, name, errno);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int rc;
    do
        rc = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &whole);
    while (rc < 0 && errno == EINTR);
    if (rc == 0 || errno == ENOLCK || errno == EOPNOTSUPP || errno == EINVAL)
        return fd;
    int code = errno;
    close(fd);
    return fail(d, dir, name, code);
}

void ml_os_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}
