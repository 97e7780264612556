/* refusal.c -- place: what to say when the system refuses address space or pages.
** takes what was asked for, and errno; gives an error with the limit that was met and a way out.
** SPDX-License-Identifier: MIT */
#include "place/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MIB (UINT64_C(1) << 20)

/* A size for people: whole units, rounded up. */
typedef struct amount {
    uint64_t n;
    const char *unit;
} amount;

static amount amount_of(uint64_t bytes)
{
    bool large = bytes >= MIB;
    uint64_t unit = large ? MIB : 1024;
    return (amount){bytes / unit + (bytes % unit != 0), large ? "MiB" : "KiB"};
}

/* " (ulimit -v is 4194304 kB)", or nothing. */
static const char *limit_text(char *buf, size_t size, const char *option, uint64_t limit)
{
    buf[0] = 0;
    if (limit != UINT64_MAX)
        snprintf(buf, size, " (ulimit %s is %" PRIu64 " kB)", option, limit / 1024);
    return buf;
}

int ml_refusal_reserve(ml_diag *d, ml_zone zone, uint64_t size, int code)
{
    static const char *const hints[ML_ZONE_COUNT] = {
        [ML_ZONE_NEAR] = "load before the program maps gigabytes of its own beside its libraries",
        [ML_ZONE_LOW] = "compile with -fPIE or -fPIC: such objects need no addresses below 2 GiB",
        [ML_ZONE_FAR] = "make the arrays smaller",
    };
    char limit[64] = "", where[64] = "below 2 GiB";
    ml_limits l;
    ml_os_limits(&l);
    if (code == ENOMEM)
        limit_text(limit, sizeof limit, "-v", l.space);
    if (zone == ML_ZONE_NEAR)
        snprintf(where, sizeof where, "within 2 GiB of 0x%" PRIx64 " (the C library)",
                 ml_os_anchor());
    if (zone == ML_ZONE_FAR)
        snprintf(where, sizeof where, "for large sections");
    amount a = amount_of(size);
    return ml_fail(
        d, ML_E_SPACE, (ml_where){0}, limit[0] ? "raise ulimit -v" : hints[zone],
        "cannot reserve %" PRIu64 " %s %s: %s%s", a.n, a.unit, where,
        code == ERANGE ? "no gap between the mappings is large enough" : ml_os_error(code), limit);
}

static bool count_mapping(void *ud, const ml_mapping *m)
{
    (void)m;
    ++*(uint64_t *)ud;
    return true;
}

int ml_refusal_protect(ml_diag *d, ml_prot prot, uint64_t size, int code)
{
    static const char *const names[] = {
        [ML_PROT_NONE] = "inaccessible",
        [ML_PROT_R] = "read-only",
        [ML_PROT_RW] = "writable",
        [ML_PROT_RX] = "executable",
    };
    amount a = amount_of(size);
    if (code == EACCES && prot == ML_PROT_RX)
        return ml_fail(d, ML_E_IO, (ml_where){0},
                       "a security policy (SELinux execmem, seccomp) forbids code in memory: allow "
                       "it for this program, or link a shared library and load that",
                       "cannot make %" PRIu64 " %s executable: %s", a.n, a.unit, ml_os_error(code));
    if (code != ENOMEM)
        return ml_fail(d, ML_E_IO, (ml_where){0}, NULL, "cannot make %" PRIu64 " %s %s: %s", a.n,
                       a.unit, names[prot], ml_os_error(code));
    uint64_t count = 0;
    ml_limits l;
    char data[64];
    ml_os_mappings(count_mapping, &count);
    ml_os_limits(&l);
    limit_text(data, sizeof data, "-d", l.data);
    bool many = count + count / 8 >= l.mappings; /* else memory itself is short */
    return ml_fail(d, ML_E_SPACE, (ml_where){0},
                   many ? "load objects together instead of one by one, or raise vm.max_map_count"
                        : "make the arrays smaller, or allow more memory (ulimit -d, -v, "
                          "vm.overcommit_memory)",
                   "cannot make %" PRIu64 " %s %s: %s: %" PRIu64
                   " mappings, limit vm.max_map_count=%" PRIu64 "%s",
                   a.n, a.unit, names[prot], ml_os_error(code), count, l.mappings, data);
}

int ml_refusal_dual(ml_diag *d, uint64_t size, int code)
{
    amount a = amount_of(size);
    return ml_fail(d, ML_E_IO, (ml_where){0},
                   code == EMFILE || code == ENFILE
                       ? "close files, or raise ulimit -n: one is opened for a moment"
                       : "load with protect = \"load\", which needs no memory with two addresses",
                   "cannot map %" PRIu64 " %s of code at two addresses (memfd_create, mmap): %s",
                   a.n, a.unit, ml_os_error(code));
}

int ml_refusal_hugetlb(ml_diag *d, uint64_t size, int code)
{
    uint64_t unit = ml_os_bulk.unit, wanted = size / unit, had = 0, free = 0;
    bool known = ml_os_hugetlb(&had, &free);
    char hint[160];
    if (code != ENOMEM && !known)
        return ml_fail(d, ML_E_SPACE, (ml_where){0},
                       "load with pages = \"huge\", which needs no pages set aside",
                       "this kernel has no huge pages of %" PRIu64 " MiB to set aside: %s",
                       unit / MIB, ml_os_error(code));
    snprintf(hint, sizeof hint,
             "`sysctl vm.nr_hugepages=%" PRIu64 "` sets enough aside; pages = \"huge\" needs none",
             had + wanted - (free < wanted ? free : 0));
    return ml_fail(d, ML_E_SPACE, (ml_where){0}, hint,
                   "cannot take %" PRIu64 " huge page%s of %" PRIu64 " MiB: %" PRIu64
                   " of the %" PRIu64 " set aside (vm.nr_hugepages) are free: %s",
                   wanted, wanted == 1 ? "" : "s", unit / MIB, free, had, ml_os_error(code));
}
