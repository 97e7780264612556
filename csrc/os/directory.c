/* directory.c -- os: files of one open folder.
** takes names relative to a folder; gives bytes, identities, and files in place.
** Spec: directory.h.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* syncfs */
#include "os/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ = 64 << 10, MODE = 0666, FOLDER_MODE = 0777 };

static const char *advice(int code)
{
    switch (code) {
    case EACCES:
    case EPERM: return "the folder or the file belongs to somebody else: see ls -l";
    case EROFS: return "the file system is mounted read-only";
    case ENOSPC:
    case EDQUOT: return "there is no room left on the file system; nothing was changed";
    case EMFILE: return "this process has too many files open: see ulimit -n";
    case ENAMETOOLONG: return "the file system takes names of 255 bytes";
    default: return NULL;
    }
}

/* name: NULL for the folder itself. */
static int fail(ml_diag *d, const ml_directory *dir, const char *name, const char *verb, int code)
{
    const char *path = name ? ml_format(&d->arena, "%s/%s", dir->path, name) : dir->path;
    ml_code e = code == ENOENT || code == ENOTDIR ? ML_E_NOENT : ML_E_IO;
    return ml_fail(d, e, (ml_where){.file = path ? path : name}, advice(code), "cannot %s: %s",
                   verb, ml_os_error(code));
}

/* ---- the folder ---- */

int ml_directory_open(ml_diag *d, const char *path, ml_directory *out)
{
    *out = (ml_directory){.fd = -1, .path = path};
    int fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOTDIR) {
        struct stat st;
        if (fstatat(AT_FDCWD, path, &st, 0) == 0)
            return ml_fail(d, ML_E_KIND, (ml_where){.file = path}, NULL, "is not a folder");
        errno = ENOTDIR;
    }
    if (fd < 0)
        return fail(d, out, NULL, "open the folder", errno);
    out->fd = fd;
    return 0;
}

void ml_directory_close(ml_directory *dir)
{
    if (dir->fd >= 0)
        close(dir->fd);
    dir->fd = -1;
}

typedef struct list {
    const char **at;
    size_t n, room;
} list;

static bool add(ml_arena *a, list *l, const char *name)
{
    if (!ML_ARENA_ROOM(a, l->at, l->n, l->room))
        return false;
    const char *copy = ml_strdup(a, name);
    if (copy)
        l->at[l->n++] = copy;
    return copy != NULL;
}

int ml_directory_list(ml_diag *d, ml_arena *a, const ml_directory *dir, const char ***out,
                      size_t *n)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a position of its own */
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return fail(d, dir, NULL, "list the folder", code);
    }
    list l = {0};
    int e = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry && errno)
            e = fail(d, dir, NULL, "list the folder", errno);
        if (!entry)
            break;
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!self && !add(a, &l, entry->d_name)) {
            e = ml_nomem(d);
            break;
        }
    }
    closedir(stream);
    if (e < 0)
        return e;
    *out = l.at;
    *n = l.n;
    return 0;
}

int ml_directory_sync(ml_diag *d, const ml_directory *dir, bool all)
{
    if ((all ? syncfs(dir->fd) : fsync(dir->fd)) == 0 || errno == EINVAL)
        return 0; /* EINVAL: a file system without it */
    return fail(d, dir, NULL, "write the folder to disk", errno);
}

int ml_directory_make(ml_diag *d, const char *path, bool *made)
{
    *made = mkdir(path, FOLDER_MODE) == 0;
    if (*made || errno == EEXIST)
        return 0;
    ml_directory self = {.path = path};
    if (errno != ENOENT || strchr(path, '/') == NULL)
        return fail(d, &self, NULL, "make the folder", errno);
    char *above = ml_strdup(&d->arena, path);
    if (!above)
        return ml_nomem(d);
    for (char *at = strchr(above + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        if (mkdir(above, FOLDER_MODE) < 0 && errno != EEXIST) {
            self.path = above;
            return fail(d, &self, NULL, "make the folder", errno);
        }
        *at = '/';
    }
    *made = mkdir(path, FOLDER_MODE) == 0;
    return *made || errno == EEXIST ? 0 : fail(d, &self, NULL, "make the folder", errno);
}

/* ---- reading ---- */

int ml_directory_stat(ml_diag *d, const ml_directory *dir, const char *name, ml_file_id *out)
{
    struct stat st;
    if (fstatat(dir->fd, name, &st, 0) < 0)
        return errno == ENOENT ? 0 : fail(d, dir, name, "stat", errno);
    *out = ml_os_identity(&st);
    return 1;
}

/* read, whole as far as it is one call's */
static ssize_t read_some(int fd, void *to, size_t size)
{
    ssize_t n;
    do
        n = read(fd, to, size);
    while (n < 0 && errno == EINTR);
    return n;
}

/* The rest of a file that is longer than what was read of it. */
static int read_rest(ml_diag *d, ml_arena *a, const ml_directory *dir, const char *name, int fd,
                     ml_slice begun, ml_slice *out)
{
    static const size_t limit = SIZE_MAX / 4;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(d, dir, name, "stat", errno);
    size_t n = begun.n, room = (uint64_t)st.st_size < limit ? (size_t)st.st_size + 1 : limit;
    uint8_t *p = NULL;
    for (;;) {
        if (!p || n == room) {
            room = room > n ? room : n * 2;
            uint8_t *larger = room < limit ? ml_alloc(a, room + 1) : NULL;
            if (!larger)
                return ml_nomem(d);
            memcpy(larger, p ? p : begun.p, n);
            p = larger;
        }
        ssize_t got = read_some(fd, p + n, room - n);
        if (got < 0)
            return fail(d, dir, name, "read", errno);
        bool end = (size_t)got < room - n;
        n += (size_t)got;
        if (!end)
            continue;
        p[n] = 0;
        *out = (ml_slice){p, n};
        return 1;
    }
}

/* A device may have no end. */
static int check_regular(ml_diag *d, const ml_directory *dir, const char *name, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(d, dir, name, "stat", errno);
    if (S_ISREG(st.st_mode))
        return 0;
    const char *path = ml_format(&d->arena, "%s/%s", dir->path, name);
    return ml_fail(d, ML_E_KIND, (ml_where){.file = path ? path : name}, NULL,
                   "is not a regular file");
}

/* Reads to the end: of a regular file, a read that gives less than asked has seen it. */
static int read_all(ml_diag *d, ml_arena *a, const ml_directory *dir, const char *name, int fd,
                    ml_slice *out)
{
    uint8_t first[FIRST_READ];
    ssize_t n = read_some(fd, first, sizeof first);
    if (n < 0)
        return fail(d, dir, name, "read", errno);
    int e = n == FIRST_READ ? check_regular(d, dir, name, fd) : 0;
    if (e < 0)
        return e;
    if (n == FIRST_READ)
        return read_rest(d, a, dir, name, fd, (ml_slice){first, sizeof first}, out);
    uint8_t *p = ml_alloc(a, (size_t)n + 1);
    if (!p)
        return ml_nomem(d);
    memcpy(p, first, (size_t)n);
    p[n] = 0;
    *out = (ml_slice){p, (size_t)n};
    return 1;
}

int ml_directory_read(ml_diag *d, ml_arena *a, const ml_directory *dir, const char *name,
                      ml_slice *out)
{
    int fd; /* O_NONBLOCK: a pipe without a writer must not make us wait */
    do
        fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail(d, dir, name, "open", errno);
    int e = read_all(d, a, dir, name, fd, out);
    close(fd);
    return e;
}

/* ---- writing ---- */

/* Mode and owner of another file, as far as the system allows; the mode is never left wider. */
static void imitate(const ml_directory *dir, const char *like, int fd)
{
    struct stat st, own;
    if (!like || fstatat(dir->fd, like, &st, 0) < 0 || !S_ISREG(st.st_mode) || fstat(fd, &own) < 0)
        return;
    bool other = own.st_uid != st.st_uid || own.st_gid != st.st_gid;
    if (other && fchown(fd, st.st_uid, st.st_gid) < 0)
        return;
    if ((own.st_mode & 07777) != (st.st_mode & 0777))
        (void)!fchmod(fd, st.st_mode & 0777);
}

static int finish(ml_diag *d, const ml_directory *dir, const char *name, int fd, ml_fresh *how)
{
    imitate(dir, how->like, fd);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(d, dir, name, "stat", errno);
    int64_t mtime = ml_os_identity(&st).mtime_ns;
    if (mtime < how->mtime_ns) {
        const struct timespec t = {how->mtime_ns / 1000000000, how->mtime_ns % 1000000000};
        const struct timespec both[2] = {t, t};
        if (futimens(fd, both) < 0)
            return fail(d, dir, name, "set the time of", errno);
    } else {
        how->mtime_ns = mtime;
    }
    if (how->sync && fsync(fd) < 0 && errno != EINVAL)
        return fail(d, dir, name, "write to disk", errno);
    return 0;
}

int ml_directory_write(ml_diag *d, const ml_directory *dir, const char *name, ml_slice bytes,
                       ml_fresh *how)
{
    int fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, MODE);
    if (fd < 0)
        return fail(d, dir, name, "make", errno);
    int e = 0;
    if (!ml_os_write_all(fd, bytes.p, bytes.n))
        e = fail(d, dir, name, "write", errno);
    if (e == 0)
        e = finish(d, dir, name, fd, how);
    if (close(fd) < 0 && e == 0) /* some file systems find out only now that they are full */
        e = fail(d, dir, name, "write", errno);
    if (e < 0)
        (void)!unlinkat(dir->fd, name, 0);
    return e;
}

int ml_directory_rename(ml_diag *d, const ml_directory *dir, const char *from, const char *to)
{
    if (renameat(dir->fd, from, dir->fd, to) == 0)
        return 0;
    return fail(d, dir, to, "put the new file in the place of", errno);
}

int ml_directory_link(ml_diag *d, const ml_directory *dir, const char *from, const char *between,
                      const char *to)
{
    if (linkat(dir->fd, from, dir->fd, between, 0) < 0)
        return fail(d, dir, between, "make", errno);
    if (renameat(dir->fd, between, dir->fd, to) == 0) {
        (void)!unlinkat(dir->fd, between, 0); /* is there when both were one file already */
        return 0;
    }
    int code = errno;
    (void)!unlinkat(dir->fd, between, 0);
    return fail(d, dir, to, "make", code);
}

int ml_directory_remove(ml_diag *d, const ml_directory *dir, const char *name)
{
    if (unlinkat(dir->fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    return fail(d, dir, name, "remove", errno);
}
