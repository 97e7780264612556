/* unwind_objects_test.c -- what libgcc notes of unwind tables, and when it is looked at or used again;
** run by unwinders_spec.lua.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "unwind_tables.h"

static unsigned long callocs;
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    callocs++;
    return __real_calloc(n, size);
}

/* libgcc has read a table and kept none of it: it takes a start whose low half (of four bytes) is 0
** for one of code that is not there. What comes after that it must hear of. */
static void nothing_kept(const char *unused)
{
    (void)unused;
    enum { CODE = 4096 };
    void *bases[3];
    const uint64_t first = UINT64_C(0x3000) << 32;
    uint8_t *code = mmap((void *)first, 2 * CODE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK((uint64_t)(uintptr_t)code == first);
    /* counted from its own place, in four bytes */
    static const uint8_t start_of_table[] = {
        16, 0, 0,    0, 0, 0, 0,  0, 1, 'z', 'R', 0, 1, 0x78,
        16, 1, 0x1b, 0, 0, 0, 16, 0, 0, 0,   24,  0, 0, 0,
    };
    uint8_t *t = code + CODE;
    memcpy(t, start_of_table, sizeof start_of_table);
    const int32_t from_there = -(int32_t)(CODE + sizeof start_of_table), size = 64;
    memcpy(t + sizeof start_of_table, &from_there, 4);
    memcpy(t + sizeof start_of_table + 4, &size, 4);
    table other = table_for(first + 64);
    ml_library gcc = opened("libgcc_s.so.1");
    find_fde *find = (find_fde *)(uintptr_t)found(&gcc, "_Unwind_Find_FDE").addr;
    ml_unwinders *w = ml_unwinders_new();
    ml_unwind reg[2];
    ml_unwinders_refresh(w);
    tell(w, t, first, 1, &reg[0]);
    find(code + 10, bases); /* somebody throws */
    tell(w, &other, other.start, 1, &reg[1]);
    CHECK(find(code + 70, bases));
    ml_unwind_unregister(&reg[0]);
    CHECK(find(code + 70, bases));
    ml_unwind_unregister(&reg[1]);
    CHECK(!find(code + 70, bases));
    ml_unwinders_free(w);
    ml_library_close(&gcc);
}

/* Many tables come and go; what libgcc has not looked at needs no memory. */
static void come_and_go(const char *unused)
{
    (void)unused;
    enum { N = 600 };
    static char code[N][64];
    static table t[N];
    static ml_unwind reg[N];
    ml_library gcc = opened("libgcc_s.so.1");
    ml_unwinders *w = ml_unwinders_new();
    CHECK(w);
    ml_unwinders_refresh(w);
    unsigned long before = callocs;
    for (unsigned k = 0; k < 20 * N; k++) {
        unsigned i = k % N;
        ml_unwind_unregister(&reg[i]);
        t[i] = table_for((uint64_t)(uintptr_t)code[i]);
        tell(w, &t[i], t[i].start, 1, &reg[i]);
    }
    for (unsigned i = 0; i < N; i++)
        ml_unwind_unregister(&reg[i]);
    CHECK(callocs - before <= 40);
    ml_unwinders_free(w);
    ml_library_close(&gcc);
}

static void come_and_go_beside(const char *unused)
{
    beside(come_and_go, unused);
}

/* The clock is set back by as much: a thread that has looked at it, and goes on when others have. */
static uint64_t set_back;
uint64_t __real_ml_os_now_ns(void);
uint64_t __wrap_ml_os_now_ns(void);

uint64_t __wrap_ml_os_now_ns(void)
{
    return __real_ml_os_now_ns() - set_back;
}

/* What began to wait after a thread has looked at the clock has not waited for long. */
static void wait_anew(const char *unused)
{
    (void)unused;
    enum { N = 5 };
    static char code[N][64];
    static table t[N];
    void *bases[3];
    ml_unwind reg[N];
    ml_library gcc = opened("libgcc_s.so.1");
    find_fde *find = (find_fde *)(uintptr_t)found(&gcc, "_Unwind_Find_FDE").addr;
    ml_unwinders *w = ml_unwinders_new();
    CHECK(w);
    ml_unwinders_refresh(w);
    unsigned long before = 0;
    for (unsigned i = 0; i < N; i++) { /* the first three are told with objects of the run, */
        before = i == 3 ? callocs : before;
        set_back = i * (uint64_t)100000000;
        t[i] = table_for((uint64_t)(uintptr_t)code[i]);
        tell(w, &t[i], t[i].start, 1, &reg[i]);
        CHECK(find(code[i] + 10, bases));
    }
    CHECK(callocs - before == 2); /* and each of the others needs another one */
    set_back = 0;
    for (unsigned i = 0; i < N; i++)
        ml_unwind_unregister(&reg[i]);
    ml_unwinders_free(w);
    ml_library_close(&gcc);
}

static void wait_anew_beside(const char *unused)
{
    beside(wait_anew, unused);
}

/* ---- other threads look up meanwhile ---- */

enum { UNITS = 3000, CODE = 64, CHANGES = 150000, LOOKERS = 3 };
static char code_of_all[UNITS][CODE];
static table table_of_all[UNITS];
static find_fde *look_up;
static atomic_bool stop;

/* Units with even numbers stay. */
static void *look(void *seed)
{
    unsigned s = (unsigned)(uintptr_t)seed;
    void *bases[3];
    while (!stop) {
        unsigned i = (unsigned)rand_r(&s) % UNITS & ~1u;
        CHECK(look_up(code_of_all[i] + 1, bases) == &table_of_all[i].fde_length);
        CHECK(bases[2] == code_of_all[i]);
    }
    return NULL;
}

static void looked_up(const char *unused)
{
    (void)unused;
    static ml_unwind all[UNITS];
    pthread_t threads[LOOKERS];
    unsigned s = 1;
    ml_library gcc = opened("libgcc_s.so.1");
    look_up = (find_fde *)(uintptr_t)found(&gcc, "_Unwind_Find_FDE").addr;
    ml_unwinders *w = ml_unwinders_new();
    CHECK(w);
    ml_unwinders_refresh(w);
    for (unsigned i = 0; i < UNITS; i++) {
        uint64_t start = (uint64_t)(uintptr_t)code_of_all[i];
        table_of_all[i] = table_for(start);
        tell(w, &table_of_all[i], start, 1, &all[i]);
    }
    for (uintptr_t k = 0; k < LOOKERS; k++)
        CHECK(pthread_create(&threads[k], NULL, look, (void *)(k + 1)) == 0);
    for (unsigned k = 0; k < CHANGES; k++) {
        unsigned i = (unsigned)rand_r(&s) % UNITS | 1;
        uint64_t start = (uint64_t)(uintptr_t)code_of_all[i];
        if (all[i].with) {
            ml_unwind_unregister(&all[i]);
            memset(&table_of_all[i], 0xa5, sizeof table_of_all[i]); /* as its memory is no more */
            continue;
        }
        table_of_all[i] = table_for(start);
        tell(w, &table_of_all[i], start, 1, &all[i]);
    }
    stop = true;
    for (unsigned k = 0; k < LOOKERS; k++)
        CHECK(pthread_join(threads[k], NULL) == 0);
    for (unsigned i = 0; i < UNITS; i++)
        ml_unwind_unregister(&all[i]);
    ml_unwinders_free(w);
    ml_library_close(&gcc);
}

int main(int argc, char **argv)
{
    static const test tests[] = {
        {"nothing_kept", nothing_kept},
        {"come_and_go_beside", come_and_go_beside},
        {"wait_anew_beside", wait_anew_beside},
        {"looked_up", looked_up},
    };
    ml_diag_init(&diag);
    int status = run_test(tests, sizeof tests / sizeof *tests, argc, argv);
    ml_diag_free(&diag);
    ml_arena_free(&arena);
    return status;
}
