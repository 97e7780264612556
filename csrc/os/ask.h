/* ask.h -- os: where threads of this process are that run and never wait in the system.
** Spec: signal(7), rt_tgsigqueueinfo(2), futex(2); x86-64 psABI 3.2.1 "Registers".
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_ASK_H
#define ML_OS_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a thread was doing when it was interrupted. */
typedef struct ml_stance {
    uint64_t pc, sp;
    uint64_t kept[8]; /* registers that calls keep; 0 in those that are left over */
} ml_stance;

typedef enum ml_answer {
    ML_ANSWER_GIVEN,  /* the stance was handed on */
    ML_ANSWER_ENDED,  /* there is no such thread */
    ML_ANSWER_BLOCKS, /* it blocks the signal, or no signal is free */
    ML_ANSWER_SILENT  /* it could not be told, or did not answer in time */
} ml_answer;

typedef struct ml_asked {
    int64_t id;       /* the system's number of the thread: never the calling one */
    ml_answer answer; /* set by ml_ask */
} ml_asked;

enum { ML_ASK_MOST = 64 };

/* Interrupts n threads, at most ML_ASK_MOST, all at once. Each that answers stands still while
** at(ud, number of the thread in who, its stance) runs in the calling thread, and then goes on; it
** may be anywhere, in malloc for instance, so `at` takes no lock and no memory. Comes back after
** some seconds at most. Safe in several threads at once. */
void ml_ask(ml_asked *who, size_t n, void (*at)(void *ud, size_t i, const ml_stance *s), void *ud);
/* Does the thread answer somebody just now? Then it waits where it is only interrupted. */
bool ml_ask_holds(int64_t id);

#endif
