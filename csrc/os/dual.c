/* dual.c -- os: memory that is written at one address and executed at another.
** Spec: memfd_create(2), mmap(2).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <sys/mman.h>
#include <unistd.h>

#include "os/os.h"

int64_t ml_os_process(void)
{
    return getpid();
}

bool ml_os_dual(size_t size, void **rw, void **rx)
{
    int fd = memfd_create("moonlink-callbacks", MFD_CLOEXEC);
    if (fd < 0)
        return false;
    void *w = MAP_FAILED, *x = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) == 0) {
        w = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        x = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    }
    close(fd);
    if (w != MAP_FAILED && x != MAP_FAILED) {
        *rw = w;
        *rx = x;
        return true;
    }
    if (w != MAP_FAILED)
        munmap(w, size);
    if (x != MAP_FAILED)
        munmap(x, size);
    return false;
}
