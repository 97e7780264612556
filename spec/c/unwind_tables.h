/* unwind_tables.h -- what the C programs share that tell unwinders of tables, which they make.
** SPDX-License-Identifier: MIT */
#ifndef ML_SPEC_UNWIND_TABLES_H
#define ML_SPEC_UNWIND_TABLES_H

#include <dlfcn.h>
#include <pthread.h>

#include "check.h"
#include "process/process.h"
#include "process/unwind.h"

static ml_diag diag;
static ml_arena arena;

static ml_library opened(const char *name)
{
    ml_library lib;
    GOOD(&diag, ml_library_open(&diag, &arena, name, &lib));
    return lib;
}

static ml_provided found(const ml_library *lib, const char *name)
{
    ml_provided p;
    CHECK(ml_library_find(lib, name, NULL, &p));
    CHECK(!dlerror());
    return p;
}

/* One CIE and one FDE with absolute addresses (no augmentation), and the end. */
typedef struct table {
    uint32_t cie_length, cie_id;
    uint8_t cie[8]; /* version, "", code and data alignment, return address, no instruction */
    uint32_t fde_length, fde_cie;
    uint64_t start, size;
    uint32_t end;
} __attribute__((packed)) table;

static table table_for(uint64_t start)
{
    return (table){12, 0, {1, 0, 1, 0x78, 16}, 20, 20, start, 64, 0};
}

/* Tells of a table at an address whose code, of 64 bytes, begins at `start`. */
static void tell(ml_unwinders *w, const void *at, uint64_t start, uint64_t home, ml_unwind *out)
{
    const ml_unwind_table told = {
        .at = (uint64_t)(uintptr_t)at, .code = start, .size = 64, .home = home, .entries = 1};
    CHECK(ml_unwind_register(w, &told, out));
}

typedef const void *find_fde(void *pc, void *bases);

static void *wait_for_end(void *mutex)
{
    pthread_mutex_lock(mutex);
    return NULL;
}

/* Runs it beside another thread. */
static void beside(void (*run)(const char *), const char *arg)
{
    static pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    pthread_mutex_lock(&end);
    CHECK(pthread_create(&thread, NULL, wait_for_end, &end) == 0);
    run(arg);
    pthread_mutex_unlock(&end);
    CHECK(pthread_join(thread, NULL) == 0);
}

#endif
