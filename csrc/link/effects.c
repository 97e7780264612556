/* effects.c -- link: what a load does to the process beside its memory, and how it is taken back.
** Each effect is a field of ml_linked, all zero while it is not in force, so that undoing works
** from any state. Constructors are no effect: what they do cannot be undone.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Who finds the name of a file here opens it, as a program or a library: this is none. */
static int list(ml_txn *t)
{
    ml_linked *l = t->l;
    ml_listed *x = &l->listed;
    *x = (ml_listed){.base = l->block.addr};
    x->name = ml_format(&l->keep, "moonlink:%s", l->ninputs ? l->inputs[0].file : "");
    if (!x->name)
        return ml_nomem(t->d);
    for (unsigned large = 0; large < 2; large++)
        for (unsigned k = 0; k < ML_LISTED_COUNT; k++) {
            static const unsigned part[] = {ML_PART_TEXT, ML_PART_CONST, ML_PART_DATA};
            ml_area a = ml_linked_area(l, large, part[k]);
            x->segment[large][k].addr = a.addr;
            x->segment[large][k].size = a.size;
        }
    x->tls = &l->tls;
    ml_listed_enter(x);
    return 0;
}

int ml_effects_do(ml_txn *t)
{
    int rc = ml_builtin_check(t);
    if (rc == 0)
        rc = ml_frames_register(t);
    if (rc == 0)
        rc = ml_debug_do(t);
    return rc == 0 ? list(t) : rc;
}

void ml_effects_undo(ml_linked *l)
{
    ml_clones_take_back(l); /* told of before constructors */
    ml_listed_leave(&l->listed);
    ml_debug_undo(l);
    ml_frames_unregister(l);
    ml_tls_close(&l->tls); /* opened while relocating */
}
