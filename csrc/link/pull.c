/* pull.c -- stage RESOLVE: the order in which members come out of archives.
** takes names that a load lacks and an archive has; gives the members that define them, one at a
** time, each in its turn.
** Spec: ld manual, "Options" (--start-group); ar(5) for the index.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Note [The order of members]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~
** GNU ld goes over the index of an archive from its first name to its last and takes the member of
** each name that is wanted at that moment; as often as that brings new names; then it goes on to
** the next archive. Which members come, and in which order their constructors run, depends on it:
** of two members that define a name, that one comes whose turn is first. So it is here, with all
** archives of a load as between --start-group and --end-group: behind the last comes the first
** again, as long as that brings new names. A common is wanted, too, from members that really define
** it; but nothing is gone over again for its sake. (Where a common takes the place of a weak
** definition, ld leaves out what it passed by meanwhile; here it is wanted from there on.)
** Nobody need go over an index for that. A name that is lacking is looked up, and waits until its
** turn comes: the first place behind the last member taken where the name stands. Turns only go
** forward, so a name that has one keeps it. Most are provided by then, by a member that came for
** another name: so what a name's hash promises is held against the index, which may have to be read
** from the file, when its turn has come. */

struct ml_pull {
    ml_entry *e;
    unsigned set, scope; /* of archives; which place of the scope they have */
    uint32_t left;       /* archives to look at, the one of turn included */
    bool tried;          /* that one had a turn, the first with number `first` */
    bool sure;           /* once a promise was not kept, or a member did not define e */
    uint32_t first;
    ml_turn turn;
};

/* ---- turns ---- */

static bool before(const ml_turn *a, const ml_turn *b)
{
    if (a->lap != b->lap)
        return a->lap < b->lap;
    if (a->source != b->source)
        return a->source < b->source;
    return a->pass != b->pass ? a->pass < b->pass : a->number < b->number;
}

/* The start of the archive behind that of a turn. */
static ml_turn next_archive(const ml_txn *t, ml_turn turn)
{
    bool last = turn.source + 1 >= t->sources.n;
    return (ml_turn){.lap = turn.lap + last, .source = last ? 0 : turn.source + 1};
}

void ml_pull_news(ml_txn *t)
{
    if (t->turn.number > 0) /* else no member was taken yet */
        t->news = t->turn;
}

/* Does a turn come though only commons wait for it? Not when an index, or all archives, would be
** gone over again for it. */
static bool comes(const ml_txn *t, const ml_turn *turn)
{
    const ml_turn *now = &t->turn, *news = &t->news;
    bool lap = news->number > 0 && news->lap == now->lap;
    if (turn->lap > now->lap)
        return lap;
    return turn->source != now->source || turn->pass <= now->pass ||
           (lap && news->source == now->source && news->pass == now->pass);
}

/* ---- those that wait: a heap, the first turn on top ---- */

static int push(ml_txn *t, const ml_pull *p)
{
    if (!ML_ROOM(t->pulls, t->npulls, t->room_pulls))
        return ml_nomem(t->d);
    uint32_t i = t->npulls++;
    for (; i > 0 && before(&p->turn, &t->pulls[(i - 1) / 2].turn); i = (i - 1) / 2)
        t->pulls[i] = t->pulls[(i - 1) / 2];
    t->pulls[i] = *p;
    p->e->pull = ML_PULL_WAITS;
    return 1;
}

static ml_pull pop(ml_txn *t)
{
    ml_pull *v = t->pulls, first = v[0], last = v[--t->npulls];
    uint32_t i = 0, n = t->npulls;
    for (uint32_t k; (k = 2 * i + 1) < n; i = k) {
        if (k + 1 < n && before(&v[k + 1].turn, &v[k].turn))
            k++;
        if (!before(&v[k].turn, &last.turn))
            break;
        v[i] = v[k];
    }
    v[i] = last;
    return first;
}

/* ---- names ---- */

/* Lets p wait for its next turn: in the archive where it is, as long as that has the name anywhere
** else, then in those behind it. 1; 0: there is none; or an error. */
static int seek(ml_txn *t, ml_pull *p)
{
    for (; p->left > 0; p->left--, p->tried = false, p->turn = next_archive(t, p->turn)) {
        bool here = p->turn.lap == t->turn.lap && p->turn.source == t->turn.source;
        uint32_t from = here ? t->turn.number : 0, number;
        if (t->sources.v[p->turn.source].set != p->set)
            continue;
        int rc = ml_sources_seek(t, p->turn.source, p->e, from, p->sure, &number);
        if (rc < 0)
            return rc;
        if (rc == 0 || (p->tried && number == p->first))
            continue;
        if (!p->tried)
            p->first = number;
        p->tried = true;
        p->turn.pass = here ? t->turn.pass + (number < from) : 0;
        p->turn.number = number;
        return push(t, p);
    }
    return 0;
}

int ml_pull_want(ml_txn *t, unsigned set, ml_entry *e)
{
    ml_pull p = {.e = e, .set = set, .scope = e->scope, .left = t->sources.n};
    p.turn = (ml_turn){.lap = t->turn.lap, .source = t->turn.source};
    return seek(t, &p);
}

/* Is it there, and more than a common, which gives way to what an archive has? */
static bool is_there(const ml_entry *e)
{
    return e->def != ML_DEF_COMMON && (ml_def_in_load(e->def) || e->def == ML_DEF_ABS);
}

/* Leaves a common whose turn does not come to the archives behind. */
static int pass_by(ml_txn *t, ml_pull *p)
{
    if (p->turn.lap > t->turn.lap)
        return 0;
    p->turn = next_archive(t, p->turn);
    p->tried = false;
    return seek(t, p);
}

/* Adds the member whose turn it is, unless its name is another's; when that does not define what
** was wanted, this waits for another turn, or is looked up further on. */
static int take(ml_txn *t, ml_pull *p)
{
    ml_entry *e = p->e;
    t->turn = p->turn;
    t->turn.number++;
    int rc = ml_sources_take(t, p->turn.source, e, p->turn.number);
    if (rc < 0 || is_there(e))
        return rc;
    p->tried = rc == 1;
    p->sure = true;
    rc = seek(t, p);
    if (rc != 0 || e->def == ML_DEF_COMMON)
        return rc;
    if (e->scope == p->scope) /* else it was wanted anew, from the start of the scope */
        e->pull = ML_PULL_DONE;
    return ml_select_queue(t, e);
}

int ml_pull_next(ml_txn *t)
{
    while (t->npulls > 0) {
        ml_pull p = pop(t);
        if (p.e->pull != ML_PULL_WAITS)
            continue; /* another provider had it */
        p.e->pull = ML_PULL_NONE;
        if (is_there(p.e))
            continue;
        bool turn = p.e->def != ML_DEF_COMMON || comes(t, &p.turn);
        int rc = turn ? take(t, &p) : pass_by(t, &p);
        if (rc < 0 || turn)
            return rc < 0 ? rc : 1;
    }
    return 0;
}
