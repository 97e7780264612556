/* dual.c -- os: memory that is written at one address and executed at another.
** Spec: memfd_create(2), mmap(2), proc(5) on pagemap.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/os.h"

enum { HUGE_2MB = 21 << 26 }; /* the size's logarithm: MFD_HUGE_2MB of <linux/memfd.h> */

int64_t ml_os_process(void)
{
    return getpid();
}

/* A file in memory of that many bytes; -1 with errno. flags: of memfd_create, more. */
static int memory_file(const char *name, size_t size, unsigned flags)
{
    int fd = memfd_create(name, MFD_CLOEXEC | flags);
    if (fd < 0 || ftruncate(fd, (off_t)size) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

/* The whole file. Whole huge pages lie as such pages do: more is mapped than is wanted, and what
** lies outside the aligned part is returned. */
static void *map_writable(int fd, size_t size)
{
    size_t huge = size % ml_os_bulk.unit ? 0 : ml_os_bulk.unit;
    uint8_t *p = mmap(NULL, size + huge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t head = huge ? (huge - (uintptr_t)p % huge) % huge : 0;
    if (head &&
        mmap(p + head, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        munmap(p, size + huge);
        return NULL;
    }
    if (head)
        munmap(p, head);
    if (huge - head)
        munmap(p + head + size, huge - head);
    return p + head;
}

/* A file of huge pages lies as they do by itself, and the mapping takes all of its pages. */
static void *map_hugetlb(int fd, size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED || ml_os_populate((uintptr_t)p, size))
        return p == MAP_FAILED ? NULL : p;
    int code = errno;
    munmap(p, size);
    errno = code;
    return NULL;
}

/* What a file in memory is to be, and where it is executed. */
typedef struct twice {
    const char *name;
    size_t size;
    bool hugetlb;
    void *at;
    int flags; /* of mmap for the executable mapping */
} twice;

/* Maps a new file in memory twice: to be written wherever it fits, to be executed at t.at. False
** with errno. */
static bool map_twice(twice t, void **rw, void **rx)
{
    int fd = memory_file(t.name, t.size, t.hugetlb ? MFD_HUGETLB | HUGE_2MB : 0);
    if (fd < 0)
        return false;
    void *w = (t.hugetlb ? map_hugetlb : map_writable)(fd, t.size);
    void *x = w ? mmap(t.at, t.size, PROT_READ | PROT_EXEC, t.flags, fd, 0) : MAP_FAILED;
    int code = errno;
    close(fd);
    if (x != MAP_FAILED) {
        *rw = w;
        *rx = x;
        return true;
    }
    if (w)
        munmap(w, t.size);
    errno = code;
    return false;
}

bool ml_os_dual(size_t size, void **rw, void **rx)
{
    twice t = {.name = "moonlink-callbacks", .size = size, .flags = MAP_SHARED};
    return map_twice(t, rw, rx);
}

uint8_t *ml_os_dual_at(uint64_t addr, size_t size, bool hugetlb)
{
    void *rw, *rx;
    twice t = {.name = "moonlink", .size = size, .hugetlb = hugetlb};
    t.at = (void *)(uintptr_t)addr;
    t.flags = MAP_PRIVATE | MAP_FIXED | (hugetlb ? MAP_NORESERVE : 0); /* its pages are there */
    return map_twice(t, &rw, &rx) ? rw : NULL;
}

/* proc(5), /proc/PID/pagemap: what an entry says of its page. */
#define PRESENT (UINT64_C(1) << 63)
#define SWAPPED (UINT64_C(1) << 62)
#define OF_FILE (UINT64_C(1) << 61)

bool ml_os_dual_holds(uint64_t addr, size_t size)
{
    uint64_t entry[512], page = ml_os_page(), at = addr / page, end = at + size / page;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (at < end) {
        size_t most = sizeof entry / sizeof *entry, n = end - at < most ? end - at : most;
        ssize_t got = pread(fd, entry, n * sizeof *entry, (off_t)(at * sizeof *entry));
        size_t i = 0;
        while (got == (ssize_t)(n * sizeof *entry) && i < n &&
               (!(entry[i] & (PRESENT | SWAPPED)) || (entry[i] & OF_FILE)))
            i++;
        if (i < n)
            break;
        at += n;
    }
    close(fd);
    return at == end;
}
