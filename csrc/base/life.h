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

/* Who calls an address in it: a function that Lua has. */
typedef struct ml_user {
    struct ml_life *life; /* held; NULL: not tied to any */
    struct ml_user *next, *prev;
    const char *name; /* of the function, as its prototype has it; borrowed */
    uint64_t address;
} ml_user;

typedef struct ml_life {
    bool alive;
    uint32_t holders;          /* who may still look at this token, the owner included */
    uint32_t users;            /* units of other sessions that refer to it by address */
    uint32_t in_flight;        /* native calls into it that have not returned */
    ml_user *functions;        /* the latest first */
    void *owner;               /* the unit, for those that hold its token only; NULL: none */
    struct ml_life *successor; /* held: of the version that took its place; NULL: none */
    char name[];               /* for messages: "foo.o" */
} ml_life;

/* A token that is alive with one holder, the owner; NULL when memory is short. */
ml_life *ml_life_new(const char *name);
ml_life *ml_life_hold(ml_life *life);
/* Frees the token with the last holder. NULL is allowed. */
void ml_life_drop(ml_life *life);

/* Enters a user, which holds the token from then on. */
void ml_life_tie(ml_life *life, ml_user *user);
/* Takes it out again; nothing happens to one that is not tied. */
void ml_life_untie(ml_user *user);

#endif
