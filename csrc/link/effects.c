/* effects.c -- link: what a load does to the process beside its memory, and how it is taken back.
** Each effect is a field of ml_linked, all zero while it is not in force, so that undoing works
** from any state. Constructors are no effect: what they do cannot be undone.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

static void list(ml_linked *l)
{
    ml_listed *x = &l->listed;
    *x = (ml_listed){.file = l->ninputs ? l->inputs[0].file : "", .base = l->block.addr};
    for (unsigned large = 0; large < 2; large++)
        for (unsigned k = 0; k < ML_LISTED_COUNT; k++) {
            static const unsigned part[] = {ML_PART_TEXT, ML_PART_CONST, ML_PART_DATA};
            ml_area a = ml_linked_area(l, large, part[k]);
            x->segment[large][k].addr = a.addr;
            x->segment[large][k].size = a.size;
        }
    x->tls = &l->tls;
    ml_listed_enter(x);
}

int ml_effects_do(ml_txn *t)
{
    int rc = ml_builtin_check(t);
    if (rc == 0)
        rc = ml_frames_register(t);
    if (rc == 0)
        rc = ml_debug_do(t);
    if (rc == 0)
        list(t->l);
    return rc;
}

void ml_effects_undo(ml_linked *l)
{
    ml_clones_take_back(l); /* told of before constructors */
    ml_listed_leave(&l->listed);
    ml_debug_undo(l);
    ml_frames_unregister(l);
    ml_tls_close(&l->tls); /* opened while relocating */
}
