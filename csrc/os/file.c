/* file.c -- os: regular files, read with as few system calls as can be.
** takes a path; gives an open file, or the whole content in an arena.
** Only regular files come out: whatever else has a name (folder, pipe, socket, device) is refused
** without waiting for it. What a system call reports is checked once, here.
** Spec: POSIX.1-2017 open, fstat, read, pread.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* strerrordesc_np */
#include "os/os.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ONE_READ = 1 << 30 }; /* bytes; the kernel moves less than 2 GiB in one call */

/* Below this size malloc may answer for itself. Above it the machine is asked first, because an
** overcommitting system promises memory that it does not have and kills whoever uses it. */
enum { LARGE_FILE = 64 << 20 };

const char *ml_os_error(int code)
{
    const char *text = strerrordesc_np(code);
    return text ? text : "unknown error";
}

static int fail_open(ml_diag *d, const char *path, int code)
{
    const char *hint = NULL;
    if (code == EACCES)
        hint = "check the permissions of the file and of the folders above it";
    else if (code == EMFILE)
        hint = "this process has too many files open: see ulimit -n";
    ml_code e = code == ENOENT || code == ENOTDIR ? ML_E_NOENT : ML_E_IO;
    return ml_fail(d, e, (ml_where){.file = path}, hint, "cannot open: %s", ml_os_error(code));
}

static int fail_kind(ml_diag *d, const char *path, mode_t mode)
{
    const char *what = S_ISDIR(mode)    ? "a folder"
                       : S_ISFIFO(mode) ? "a pipe"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";
    return ml_fail(d, ML_E_KIND, (ml_where){.file = path},
                   S_ISDIR(mode) ? "name a file inside it" : NULL, "is %s, not a regular file",
                   what);
}

static int fail_io(ml_diag *d, const char *path, const char *verb, int code)
{
    return ml_fail(d, ML_E_IO, (ml_where){.file = path}, NULL, "cannot %s: %s", verb,
                   ml_os_error(code));
}

static int fail_short(ml_diag *d, const char *path, uint64_t at, uint64_t want)
{
    return ml_fail(d, ML_E_TRUNCATED, (ml_where){.file = path}, NULL,
                   "ends after %llu bytes where %llu were expected", (unsigned long long)at,
                   (unsigned long long)want);
}

/* In nanoseconds; a time that no int64_t holds is the last one or the first. */
static int64_t in_ns(struct timespec t)
{
    enum { SECOND = 1000000000 };
    int64_t s = t.tv_sec;
    if (s >= INT64_MAX / SECOND)
        return INT64_MAX;
    return s <= INT64_MIN / SECOND ? INT64_MIN : s * SECOND + t.tv_nsec;
}

ml_file_id ml_os_identity(const struct stat *st)
{
    return (ml_file_id){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime_ns = in_ns(st->st_mtim),
        .ctime_ns = in_ns(st->st_ctim),
    };
}

int ml_os_open(ml_diag *d, const char *path, ml_os_file *out)
{
    assert(path);
    int fd;
    do /* O_NONBLOCK: a pipe without a writer must not make us wait */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    struct stat st;
    if (fd < 0) {
        int code = errno; /* a socket cannot be opened at all: say what it is all the same */
        if (code == ENXIO && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
            return fail_kind(d, path, st.st_mode);
        return fail_open(d, path, code);
    }
    int e = 0;
    if (fstat(fd, &st) < 0)
        e = fail_io(d, path, "stat", errno);
    else if (!S_ISREG(st.st_mode))
        e = fail_kind(d, path, st.st_mode);
    if (e < 0) {
        close(fd);
        return e;
    }
    *out = (ml_os_file){.fd = fd, .id = ml_os_identity(&st), .path = path};
    return 0;
}

void ml_os_close(ml_os_file *f)
{
    if (f->fd >= 0)
        close(f->fd); /* not repeated on EINTR: Linux has closed it by then */
    f->fd = -1;
}

int ml_os_pread(ml_diag *d, const ml_os_file *f, uint64_t off, void *to, size_t len)
{
    if (len > INT64_MAX || off > INT64_MAX - len)
        return fail_short(d, f->path, f->id.size, UINT64_MAX);
    for (size_t done = 0; done < len;) {
        size_t part = len - done < ONE_READ ? len - done : ONE_READ;
        ssize_t n = pread(f->fd, (char *)to + done, part, (off_t)(off + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_io(d, f->path, "read", errno);
        if (n == 0)
            return fail_short(d, f->path, off + done, off + len);
        done += (size_t)n;
    }
    return 0;
}

int ml_os_unchanged(ml_diag *d, const ml_os_file *f)
{
    struct stat st;
    if (fstat(f->fd, &st) < 0)
        return fail_io(d, f->path, "stat", errno);
    ml_file_id now = ml_os_identity(&st);
    if (now.size == f->id.size && now.mtime_ns == f->id.mtime_ns)
        return 0;
    return ml_fail(d, ML_E_IO, (ml_where){.file = f->path},
                   "do not write to a file while it is being loaded; replace it by rename",
                   "changed on disk since it was opened");
}

/* True when size bytes can be had at all. */
static bool fits_memory(uint64_t size)
{
    if (size <= LARGE_FILE)
        return true;
    long pages = sysconf(_SC_PHYS_PAGES);
    return pages < 0 || size / ml_os_page() < (uint64_t)pages;
}

int ml_os_read_all(ml_diag *d, ml_arena *a, const char *path, ml_slice *out, ml_file_id *id)
{
    ml_os_file f;
    int e = ml_os_open(d, path, &f);
    if (e < 0)
        return e;
    size_t size = (size_t)f.id.size;
    uint8_t *p = fits_memory(f.id.size) ? ml_alloc(a, size + 1) : NULL;
    if (p)
        e = ml_os_pread(d, &f, 0, p, size);
    else
        e = ml_fail(d, ML_E_NOMEM, (ml_where){.file = path}, NULL, "no memory for its %llu bytes",
                    (unsigned long long)f.id.size);
    ml_os_close(&f);
    if (e < 0)
        return e;
    p[size] = 0;
    *out = (ml_slice){p, size};
    if (id)
        *id = f.id;
    return 0;
}

size_t ml_os_read_text(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);
    if (fd >= 0)
        close(fd);
    n = n > 0 ? n : 0;
    buf[n] = 0;
    return (size_t)n;
}

bool ml_os_write_all(int fd, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}
