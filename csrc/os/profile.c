/* profile.c -- os: what tracers and profilers want of a process that they watch, and what its
** environment says.
** Spec: proc_pid_status(5), proc_pid_environ(5); perf's
** tools/perf/Documentation/jitdump-specification.txt.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* gettid */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"

bool ml_os_traced(void)
{
    static const char key[] = "\nTracerPid:\t";
    char text[1024];
    ml_os_read_text("/proc/self/status", text, sizeof text);
    const char *at = strstr(text, key);
    return at && at[sizeof key - 1] >= '1' && at[sizeof key - 1] <= '9';
}

const char *ml_os_setting(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Takes the next byte of a variable, "NAME=value": at is its place in that. Is it still the one of
** the name? */
static bool take(const char *name, size_t len, size_t at, char c, char *value, size_t size)
{
    if (at <= len)
        return c == (at < len ? name[at] : '=');
    if (at - len <= size)
        value[at - len - 1] = at - len < size ? c : 0;
    return true;
}

bool ml_os_started_with(const char *name, char *value, size_t size)
{
    char text[1024];
    size_t len = strlen(name), at = 0;
    bool is_it = true, found = false;
    int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;
    while (fd >= 0 && !found && (n = read(fd, text, sizeof text)) > 0)
        for (ssize_t i = 0; i < n && !found; i++) {
            is_it = is_it && take(name, len, at++, text[i], value, size);
            if (text[i])
                continue;
            found = is_it;
            is_it = true;
            at = 0;
        }
    if (fd >= 0)
        close(fd);
    return found;
}

/* O_NOFOLLOW and the owner: the folder may be one in which everybody can put a link. */
int ml_os_open_log(const char *path, bool fresh)
{
    struct stat st;
    int fd = open(
        path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644);
    if (fd < 0)
        return -1;
    bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid();
    if (!ours)
        errno = EPERM;
    if (ours && (!fresh || ftruncate(fd, 0) == 0))
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

void ml_os_close_log(int fd)
{
    close(fd);
}

bool ml_os_mark_log(int fd)
{
    return mmap(NULL, ml_os_page(), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED;
}
