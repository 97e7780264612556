/* replace.c -- link: a unit takes the place of another: reload.
** The new version was loaded while the old one was still there: its names cover the old one's.
** Here the units that use the old one come to use the new one: the places and slots in which they
** hold its addresses are changed, and so are pointers to it in their variables, and the addresses
** of Lua's functions. Then the old one ends. All that can fail is checked before anything changes.
** SPDX-License-Identifier: MIT */
#include "link/pair.h"
#include "link/txn.h"

/* ---- can it? ---- */

static const ml_entry *counterpart(const ml_linked *l, const ml_entry *e)
{
    const ml_entry *n = ml_table_find(&l->names, e->name, e->len, e->hash);
    return n && ml_def_exported(n) ? n : NULL;
}

static int refuse(ml_diag *d, const ml_unit *old, const ml_unit *user, const char *name,
                  const char *hint, const char *why)
{
    return ml_fail(d, ML_E_STATE, (ml_where){.file = old->life->name, .symbol = name}, hint,
                   "reload refused: unit %s uses '%s', %s", user->life->name, name, why);
}

static uint64_t value_of(const ml_site *s, uint64_t S)
{
    bool pcrel = s->kind == ML_SITE_PC32 || s->kind == ML_SITE_PC64;
    return S + s->bias - (pcrel ? s->at : 0);
}

/* Does the site's field hold the value? */
static bool holds(const ml_site *s, const uint8_t *p, uint64_t value)
{
    bool wide = s->kind == ML_SITE_ABS64 || s->kind == ML_SITE_PC64;
    return wide ? ml_get64(p) == value : ml_get32(p) == (uint32_t)value;
}

/* A field in code that does not hold its value has moved with its instruction: see far.c. */
static bool can_change(const ml_linked *l, const ml_site *s)
{
    const uint8_t *p = (const uint8_t *)(uintptr_t)s->at;
    return s->kind != ML_SITE_FIXED &&
           (!ml_linked_is_code(l, s->at) || holds(s, p, value_of(s, s->e->addr)));
}

static int check_user(ml_diag *d, const ml_unit *old, const ml_linked *l, const ml_unit *user)
{
    for (uint32_t i = 0; i < user->l->names.count; i++) {
        const ml_entry *e = ml_table_awake(&user->l->names, i);
        if (!e || e->def != ML_DEF_UNIT || e->unit != old)
            continue;
        const ml_entry *n = counterpart(l, e);
        const char *again = "load that unit again as well";
        if (!n)
            return refuse(d, old, user, e->name, "keep the name, or unload that unit first",
                          "which the new version does not define");
        if (e->type == ML_TYPE_TLS || n->type == ML_TYPE_TLS)
            return refuse(d, old, user, e->name, again, "which is thread-local");
        if (e->type == ML_TYPE_OBJECT && n->size < e->size)
            return refuse(d, old, user, e->name, again, "which has become smaller");
    }
    ml_site s;
    for (ml_site_walk w = ml_sites_of(user->l); ml_sites_next(user->l, &w, &s);)
        if (s.e->unit == old && !can_change(user->l, &s))
            return refuse(d, old, user, s.e->name, "load that unit again as well",
                          "at a place that cannot be changed");
    return 0;
}

static int fail_busy(ml_diag *d, const ml_unit *old)
{
    return ml_fail(d, ML_E_STATE, (ml_where){.file = old->life->name}, "reload it after the load",
                   "cannot be reloaded: a load is running");
}

/* Is it a unit that can be reloaded, with `own` loads that are open? Others may have found it. */
static int check_state(ml_diag *d, const ml_unit *old, uint32_t own)
{
    if (old->s->loads > own)
        return fail_busy(d, old);
    if (old->state == ML_UNIT_LIVE && !old->other)
        return 0;
    return ml_fail(d, ML_E_STATE, (ml_where){.file = old->life->name}, NULL,
                   "cannot be reloaded: it %s",
                   ml_unit_doing(old) ? ml_unit_doing(old) : "has been unloaded");
}

int ml_replace_allowed(ml_diag *d, const ml_unit *old)
{
    return check_state(d, old, 0);
}

int ml_replace_check(ml_txn *t)
{
    const ml_unit *old = t->o.replace;
    int rc = ml_lazy_enter(t->s) ? check_state(t->d, old, 1) : ml_nomem(t->d);
    for (uint32_t i = 0; rc == 0 && i < old->users.n; i++)
        rc = check_user(t->d, old, t->l, old->users.v[i]);
    return rc;
}

/* Does every value fit its field? */
static int check_ranges(ml_diag *d, const ml_unit *old, const ml_unit *new, const ml_unit *user)
{
    ml_site s;
    for (ml_site_walk w = ml_sites_of(user->l); ml_sites_next(user->l, &w, &s);) {
        if (s.e->unit != old || (s.kind != ML_SITE_PC32 && s.kind != ML_SITE_ABS32))
            continue;
        const ml_entry *n = counterpart(new->l, s.e);
        if (!n || !ml_fits(ML_FIT_S32, value_of(&s, n->addr)))
            return refuse(d, old, user, s.e->name,
                          "compile that unit with -fPIC, and load it with bind = \"got\"",
                          "at a place from where the new version is out of reach");
    }
    return 0;
}

/* ---- the change ---- */

/* Data that the program has changed meanwhile stays as it is. */
static void patch_site(const ml_linked *l, const ml_site *s, uint64_t S)
{
    uint8_t *p = ml_linked_writable(l, s->at);
    uint64_t old = value_of(s, s->e->addr), v = value_of(s, S);
    if (!holds(s, p, old))
        return;
    if (s->kind == ML_SITE_ABS64 || s->kind == ML_SITE_PC64)
        ml_put64(p, v);
    else
        ml_put32(p, (uint32_t)v);
}

static void patch_slot(const ml_linked *l, const ml_entry *e, uint64_t S)
{
    uint8_t *p = (uint8_t *)(uintptr_t)ml_slot_address(l, e->got);
    if (e->got && ml_get64(p) == e->addr)
        ml_put64(p, S);
}

/* The user's memory is writable meanwhile. */
static void patch_user(const ml_unit *old, ml_unit *new, ml_unit *user)
{
    ml_linked *l = user->l;
    ml_site s;
    for (ml_site_walk w = ml_sites_of(l); ml_sites_next(l, &w, &s);)
        if (s.e->unit == old && s.e->def == ML_DEF_UNIT)
            patch_site(l, &s, counterpart(new->l, s.e)->addr);
    for (uint32_t i = 0; i < l->names.count; i++) {
        ml_entry *e = ml_table_awake(&l->names, i);
        if (!e || e->def != ML_DEF_UNIT || e->unit != old)
            continue;
        const ml_entry *n = counterpart(new->l, e);
        if (e->lazy)
            ml_lazy_move(l, e, n->addr);
        else
            patch_slot(l, e, n->addr);
        for (uint32_t k = 0; k < l->nfini; k++)
            if (l->fini[k] == e->addr)
                l->fini[k] = n->addr;
        e->addr = e->value = n->addr;
        e->size = n->size;
        e->type = n->type;
        e->unit = new;
    }
    for (uint32_t i = 0; i < user->needs.n; i++)
        if (user->needs.v[i] == old)
            user->needs.v[i] = new;
}

/* The entry of the old version that a Lua function calls. */
static const ml_entry *entry_of(const ml_unit *old, const ml_user *f)
{
    const ml_table *names = &old->l->names;
    const ml_entry *e = f->name ? ml_table_find_str(names, f->name) : NULL;
    if (e && e->addr == f->address && ml_def_exported(e))
        return e;
    for (uint32_t i = 0; i < names->count; i++) {
        e = ml_table_at(names, i);
        if (e->addr == f->address && ml_def_exported(e))
            return e;
    }
    return NULL;
}

/* Those whose function is not there any more stay with the old version, and raise from now on. */
static void move_functions(const ml_unit *old, const ml_unit *new)
{
    for (ml_user *f = old->life->functions, *next; f; f = next) {
        next = f->next;
        const ml_entry *e = entry_of(old, f), *n = e ? counterpart(new->l, e) : NULL;
        if (!n)
            continue;
        ml_life_untie(f);
        f->address = n->addr;
        ml_life_tie(new->life, f);
    }
}

/* ---- the users' memory ---- */

/* The part of the user's blocks in which an address lies; data, which is writable anyway, for all
** others. */
static unsigned part_of(const ml_linked *l, uint64_t addr)
{
    for (unsigned k = 0; k < ML_PART_DATA; k++)
        if (ml_area_has(ml_linked_area(l, false, k), addr) ||
            ml_area_has(ml_linked_area(l, true, k), addr))
            return k;
    return ML_PART_DATA;
}

/* Bit k: something in part k of the user's memory is to be changed. */
static unsigned parts_of(const ml_unit *old, const ml_unit *user)
{
    const ml_linked *l = user->l;
    unsigned parts = 0;
    ml_site s;
    for (ml_site_walk w = ml_sites_of(l); ml_sites_next(l, &w, &s);)
        if (s.e->unit == old)
            parts |= 1u << part_of(l, s.at);
    for (uint32_t i = 0; i < l->names.count; i++) {
        const ml_entry *e = ml_table_awake(&l->names, i);
        if (e && e->unit == old && e->got)
            parts |= 1u << part_of(l, l->got);
    }
    return parts;
}

/* Makes those parts writable. */
static int open_user(ml_diag *d, const ml_unit *old, const ml_unit *user)
{
    unsigned parts = parts_of(old, user);
    int rc = 0;
    for (unsigned k = 0; rc == 0 && k < ML_PART_DATA; k++)
        if (parts >> k & 1)
            rc = ml_linked_open(d, user->l, k);
    return rc;
}

/* There is no way back from here: memory that had this protection gets it again, which the system
** can refuse only while it is short of memory. */
static void close_user(const ml_unit *user, unsigned parts)
{
    enum { TRIES = 10 };
    ml_diag d;
    ml_diag_init(&d);
    for (unsigned k = 0; k < ML_PART_DATA; k++)
        for (int i = 0; parts >> k & 1 && i < TRIES && ml_linked_seal(&d, user->l, k, k) < 0; i++)
            ml_os_sleep_ns(1000000u << i);
    ml_diag_free(&d);
}

static int open_users(ml_diag *d, const ml_unit *old)
{
    int rc = 0;
    uint32_t n = 0;
    for (; rc == 0 && n < old->users.n; n++)
        rc = open_user(d, old, old->users.v[n]);
    while (rc < 0 && n-- > 0)
        close_user(old->users.v[n], parts_of(old, old->users.v[n]));
    return rc;
}

/* Users whose code is to be changed, linked by `work`, and a thread that may be running it. */
typedef struct changed {
    ml_unit *first;
    const ml_unit *inside;
    uint64_t start, end; /* all of them lie between */
    ml_thread thread;    /* the first one, when found */
    bool found;
} changed;

static bool in_changed(void *ud, uint64_t addr)
{
    changed *c = ud;
    if (addr < c->start || addr >= c->end)
        return false;
    for (const ml_unit *u = c->first; u; u = u->work) {
        if (addr - u->l->block.addr >= u->l->block.size)
            continue;
        c->inside = u;
        return true;
    }
    return false;
}

static void note_first(void *ud, const ml_thread *t)
{
    changed *c = ud;
    if (!c->found)
        c->thread = *t;
    c->found = true;
}

/* Code that a thread may be running cannot be changed. One look for all users. */
static int check_threads(ml_diag *d, const ml_unit *old)
{
    changed c = {.start = UINT64_MAX};
    for (uint32_t i = 0; i < old->users.n; i++) {
        ml_unit *user = old->users.v[i];
        const ml_block *b = &user->l->block;
        if (!(parts_of(old, user) & 1))
            continue;
        user->work = c.first;
        c.first = user;
        c.start = b->addr < c.start ? b->addr : c.start;
        c.end = b->addr + b->size > c.end ? b->addr + b->size : c.end;
    }
    if (c.first)
        ml_os_threads(in_changed, note_first, &c);
    if (!c.found)
        return 0;
    ml_where at = {.file = old->life->name};
    if (c.thread.state != ML_THREAD_INSIDE)
        return ml_fail(d, ML_E_STATE, at, "end that thread, or let it wait for something",
                       "reload refused: thread %lld, which may be in code of units that use it, "
                       "runs and cannot be asked",
                       (long long)c.thread.id);
    return ml_fail(d, ML_E_STATE, at, "end that thread",
                   "reload refused: code of unit %s, which uses it, is on the stack of thread "
                   "%lld",
                   c.inside->life->name, (long long)c.thread.id);
}

/* ---- all of it ---- */

/* The new version stands where the old one stood: names that later units cover stay covered, and
** units end in the same order. */
static void take_place(ml_unit *old, ml_unit *new)
{
    ml_session *s = old->s;
    *(new->prev ? &new->prev->next : &s->first) = new->next;
    *(new->next ? &new->next->prev : &s->last) = new->prev;
    new->prev = old;
    new->next = old->next;
    *(old->next ? &old->next->prev : &s->last) = new;
    old->next = new;
    for (ml_unit *u = new->covers ? new->next : NULL; u; u = u->next)
        if (u->state <= ML_UNIT_LIVE)
            ml_exports_enter_again(&s->exports, u);
}

static bool make_room(ml_units *v, uint32_t more)
{
    if (v->room - v->n >= more)
        return true;
    void *grown = ml_heap_grow(v->v, (size_t)v->n + more, sizeof *v->v);
    if (!grown)
        return false;
    v->v = grown;
    v->room = v->n + more;
    return true;
}

/* Units that use the old version, and those that it uses, may come to need it: see patch_or_keep.
** A unit may be both. Those that it uses may come to be needed: see keep_needs. */
static bool reserve_users(ml_unit *old, ml_unit *new)
{
    for (uint32_t i = 0; i < old->users.n; i++)
        if (!make_room(&old->users.v[i]->needs, 2))
            return false;
    for (uint32_t i = 0; i < old->needs.n; i++)
        if (!make_room(&old->needs.v[i]->needs, 2) || !make_room(&old->needs.v[i]->users, 1))
            return false;
    return make_room(&new->needs, old->needs.n) &&
           make_room(&old->users, old->needs.n + old->users.n) &&
           make_room(&new->users, old->users.n);
}

static int prepare(ml_diag *d, ml_unit *old, ml_unit *new, ml_pair *p)
{
    if (!new->is_new || new->other != old)
        return ml_fail(d, ML_E_STATE, (ml_where){.file = old->life->name}, NULL,
                       "this is no new version of it");
    if (old->s->loads)
        return fail_busy(d, old);
    int rc = ml_lazy_enter(old->s) ? check_threads(d, old) : ml_nomem(d);
    for (uint32_t i = 0; rc == 0 && i < old->users.n; i++) {
        rc = check_ranges(d, old, new, old->users.v[i]);
        if (rc == 0 && old->users.v[i]->l->lazies) /* it may have come after ml_replace_check */
            rc = check_user(d, old, new->l, old->users.v[i]);
    }
    bool alone = !old->users.n && !old->needs.n;
    if (rc == 0 && (!reserve_users(old, new) || (!alone && !ml_pair_init(p, old->l, new->l))))
        rc = ml_nomem(d);
    return rc == 0 ? open_users(d, old) : rc;
}

/* Pointers to the old version that a user's variables hold. True when some have no counterpart. */
static bool patch_pointers(ml_pair *p, const ml_linked *user)
{
    bool left = false;
    for (int k = 0; k < 2; k++) {
        ml_area data = ml_linked_area(user, k, ML_PART_DATA);
        for (uint64_t at = data.addr; at - data.addr < data.size; at += 8) {
            if (at - user->counters < user->ncounted * ML_COUNTER)
                continue; /* numbers, which could look like an address */
            uint8_t *word = (uint8_t *)(uintptr_t)at;
            uint64_t to, value = ml_get64(word);
            if (!ml_linked_has(p->old, value) || ml_lazy_has(user, at))
                continue;
            if (ml_pair_address(p, value, &to))
                ml_put64(word, to);
            else
                left = true;
        }
    }
    return left;
}

static void move_users(ml_unit *old, ml_unit *new)
{
    for (uint32_t i = 0; i < old->users.n; i++) {
        ml_unit *user = old->users.v[i];
        unsigned parts = parts_of(old, user);
        patch_user(old, new, user);
        close_user(user, parts);
        new->users.v[new->users.n++] = user;
    }
    old->users.n = 0;
}

static bool patch_handler(void *ud, uint64_t *addr)
{
    ml_pair *p = ud;
    uint64_t to;
    if (!ml_linked_has(p->old, *addr))
        return true;
    if (!ml_pair_address(p, *addr, &to))
        return false;
    *addr = to;
    return true;
}

/* The unit's variables come to point to the new version, and so does what it has registered for its
** end: destructors of its static objects may be those of the old one. If some cannot, the old one's
** memory stays as long as the unit: it is entered as a user. */
static void patch_or_keep(ml_pair *p, ml_unit *old, ml_unit *unit)
{
    if (unit->state > ML_UNIT_ENDING)
        return;
    bool left = patch_pointers(p, unit->l);
    if (ml_exits_change(unit->exits, patch_handler, p) && !left)
        return;
    unit->needs.v[unit->needs.n++] = old;
    old->users.v[old->users.n++] = unit;
}

static bool has_unit(const ml_units *v, const ml_unit *u)
{
    uint32_t i = 0;
    while (i < v->n && v->v[i] != u)
        i++;
    return i < v->n;
}

/* Does a variable hold an address in another load? */
static bool points_to(const ml_linked *l, const ml_linked *other)
{
    for (int k = 0; k < 2; k++) {
        ml_area data = ml_linked_area(l, k, ML_PART_DATA);
        for (uint64_t at = data.addr; at - data.addr < data.size; at += 8) {
            bool counter = at - l->counters < l->ncounted * ML_COUNTER;
            if (!counter && ml_linked_has(other, ml_get64((const uint8_t *)(uintptr_t)at)))
                return true;
        }
    }
    return false;
}

/* Units that the old version used, and the new one knows by values that were carried alone. */
static void keep_needs(const ml_unit *old, ml_unit *new)
{
    for (uint32_t i = 0; i < old->needs.n; i++) {
        ml_unit *other = old->needs.v[i];
        if (other == new || has_unit(&new->needs, other) || !points_to(new->l, other->l))
            continue;
        new->needs.v[new->needs.n++] = other;
        other->users.v[other->users.n++] = new;
    }
}

/* After the destructors of the old version, so that what it takes back itself is gone. */
static void patch_variables(ml_pair *p, ml_unit *old, const ml_unit *new, uint32_t nusers)
{
    for (uint32_t i = 0; i < nusers; i++)
        patch_or_keep(p, old, new->users.v[new->users.n - nusers + i]);
    for (uint32_t i = 0, n = old->needs.n; i < n; i++)
        patch_or_keep(p, old, old->needs.v[i]);
}

int ml_unit_replace(ml_diag *d, ml_unit *old, ml_unit *new)
{
    ml_session *s = old->s;
    ml_pair p = {0};
    int rc = prepare(d, old, new, &p);
    while (rc == 0 && !ml_lazy_hold(s)) { /* until the old one's names have gone */
        for (uint32_t i = 0; i < old->users.n; i++)
            close_user(old->users.v[i], parts_of(old, old->users.v[i]));
        ml_pair_deinit(&p);
        p = (ml_pair){0};
        rc = prepare(d, old, new, &p);
    }
    if (rc < 0) {
        ml_pair_deinit(&p);
        return rc;
    }
    uint32_t nusers = old->users.n;
    move_users(old, new);
    move_functions(old, new);
    old->other = new->other = NULL;
    new->is_new = false;
    take_place(old, new);
    keep_needs(old, new);
    old->life->successor = ml_life_hold(new->life);
    s->ending++; /* nothing goes before the last pointer to it */
    ml_unit_retire(old);
    if (p.old)
        patch_variables(&p, old, new, nusers);
    s->ending--;
    ml_pair_deinit(&p);
    ml_unit_sweep(s);
    return 0;
}
