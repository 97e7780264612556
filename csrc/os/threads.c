/* threads.c -- os: where the other threads of this process are.
** takes a question about addresses; gives the threads that are, or may come back, where it matters.
** The kernel tells next instruction and stack pointer of a thread that waits in a system call; one
** that runs is asked by a signal (ask.h), so that nobody who waits is disturbed. The stack above is
** then searched for addresses that matter, as a conservative collector does: a stale word may
** count, a return address is never missed.
** Spec: proc(5), /proc/pid/task/tid/syscall; gettid(2); get_robust_list(2).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* gettid, opendir */
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <sys/single_threaded.h>
#endif

#include "base/arena.h"
#include "os/ask.h"
#include "os/os.h"

/* A thread that runs is looked at again after so many nanoseconds: it may wait by then. One that
** blocks signals is looked at as often until it has run for long, counted on its own clock: one
** that waits for a processor, on its way out of where it was, gets nowhere however long somebody
** looks. In the end patience ends all the same. */
enum { PAUSE_NS = 50000, RUN_NS = 400000, PATIENCE_NS = 1000000000 };
/* The clock of a thread's time on processors, made of its number as the C library makes it. */
enum { CPUCLOCK_SHIFT = 3, CPUCLOCK_THREAD_SCHED = 6 };

int64_t ml_os_thread(void)
{
    return gettid();
}

_Thread_local ml_own ml_os_own;
static _Atomic(uint64_t) numbers; /* that were given: nothing else is ordered by it */

const ml_own *ml_os_begin_own(void)
{
    ml_os_own.error = &errno;
    ml_os_own.number = atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed) + 1;
    return &ml_os_own;
}

void ml_os_sleep_ns(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    syscall(SYS_nanosleep, &t, NULL); /* no cancellation point: who waits may be in the middle */
}

/* Each thread is a folder in there: a link more, beside the two that every folder has. */
uint64_t ml_os_thread_count(void)
{
    struct stat st;
    return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2 ? (uint64_t)st.st_nlink - 2 : 0;
}

bool ml_os_single_threaded(void)
{
#ifdef __GLIBC__
    return __libc_single_threaded;
#else
    return false;
#endif
}

enum { PAGE = 4096 }; /* bytes that are read at once: never across the end of a mapping */

/* The question of ml_os_threads. What is read of a stack does not lie on one: it would be taken for
** the reader's own by another thread that asks. */
typedef struct question {
    bool (*matters)(void *ud, uint64_t addr);
    void *ud;
    uint64_t *words; /* room for a page */
} question;

/* ---- stacks ---- */

/* Note [A thread's own stack]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~
** The C library keeps a thread's description at the upper end of its stack, and tells the system
** the address of a list in it; the first thread's stack ends with what the system put there, its
** random bytes for instance. So a stack is known without the list of mappings, and a thread whose
** stack pointer is elsewhere (in a coroutine, in a handler with a stack of its own) is known to
** have frames on both. Where on its own stack such a thread was is not known: all of it is
** searched. */

enum { TAIL = 2048 };    /* of the description, in which the thread's function stands */
enum { NEAR = 1 << 20 }; /* a stack of so many bytes is read without a look at the mappings */
enum { FAR = 64 << 20 }; /* and of an own stack that is left, not more than this */

/* An address at the upper end of a thread's own stack; 0: not known. */
static uint64_t own_stack(int64_t id)
{
    if (id == getpid())
        return getauxval(AT_RANDOM);
    void *list = NULL;
    size_t size = 0;
    bool known = syscall(SYS_get_robust_list, (pid_t)id, &list, &size) == 0;
    return known ? (uint64_t)(uintptr_t)list : 0;
}

/* Is there an address that matters from one address up to another? *end: where reading ended. */
static bool search(const question *q, uint64_t from, uint64_t to, uint64_t *end)
{
    uint64_t *words = q->words, at = from & ~UINT64_C(7);
    while (at < to) {
        size_t n = PAGE - at % PAGE;
        if (!ml_os_peek(at, words, n))
            break;
        for (size_t i = 0; i < n / sizeof *words && at + i * sizeof *words < to; i++)
            if (q->matters(q->ud, words[i]))
                return true;
        at += n;
    }
    *end = at;
    return false;
}

typedef struct stacks {
    uint64_t sp, end;        /* the one that is in use */
    uint64_t own, own_start; /* the thread's own */
} stacks;

static bool find_stacks(void *ud, const ml_mapping *m)
{
    stacks *s = ud;
    if (s->sp >= m->start && s->sp < m->end)
        s->end = m->end;
    if (s->own >= m->start && s->own < m->end)
        s->own_start = m->start;
    return true;
}

/* Does the stack from sp on hold an address that matters? See Note [A thread's own stack]. */
static bool on_stack(const question *q, int64_t id, uint64_t sp)
{
    stacks s = {.sp = sp, .own = own_stack(id)};
    uint64_t end = 0;
    if (s.own >= sp && s.own - sp <= NEAR) {
        if (search(q, sp, s.own + TAIL, &end))
            return true;
        if (end > s.own)
            return false;
    }
    ml_os_mappings(find_stacks, &s);
    bool one = sp >= s.own_start && sp < s.own;
    if (s.end && search(q, sp, one ? s.own + TAIL : s.end, &end))
        return true;
    if (one || !s.own_start)
        return false;
    uint64_t start = s.own - s.own_start > FAR ? s.own - FAR : s.own_start;
    return search(q, start, s.own + TAIL, &end);
}

bool ml_os_own_stack(bool (*matters)(void *ud, uint64_t addr), void *ud)
{
    uint64_t words[PAGE / sizeof(uint64_t)];
    const question q = {matters, ud, words};
    return on_stack(&q, ml_os_thread(), (uint64_t)(uintptr_t)__builtin_frame_address(0));
}

/* ---- one thread ---- */

typedef enum look { AWAY, INSIDE, RUNNING, BLOCKS, SILENT } look;

/* Nanoseconds that a thread has run; false when it has ended. */
static bool run_time(int64_t id, uint64_t *out)
{
    struct timespec t;
    clockid_t clock = (clockid_t)(~(uint32_t)id << CPUCLOCK_SHIFT | CPUCLOCK_THREAD_SCHED);
    if (clock_gettime(clock, &t) != 0)
        return false;
    *out = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    return true;
}

/* The line is "running", "-1 SP PC", or "NUMBER ARG1 .. ARG6 SP PC": two words end it. */
static look look_at(int64_t id, const question *q)
{
    char path[64], text[256];
    uint64_t ran, runs;
    if (!run_time(id, &ran))
        return AWAY;
    if (ml_ask_holds(id))
        return RUNNING;
    snprintf(path, sizeof path, "/proc/self/task/%lld/syscall", (long long)id);
    if (ml_os_read_text(path, text, sizeof text) ==
        0) /* it has ended, or the system does not tell */
        return run_time(id, &runs) ? RUNNING : AWAY;
    text[strcspn(text, "\n")] = 0;
    char *pc = strrchr(text, ' ');
    if (!pc)
        return RUNNING;
    *pc++ = 0;
    const char *word = strrchr(text, ' ');
    uint64_t sp = word ? strtoull(word + 1, NULL, 16) : 0;
    if (!sp)
        return AWAY; /* it has no stack any more */
    if (q->matters(q->ud, strtoull(pc, NULL, 16)) || on_stack(q, id, sp))
        return INSIDE;
    if (!run_time(id, &runs))
        return AWAY;
    return runs == ran ? AWAY : RUNNING; /* else it was somewhere else while we were looking */
}

/* ---- those that run ---- */

/* Another thread. */
typedef struct seat {
    int64_t id;
    look look;
} seat;

typedef struct asking {
    const question *q;
    seat **seats; /* by number of the thread that is asked */
} asking;

static void see_stance(void *ud, size_t i, const ml_stance *at)
{
    const asking *a = ud;
    const question *q = a->q;
    bool inside = q->matters(q->ud, at->pc);
    for (size_t k = 0; k < sizeof at->kept / sizeof *at->kept; k++)
        inside = inside || q->matters(q->ud, at->kept[k]);
    inside = inside || on_stack(q, a->seats[i]->id, at->sp);
    a->seats[i]->look = inside ? INSIDE : AWAY;
}

/* Asks those that run of at most ML_ASK_MOST seats. */
static void ask_running(const question *q, seat *seats, size_t n)
{
    ml_asked who[ML_ASK_MOST];
    seat *asked[ML_ASK_MOST];
    size_t many = 0;
    for (size_t i = 0; i < n; i++) {
        if (seats[i].look != RUNNING)
            continue;
        who[many] = (ml_asked){.id = seats[i].id};
        asked[many++] = &seats[i];
    }
    asking a = {q, asked};
    if (many)
        ml_ask(who, many, see_stance, &a);
    for (size_t i = 0; i < many; i++) {
        if (who[i].answer == ML_ANSWER_ENDED)
            asked[i]->look = AWAY;
        else if (who[i].answer != ML_ANSWER_GIVEN)
            asked[i]->look = who[i].answer == ML_ANSWER_BLOCKS ? BLOCKS : SILENT;
    }
}

/* One that blocks signals may do so for a moment only, and may wait for something soon. */
static void look_longer(const question *q, seat *s)
{
    uint64_t ran = 0, runs = 0, from = ml_os_now_ns();
    look blocks = s->look;
    run_time(s->id, &ran);
    do {
        ml_os_sleep_ns(PAUSE_NS);
        s->look = look_at(s->id, q);
        if (s->look == RUNNING && blocks == BLOCKS)
            ask_running(q, s, 1);
        if (s->look != BLOCKS && s->look != RUNNING)
            return;
    } while (run_time(s->id, &runs) && runs - ran < RUN_NS && ml_os_now_ns() - from < PATIENCE_NS);
    s->look = blocks;
}

static void look_at_all(const question *q, seat *seats, size_t n)
{
    bool running = false;
    for (size_t i = 0; i < n; i++) {
        seats[i].look = look_at(seats[i].id, q);
        running |= seats[i].look == RUNNING;
    }
    if (!running)
        return;
    ml_os_sleep_ns(PAUSE_NS);
    for (size_t i = 0; i < n; i++)
        if (seats[i].look == RUNNING)
            seats[i].look = look_at(seats[i].id, q);
    for (size_t i = 0; i < n; i += ML_ASK_MOST)
        ask_running(q, seats + i, n - i < ML_ASK_MOST ? n - i : ML_ASK_MOST);
    for (size_t i = 0; i < n; i++)
        if (seats[i].look == BLOCKS || seats[i].look == SILENT)
            look_longer(q, &seats[i]);
}

/* A thread that looks at stacks itself, for another linker, has a word of them on its own for a
** moment: who was found by that alone is not found twice. */
static void look_again(const question *q, seat *seats, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= seats[i].look == INSIDE;
    if (!any)
        return;
    ml_os_sleep_ns(PAUSE_NS);
    for (size_t i = 0; i < n; i++) {
        if (seats[i].look != INSIDE)
            continue;
        seats[i].look = look_at(seats[i].id, q);
        if (seats[i].look == RUNNING)
            ask_running(q, &seats[i], 1);
        if (seats[i].look != AWAY)
            seats[i].look = INSIDE;
    }
}

/* ---- all of them ---- */

typedef struct seats {
    seat *v;
    uint32_t n, room;
} seats;

/* Adds the threads that are not there yet; false when they cannot be listed now. The system lists
** them in one order, so that a thread is searched for from where the last one was. */
static bool add_threads(seats *s)
{
    DIR *dir = opendir("/proc/self/task");
    if (!dir)
        return errno == ENOENT || errno == EACCES; /* the system does not tell at all */
    const struct dirent *e;
    uint32_t known = s->n, at = 0;
    bool room = true;
    while (room && (e = readdir(dir))) {
        int64_t id = strtoll(e->d_name, NULL, 10);
        uint32_t i = 0;
        while (i < known && s->v[(at + i) % known].id != id)
            i++;
        if (i < known)
            at = (at + i + 1) % known;
        else if (id != 0 && id != ml_os_thread() && (room = ML_ROOM(s->v, s->n, s->room)))
            s->v[s->n++] = (seat){.id = id};
    }
    closedir(dir);
    return room;
}

/* A thread that was looked at may have started another one before, and have left: whoever came
** meanwhile is looked at, too. */
void ml_os_threads(bool (*matters)(void *ud, uint64_t addr),
                   void (*found)(void *ud, const ml_thread *t), void *ud)
{
    static const ml_thread unknown = {0, ML_THREAD_SILENT};
    if (ml_os_single_threaded())
        return;
    const question q = {matters, ud, ml_heap_grow(NULL, PAGE, 1)};
    seats s = {0};
    uint32_t from = 0;
    bool all = false;
    while (q.words && (all = add_threads(&s)) && s.n > from) {
        look_at_all(&q, s.v + from, s.n - from);
        from = s.n;
    }
    look_again(&q, s.v, from);
    for (uint32_t i = 0; i < from; i++) {
        ml_thread t = {s.v[i].id, ML_THREAD_INSIDE};
        if (s.v[i].look == AWAY)
            continue;
        if (s.v[i].look != INSIDE)
            t.state = s.v[i].look == BLOCKS ? ML_THREAD_BLOCKS : ML_THREAD_SILENT;
        found(ud, &t);
    }
    if (!all)
        found(ud, &unknown);
    ml_heap_free(s.v);
    ml_heap_free(q.words);
}
