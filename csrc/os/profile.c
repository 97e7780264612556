/* profile.c -- os: what tracers and profilers want of a process that they watch.
** Spec: proc_pid_status(5); perf's tools/perf/Documentation/jitdump-specification.txt.
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
