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
    if (life && --life->holders == 0)
        ml_heap_free(life);
}
