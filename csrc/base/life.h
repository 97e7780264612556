/* life.h -- base: whether something that others point at is still there.
** A unit (or a library) owns code and data; functions, callbacks and symbols handed to Lua hold an
** ml_life of it. The holder asks `alive` before every use; the owner clears it when its memory
** goes. The token itself lives until the last holder drops it. One Lua state owns a token: the
** counts are not atomic.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_LIFE_H
#define ML_BASE_LIFE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ml_life {
    bool alive;
    uint32_t holders;   /* who may still look at this token, the owner included */
    uint32_t users;     /* units of other sessions that refer to it by address */
    uint32_t in_flight; /* native calls into it that have not returned */
    char name[];        /* for messages: "foo.o" */
} ml_life;

/* A token that is alive with one holder, the owner; NULL when memory is short. */
ml_life *ml_life_new(const char *name);
ml_life *ml_life_hold(ml_life *life);
/* Frees the token with the last holder. NULL is allowed. */
void ml_life_drop(ml_life *life);

#endif
