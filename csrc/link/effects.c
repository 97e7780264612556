/* effects.c -- link: what a load does to the process beside its memory, and how it is taken back.
** Each effect is a field of ml_linked, all zero while it is not in force, so that undoing works
** from any state. Constructors are no effect: what they do cannot be undone.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

int ml_effects_do(ml_txn *t)
{
    int rc = ml_frames_register(t);
    return rc == 0 ? ml_debug_do(t) : rc;
}

void ml_effects_undo(ml_linked *l)
{
    ml_clones_take_back(l); /* told of before constructors */
    ml_debug_undo(l);
    ml_frames_unregister(l);
    ml_tls_close(&l->tls); /* opened while relocating */
}
