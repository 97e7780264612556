/* lazy.c -- link: stubs that look their function up when it is called first, and what they find.
** takes a scanned load; gives it lazy stubs with slots in its writable data. First calls, in any
** thread, fill the slots; the session's own thread then enters who uses whom.
** See Note [Binding at the first call]. Spec: x86-64 psABI 5.2 "Procedure Linkage Table".
** SPDX-License-Identifier: MIT */
#include "link/lazy.h"

#include <errno.h>
#include <stdio.h>

#include "link/txn.h"

/* Note [Binding at the first call]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** A name that a load only calls need not be known before it is called. With ML_CROSS_LAZY such a
** name is not looked up at all while loading (defer.c says which can wait): it gets a stub that
** jumps through a slot, and the slot leads to a lazy stub, which pushes the slot's number and ends
** up in `bind` by way of process/resolver_x86_64.c. That walks the scope of the load as it is then,
** stores the address and goes on to the function; from then on the stub alone is run. Slots lie in
** the data, which stays writable; the two words of the head are constants.
**
** A first call comes from any thread, at any time after the load was linked: while the session's
** own thread loads, unloads or reloads. What it reads of the session (exports, units of a scope,
** libraries) changes under a latch, and `bind` holds it while it looks and stores. It changes
** nothing of the session itself: it leaves a note (`bound`), and the session's thread enters the
** notes (ml_lazy_enter) before it asks who uses a unit. When there are new ones after it has asked
** (ml_lazy_hold) it asks again; else it takes the names of what is to go away without giving the
** latch back: so nobody is bound to a unit after it was found unused. No memory is asked for or
** freed, and no thread looked for, under the latch: who waits for it may be a signal handler that
** has interrupted malloc. Libraries are asked without the latch, since the process's loader has a
** lock of its own, which it holds while constructors run; they stay open as long as somebody does
** (`searching`).
**
** While a unit is being reloaded, first calls see the old version alone: what has been bound to it
** moves with all others when the new one takes its place, and nothing has to be undone if not.
**
** A name that nobody has is looked up again with the next call: a later load may bring it. */

enum { HEAD_WORDS = 2, CHUNK = 32 };

/* ---- the latch ---- */

void ml_session_hold(ml_session *s)
{
    if (!s->has_lazy || s->held_deep++)
        return;
    ml_quiet_begin(&s->quiet_time);
    ml_latch_take(&s->latch, &s->quiet_time);
}

void ml_session_let_go(ml_session *s)
{
    if (!s->has_lazy || --s->held_deep)
        return;
    ml_latch_give(&s->latch);
    ml_quiet_end(&s->quiet_time);
}

/* ---- stubs ---- */

void ml_lazy_want(ml_txn *t, ml_entry *e)
{
    if (e->lazy)
        return;
    e->lazy = true;
    e->stub = ++t->nstubs;
    e->section = ++t->nlazy;
}

void ml_lazy_pieces(ml_txn *t)
{
    uint64_t n = t->nlazy;
    t->piece_lazy = t->piece_lazy_words = t->piece_lazy_slots = 0;
    if (!n)
        return;
    t->piece_lazy = ml_piece_add(t, ML_CLASS_TEXT, (n + 1) * t->target->stub_size, 16);
    t->piece_lazy_words =
        ml_piece_add(t, ML_CLASS_CONST, (uint64_t)HEAD_WORDS * ML_GOT_SLOT, ML_GOT_SLOT);
    t->piece_lazy_slots = ml_piece_add(t, ML_CLASS_DATA, n * ML_GOT_SLOT, ML_GOT_SLOT);
}

static uint64_t bind(void *ud, uint64_t i);

/* The scope as first calls walk it: archives and questions have had their say. */
static void copy_scope(ml_txn *t, ml_lazies *z)
{
    for (unsigned i = 0; i < t->o.nscope; i++) {
        const ml_scope *from = &t->o.scope[i];
        if (from->kind == ML_SCOPE_ARCHIVES || from->kind == ML_SCOPE_ASK)
            continue;
        if (from->kind == ML_SCOPE_UNIT) /* which may be another session's, without a latch */
            ml_table_wake(&from->unit->l->names);
        z->scope[z->nscope].kind = from->kind;
        z->scope[z->nscope].life =
            from->kind == ML_SCOPE_UNIT ? ml_life_hold(from->unit->life) : NULL;
        z->nscope++;
    }
}

static ml_lazies *new_lazies(ml_txn *t)
{
    ml_linked *l = t->l;
    ml_lazies *z = ml_zalloc(&l->keep, 1, sizeof *z);
    ml_entry **names = ml_zalloc(&l->keep, t->nlazy, sizeof(ml_entry *));
    ml_lazy_note *notes = ml_heap_zalloc(t->nlazy, sizeof *notes);
    if (!z || !names || !notes) {
        ml_heap_free(notes);
        return NULL;
    }
    z->names = names;
    z->notes = notes;
    z->binder = (ml_lazy){.resolve = bind, .ud = z, .save = ml_tlsdesc_save()};
    z->s = t->s;
    z->l = l;
    z->n = t->nlazy;
    z->stubs = ml_piece_addr(t, t->piece_lazy) + t->target->stub_size;
    z->slots = ml_piece_addr(t, t->piece_lazy_slots);
    z->unbound = t->o.unbound;
    copy_scope(t, z);
    for (ml_unit *u = t->s->has_lazy ? NULL : t->s->first; u; u = u->next)
        ml_table_wake(&u->l->names); /* later ones wake at commit */
    t->s->has_lazy = true;
    return l->lazies = z;
}

static int refuse_reach(ml_txn *t)
{
    return ml_fail(t->d, ML_E_RANGE, (ml_where){0}, "load it in parts",
                   "a lazy stub is out of reach of its slot");
}

int ml_lazy_write(ml_txn *t)
{
    if (!t->nlazy)
        return 0;
    ml_lazies *z = new_lazies(t);
    if (!z)
        return ml_nomem(t->d);
    unsigned size = t->target->stub_size;
    uint8_t *text = ml_piece_view(t, t->piece_lazy), *words = ml_piece_view(t, t->piece_lazy_words);
    uint8_t *slots = ml_piece_view(t, t->piece_lazy_slots);
    uint64_t head = z->stubs - size, stubs = ml_piece_addr(t, t->piece_stubs);
    ml_put64(words, (uint64_t)(uintptr_t)&z->binder);
    ml_put64(words + ML_GOT_SLOT, ml_process_lazy());
    bool ok = t->target->lazy_head(text, head, ml_piece_addr(t, t->piece_lazy_words));
    for (uint32_t i = 0; ok && i < t->l->names.count; i++) {
        ml_entry *e = ml_table_awake(&t->l->names, i);
        if (!e || !e->lazy)
            continue;
        uint32_t k = e->section - 1;
        uint64_t at = z->stubs + (uint64_t)k * size, stub = (uint64_t)(e->stub - 1) * size;
        z->names[k] = e;
        t->target->lazy(text + (at - head), at, k, head);
        ml_put64(slots + (size_t)k * ML_GOT_SLOT, at);
        ok = t->target->stub(ml_piece_view(t, t->piece_stubs) + stub, stubs + stub,
                             ml_lazy_slot(t->l, e));
    }
    return ok ? 0 : refuse_reach(t);
}

void ml_lazy_free(ml_linked *l)
{
    ml_lazies *z = l->lazies;
    if (!z)
        return;
    for (unsigned i = 0; i < z->nscope; i++)
        ml_life_drop(z->scope[i].life);
    ml_heap_free(z->notes);
    l->lazies = NULL;
}

/* ---- the first call ---- */

static _Atomic uint64_t *slot_of(const ml_lazies *z, uint64_t i)
{
    return (_Atomic uint64_t *)(uintptr_t)(z->slots + i * ML_GOT_SLOT);
}

/* What the slot leads to; 0: to its lazy stub. */
static uint64_t bound_to(const ml_lazies *z, uint64_t i)
{
    uint64_t target = atomic_load_explicit(slot_of(z, i), memory_order_acquire);
    return target == z->stubs + i * z->l->stub_size ? 0 : target;
}

/* A definition of a unit that can be called; of one that is being reloaded, the old version's. */
static const ml_entry *callable(const ml_entry *e)
{
    if (e && e->unit->is_new && e->unit->other) {
        const ml_unit *old = e->unit->other;
        e = ml_table_find(&old->l->names, e->name, e->len, e->hash);
        e = e && e->unit == old ? e : NULL;
    }
    return e && e->type != ML_TYPE_TLS ? e : NULL;
}

static const ml_entry *find_in_unit(const ml_life *life, const ml_entry *e)
{
    while (!life->alive && life->successor)
        life = life->successor;
    const ml_unit *u = life->alive ? life->owner : NULL;
    const ml_entry *other = u ? ml_table_find(&u->l->names, e->name, e->len, e->hash) : NULL;
    return other && other->unit == u ? callable(other) : NULL;
}

/* The libraries of the session from *from on, as many as fit. */
static unsigned some_libraries(ml_session *s, const ml_quiet *q, uint32_t *from, ml_held **to)
{
    unsigned n = 0;
    ml_latch_take(&s->latch, q);
    for (; n < CHUNK && *from < s->nheld; ++*from)
        if (s->held[*from]->ready)
            to[n++] = s->held[*from];
    ml_latch_give(&s->latch);
    return n;
}

/* As ml_session_provided, in any thread: the latch is not held, but `searching` is counted. */
static bool find_process(ml_session *s, const ml_quiet *q, const char *name, ml_provided *out,
                         ml_held **held)
{
    ml_held *some[CHUNK], *needer = NULL;
    ml_provided needed = {0};
    uint32_t from = 0;
    for (unsigned n; (n = some_libraries(s, q, &from, some)) > 0;)
        for (unsigned i = 0; i < n; i++) {
            if (!ml_library_find(&some[i]->lib, name, NULL, out))
                continue;
            *held = some[i];
            if (strcmp(out->provider, some[i]->lib.path) == 0)
                return true;
            needed = needer ? needed : *out;
            needer = needer ? needer : some[i];
        }
    *held = NULL;
    if (ml_library_find(&s->self, name, NULL, out))
        return true;
    *held = needer;
    *out = needed;
    return needer != NULL;
}

bool ml_lazy_searching(const ml_session *s)
{
    return s->searching && s->searcher == s->quiet_time.process;
}

/* Asks the process for name i. Entered and left with the latch. */
static uint64_t ask_process(ml_lazies *z, const ml_quiet *q, uint64_t i)
{
    ml_session *s = z->s;
    ml_held *held = NULL;
    ml_provided p;
    if (s->searcher != q->process)
        s->searching = 0;
    s->searcher = q->process;
    s->searching++;
    ml_latch_give(&s->latch);
    bool found = find_process(s, q, z->names[i]->name, &p, &held) && p.type != ML_TYPE_TLS;
    ml_latch_take(&s->latch, q);
    s->searching--;
    if (!found || bound_to(z, i)) /* another thread was faster */
        return bound_to(z, i);
    z->notes[i].provider = p.provider;
    z->notes[i].held = held;
    return p.addr;
}

/* Walks the scope for name i. Entered and left with the latch. */
static uint64_t search(ml_lazies *z, const ml_quiet *q, uint64_t i)
{
    const ml_entry *e = z->names[i], *other = NULL;
    uint64_t target = 0;
    for (unsigned k = 0; k < z->nscope && !target; k++) {
        other = NULL;
        if (z->scope[k].kind == ML_SCOPE_PROCESS) {
            target = ask_process(z, q, i);
            continue;
        }
        if (z->s->gone)
            continue; /* no unit is left, and somebody is still inside */
        other = z->scope[k].kind == ML_SCOPE_UNIT
                    ? find_in_unit(z->scope[k].life, e)
                    : callable(ml_exports_find(&z->s->exports, e->name, e->len, e->hash));
        target = other ? ml_entry_address(other) : 0;
    }
    if (target && !bound_to(z, i)) {
        ml_lazy_note *x = &z->notes[i];
        x->entry = other;
        x->next = x->listed ? x->next : z->bound;
        z->bound = x->listed ? z->bound : (uint32_t)i + 1;
        x->listed = true;
        atomic_store_explicit(slot_of(z, i), target, memory_order_release);
    }
    return target;
}

static void tell_unbound(const ml_lazies *z, uint64_t i)
{
    char text[512];
    const ml_entry *e = z->names[i];
    const ml_input *in = &z->l->inputs[e->first_ref];
    snprintf(text, sizeof text, "undefined symbol '%s' was called by %s%s%s%s: nothing defines it",
             e->name, in->file, in->member ? "(" : "", in->member ? in->member : "",
             in->member ? ")" : "");
    if (z->unbound.call)
        z->unbound.call(z->unbound.ud, text);
}

static uint64_t bind(void *ud, uint64_t i)
{
    ml_lazies *z = ud;
    int own_errno = errno;
    if (i >= z->n)
        return 0;
    ml_quiet q;
    ml_quiet_begin(&q);
    ml_latch_take(&z->s->latch, &q);
    uint64_t target = bound_to(z, i);
    if (!target)
        target = search(z, &q, i);
    ml_latch_give(&z->s->latch);
    ml_quiet_end(&q);
    errno = own_errno;
    if (!target)
        tell_unbound(z, i);
    return target;
}

/* ---- what came of it ---- */

static bool has_unit(const ml_units *v, const ml_unit *u)
{
    for (uint32_t i = 0; i < v->n; i++)
        if (v->v[i] == u)
            return true;
    return false;
}

static bool use_unit(ml_unit *u, ml_unit *to)
{
    u->l->uses_units = true;
    if (to == u || has_unit(&u->needs, to))
        return true;
    if (!ML_ROOM(u->needs.v, u->needs.n, u->needs.room) ||
        !ML_ROOM(to->users.v, to->users.n, to->users.room))
        return false;
    u->needs.v[u->needs.n++] = to;
    to->users.v[to->users.n++] = u;
    return true;
}

static bool use_library(ml_unit *u, ml_held *held)
{
    for (uint32_t i = 0; i < u->nheld; i++)
        if (u->held[i] == held)
            return true;
    ml_held **grown = ml_heap_grow(u->held, (size_t)u->nheld + 1, sizeof(ml_held *));
    if (!grown)
        return false;
    u->held = grown;
    u->held[u->nheld++] = held;
    held->holders++;
    return true;
}

/* A note on its way. */
typedef struct taken {
    ml_unit *u;
    ml_lazy_note *note; /* of which x is a copy */
    ml_lazy_note x;
    uint32_t i;
    uint64_t addr;
} taken;

/* Takes notes of the units of a list, as many as there is room for. */
static uint32_t take_notes(ml_unit *u, taken *v, uint32_t n)
{
    for (; u; u = u->next) {
        ml_lazies *z = u->l->lazies;
        while (z && z->bound && n < CHUNK) {
            uint32_t i = z->bound - 1;
            ml_lazy_note *x = &z->notes[i];
            v[n++] = (taken){u, x, *x, i, bound_to(z, i)};
            x->listed = false;
            z->bound = x->next;
        }
    }
    return n;
}

/* What could not be entered. */
static void put_back(const taken *v, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++) {
        ml_lazies *z = v[k].u->l->lazies;
        if (v[k].note->listed) /* it was bound again */
            continue;
        v[k].note->listed = true;
        v[k].note->next = z->bound;
        z->bound = v[k].i + 1;
    }
}

/* Who uses whom; false when memory is short. */
static bool use(const taken *x)
{
    if (x->x.entry)
        return use_unit(x->u, x->x.entry->unit);
    return !x->x.held || use_library(x->u, x->x.held);
}

/* The entry, which others may come across in the table of the unit: under the latch. */
static void define(const taken *x)
{
    ml_entry *e = x->u->l->lazies->names[x->i];
    const ml_entry *other = x->x.entry;
    e->def = other ? ML_DEF_UNIT : ML_DEF_PROCESS;
    e->bind = other ? other->bind : ML_BIND_GLOBAL;
    e->type = other ? other->type : ML_TYPE_FUNC;
    e->size = other ? other->size : e->size;
    e->unit = other ? other->unit : e->unit;
    e->provider = other ? e->provider : x->x.provider;
    e->addr = e->value = x->addr;
}

bool ml_lazy_enter(ml_session *s)
{
    taken v[CHUNK];
    uint32_t n = s->has_lazy ? CHUNK : 0;
    while (n == CHUNK) {
        uint32_t used = 0;
        ml_session_hold(s);
        n = take_notes(s->lost, v, take_notes(s->first, v, 0));
        ml_session_let_go(s);
        if (!n)
            break;
        while (used < n && use(&v[used]))
            used++;
        ml_session_hold(s);
        for (uint32_t k = 0; k < used; k++)
            define(&v[k]);
        put_back(v + used, n - used);
        ml_session_let_go(s);
        if (used < n)
            return false;
    }
    return true;
}

static bool has_notes(const ml_unit *u)
{
    while (u && !(u->l->lazies && u->l->lazies->bound))
        u = u->next;
    return u != NULL;
}

bool ml_lazy_hold(ml_session *s)
{
    ml_session_hold(s);
    if (!s->has_lazy || (!has_notes(s->first) && !has_notes(s->lost)))
        return true;
    ml_session_let_go(s);
    return false;
}

bool ml_lazy_settle(ml_session *s)
{
    while (ml_lazy_enter(s))
        if (ml_lazy_hold(s))
            return true;
    ml_session_hold(s);
    return false;
}

void ml_lazy_move(const ml_linked *user, const ml_entry *e, uint64_t S)
{
    _Atomic uint64_t *slot = slot_of(user->lazies, e->section - 1);
    if (atomic_load_explicit(slot, memory_order_relaxed) == e->addr)
        atomic_store_explicit(slot, S, memory_order_release);
}
