/* life.c -- base: liveness tokens.
** SPDX-License-Identifier: MIT */
#include "base/life.h"

#include <string.h>

#include "base/arena.h"

ml_life *ml_life_new(const char *name)
{
    size_t len = strlen(name) + 1;
    ml_life *life = ml_heap_zalloc(1, sizeof *life + len);
    if (!life)
        return NULL;
    life->alive = true;
    life->holders = 1;
    memcpy(life->name, name, len);
    return life;
}

ml_life *ml_life_hold(ml_life *life)
{
    life->holders++;
    return life;
}

void ml_life_drop(ml_life *life)
{
    while (life && --life->holders == 0) {
        ml_life *successor = life->successor;
        ml_heap_free(life);
        life = successor;
    }
}

void ml_life_tie(ml_life *life, ml_user *user)
{
    user->life = ml_life_hold(life);
    user->prev = NULL;
    user->next = life->functions;
    if (user->next)
        user->next->prev = user;
    life->functions = user;
}

void ml_life_untie(ml_user *user)
{
    ml_life *life = user->life;
    if (!life)
        return;
    *(user->prev ? &user->prev->next : &life->functions) = user->next;
    if (user->next)
        user->next->prev = user->prev;
    user->life = NULL;
    ml_life_drop(life);
}
