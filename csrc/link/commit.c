/* commit.c -- stages COMMIT and INIT: transaction -> unit in the session, running.
** All that can fail comes first: room, the record of its end, the effects on the process. Then the
** unit is entered and its constructors run; when one of them raises, the unit is ended again, and
** with it whatever was loaded meanwhile and uses it.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"
#include "process/stack.h"

/* Forgets what lay in the scratch arena, or in the transaction. */
static void strip(ml_linked *l)
{
    l->keep.slow = l->names.slow = NULL;
    for (uint32_t i = 0; i < l->ninputs; i++) {
        ml_input *in = &l->inputs[i];
        in->img = NULL;
        in->dropped = NULL;
        in->split = NULL;
        in->functions = NULL;
        in->piece = NULL;
        in->at = NULL;
        in->wide = NULL;
        in->local_got = NULL;
        in->large = NULL;
        in->ifuncs = NULL;
        in->nifuncs = 0;
    }
}

/* Notes that the unit needs a library of the session; there is room. */
static void hold(ml_unit *u, ml_held *h)
{
    if (h->seen == u->number)
        return;
    h->seen = u->number;
    h->holders++;
    u->held[u->nheld++] = h;
}

/* A library of the session; NULL when memory is short. */
static ml_held *held_new(const ml_library *lib)
{
    size_t size = strlen(lib->path) + 1;
    ml_held *h = ml_heap_zalloc(1, sizeof *h + size);
    if (!h)
        return NULL;
    h->lib = *lib;
    h->lib.path = memcpy(h->path, lib->path, size);
    return h;
}

/* Enters the libraries that the transaction opened. The list is replaced by a longer one: first
** calls may be looking at it. */
static bool add_libraries(ml_txn *t, ml_unit *u)
{
    ml_session *s = t->s;
    uint32_t n = s->nheld, all = n + t->libraries.n;
    ml_held **grown = ml_heap_grow(NULL, all, sizeof *grown), **old = s->held;
    if (!grown)
        return false;
    if (n)
        memcpy(grown, old, n * sizeof *grown);
    for (uint32_t i = n; i < all; i++) {
        grown[i] = held_new(&t->libraries.v[i - n]);
        if (!grown[i]) {
            while (i-- > n)
                ml_heap_free(grown[i]);
            ml_heap_free(grown);
            return false;
        }
    }
    ml_session_hold(s);
    s->held = grown;
    s->nheld = all;
    ml_session_let_go(s);
    ml_heap_free(old);
    for (uint32_t i = n; i < all; i++)
        hold(u, grown[i]);
    return true;
}

/* Room for those libraries, and for the ones that answered it. */
static bool reserve_libraries(ml_txn *t, ml_unit *u)
{
    size_t n = (size_t)t->s->nheld + t->libraries.n;
    if (n)
        u->held = ml_heap_grow(NULL, n, sizeof *u->held);
    return !n || (u->held && (!t->libraries.n || add_libraries(t, u)));
}

/* What reserve_libraries entered, when the load fails after it: the transaction closes them. */
static void forget_libraries(ml_txn *t, ml_unit *u)
{
    ml_session_hold(t->s);
    t->s->nheld -= u->nheld;
    ml_session_let_go(t->s);
    while (u->nheld)
        ml_heap_free(u->held[--u->nheld]);
}

/* Makes room for everything that commit enters, so that it cannot fail half way. No foreign code
** runs from here to there, which could load something that takes the room. */
static bool reserve(ml_txn *t, ml_unit *u)
{
    ml_session *s = t->s;
    ml_source *v = ml_heap_grow(s->sources.v, (size_t)s->sources.n + t->sources.n, sizeof *v);
    if (!v)
        return false;
    s->sources.v = v;
    if (t->l->dso_handle || t->l->nfini) {
        u->exits = ml_exits_new(t->l->dso_handle, t->l->fini, t->l->nfini, t->l->plain_fini);
        if (!u->exits)
            return false;
    }
    return ml_exports_reserve(s, t->l) && ml_unit_reserve_edges(u, t->open, t->nopen) &&
           reserve_libraries(t, u);
}

/* Archives that the load opened stay in reach of later ones as long as the unit is there; a
** fall-back archive does not: each load's own scope brings it. */
static void hand_over(ml_txn *t, ml_unit *u)
{
    ml_session *s = t->s;
    for (uint32_t i = 0; i < t->sources.n; i++) {
        ml_source *src = &t->sources.v[i];
        if (!src->fresh)
            continue;
        if (src->set != 0) {
            ml_source_close(src);
            continue;
        }
        ml_archive_unslurp(src->ar);
        src->fresh = false;
        src->owner = u;
        s->sources.v[s->sources.n++] = *src;
    }
    for (uint32_t i = 0; s->nheld && i < t->nopen; i++)
        if (t->open[i]->def == ML_DEF_PROCESS && t->open[i]->image)
            hold(u, s->held[t->open[i]->image - 1]);
}

/* old: the unit of which it is a new version, or NULL. */
static void publish(ml_unit *u, ml_unit *old)
{
    ml_session *s = u->s;
    ml_session_hold(s);
    if (old) {
        u->other = old;
        old->other = u;
        u->is_new = true;
    }
    if (s->has_lazy)
        ml_table_wake(&u->l->names);
    u->covers = ml_exports_enter(&s->exports, u);
    for (uint32_t i = 0; i < u->nheld; i++)
        u->held[i]->ready = true;
    ml_session_let_go(s);
    ml_unit_enter_edges(u);
    u->prev = s->last;
    if (s->last)
        s->last->next = u;
    else
        s->first = u;
    s->last = u;
    ml_atlas_changed(s);
}

static void free_unit(ml_unit *u)
{
    if (!u)
        return;
    if (u->exits)
        ml_exits_cancel(u->exits);
    ml_exits_drop(u->exits);
    ml_heap_free(u->held);
    ml_heap_free(u->needs.v);
    ml_life_drop(u->life);
    ml_heap_free(u);
}

static ml_unit *new_unit(ml_txn *t, const char *name)
{
    ml_unit *u = ml_heap_zalloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->s = t->s;
    u->number = ++t->s->numbers;
    u->l = t->l;
    u->life = ml_life_new(name);
    if (!u->life) {
        ml_heap_free(u);
        return NULL;
    }
    u->life->owner = u;
    return u;
}

/* A unit that the load uses may have ended meanwhile: a load within this one that failed, say. */
static int check_needs(ml_txn *t, const ml_unit *u)
{
    for (uint32_t i = 0; i < u->needs.n; i++)
        if (u->needs.v[i]->state > ML_UNIT_ORPHAN)
            return ml_fail(t->d, ML_E_STATE, (ml_where){.file = u->life->name}, "load it again",
                           "unit %s, which it uses, has gone meanwhile", u->needs.v[i]->life->name);
    return 0;
}

/* A nested function of C whose address is passed on is called through code that its outer function
** writes on the stack. */
static int run_on_stack(ml_txn *t)
{
    if (!t->on_stack)
        return 0;
    const ml_input *in = &t->l->inputs[t->on_stack - 1];
    return ml_stack_run(t->d, (ml_where){.file = in->file, .member = in->member});
}

static int prepare(ml_txn *t, ml_unit *u)
{
    int rc = run_on_stack(t);
    t->s->handles |= t->handles;
    ml_splitstack_begin(t);
    ml_clones_begin(t);
    if (rc == 0)
        rc = ml_effects_do(t);
    if (rc == 0)
        rc = ml_ifunc_resolve(t);
    if (rc == 0 && t->o.replace)
        rc = ml_replace_check(t);
    if (rc == 0 && !reserve(t, u))
        rc = ml_nomem(t->d);
    return rc == 0 ? check_needs(t, u) : rc;
}

static int start(ml_txn *t)
{
    ml_session *s = t->s;
    t->outer = s->starting;
    s->starting = t;
    int rc = ml_clones_tell(t);
    if (rc == 0)
        rc = ml_ctors_run(t);
    s->starting = t->outer;
    return rc;
}

/* "x.o -> y.o": the loads whose constructors are running, from `from` inwards. */
static const char *chain(ml_arena *a, const ml_txn *from, const ml_txn *inner)
{
    const char *text = "";
    for (const ml_txn *t = inner; text && t != from->outer; t = t->outer)
        text = ml_format(a, "%s -> %s", t->l->inputs[0].file, text);
    return text ? text : "";
}

int ml_commit_check_nested(ml_txn *t, const char *file, const char *member)
{
    for (const ml_txn *o = t->s->starting; o; o = o->outer)
        for (uint32_t i = 0; i < o->l->ninputs; i++) {
            const ml_input *in = &o->l->inputs[i];
            if (strcmp(in->file, file) != 0 || !in->member != !member ||
                (member && strcmp(in->member, member) != 0))
                continue;
            return ml_fail(t->d, ML_E_STATE, (ml_where){.file = file, .member = member},
                           "load it after its constructors have returned",
                           "nested load from its own constructor: cycle %s%s",
                           chain(&t->scratch, o, t->s->starting), file);
        }
    return 0;
}

int ml_txn_commit(ml_txn *t, const char *name, ml_unit **out)
{
    ml_session *s = t->s;
    ml_unit *u = new_unit(t, name);
    int rc = u ? prepare(t, u) : ml_nomem(t->d);
    if (rc < 0) {
        if (u)
            forget_libraries(t, u);
        free_unit(u);
        ml_txn_abort(t);
        return rc;
    }
    publish(u, t->o.replace);
    hand_over(t, u);
    s->loads--;
    rc = start(t);
    strip(u->l);
    ml_arena_move(&t->scratch, &u->l->keep, t->kept, t->nkept);
    ml_txn_drop(t);
    u->state = ML_UNIT_LIVE;
    if (rc < 0)
        ml_unit_end(u, true);
    else
        *out = u;
    ml_unit_sweep(s);
    return rc;
}
