/* watch.c -- os: the process that watches over an isolated child.
** takes a time limit; gives how the child ended, once all that it started has.
** The child is a process group of its own, which a kill reaches as a whole. What has left the group
** becomes a child of the watcher when its parent ends (PR_SET_CHILD_SUBREAPER) and is ended then.
** Spec: prctl(2), signalfd(2), waitid(2), proc(5) on "children".
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "os/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/child.h"

enum {
    PATIENCE = 2000, /* milliseconds that what was killed is given to go */
    POLL_MOST = 1 << 30
};

void ml_watch_wait(int64_t pid)
{
    while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* ---- the end of all ---- */

/* Kills the processes that a list of numbers names: children of ours, by what the system says. */
static void kill_listed(const char *text)
{
    for (char *end; *text; text = end) {
        long pid = strtol(text, &end, 10);
        if (end == text)
            return;
        if (pid > 1)
            kill((pid_t)pid, SIGKILL);
    }
}

static void kill_children(void)
{
    char text[4096];
    size_t n = ml_os_read_text("/proc/thread-self/children", text, sizeof text);
    while (n > 0 && text[n - 1] != ' ') /* a number that was cut is another process's */
        n--;
    text[n] = 0;
    kill_listed(text);
}

static void end_all(pid_t child)
{
    kill(-child, SIGKILL); /* the child has not been waited for: its number is still its own */
    kill(child, SIGKILL);
    for (int i = 0; i < PATIENCE; i++) {
        pid_t pid;
        do
            pid = waitpid(-1, NULL, WNOHANG);
        while (pid > 0);
        if (pid < 0)
            return;
        kill_children();
        poll(NULL, 0, 1);
    }
}

/* ---- until then ---- */

/* Has the child ended, or been stopped? Takes notice of others that were left to us. */
static bool look(pid_t child, ml_watch_status *out)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
            break;
        if (info.si_pid == child) {
            bool exited = info.si_code == CLD_EXITED;
            *out = (ml_watch_status){exited ? ML_CHILD_EXITED : ML_CHILD_SIGNALED, info.si_status};
            return true;
        }
        waitpid(info.si_pid, NULL, WNOHANG);
    }
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG) < 0 || info.si_pid == 0)
        return false;
    *out = (ml_watch_status){ML_CHILD_STOPPED, info.si_status};
    return true;
}

/* A signal has come; true when it means the end. Those of a terminal go to the foreground group,
** which the watcher is in and the child is not. */
static bool take_signal(int signals, pid_t child)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    if (info.ssi_signo == SIGTERM)
        return true;
    if (info.ssi_signo != SIGCHLD)
        kill(-child, (int)info.ssi_signo);
    return false;
}

/* Milliseconds to wait, rounded up; -1 without a deadline. */
static int remaining(uint64_t deadline)
{
    if (!deadline)
        return -1;
    uint64_t now = ml_os_now_ns();
    if (now >= deadline)
        return 0;
    uint64_t ms = (deadline - now + 999999) / 1000000;
    return ms > POLL_MOST ? POLL_MOST : (int)ms;
}

static ml_watch_status watch(const ml_watch *w, pid_t child, int signals)
{
    uint64_t deadline = w->timeout_ns ? ml_os_now_ns() + w->timeout_ns : 0;
    ml_watch_status status;
    for (;;) {
        if (look(child, &status))
            return status;
        int ms = remaining(deadline);
        if (ms == 0)
            return (ml_watch_status){ML_CHILD_TIMEOUT, 0};
        struct pollfd fd = {.fd = signals, .events = POLLIN};
        if (poll(&fd, 1, ms) > 0 && take_signal(signals, child))
            return (ml_watch_status){ML_CHILD_CANCELLED, 0};
    }
}

static int open_signals(void)
{
    static const int wanted[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        sigaddset(&set, wanted[i]);
    signal(SIGCHLD, SIG_DFL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Ends this process when its parent has ended, which may have happened already. */
static void end_with(int64_t parent, int signal)
{
    prctl(PR_SET_PDEATHSIG, signal);
    if (getppid() != parent)
        _exit(1);
}

void ml_watch_fork(const ml_watch *w)
{
    int signals = open_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    end_with(w->caller, SIGTERM);
    int64_t self = ml_os_process();
    pid_t child = signals < 0 ? -1 : fork();
    if (child == 0) {
        close(signals);
        setpgid(0, 0);
        end_with(self, SIGKILL);
        return;
    }
    ml_watch_status status = {ML_CHILD_CANCELLED, errno};
    if (child > 0) {
        setpgid(child, child); /* whoever comes first */
        status = watch(w, child, signals);
        end_all(child);
    }
    ssize_t n = write(w->status, &status, sizeof status);
    _exit(n < 0);
}
