/* hugetlb.c -- os: huge pages that the administrator has set aside (vm.nr_hugepages).
** takes a range of ours, whole huge pages; gives such pages there.
** Spec: mmap(2) MAP_HUGETLB; sysfs, /sys/kernel/mm/hugepages.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "os/os.h"

/* Of this size whatever the system's default is: its logarithm stands in the flags. */
enum { SIZE_LOG2 = 21, FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | SIZE_LOG2 << 26 };

static void *map(void *at, size_t size, int flags)
{
    return mmap(at, size, PROT_READ | PROT_WRITE, FLAGS | flags, -1, 0);
}

bool ml_os_hugetlb_at(uint64_t addr, size_t size)
{
    /* That too few are free is nothing unusual, and a mapping that fails at a fixed address may
    ** leave a gap, which other threads may fill: so first somewhere else. */
    void *p = map(NULL, size, 0);
    if (p == MAP_FAILED)
        return false;
    munmap(p, size);
    p = map((void *)(uintptr_t)addr, size, MAP_FIXED);
    /* limits of a control group and of memory policies show only when pages are touched */
    return p != MAP_FAILED && ml_os_populate(addr, size);
}

static bool read_count(const char *name, uint64_t *out)
{
    char path[96], text[32];
    snprintf(path, sizeof path, "/sys/kernel/mm/hugepages/hugepages-%zukB/%s",
             ml_os_bulk.unit >> 10, name);
    if (!ml_os_read_text(path, text, sizeof text))
        return false;
    *out = strtoull(text, NULL, 10);
    return true;
}

bool ml_os_hugetlb(uint64_t *all, uint64_t *free)
{
    uint64_t promised;
    if (!read_count("nr_hugepages", all) || !read_count("free_hugepages", free) ||
        !read_count("resv_hugepages", &promised))
        return false;
    *free -= promised < *free ? promised : *free;
    return true;
}
