/* child.c -- os: a piece of work in a process of its own: the caller's and the child's side.
** takes limits; gives what the child sent and printed, and how it ended.
** Spec: POSIX.1-2017 fork, poll, waitpid, setrlimit; prctl(2), on_exit(3), proc(5).
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* pipe2, on_exit, F_SETPIPE_SZ */
#include "os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/watch.h"

enum {
    FIRST_FD = 3,        /* our descriptors stay clear of the standard ones, open or not */
    PIPE_SIZE = 1 << 20, /* bytes; fewer where the system allows no more */
    READ_STEP = 1 << 16, /* bytes */
    TICK = 250           /* milliseconds between two looks whether the watcher lives */
};

/* ---- the caller: before the fork ---- */

static int refuse(ml_diag *d, const char *what, int code)
{
    const char *hint = NULL;
    if (code == EMFILE)
        hint = "this process has too many files open: see ulimit -n";
    else if (code == EAGAIN)
        hint = "this user has too many processes: see ulimit -u";
    return ml_fail(d, code == ENOMEM ? ML_E_NOMEM : ML_E_IO, (ml_where){0}, hint,
                   "cannot isolate: %s: %s", what, ml_os_error(code));
}

/* A pipe both ends of which lie above the standard descriptors. */
static bool open_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= FIRST_FD)
            continue;
        int high = fcntl(ends[i], F_DUPFD_CLOEXEC, FIRST_FD);
        int code = errno;
        if (high >= 0) {
            close(ends[i]);
            ends[i] = high;
            continue;
        }
        close(ends[0]);
        close(ends[1]);
        errno = code;
        return false;
    }
    return true;
}

static void close_ends(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Pipes as they are opened: what is read, what is written. */
typedef struct pipes {
    int result[2], output[2], status[2];
} pipes;

static bool open_pipes(pipes *p)
{
    *p = (pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (open_pipe(p->result) && open_pipe(p->output) && open_pipe(p->status)) {
        fcntl(p->result[1], F_SETPIPE_SZ, PIPE_SIZE);
        return true;
    }
    int code = errno;
    close_ends(p->result, 2);
    close_ends(p->output, 2);
    close_ends(p->status, 2);
    errno = code;
    return false;
}

static uint64_t inode_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) ? (uint64_t)st.st_ino : 0;
}

/* ---- the child ---- */

/* Bytes of private writable memory that the process has: what RLIMIT_DATA counts. */
static uint64_t data_size(void)
{
    char text[8192];
    ml_os_read_text("/proc/self/status", text, sizeof text);
    const char *at = strstr(text, "VmData:");
    return at ? strtoull(at + strlen("VmData:"), NULL, 10) * 1024 : 0;
}

/* Note [Limit of memory]
** ~~~~~~~~~~~~~~~~~~~~~~
** RLIMIT_AS counts address space, and a linker reserves gigabytes of that which it never touches
** (Note [Near memory]). RLIMIT_DATA counts private memory that may be written, since Linux 4.7 also
** that of mmap: heap, thread stacks, data of what is loaded. The soft limit alone is set, so that
** the child can take it back once the function has returned: its results need memory, too. */
static void limit_memory(ml_child *c, uint64_t bytes)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_DATA, &r) < 0)
        return;
    c->limit = r.rlim_cur;
    uint64_t has = data_size(), most = bytes > UINT64_MAX - has ? UINT64_MAX : has + bytes;
    if (most >= r.rlim_cur)
        return;
    r.rlim_cur = most;
    c->limited = setrlimit(RLIMIT_DATA, &r) == 0;
}

void ml_child_unlimit(ml_child *c)
{
    struct rlimit r;
    if (c->limited && getrlimit(RLIMIT_DATA, &r) == 0) {
        r.rlim_cur = c->limit;
        setrlimit(RLIMIT_DATA, &r);
    }
    c->limited = false;
}

bool ml_child_is_self(const ml_child *c)
{
    return getpid() == c->self;
}

bool ml_child_send(const ml_child *c, const void *bytes, size_t n)
{
    /* The function may have closed it, and opened a file of its own under the number. */
    return inode_of(c->results) == c->pipe_ino && ml_os_write_all(c->results, bytes, n);
}

void ml_child_exit(int status)
{
    fflush(NULL);
    _exit(status);
}

/* The first exit handler to run after those that the function has added, and the last: what the
** caller's process wants done at its end is not the child's to do. */
static void leave(int status, void *nothing)
{
    (void)nothing;
    ml_child_exit(status);
}

static void use_streams(int output)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    if (null > STDERR_FILENO)
        close(null);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close(output);
    setvbuf(stdout, NULL, _IONBF, 0); /* what was printed before a crash must be seen */
    setvbuf(stderr, NULL, _IONBF, 0);
}

/* From here on this is the child. */
static void become_child(ml_child *c, const ml_child_options *o, const pipes *p,
                         const sigset_t *old)
{
    close(p->result[0]);
    close(p->output[0]);
    close(p->status[0]);
    close(p->status[1]);
    c->self = getpid();
    c->results = p->result[1];
    c->output = c->status = -1;
    use_streams(p->output[1]);
    if (!o->core)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    on_exit(leave, NULL);
    if (o->memory)
        limit_memory(c, o->memory);
    pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* ---- the caller: the fork and what follows ---- */

static void become_caller(ml_child *c, const pipes *p)
{
    close(p->result[1]);
    close(p->output[1]);
    close(p->status[1]);
    c->results = p->result[0];
    c->output = p->output[0];
    c->status = p->status[0];
    c->open = true;
    int fds[] = {c->results, c->output, c->status};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
}

int ml_child_start(ml_diag *d, ml_child *c, const ml_child_options *o, size_t shared_size,
                   bool *is_child)
{
    pipes p;
    *c = (ml_child){.results = -1, .output = -1, .status = -1};
    c->result.limit = SIZE_MAX;
    c->text.limit = o->output_limit;
    c->shared_size = shared_size;
    c->shared = mmap(NULL, shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c->shared == MAP_FAILED) {
        c->shared = NULL;
        return refuse(d, "no shared memory", errno);
    }
    if (!open_pipes(&p))
        return refuse(d, "no pipe", errno);
    c->pipe_ino = inode_of(p.result[1]);
    fflush(NULL); /* else what waits to be written would be written by both processes */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* the watcher runs no handler of the caller's */
    int64_t caller = ml_os_process();
    pid_t pid = fork();
    if (pid == 0) {
        const ml_watch w = {.caller = caller, .timeout_ns = o->timeout_ns, .status = p.status[1]};
        ml_watch_fork(&w);
        become_child(c, o, &p, &old);
        *is_child = true;
        return 0;
    }
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    become_caller(c, &p);
    if (pid < 0)
        return refuse(d, "no process", code);
    c->watcher = pid;
    *is_child = false;
    return 0;
}

/* Room for a read of READ_STEP bytes. */
static bool make_room(ml_stream *s)
{
    if (s->room - s->n >= READ_STEP)
        return true;
    size_t room = s->room < READ_STEP ? 2 * READ_STEP : 2 * s->room;
    void *p = ml_heap_grow(s->bytes, room, 1);
    if (!p)
        return false;
    s->bytes = p;
    s->room = room;
    return true;
}

/* Takes what is there; closes the pipe at its end. False when there is nothing now. */
static bool receive(int *fd, ml_stream *s)
{
    uint8_t spill[4096];
    if (*fd < 0)
        return false;
    bool keep = s->n < s->limit && make_room(s);
    size_t want = keep ? READ_STEP : sizeof spill;
    ssize_t n = read(*fd, keep ? s->bytes + s->n : spill, want);
    if (n > 0) {
        size_t got = (size_t)n, part = keep ? got : 0;
        if (part > s->limit - s->n)
            part = s->limit - s->n;
        s->n += part;
        s->dropped += got - part;
        return true;
    }
    if (n < 0 && errno == EINTR)
        return true;
    if (n == 0 || errno != EAGAIN) {
        close(*fd);
        *fd = -1;
    }
    return false;
}

/* Has the watcher ended? Whoever else waits for children of this process may have seen it. */
static bool watcher_gone(const ml_child *c)
{
    siginfo_t info = {0};
    int rc = waitid(P_PID, (id_t)c->watcher, &info, WEXITED | WNOHANG | WNOWAIT);
    return rc == 0 ? info.si_pid != 0 : errno == ECHILD;
}

/* The watcher's word, in one piece since a pipe is that large; false when it has not come. */
static bool read_status(ml_child *c, bool last)
{
    ml_watch_status s;
    ssize_t n = c->status < 0 ? 0 : read(c->status, &s, sizeof s);
    if (n == (ssize_t)sizeof s && s.how >= ML_CHILD_EXITED && s.how < ML_CHILD_LOST) {
        c->how = (ml_child_how)s.how;
        c->value = s.value;
        return true;
    }
    c->how = ML_CHILD_LOST;
    return last || n == 0;
}

void ml_child_collect(ml_child *c)
{
    bool ended = false;
    while (!ended) {
        struct pollfd fds[] = {
            {.fd = c->results, .events = POLLIN},
            {.fd = c->output, .events = POLLIN},
            {.fd = c->status, .events = POLLIN},
        };
        int n = poll(fds, sizeof fds / sizeof *fds, TICK);
        if (n > 0 && fds[0].revents)
            receive(&c->results, &c->result);
        if (n > 0 && fds[1].revents)
            receive(&c->output, &c->text);
        if (n > 0 && fds[2].revents)
            ended = read_status(c, false);
        else if (n == 0 && watcher_gone(c))
            ended = read_status(c, true);
    }
    while (receive(&c->results, &c->result) || receive(&c->output, &c->text))
        ;
    ml_watch_wait(c->watcher);
    c->watcher = 0;
}

void ml_child_close(ml_child *c)
{
    if (c->watcher) {
        kill((pid_t)c->watcher, SIGTERM);
        ml_watch_wait(c->watcher);
    }
    if (c->open)
        close_ends((const int[]){c->results, c->output, c->status}, 3);
    if (c->shared)
        munmap(c->shared, c->shared_size);
    ml_heap_free(c->result.bytes);
    ml_heap_free(c->text.bytes);
    *c = (ml_child){.results = -1, .output = -1, .status = -1};
}
