/* child.h -- os: a piece of work in a process of its own.
** The caller's process forks a *watcher*, and the watcher forks the *child*, which does the work.
** The watcher is there so that nothing of the caller's process is touched: it adopts and ends
** whatever the child leaves behind, keeps the time, and learns how the child ended even where the
** caller's process ignores SIGCHLD or waits for all of its children.
** Only the calling thread lives on in the child.
** Spec: POSIX.1-2017 fork, waitid, setpgid, setrlimit; prctl(2), signalfd(2).
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_CHILD_H
#define ML_OS_CHILD_H

#include "os/os.h"

typedef struct ml_child_options {
    uint64_t timeout_ns; /* 0: none */
    uint64_t memory;     /* bytes of private memory beyond what the process has; 0: no limit */
    size_t output_limit; /* bytes of output that are kept */
    bool core;           /* a crash may leave a core file */
} ml_child_options;

typedef enum ml_child_how {
    ML_CHILD_EXITED,    /* value: the status */
    ML_CHILD_SIGNALED,  /* value: the signal */
    ML_CHILD_STOPPED,   /* value: the signal; it was ended then */
    ML_CHILD_TIMEOUT,   /* it was ended */
    ML_CHILD_CANCELLED, /* somebody sent the watcher a SIGTERM */
    ML_CHILD_LOST       /* the watcher itself was ended */
} ml_child_how;

/* What came out of a pipe. */
typedef struct ml_stream {
    uint8_t *bytes;
    size_t n, room;
    size_t limit;     /* bytes that are kept */
    uint64_t dropped; /* bytes that came beyond the limit, or without memory for them */
} ml_stream;

/* All zero before ml_child_start and after ml_child_close. */
typedef struct ml_child {
    int64_t watcher;        /* process number; 0: none, or it has been waited for */
    int results, output;    /* pipes, one end each; -1: closed */
    int status;             /* pipe from the watcher; -1: closed */
    bool open;              /* the three above are ours to close */
    void *shared;           /* memory that all three processes see; zero at first */
    size_t shared_size;     /* bytes */
    ml_stream result, text; /* what the child sent; its standard output and error */
    ml_child_how how;       /* set by ml_child_collect */
    int value;
    uint64_t limit;    /* in the child: RLIMIT_DATA as it was, to be put back */
    uint64_t pipe_ino; /* of the pipe of results, to know it again */
    int64_t self;      /* in the child: its process number */
    bool limited;
} ml_child;

/* Forks. On success *is_child says which of the two processes returns. In the child standard input
** is empty, standard output and error are the pipe, unbuffered; it is its own process group; exit()
** ends it without the caller's atexit handlers. shared_size: bytes of c->shared. */
int ml_child_start(ml_diag *d, ml_child *c, const ml_child_options *o, size_t shared_size,
                   bool *is_child);
/* In the child: is this still the process that ml_child_start made, and not a copy of it? */
bool ml_child_is_self(const ml_child *c);
/* In the child: takes the memory limit back. */
void ml_child_unlimit(ml_child *c);
/* In the child: sends a part of the results. False when the pipe is not there any more. */
bool ml_child_send(const ml_child *c, const void *bytes, size_t n);
/* In the child: writes out what stdio holds and ends it, without exit handlers. */
_Noreturn void ml_child_exit(int status);

/* In the caller: receives until the child has ended, and everything that it started has. Sets
** c->how, c->value; nothing of it is left running. */
void ml_child_collect(ml_child *c);
/* In the caller: ends what still runs, frees everything. One that is all zero is left so. */
void ml_child_close(ml_child *c);

#endif
