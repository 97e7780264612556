/* threads.c -- os: where the other threads of this process are.
** The kernel tells next instruction and stack pointer of a thread that waits in a system call; the
** stack above is then searched for addresses that matter, as a conservative collector does: a stale
** word may count, a return address is never missed. A thread that runs tells nothing: it is looked
** at again while it has little run, and is taken to be elsewhere when it never waits.
** Spec: proc(5), /proc/pid/task/tid/syscall; gettid(2).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* gettid, opendir */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <sys/single_threaded.h>
#endif

#include "os/os.h"

/* A thread is looked at, so many nanoseconds apart, until it waits somewhere or has run for long.
** That is counted on its own clock: one that waits for a processor, on its way out of where it was,
** gets nowhere however long somebody looks. In the end patience ends all the same. */
enum { PAUSE_NS = 50000, RUN_NS = 400000, PATIENCE_NS = 1000000000 };
/* The clock of a thread's time on processors, made of its number as the C library makes it. */
enum { CPUCLOCK_SHIFT = 3, CPUCLOCK_THREAD_SCHED = 6 };
/* Words of a stack that are read at once. */
enum { CHUNK = 512 };

int64_t ml_os_thread(void)
{
    return gettid();
}

void ml_os_sleep_ns(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    nanosleep(&t, NULL);
}

/* Each thread is a folder in there: a link more, beside the two that every folder has. */
uint64_t ml_os_thread_count(void)
{
    struct stat st;
    return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2 ? (uint64_t)st.st_nlink - 2 : 0;
}

/* May be false for a process that had other threads once. */
static bool single_threaded(void)
{
#ifdef __GLIBC__
    return __libc_single_threaded;
#else
    return false;
#endif
}

/* The question of ml_os_threads. */
typedef struct question {
    bool (*matters)(void *ud, uint64_t addr);
    void *ud;
} question;

typedef struct stack {
    uint64_t sp, end;
} stack;

static bool find_end(void *ud, const ml_mapping *m)
{
    stack *s = ud;
    if (s->sp < m->start || s->sp >= m->end)
        return true;
    s->end = m->end;
    return false;
}

/* Does the stack from sp on hold an address that matters? */
static bool on_stack(const question *q, uint64_t sp)
{
    stack s = {sp & ~UINT64_C(7), 0};
    uint64_t words[CHUNK];
    bool found = false;
    ml_os_mappings(find_end, &s);
    for (uint64_t at = s.sp; at < s.end; at += sizeof words) {
        size_t n = s.end - at < sizeof words ? (size_t)(s.end - at) : sizeof words;
        if (!ml_os_peek(at, words, n))
            break;
        for (size_t i = 0; i < n / sizeof *words; i++)
            found |= q->matters(q->ud, words[i]);
    }
    return found;
}

bool ml_os_own_stack(bool (*matters)(void *ud, uint64_t addr), void *ud)
{
    const question q = {matters, ud};
    return on_stack(&q, (uint64_t)(uintptr_t)__builtin_frame_address(0));
}

typedef enum look { AWAY, INSIDE, RUNNING } look;

/* The line is "running", "-1 SP PC", or "NUMBER ARG1 .. ARG6 SP PC": two words end it. */
static look look_at(const char *thread, const question *q)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/syscall", thread);
    if (ml_os_read_text(path, text, sizeof text) == 0)
        return AWAY; /* it has ended, or the system does not tell */
    if (strncmp(text, "running", 7) == 0)
        return RUNNING;
    text[strcspn(text, "\n")] = 0;
    char *pc = strrchr(text, ' ');
    if (!pc)
        return AWAY;
    *pc++ = 0;
    const char *sp = strrchr(text, ' ');
    if (!sp)
        return AWAY;
    bool inside = q->matters(q->ud, strtoull(pc, NULL, 16));
    inside |= on_stack(q, strtoull(sp + 1, NULL, 16));
    return inside ? INSIDE : AWAY;
}

/* Nanoseconds that a thread has run; 0 when it has ended. */
static uint64_t run_time(int64_t id)
{
    struct timespec t;
    clockid_t clock = (clockid_t)(~(uint32_t)id << CPUCLOCK_SHIFT | CPUCLOCK_THREAD_SCHED);
    if (clock_gettime(clock, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_inside(const char *thread, int64_t id, const question *q)
{
    look l = look_at(thread, q);
    if (l != RUNNING)
        return l == INSIDE;
    uint64_t ran = run_time(id), from = ml_os_now_ns();
    do {
        ml_os_sleep_ns(PAUSE_NS);
        l = look_at(thread, q);
    } while (l == RUNNING && run_time(id) - ran < RUN_NS && ml_os_now_ns() - from < PATIENCE_NS);
    return l == INSIDE;
}

void ml_os_threads(bool (*matters)(void *ud, uint64_t addr), void (*inside)(void *ud, int64_t id),
                   void *ud)
{
    const question q = {matters, ud};
    DIR *dir = single_threaded() ? NULL : opendir("/proc/self/task");
    if (!dir)
        return;
    const struct dirent *e;
    while ((e = readdir(dir))) {
        int64_t id = strtoll(e->d_name, NULL, 10);
        if (id != 0 && id != ml_os_thread() && is_inside(e->d_name, id, &q))
            inside(ud, id);
    }
    closedir(dir);
}
