/* memory.c -- os: address space, protection, and access that cannot fault.
** takes addresses of this process; changes pages, or copies bytes.
** No call here makes a page writable and executable at once: ml_prot has no such value. A range is
** never taken from somebody else's mapping: fixed reservations use MAP_FIXED_NOREPLACE.
** Spec: mmap(2), mprotect(2), madvise(2), process_vm_readv(2).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/align.h"

/* Numbers of the kernel's interface that older C libraries do not name. A kernel that does not know
** them answers EINVAL, or takes a fixed address for a hint: both are handled. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum { ONE_COPY = 1 << 30, PIPE_STEP = 4096 }; /* bytes; every pipe holds a page */

enum { RESERVED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE };

static void *pointer(uint64_t addr)
{
    return (void *)(uintptr_t)addr;
}

size_t ml_os_page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

enum { HUGE_PAGE = 2 << 20 };

/* The whole pages of a range. */
static void bulk_touch(void *p, size_t size)
{
    size_t page = ml_os_page(), head = (page - (uintptr_t)p % page) % page;
    if (size > head)
        madvise((uint8_t *)p + head, (size - head) & ~(page - 1), MADV_POPULATE_WRITE);
}

/* Note [Huge pages that are slow to come]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** A huge page takes 0.1 to 0.3 ms, 512 small ones 0.7. But the host of a virtual machine may have
** taken back those that nobody used for a while (free page reporting goes by such units), and
** brings each in anew, in 5 ms; small pages, which come and go all the time, stay. No system says
** so beforehand: the pages are brought in one by one, and after the first that took too long small
** ones are taken. 100,000 sections in a process of their own need 17 of them. */
enum { SLOW_NS = 1000 * 1000 };

/* Brings in huge pages for `need` bytes, as long as they come fast, and small ones for the rest of
** them, behind which the memory is given back; also where the system has no huge page to give.
** Returns how many bytes there are then. */
static size_t bring_in(uint8_t *p, size_t size, size_t need, bool *slow)
{
    size_t done = 0, all = ml_align_up(need, ml_os_page());
    for (; done < need && !*slow; done += HUGE_PAGE) {
        uint64_t start = ml_os_ran_ns();
        *(volatile uint8_t *)(p + done) = 0;
        *slow = ml_os_ran_ns() - start > SLOW_NS;
    }
    if (done < need) {
        if (size > all)
            munmap(p + all, size - all);
        madvise(p + done, all - done, MADV_NOHUGEPAGE);
        size = all;
    }
    ml_os_populate((uintptr_t)p, all);
    return size;
}

/* Asks for more than is wanted, and returns what lies outside the aligned part. */
static ml_part bulk_get(size_t size, bool *slow)
{
    if (size > SIZE_MAX - 2 * (size_t)HUGE_PAGE)
        return (ml_part){NULL, 0};
    const size_t all = ml_align_up(size, HUGE_PAGE);
    uint8_t *p =
        mmap(NULL, all + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return (ml_part){NULL, 0};
    size_t head = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (head)
        munmap(p, head);
    if (HUGE_PAGE - head)
        munmap(p + head + all, HUGE_PAGE - head);
    p += head;
    madvise(p, all, MADV_HUGEPAGE);
    return (ml_part){p, bring_in(p, all, size, slow)};
}

static void bulk_put(void *p, size_t size)
{
    munmap(p, size);
}

/* Without the second advice the system may make a huge page again of what is left. */
static void bulk_drop(void *p, size_t size)
{
    size_t page = ml_os_page(), head = (page - (uintptr_t)p % page) % page;
    if (size < head + page)
        return;
    size = (size - head) & ~(page - 1);
    madvise((uint8_t *)p + head, size, MADV_DONTNEED);
    madvise((uint8_t *)p + head, size, MADV_NOHUGEPAGE);
}

const ml_bulk ml_os_bulk = {
    .unit = HUGE_PAGE, .get = bulk_get, .put = bulk_put, .touch = bulk_touch, .drop = bulk_drop};

uint64_t ml_os_reserve(uint64_t addr, size_t size)
{
    int fixed = addr ? MAP_FIXED_NOREPLACE : 0;
    void *p = mmap(pointer(addr), size, PROT_NONE, RESERVED | fixed, -1, 0);
    if (p == MAP_FAILED)
        return 0;
    if (addr && p != pointer(addr)) { /* a kernel before 4.17 took the address for a hint */
        munmap(p, size);
        errno = EEXIST;
        return 0;
    }
    return (uint64_t)(uintptr_t)p;
}

bool ml_os_unreserve(uint64_t addr, size_t size)
{
    return munmap(pointer(addr), size) == 0;
}

bool ml_os_protect(uint64_t addr, size_t size, ml_prot prot)
{
    static const int bits[] = {
        [ML_PROT_NONE] = PROT_NONE,
        [ML_PROT_R] = PROT_READ,
        [ML_PROT_RW] = PROT_READ | PROT_WRITE,
        [ML_PROT_RX] = PROT_READ | PROT_EXEC,
    };
    return mprotect(pointer(addr), size, bits[prot]) == 0;
}

bool ml_os_populate(uint64_t addr, size_t size)
{
    return madvise(pointer(addr), size, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
}

void ml_os_huge(uint64_t addr, size_t size)
{
    madvise(pointer(addr), size, MADV_HUGEPAGE);
}

void ml_os_collapse(uint64_t addr, size_t size)
{
    madvise(pointer(addr), size, MADV_COLLAPSE);
}

const char *ml_os_no_huge(void)
{
    char text[64];
    if (!ml_os_read_text("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text))
        return "the kernel has no transparent huge pages";
    if (strstr(text, "[never]"))
        return "/sys/kernel/mm/transparent_hugepage/enabled says never";
    if (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1)
        return "they are disabled for this process (PR_SET_THP_DISABLE)";
    return NULL;
}

bool ml_os_renew(uint64_t addr, size_t size)
{
    if (mmap(pointer(addr), size, PROT_NONE, RESERVED | MAP_FIXED, -1, 0) != MAP_FAILED)
        return true;
    int code = errno;
    mprotect(pointer(addr), size, PROT_NONE);
    errno = code;
    return false;
}

bool ml_os_discard(uint64_t addr, size_t size)
{
    if (madvise(pointer(addr), size, MADV_DONTNEED) == 0)
        return mprotect(pointer(addr), size, PROT_NONE) == 0;
    return ml_os_renew(addr, size); /* locked pages (mlockall) refuse MADV_DONTNEED */
}

/* Copies through a pipe: the kernel checks either side and says EFAULT where a load or store of
** ours would be a signal. For sandboxes that forbid process_vm_readv and process_vm_writev. */
static bool copy_through_pipe(const uint8_t *from, uint8_t *to, size_t len)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    bool ok = true;
    while (ok && len) {
        size_t part = len < PIPE_STEP ? len : PIPE_STEP;
        ssize_t n = write(fd[1], from, part);
        ok = n > 0 && read(fd[0], to, (size_t)n) == n;
        if (!ok)
            break;
        from += n;
        to += n;
        len -= (size_t)n;
    }
    close(fd[0]);
    close(fd[1]);
    return ok;
}

typedef ssize_t vm_copy(pid_t, const struct iovec *, unsigned long, const struct iovec *,
                        unsigned long, unsigned long);

/* Copies len bytes between `local` and `addr` by copy; false at the first byte that it refuses,
** with *forbidden set when the system does not allow the call at all. */
static bool copy_vm(vm_copy *copy, uint8_t *local, uint64_t addr, size_t len, bool *forbidden)
{
    while (len) {
        size_t part = len < ONE_COPY ? len : ONE_COPY;
        struct iovec here = {local, part}, there = {pointer(addr), part};
        ssize_t n = copy(getpid(), &here, 1, &there, 1, 0);
        *forbidden = n < 0 && (errno == EPERM || errno == ENOSYS);
        if (n <= 0)
            return false;
        local += n;
        addr += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

bool ml_os_peek(uint64_t addr, void *to, size_t len)
{
    bool forbidden = false;
    if (copy_vm(process_vm_readv, to, addr, len, &forbidden))
        return true;
    return forbidden && copy_through_pipe(pointer(addr), to, len);
}

bool ml_os_poke(uint64_t addr, const void *from, size_t len)
{
    bool forbidden = false;
    /* process_vm_writev only reads the local side: the cast gives up nothing */
    if (copy_vm(process_vm_writev, (uint8_t *)(uintptr_t)from, addr, len, &forbidden))
        return true;
    return forbidden && copy_through_pipe(from, pointer(addr), len);
}
