/* target.c -- target: the list of processors.
** takes e_machine; gives the target, or NULL. A new processor is one line here and its two files.
** SPDX-License-Identifier: MIT */
#include "target/target.h"

static const ml_target *const targets[] = {
    &ml_target_x86_64,
};

const ml_target *ml_target_find(uint16_t machine)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (targets[i]->machine == machine)
            return targets[i];
    return NULL;
}
