/* unit.c -- link: a unit between its start and its end: who uses whom, and how it goes.
** A unit that is ended takes with it the units that use it, since their code would run into memory
** that is gone. Destructors run first, those of the users before those of what they use; then, when
** no foreign code runs any more, memory goes. See Note [Memory that somebody is inside].
** SPDX-License-Identifier: MIT */
#include "link/lazy.h"

/* ---- edges ---- */

bool ml_unit_reserve_edges(ml_unit *u, ml_entry *const *open, uint32_t nopen)
{
    for (uint32_t i = 0; u->l->uses_units && i < nopen; i++) {
        const ml_entry *e = open[i];
        if (e->def != ML_DEF_UNIT || e->unit->seen == u->number)
            continue;
        ml_unit *other = e->unit;
        other->seen = u->number;
        if (!ML_ROOM(u->needs.v, u->needs.n, u->needs.room) ||
            !ML_ROOM(other->users.v, other->users.n, other->users.room))
            return false;
        u->needs.v[u->needs.n++] = other;
    }
    return true;
}

void ml_unit_enter_edges(ml_unit *u)
{
    for (uint32_t i = 0; i < u->needs.n; i++) {
        ml_units *users = &u->needs.v[i]->users;
        users->v[users->n++] = u;
    }
}

/* Keeps the order, in which destructors run. */
static void leave_edges(ml_unit *u)
{
    for (uint32_t i = 0; i < u->needs.n; i++) {
        ml_units *users = &u->needs.v[i]->users;
        uint32_t k = users->n;
        while (k > 0 && users->v[k - 1] != u)
            k--;
        if (!k)
            continue;
        memmove(&users->v[k - 1], &users->v[k], (users->n - k) * sizeof(ml_unit *));
        users->n--;
    }
    u->needs.n = 0;
}

/* ---- who is inside ---- */

typedef struct inside {
    const ml_linked *l;
    ml_thread *list;
    size_t n, room;
} inside;

static bool in_load(void *ud, uint64_t addr)
{
    const inside *in = ud;
    return addr - in->l->block.addr < in->l->block.size;
}

static void note_thread(void *ud, const ml_thread *t)
{
    inside *in = ud;
    if (in->n < in->room)
        in->list[in->n] = *t;
    in->n++;
}

size_t ml_unit_threads(const ml_unit *u, ml_thread *list, size_t room)
{
    inside in = {u->l, list, 0, room};
    ml_os_threads(in_load, note_thread, &in);
    return in.n;
}

size_t ml_unit_exit_handlers(const ml_unit *u, int64_t *ids, size_t room)
{
    return ml_exits_threads(u->exits, ids, room);
}

/* What on_exit holds knows neither handle nor unit, and is never taken back: as long as the process
** lasts it may be called. */
bool ml_unit_waits_for_exit(const ml_unit *u)
{
    const ml_entry *e = ml_table_find_str(&u->l->names, "on_exit");
    return e && e->def == ML_DEF_PROCESS;
}

/* Does another unit that is not lost need the library? */
static bool is_shared(const ml_unit *u, const ml_held *h)
{
    for (const ml_unit *other = u->s->first; other; other = other->next)
        for (uint32_t i = 0; other != u && other->state != ML_UNIT_LOST && i < other->nheld; i++)
            if (other->held[i]->lib.handle == h->lib.handle) /* opened twice, it has one */
                return true;
    return false;
}

/* GNU's Objective-C library looks at the classes that it knows whenever others come. It may go with
** the unit; else the unit's must stay as long as it does. */
bool ml_unit_keeps_classes(const ml_unit *u)
{
    const ml_entry *e = ml_table_find_str(&u->l->names, "__objc_exec_class");
    if (!e || (e->def != ML_DEF_PROCESS && e->def != ML_DEF_UNIT))
        return false;
    if (e->def == ML_DEF_UNIT)
        return e->unit->state != ML_UNIT_LOST;
    for (uint32_t i = 0; i < u->nheld; i++)
        if (strcmp(u->held[i]->lib.path, e->provider) == 0)
            return is_shared(u, u->held[i]);
    return true;
}

/* Calls that came by another way than a function of Lua (a comparison that qsort calls, a unit that
** calls another) are on the stack of this thread. It is looked at only below native code, so that
** no stale word of it counts else. */
size_t ml_unit_calls(const ml_unit *u)
{
    const ml_session *s = u->s;
    inside in = {u->l, NULL, 0, 0};
    bool below = s->starting || s->foreign || (s->calling && s->calling(s->calling_ud));
    if (u->life->in_flight || !below)
        return u->life->in_flight;
    return ml_os_own_stack(in_load, &in);
}

ml_unit *ml_unit_user(const ml_unit *u, size_t i)
{
    ml_lazy_enter(u->s);
    return i < u->users.n ? u->users.v[i] : NULL;
}

const char *ml_unit_use(const ml_unit *u, const ml_unit *of, uint32_t *cursor)
{
    const ml_table *names = &u->l->names;
    while (*cursor < names->count) {
        const ml_entry *e = ml_table_awake(names, (*cursor)++);
        if (e && e->def == ML_DEF_UNIT && e->unit == of)
            return e->name;
    }
    return NULL;
}

/* Looking at threads takes time, and is not done twice in a row. */
static bool is_busy(ml_unit *u)
{
    if (u->s->left)
        return true;
    bool threads = !u->quiet && !u->s->quiet && ml_unit_threads(u, NULL, 0);
    u->quiet = !threads;
    return threads || u->life->users || ml_exits_threads(u->exits, NULL, 0) || ml_unit_calls(u) ||
           ml_unit_waits_for_exit(u) || ml_unit_keeps_classes(u);
}

/* May the C library call code of it, whose destructors have run? That is no reason to refuse:
** destructors may take such things back. handlers: of signals. */
static bool is_called_back(const ml_unit *u, const uint64_t *handlers, size_t n)
{
    inside in = {u->l, NULL, 0, 0};
    while (n > 0)
        if (in_load(&in, handlers[--n]))
            return true;
    return ml_keys_lead(in_load, &in);
}

/* Where the blocks of a session lie: below 4 GiB, and above. */
typedef struct extent {
    uint64_t start[2], end[2];
    bool found;
} extent;

static bool in_extent(void *ud, uint64_t addr)
{
    const extent *e = ud;
    int k = addr >> 32 != 0;
    return addr >= e->start[k] && addr < e->end[k];
}

static void note_any(void *ud, const ml_thread *t)
{
    (void)t;
    ((extent *)ud)->found = true;
}

/* Is a thread where units are? One look for all of them. */
static bool is_entered(const ml_session *s)
{
    extent e = {{UINT64_MAX, UINT64_MAX}, {0, 0}, false};
    for (const ml_unit *u = s->first; u; u = u->next) {
        const ml_block *b = &u->l->block;
        int k = b->addr >> 32 != 0;
        e.start[k] = b->addr < e.start[k] ? b->addr : e.start[k];
        e.end[k] = b->addr + b->size > e.end[k] ? b->addr + b->size : e.end[k];
    }
    ml_os_threads(in_extent, note_any, &e);
    return e.found;
}

/* ---- memory ---- */

/* Archives and libraries that nobody else needs. Libraries are closed last: their destructors are
** foreign code, which may come back. */
static void release_inputs(ml_unit *u)
{
    ml_session *s = u->s;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->sources.n; i++) {
        if (s->sources.v[i].owner == u)
            ml_source_close(&s->sources.v[i]);
        else
            s->sources.v[n++] = s->sources.v[i];
    }
    s->sources.n = n;
    if (!u->nheld)
        return;
    for (uint32_t i = 0; i < u->nheld; i++)
        u->held[i]->holders--;
    n = 0;
    ml_held *last = NULL;
    bool known = ml_lazy_settle(s); /* destructors may have been the first to call something */
    bool searching = ml_lazy_searching(s);
    for (uint32_t i = 0; i < s->nheld; i++) {
        ml_held *h = s->held[i];
        s->held[n] = h;
        bool stays = h->holders || searching || !known; /* a later turn closes it */
        n += stays;
        if (stays)
            continue;
        h->next = last;
        last = h;
    }
    s->nheld = n;
    ml_session_let_go(s);
    for (ml_held *next; last; last = next) {
        next = last->next;
        s->foreign++;
        ml_library_close(&last->lib);
        s->foreign--;
        ml_heap_free(last);
    }
}

static void unlink_unit(ml_unit *u)
{
    ml_session *s = u->s;
    ml_atlas_changed(s);
    *(u->prev ? &u->prev->next : &s->first) = u->next;
    *(u->next ? &u->next->prev : &s->last) = u->prev;
}

/* A unit whose destructors have run, which nobody is inside and no unit needs. */
static void release(ml_unit *u)
{
    ml_effects_undo(u->l);
    ml_linked_give(u->s->space, u->l);
    release_inputs(u);
    ml_exits_drop(u->exits);
    ml_linked_free(u->l);
    ml_session_hold(u->s);
    u->life->owner = NULL;
    ml_session_let_go(u->s);
    ml_life_drop(u->life);
    ml_heap_free(u->held);
    ml_heap_free(u->needs.v);
    ml_heap_free(u->users.v);
    ml_heap_free(u);
}

/* Runs the destructors of a unit that has ended, unless somebody is inside: then they run when he
** has left. */
static void run_exits(ml_unit *u)
{
    if (u->exited || is_busy(u))
        return;
    u->exited = true;
    if (!u->exits)
        return;
    u->s->foreign++;
    (u->cancelled ? ml_exits_cancel : ml_exits_run)(u->exits);
    u->s->foreign--;
    u->s->quiet = false;
    u->quiet = false; /* threads that they told to end may not have left yet */
}

/* Note [Memory that somebody is inside]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** A unit that ends is LOST: its names and functions have gone. Its memory goes when nothing can
** come back to it: no call in flight, no frame on the stack of a thread, no handler for the end of
** a thread (libitm's where there are tm_words) or (on_exit) of the process, no key of threads' data
** with a destructor in it, no handler of a signal, no unit of another session, no runtime that was
** left running (ml_session_leave), and no unit that is kept for one of these reasons and needs it.
** While a load is open, all memory stays, since the load may have found something there.
** Whoever ends a unit sweeps: lost units are kept until then, or until the session ends; what is
** kept then, with the address space around it, is never given back. */
static void mark_kept(ml_session *s)
{
    uint64_t handlers[ML_OS_SIGNALS];
    size_t n = s->handles ? ml_os_handlers(handlers) : 0;
    ml_unit *work = NULL;
    for (ml_unit *u = s->lost; u; u = u->next) {
        u->kept = !u->exited || u->l->tm_words || is_called_back(u, handlers, n) || is_busy(u);
        u->quiet = false;
        for (uint32_t i = 0; !u->kept && i < u->users.n; i++)
            u->kept = u->users.v[i]->state != ML_UNIT_LOST;
        if (!u->kept)
            continue;
        u->work = work;
        work = u;
    }
    while (work) {
        const ml_unit *u = work;
        work = u->work;
        for (uint32_t i = 0; i < u->needs.n; i++) {
            ml_unit *other = u->needs.v[i];
            if (other->state != ML_UNIT_LOST || other->kept)
                continue;
            other->kept = true;
            other->work = work;
            work = other;
        }
    }
}

void ml_unit_sweep(ml_session *s)
{
    if (!s->lost || s->loads || s->ending || !ml_lazy_enter(s))
        return;  /* without memory to know who uses what, all stays for now */
    s->ending++; /* destructors, also of libraries, may come back here */
    for (ml_unit *u = s->lost; u; u = u->next)
        run_exits(u);
    mark_kept(s);
    ml_unit *gone = NULL;
    for (ml_unit **p = &s->lost; *p;) {
        ml_unit *u = *p;
        if (u->kept) {
            p = &u->next;
            continue;
        }
        *p = u->next;
        u->next = gone;
        gone = u;
    }
    for (ml_unit *u = gone; u; u = u->next)
        leave_edges(u);
    for (ml_unit *next; gone; gone = next) {
        next = gone->next;
        release(gone);
    }
    s->ending--;
}

/* ---- the end ---- */

/* Units that end together, each before what it uses. */
typedef struct ending {
    ml_unit *first, **last;
    const ml_unit *blocked; /* one that uses them and whose destructors are running; or NULL */
} ending;

/* Adds u and those that use it, directly or not, the latest first. No recursion: a chain of units
** may be long. */
static void gather(ending *e, ml_unit *u)
{
    u->listed = true;
    u->turn = u->users.n;
    u->work = NULL;
    while (u) {
        if (u->turn > 0) {
            ml_unit *user = u->users.v[--u->turn];
            if (user->state == ML_UNIT_ENDING)
                e->blocked = user;
            if (user->listed || user->state >= ML_UNIT_ENDING)
                continue;
            user->listed = true;
            user->turn = user->users.n;
            user->work = u;
            u = user;
            continue;
        }
        ml_unit *back = u->work;
        u->after = NULL;
        *e->last = u;
        e->last = &u->after;
        u = back;
    }
}

/* Takes the names of those from u on away; so nobody comes to use them any more. */
static void begin_end(ml_unit *u)
{
    for (ml_unit *k = u; k; k = k->after) {
        if (k->state == ML_UNIT_STARTING || k->state == ML_UNIT_LIVE)
            k->named = true;
        k->state = ML_UNIT_ENDING;
    }
    for (ml_unit *k = u; k; k = k->after) {
        if (k->named)
            ml_exports_leave(&k->s->exports, k);
        k->named = false;
        if (k->other)
            k->other->other = NULL;
        k->other = NULL;
        k->is_new = false;
    }
}

/* Lets go of the session, which the caller holds. */
static void end_listed(ml_session *s, ending *e)
{
    s->ending++;
    begin_end(e->first);
    ml_session_let_go(s);
    for (ml_unit *u = e->first; u; u = u->after)
        run_exits(u);
    for (ml_unit *u = e->first, *next; u; u = next) {
        next = u->after;
        u->listed = false;
        ml_session_hold(s);
        u->life->alive = false;
        ml_session_let_go(s);
        ml_atlas_bury(u);
        u->state = ML_UNIT_LOST;
        ml_clones_forget(u->l);
        unlink_unit(u);
        u->next = s->lost;
        s->lost = u;
    }
    s->ending--;
    ml_unit_sweep(s);
}

void ml_unit_end(ml_unit *u, bool cancel)
{
    ending e = {NULL, &e.first, NULL};
    u->cancelled = cancel;
    ml_lazy_settle(u->s);
    gather(&e, u);
    end_listed(u->s, &e);
}

void ml_unit_retire(ml_unit *u)
{
    ending e = {NULL, &e.first, NULL};
    u->listed = true;
    u->after = NULL;
    e.first = u;
    end_listed(u->s, &e);
}

const char *ml_unit_doing(const ml_unit *u)
{
    if (u->state == ML_UNIT_STARTING)
        return "is being started";
    if (u->other)
        return "is being reloaded";
    return u->state == ML_UNIT_ENDING ? "is being unloaded" : NULL;
}

static int check_idle(ml_diag *d, const ml_unit *u, const ml_unit *user)
{
    const char *doing = ml_unit_doing(user);
    if (!doing)
        return 0;
    ml_where at = {.file = u->life->name};
    if (user == u)
        return ml_fail(d, ML_E_STATE, at, NULL, "cannot be unloaded: it %s", doing);
    return ml_fail(d, ML_E_STATE, at, NULL, "cannot be unloaded: unit %s, which uses it, %s",
                   user->life->name, doing);
}

/* Lets go of the session, which the caller holds. */
static int force(ml_diag *d, ml_unit *u)
{
    ending e = {NULL, &e.first, NULL};
    gather(&e, u);
    const ml_unit *busy = e.blocked;
    for (const ml_unit *k = e.first; !busy && k; k = k->after)
        busy = ml_unit_doing(k) ? k : NULL;
    if (!busy) {
        end_listed(u->s, &e);
        return 0;
    }
    for (ml_unit *k = e.first; k; k = k->after)
        k->listed = false;
    ml_session_let_go(u->s);
    return check_idle(d, u, busy);
}

static int check_unused(ml_diag *d, ml_unit *u, ml_unload how)
{
    u->quiet = false;
    if (how != ML_UNLOAD_REFUSE || !(u->users.n || u->life->functions || is_busy(u)))
        return 0;
    return ml_fail(d, ML_E_STATE, (ml_where){.file = u->life->name}, NULL,
                   "cannot be unloaded: it is in use");
}

int ml_unit_unload(ml_diag *d, ml_unit *u, ml_unload how)
{
    ml_session *s = u->s;
    if (s->loads)
        return ml_fail(d, ML_E_STATE, (ml_where){.file = u->life->name}, "unload it after the load",
                       "cannot be unloaded: a load is running");
    int rc = check_idle(d, u, u);
    if (rc < 0)
        return rc;
    ml_unit_sweep(s);
    do { /* until its names have gone: see Note [Binding at the first call] */
        rc = ml_lazy_enter(s) ? check_unused(d, u, how) : ml_nomem(d);
        if (rc < 0)
            return rc;
    } while (!ml_lazy_hold(s));
    if (how != ML_UNLOAD_ORPHAN)
        return force(d, u);
    if (u->state == ML_UNIT_LIVE)
        ml_exports_leave(&s->exports, u);
    u->state = ML_UNIT_ORPHAN;
    ml_session_let_go(s);
    return 0;
}

int ml_unit_discard(ml_diag *d, ml_unit *new)
{
    if (!new->is_new)
        return ml_fail(d, ML_E_STATE, (ml_where){.file = new->life->name}, NULL,
                       "is no new version of a unit that is being reloaded");
    ml_unit_end(new, false);
    return 0;
}

void ml_unit_end_all(ml_session *s)
{
    ml_unit *u = s->last;
    s->quiet = u && !s->left && !is_entered(s);
    while (u) {
        if (u->state == ML_UNIT_LIVE || u->state == ML_UNIT_ORPHAN) {
            ml_unit_end(u, false);
            u = s->last; /* others may have gone with it */
        } else {
            u = u->prev;
        }
    }
    s->quiet = false;
    ml_unit_sweep(s);
}
