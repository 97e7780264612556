/* fragments.c -- link: .init and .fini.
** Each is one function that the objects of a load write together: its start and end come with the
** C library's crti.o and crtn.o in a linked program, the pieces between from any object. Here start
** and end are the target's, unless the load brings its own _init or _fini.
** Spec: gABI chapter 4 "Special Sections"; chapter 5 "Initialization and Termination Functions".
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

static const ml_role roles[2] = {ML_ROLE_INIT, ML_ROLE_FINI};
static const char *const functions[2] = {"_init", "_fini"};

/* Three runs each: start, pieces, end. */
static uint32_t run_number(int which, int part)
{
    return (uint32_t)(ML_RUN_FRAGMENTS + 3 * which + part);
}

uint32_t ml_fragments_run(ml_txn *t, const ml_isec *s)
{
    for (int k = 0; k < 2; k++)
        if ((s->flags & ML_SEC_EXEC) && s->role == roles[k]) {
            t->fragments[k].any = true;
            return run_number(k, 1);
        }
    return 0;
}

/* The function that the load defines itself, as an object with crti.o in it does. */
static const ml_entry *own_function(const ml_txn *t, int k)
{
    const ml_entry *e = ml_table_find_str(&t->l->names, functions[k]);
    if (!e || e->def != ML_DEF_SECTION)
        return NULL;
    const ml_isec s = ml_image_section(t->l->inputs[e->image].img, e->section);
    return s.role == roles[k] ? e : NULL;
}

void ml_fragments_pieces(ml_txn *t)
{
    for (int k = 0; k < 2; k++) {
        ml_fragments *f = &t->fragments[k];
        f->enter = f->leave = 0;
        if (!f->any || own_function(t, k))
            continue;
        f->enter = ml_piece_add(t, ML_CLASS_TEXT, t->target->enter.n, 16);
        t->pieces[f->enter - 1].run = run_number(k, 0);
        f->leave = ml_piece_add(t, ML_CLASS_TEXT, t->target->leave.n, 1);
        t->pieces[f->leave - 1].run = run_number(k, 2);
    }
}

void ml_fragments_fill(ml_txn *t)
{
    for (int k = 0; k < 2; k++) {
        const ml_fragments *f = &t->fragments[k];
        if (!f->enter)
            continue;
        uint64_t start = t->pieces[f->enter - 1].offset, end = t->pieces[f->leave - 1].offset;
        memset(t->code + start, t->target->nop, end - start);
        memcpy(t->code + start, t->target->enter.p, t->target->enter.n);
        memcpy(t->code + end, t->target->leave.p, t->target->leave.n);
    }
}

uint64_t ml_fragments_function(const ml_txn *t, bool fini)
{
    const ml_fragments *f = &t->fragments[fini];
    const ml_entry *own = f->any ? own_function(t, fini) : NULL;
    if (own)
        return own->addr;
    return f->enter ? t->l->block.addr + t->pieces[f->enter - 1].offset : 0;
}
