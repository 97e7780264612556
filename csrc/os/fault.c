/* fault.c -- os: the n-th call fails. Part of the build of `make fault` alone.
** takes: calls that the linker turned from name to __wrap_name; gives: the real call's result, or
** the failure of fault.def.
** Invariant: while nothing is armed every call is passed on unchanged.
** The state is one per process, as the calls are; the specs that use it have one thread.
** Spec: ld(1), "--wrap=symbol".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "os/fault.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

static struct {
    unsigned n, kinds, hits;
    bool onwards;
    const char *failed;
    long blocks;
} fault;

void ml_fault_arm(unsigned n, unsigned kinds, bool onwards)
{
    fault.n = n;
    fault.kinds = kinds;
    fault.onwards = onwards;
    fault.hits = 0;
    fault.failed = NULL;
}

const char *ml_fault_disarm(void)
{
    fault.kinds = 0;
    return fault.failed;
}

unsigned ml_fault_hits(void)
{
    return fault.hits;
}

long ml_fault_blocks(void)
{
    return fault.blocks;
}

static bool fails(unsigned kind, const char *name)
{
    if (!(fault.kinds & kind))
        return false;
    fault.hits++;
    if (fault.hits != fault.n && !(fault.onwards && fault.hits > fault.n))
        return false;
    if (!fault.failed)
        fault.failed = name;
    return true;
}

#define ALLOC ML_FAULT_ALLOC
#define MAP ML_FAULT_MAP
#define FILES ML_FAULT_FILE
#define LIBRARY ML_FAULT_LIBRARY
#define UNDO ML_FAULT_UNDO
/* One function per row. */
#define OWN(kind, name)
#define CALL(kind, name, result, params, args, failure)                                            \
    result __real_##name params;                                                                   \
    result __wrap_##name params;                                                                   \
    result __wrap_##name params                                                                    \
    {                                                                                              \
        return fails(kind, #name) ? failure : __real_##name args;                                  \
    }
#include "os/fault.def"
#undef CALL
#undef OWN

/* Memory is also counted, to find what a failed operation forgot. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

void *__wrap_malloc(size_t size)
{
    void *p = fails(ALLOC, "malloc") ? NULL : __real_malloc(size);
    fault.blocks += p != NULL;
    return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *p = fails(ALLOC, "calloc") ? NULL : __real_calloc(n, size);
    fault.blocks += p != NULL;
    return p;
}

void *__wrap_realloc(void *p, size_t size)
{
    bool is_new = !p;
    void *to = fails(ALLOC, "realloc") ? NULL : __real_realloc(p, size);
    fault.blocks += is_new && to;
    return to;
}

void __wrap_free(void *p)
{
    fault.blocks -= p != NULL;
    __real_free(p);
}
