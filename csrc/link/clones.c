/* clones.c -- link: functions of which there is a copy for transactions (gcc's -fgnu-tm).
** takes relocated sections named .tm_clone_table, which hold pairs of addresses: of a function, and
** of the copy that a transaction calls in its place; tells the runtime of them, which otherwise
** ends the process at a call by pointer. In a program crtbegin.o and crtend.o do this.
** Spec: gcc's libgcc/crtstuff.c (__TMC_LIST__); the ABI of libitm, _ITM_registerTMCloneTable.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* A section that the runtime was told of. */
struct ml_clones {
    struct ml_clones *next;
    uint64_t addr;
};

enum { PAIR = 16 };

static const char *const names[2] = {"_ITM_registerTMCloneTable", "_ITM_deregisterTMCloneTable"};

/* Note [Copies of libitm]
** ~~~~~~~~~~~~~~~~~~~~~~~
** libitm keeps what it knows of a thread behind two words of the thread's control block, which it
** never clears: a copy that comes later takes them for its own, lacks what it would have set up for
** the thread, and crashes. And it has the C library call a function of its own at the end of each
** thread that ran a transaction (pthread_key_create), without ever taking that back. So the library
** stays (process/library.c). A copy out of libitm.a stays in memory; this thread's words are
** cleared when one comes and when it ends. */
void ml_clones_begin(ml_txn *t)
{
    const ml_entry *e = ml_table_find_str(&t->l->names, "_ITM_beginTransaction");
    t->l->tm_words = e && e->def == ML_DEF_SECTION ? t->target->tm_words : 0;
    ml_clones_forget(t->l);
}

void ml_clones_forget(const ml_linked *l)
{
    uint64_t *words = (uint64_t *)(uintptr_t)(ml_tls_pointer() + l->tm_words);
    if (l->tm_words)
        words[0] = words[1] = 0;
}

/* Weakly, as crtbegin.o does: functions that no transaction calls need no runtime. */
int ml_clones_want(ml_txn *t, const ml_input *in)
{
    if (!(in->img->roles & 1u << ML_ROLE_TM_CLONES) || t->o.fixed)
        return 0;
    for (int k = 0; k < 2; k++) {
        ml_entry *e = ml_select_entry(t, names[k]);
        if (!e)
            return ml_nomem(t->d);
        if (!e->strong && !e->weak)
            e->first_ref = (uint32_t)(in - t->l->inputs);
        e->weak++;
    }
    return 0;
}

static void *function(const ml_linked *l, unsigned which)
{
    const ml_entry *e = ml_table_find_str(&l->names, names[which]);
    return e ? (void *)(uintptr_t)ml_entry_address(e) : NULL;
}

static int tell(ml_txn *t, const ml_input *in, uint32_t k)
{
    ml_linked *l = t->l;
    void (*enter)(void *, size_t) = (void (*)(void *, size_t))function(l, 0);
    uint64_t n = ml_image_section(in->img, k).size / PAIR;
    if (!enter || !n)
        return 0;
    struct ml_clones *c = ml_zalloc(&l->keep, 1, sizeof *c);
    if (!c)
        return ml_nomem(t->d);
    *c = (struct ml_clones){l->clones, ml_section_base(in, k)};
    enter((void *)(uintptr_t)c->addr, n);
    l->clones = c;
    return 0;
}

int ml_clones_tell(ml_txn *t)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        const ml_image *img = in->img;
        if (!(img->roles & 1u << ML_ROLE_TM_CLONES))
            continue;
        for (uint32_t k = 0; (k = ml_image_next(img, ML_ROLE_TM_CLONES, k + 1)) < img->nsections;)
            if (rc == 0 && in->piece[k])
                rc = tell(t, in, k);
    }
    return rc;
}

void ml_clones_take_back(ml_linked *l)
{
    void (*leave)(void *) = l->clones ? (void (*)(void *))function(l, 1) : NULL;
    for (; leave && l->clones; l->clones = l->clones->next)
        leave((void *)(uintptr_t)l->clones->addr);
    l->clones = NULL;
}
