/* ask.c -- os: asks running threads where they are, by a signal.
** takes numbers of threads; gives each one's next instruction, stack pointer and kept registers,
** while it stands still. See Note [Asking by a signal].
** Spec: signal(7), rt_tgsigqueueinfo(2), futex(2), proc(5); x86-64 psABI 3.2.1 "Registers".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* syscall, REG_RBX */
#include "os/ask.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "os/os.h"
#include "os/signals.h"

/* Note [Asking by a signal]
** ~~~~~~~~~~~~~~~~~~~~~~~~~
** A real-time signal that nobody uses (default action, not blocked by those who are asked) gets a
** handler for as long as somebody asks. The handler writes down where its thread was and waits; the
** asker looks, and lets it go. What a signal does is a matter of the whole process, so the board on
** which answers stand is one, and one thread asks at a time.
**   Nothing of it may depend on an answer that does not come. A thread may have taken the signal
** and run its handler long after the asker gave up: the board is never freed, and the value that
** the signal carries names a round, which is over by then. A signal that was not taken must not
** meet the default action, which is to end the process: ignoring it for a moment throws away what
** is pending. A thread that waits for an asker who is gone goes on by itself when its LEASE is
** over.
**   The lock is the number of the process that holds it: in a child of fork, which has only the
** thread that forked, nobody will open the lock of the parent's asker. */

enum { LOOK_NS = 1000000, PATIENCE_NS = 2000000000, LEAVE_NS = 3000000, LEASE_S = 3 };
/* That many looks at least: time may pass while a debugger has stopped us all. */
enum { LOOKS = 200 };

/* More than can be asked at once: some may be held by threads that earlier askers gave up. */
enum { SLOTS = 2 * ML_ASK_MOST };

/* A slot holds the number of its round and one of these. */
enum { FREE, SENT, TAKEN, PARKED, RELEASED, PHASES };
enum { ROUNDS = UINT32_MAX / PHASES };

typedef struct slot {
    _Atomic uint32_t state;
    _Atomic int64_t id; /* of the thread */
    ml_stance stance;   /* while PARKED */
} slot;

static struct {
    _Atomic int64_t holder; /* the process whose thread asks; 0: nobody */
    uint32_t round;         /* the holder's */
    int last;               /* signal; 0: none yet */
    _Atomic uint32_t answers;
    slot slots[SLOTS];
} board;

static uint32_t state_of(uint32_t round, uint32_t phase)
{
    return round * PHASES + phase;
}

static bool change(slot *s, uint32_t round, uint32_t from, uint32_t to)
{
    uint32_t expected = state_of(round, from);
    return atomic_compare_exchange_strong(&s->state, &expected, state_of(round, to));
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value, struct timespec timeout)
{
    syscall(SYS_futex, (void *)word, FUTEX_WAIT_PRIVATE, value, &timeout, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, (void *)word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- the thread that is asked ---- */

#ifdef __x86_64__

static void kept_registers(const void *context, uint64_t *kept)
{
    static const int numbers[] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};
    const greg_t *r = ((const ucontext_t *)context)->uc_mcontext.gregs;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        kept[i] = (uint64_t)r[numbers[i]];
}

#else

static void kept_registers(const void *context, uint64_t *kept)
{
    (void)context, (void)kept;
}

#endif

static void take_stance(const void *context, ml_stance *out)
{
    ml_signal_registers r;
    ml_signals_registers(context, &r);
    *out = (ml_stance){.pc = r.pc, .sp = r.sp};
    kept_registers(context, out->kept);
    uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
#ifdef __SANITIZE_THREAD__
    out->sp = here; /* handlers run late, when the stack is no more what the context says */
#else
    out->sp = out->sp ? out->sp : here;
#endif
}

/* Async-signal-safe, and takes little of a stack that may be small. */
static void on_ask(int number, siginfo_t *info, void *context)
{
    (void)number;
    uint64_t value = (uint64_t)(uintptr_t)info->si_value.sival_ptr;
    uint32_t round = (uint32_t)(value / SLOTS);
    slot *s = &board.slots[value % SLOTS];
    int saved = errno;
    if (info->si_code == SI_QUEUE && info->si_pid == getpid() && change(s, round, SENT, TAKEN)) {
        take_stance(context, &s->stance);
        atomic_store(&s->state, state_of(round, PARKED));
        atomic_fetch_add(&board.answers, 1);
        futex_wake(&board.answers);
        struct timespec from, now = {0};
        clock_gettime(CLOCK_MONOTONIC, &from);
        do {
            futex_wait(&s->state, state_of(round, PARKED), (struct timespec){LEASE_S, 0});
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while (atomic_load(&s->state) == state_of(round, PARKED) &&
                 now.tv_sec - from.tv_sec < LEASE_S);
        if (!change(s, round, PARKED, FREE)) /* whose lease is over, or who was released */
            change(s, round, RELEASED, FREE);
    }
    errno = saved;
}

/* ---- the signal ---- */

typedef struct ear {
    int number; /* of the signal; 0: none is free */
    struct sigaction before;
} ear;

static bool is_ours(const struct sigaction *a)
{
    return a->sa_flags & SA_SIGINFO && a->sa_sigaction == on_ask;
}

static uint64_t bit_of(int number)
{
    return UINT64_C(1) << (number - 1);
}

static bool listen(ear *e, int number)
{
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    ours.sa_sigaction = on_ask;
    sigemptyset(&ours.sa_mask);
    if (sigaction(number, NULL, &e->before) < 0)
        return false;
    if (is_ours(&e->before)) /* left by an asker whose child we are */
        e->before = (struct sigaction){.sa_handler = SIG_DFL};
    if (e->before.sa_flags & SA_SIGINFO || e->before.sa_handler != SIG_DFL ||
        sigaction(number, &ours, NULL) < 0)
        return false;
    e->number = number;
    return true;
}

/* Takes a free signal that is not among the blocked ones; else one that not all of them block. */
static void choose(ear *e, uint64_t blocked, uint64_t by_all)
{
    const uint64_t avoid[] = {blocked, by_all};
    for (int k = 0; k < 2; k++)
        for (int number = SIGRTMAX; number >= SIGRTMIN; number--)
            if (!(avoid[k] & bit_of(number)) && listen(e, number))
                return;
}

static void listen_no_more(const ear *e)
{
    struct sigaction now, none = {.sa_handler = SIG_IGN};
    if (sigaction(e->number, NULL, &now) < 0 || !is_ours(&now))
        return; /* somebody else has taken it meanwhile */
    sigaction(e->number, &none, NULL);
    sigaction(e->number, &e->before, NULL);
}

/* Real-time signals begin with this one; those before SIGRTMIN are the C library's own. */
enum { FIRST_RT = 32 };

/* Signals that a thread blocks; *ended: it has no more life in it. The C library blocks all of them
** now and then, its own too, which programs cannot; a thread that was asked before may be about to
** leave the handler: that will be over soon, and does not count. */
static uint64_t blocked_by(int64_t id, bool *ended)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%lld/status", (long long)id);
    size_t n = ml_os_read_text(path, text, sizeof text);
    const char *state = strstr(text, "\nState:\t"), *mask = strstr(text, "\nSigBlk:\t");
    *ended = n == 0 ? syscall(SYS_tgkill, getpid(), (pid_t)id, 0) < 0
                    : state && (state[8] == 'Z' || state[8] == 'X');
    uint64_t set = n && mask ? strtoull(mask + 9, NULL, 16) : 0;
    if (board.last && set == bit_of(board.last))
        return 0;
    return set & (bit_of(SIGRTMIN) - bit_of(FIRST_RT)) ? 0 : set;
}

static bool send(int64_t id, int number, uint32_t round, size_t index)
{
    siginfo_t info = {.si_signo = number, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = (void *)(uintptr_t)((uint64_t)round * SLOTS + index);
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)id, number, &info) == 0;
}

/* ---- the asker ---- */

static bool take_board(void)
{
    int64_t self = getpid(), other = 0;
    uint64_t from = ml_os_now_ns();
    while (!atomic_compare_exchange_strong(&board.holder, &other, self)) {
        if (other != self && atomic_compare_exchange_strong(&board.holder, &other, self)) {
            for (int i = 0; i < SLOTS; i++)
                atomic_store(&board.slots[i].state, FREE);
            break;
        }
        other = 0;
        if (ml_os_now_ns() - from > 3 * (uint64_t)PATIENCE_NS)
            return false;
        ml_os_sleep_ns(LOOK_NS / 20);
    }
    board.round = board.round % (ROUNDS - 1) + 1;
    return true;
}

/* Lets somebody go for whom an earlier asker had no more patience. */
static bool is_vacant(slot *s)
{
    uint32_t state = atomic_load(&s->state);
    if (state % PHASES == PARKED && change(s, state / PHASES, PARKED, RELEASED))
        futex_wake(&s->state);
    return atomic_load(&s->state) % PHASES == FREE;
}

typedef struct asking {
    ml_asked *who;
    size_t n;
    size_t waiting;              /* answers that have not come */
    size_t slots[ML_ASK_MOST];   /* of each: its number */
    bool open[ML_ASK_MOST];      /* and whether an answer is still to come */
    uint64_t masks[ML_ASK_MOST]; /* and what it blocks */
    void (*at)(void *ud, size_t i, const ml_stance *s);
    void *ud;
} asking;

static slot *slot_of(const asking *a, size_t i)
{
    return &board.slots[a->slots[i]];
}

/* Has an answer, or needs none? */
static bool is_settled(asking *a, size_t i)
{
    uint32_t round = board.round;
    slot *s = slot_of(a, i);
    if (atomic_load(&s->state) == state_of(round, PARKED)) {
        a->at(a->ud, i, &s->stance);
        if (change(s, round, PARKED, RELEASED))
            a->who[i].answer = ML_ANSWER_GIVEN;
        futex_wake(&s->state);
        return true;
    }
    if (syscall(SYS_tgkill, getpid(), (pid_t)a->who[i].id, 0) == 0)
        return false;
    if (!change(s, round, SENT, FREE))
        return false;
    a->who[i].answer = ML_ANSWER_ENDED;
    return true;
}

/* Waits for answers; then, a little, until the handlers have been left: the next who asks shall
** find threads where they are. */
static void await(asking *a)
{
    uint64_t from = ml_os_now_ns();
    for (int looks = 0; a->waiting > 0; looks++) {
        uint32_t answers = atomic_load(&board.answers);
        for (size_t i = 0; i < a->n; i++) {
            if (!a->open[i] || !is_settled(a, i))
                continue;
            a->open[i] = false;
            a->waiting--;
        }
        if (ml_os_now_ns() - from > PATIENCE_NS && looks > LOOKS)
            break;
        if (a->waiting > 0)
            futex_wait(&board.answers, answers, (struct timespec){0, LOOK_NS});
    }
    from = ml_os_now_ns();
    for (size_t i = 0; i < a->n; i++) {
        if (a->open[i])
            change(slot_of(a, i), board.round, SENT, FREE);
        while (a->who[i].answer == ML_ANSWER_GIVEN && ml_os_now_ns() - from < LEAVE_NS &&
               atomic_load(&slot_of(a, i)->state) == state_of(board.round, RELEASED))
            ml_os_sleep_ns(LOOK_NS / 100);
    }
}

static void send_all(asking *a, int number)
{
    size_t next = 0;
    for (size_t i = 0; i < a->n; i++) {
        if (a->who[i].answer != ML_ANSWER_SILENT || a->masks[i] & bit_of(number))
            continue;
        while (next < SLOTS && !is_vacant(&board.slots[next]))
            next++;
        if (next == SLOTS)
            return;
        slot *s = &board.slots[a->slots[i] = next++];
        atomic_store(&s->id, a->who[i].id);
        atomic_store(&s->state, state_of(board.round, SENT));
        a->open[i] = send(a->who[i].id, number, board.round, a->slots[i]);
        a->waiting += a->open[i];
        if (a->open[i])
            continue;
        atomic_store(&s->state, state_of(board.round, FREE));
        if (errno == ESRCH)
            a->who[i].answer = ML_ANSWER_ENDED;
    }
}

static void ask_all(asking *a)
{
    uint64_t blocked = 0, by_all = UINT64_MAX;
    bool ours = take_board();
    for (size_t i = 0; i < a->n; i++) {
        bool ended = false;
        a->masks[i] = blocked_by(a->who[i].id, &ended);
        a->who[i].answer = ended ? ML_ANSWER_ENDED : ML_ANSWER_SILENT;
        blocked |= ended ? 0 : a->masks[i];
        by_all &= ended ? UINT64_MAX : a->masks[i];
    }
    ear e = {0};
    if (ours)
        choose(&e, blocked, by_all);
    if (e.number) {
        board.last = e.number;
        send_all(a, e.number);
        await(a);
        listen_no_more(&e);
    }
    uint64_t wanted = bit_of(e.number ? e.number : SIGRTMAX);
    for (size_t i = 0; i < a->n; i++)
        if (a->who[i].answer == ML_ANSWER_SILENT && a->masks[i] & wanted)
            a->who[i].answer = ML_ANSWER_BLOCKS;
    if (ours)
        atomic_store(&board.holder, 0);
}

bool ml_ask_holds(int64_t id)
{
    for (int i = 0; i < SLOTS; i++)
        if (atomic_load(&board.slots[i].state) % PHASES >= TAKEN &&
            atomic_load(&board.slots[i].id) == id)
            return true;
    return false;
}

void ml_ask(ml_asked *who, size_t n, void (*at)(void *ud, size_t i, const ml_stance *s), void *ud)
{
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* others wait for us */
    ask_all(&(asking){.who = who, .n = n, .at = at, .ud = ud});
    pthread_setcancelstate(cancel, NULL);
}
