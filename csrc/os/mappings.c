/* mappings.c -- os: what this process has in its address space, and what it may have.
** gives mappings, loaded files and limits; changes nothing.
** The list of mappings is the kernel's text, read in pieces: it may change while it is read, so
** that whoever acts on it must be ready to be refused.
** Spec: proc(5), dl_iterate_phdr(3), getrlimit(2).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dl_iterate_phdr */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

/* ---- the list of mappings ---- */

/* The start of a line of /proc/self/maps: addresses, rights, three numbers, padding, path. */
typedef struct line {
    char text[256]; /* what is longer is a long path, and cut */
    size_t n;
} line;

/* Reads a hexadecimal number and moves *s behind it. */
static uint64_t take_hex(const char **s)
{
    uint64_t v = 0;
    for (;; ++*s) {
        char c = **s;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return v;
    }
}

static bool parse_line(line *l, ml_mapping *m)
{
    l->text[l->n] = 0;
    const char *s = l->text;
    *m = (ml_mapping){0};
    m->start = take_hex(&s);
    if (*s++ != '-')
        return false;
    m->end = take_hex(&s);
    if (*s++ != ' ' || strlen(s) < 4)
        return false;
    m->r = s[0] == 'r';
    m->w = s[1] == 'w';
    m->x = s[2] == 'x';
    s += 4;
    for (int field = 0; field < 3; field++) { /* offset, device, inode */
        s += strspn(s, " ");
        s += strcspn(s, " ");
    }
    s += strspn(s, " ");
    size_t n = strlen(s);
    if (n >= sizeof m->path)
        n = sizeof m->path - 1;
    memcpy(m->path, s, n);
    return m->start < m->end;
}

/* Adds n bytes to the line, which never ends in them. */
static void extend(line *l, const char *p, size_t n)
{
    size_t room = sizeof l->text - 1 - l->n;
    if (n > room)
        n = room;
    memcpy(l->text + l->n, p, n);
    l->n += n;
}

static ssize_t read_some(int fd, char *buf, size_t size)
{
    ssize_t n;
    do
        n = read(fd, buf, size);
    while (n < 0 && errno == EINTR);
    return n;
}

bool ml_os_mappings(bool (*visit)(void *ud, const ml_mapping *m), void *ud)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    char buf[16384];
    line l = {.n = 0};
    bool more = true;
    ssize_t n = 0;
    while (more && (n = read_some(fd, buf, sizeof buf)) > 0) {
        const char *p = buf, *end = buf + n, *nl;
        while (more && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
            ml_mapping m;
            extend(&l, p, (size_t)(nl - p));
            if (parse_line(&l, &m))
                more = visit(ud, &m);
            l.n = 0;
            p = nl + 1;
        }
        extend(&l, p, (size_t)(end - p));
    }
    close(fd);
    return n >= 0;
}

/* ---- loaded files ---- */

typedef struct walk {
    bool (*visit)(void *ud, const ml_extent *e);
    void *ud;
} walk;

static int walk_library(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    uint64_t lo = UINT64_MAX, hi = 0, mask = ml_os_page() - 1;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_LOAD)
            continue;
        uint64_t start = info->dlpi_addr + ph->p_vaddr, end = start + ph->p_memsz;
        lo = start < lo ? start : lo;
        hi = end > hi ? end : hi;
    }
    if (lo >= hi)
        return 0;
    const walk *w = ud;
    ml_extent e = {lo & ~mask, (hi + mask) & ~mask, info->dlpi_name ? info->dlpi_name : ""};
    return !w->visit(w->ud, &e);
}

void ml_os_libraries(bool (*visit)(void *ud, const ml_extent *e), void *ud)
{
    walk w = {visit, ud};
    dl_iterate_phdr(walk_library, &w);
}

uint64_t ml_os_anchor(void)
{
    /* Not the address of a function: the executable's own PLT entry, or a sanitizer's wrapper, may
    ** stand for it. A constant that the C library hands out lies in the C library. */
#ifdef __GLIBC__
    return (uint64_t)(uintptr_t)gnu_get_libc_version();
#else
    return (uint64_t)(uintptr_t)strerror(0);
#endif
}

/* ---- limits ---- */

static uint64_t soft_limit(int failed, const struct rlimit *r)
{
    return failed || r->rlim_cur == RLIM_INFINITY ? UINT64_MAX : r->rlim_cur;
}

/* The decimal number that a file of /proc holds. */
static uint64_t number_in(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return UINT64_MAX;
    char buf[32];
    ssize_t n = read_some(fd, buf, sizeof buf);
    close(fd);
    uint64_t v = 0;
    ssize_t i = 0;
    for (; i < n && buf[i] >= '0' && buf[i] <= '9'; i++)
        v = v * 10 + (uint64_t)(buf[i] - '0');
    return i > 0 ? v : UINT64_MAX;
}

void ml_os_limits(ml_limits *out)
{
    struct rlimit space, data, stack;
    int no_space = getrlimit(RLIMIT_AS, &space), no_data = getrlimit(RLIMIT_DATA, &data);
    int no_stack = getrlimit(RLIMIT_STACK, &stack);
    *out = (ml_limits){
        .space = soft_limit(no_space, &space),
        .data = soft_limit(no_data, &data),
        .stack = soft_limit(no_stack, &stack),
        .mappings = number_in("/proc/sys/vm/max_map_count"),
    };
}
