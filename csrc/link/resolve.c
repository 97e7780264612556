/* resolve.c -- stage RESOLVE: names -> who provides them.
** Walks the wanted names in the order in which they appeared and asks the scope's providers in
** their order; a name that reaches a provider in the caller's hands waits for an answer, one that
** an archive has for the turn of its member (pull.c). A member adds names behind the cursor, so
** that one walk is the fixpoint.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

static bool wanted(const ml_entry *e)
{
    return e->strong || e->weak || (e->flags & ML_ENT_ROOT);
}

static bool wanted_strongly(const ml_entry *e)
{
    return e->strong || (e->flags & ML_ENT_ROOT);
}

static void bind_unit(const ml_txn *t, ml_entry *e, const ml_entry *other)
{
    t->l->uses_units = true;
    e->def = ML_DEF_UNIT;
    e->bind = other->bind;
    e->type = other->type;
    e->addr = e->value = other->addr;
    e->size = other->size;
    e->unit = other->unit;
}

bool ml_resolve_process(const ml_txn *t, const char *name, size_t len, ml_provided *out,
                        uint32_t *held)
{
    char plain[512];
    const char *version = NULL, *at = memchr(name, '@', len);
    if (at && (size_t)(at - name) < sizeof plain) {
        memcpy(plain, name, (size_t)(at - name));
        plain[at - name] = 0;
        version = at + (at[1] == '@' ? 2 : 1);
        len = (size_t)(at - name);
        name = plain;
    }
    *held = 0;
    const ml_builtin *own = ml_builtin_find(name, len);
    uint64_t addr = own && own->in_process ? own->in_process() : 0;
    if (addr)
        *out = (ml_provided){.addr = addr, .type = own->type, .provider = "moonlink"};
    if (addr || (own && own->refused))
        return addr != 0;
    t->l->stats.looked_up++;
    return ml_session_provided(t->s, &t->libraries, name, version, out, held);
}

static bool bind_process(ml_txn *t, ml_entry *e)
{
    ml_provided p;
    uint32_t held;
    if (e->type == ML_TYPE_TLS && ml_segment_bind(t, e))
        return true;
    if (!ml_resolve_process(t, e->name, e->len, &p, &held))
        return false;
    if (p.type == ML_TYPE_TLS && ml_segment_bind(t, e))
        return true;
    e->def = ML_DEF_PROCESS;
    e->bind = ML_BIND_GLOBAL;
    e->addr = e->value = p.addr;
    e->type = p.type;
    e->size = p.size;
    e->provider = p.provider;
    e->image = held;
    return true;
}

static bool bind_unit_of(const ml_txn *t, const ml_unit *u, ml_entry *e)
{
    const ml_entry *other = ml_table_find(&u->l->names, e->name, e->len, e->hash);
    if (!other || other->unit != u || (other->flags & ML_ENT_LOCAL))
        return false;
    bind_unit(t, e, other);
    return true;
}

/* Asks the provider at e->scope. 1: it answered; 0: it has none; 2: wait; negative: error. */
static int ask_provider(ml_txn *t, ml_entry *e)
{
    const ml_scope *p = &t->o.scope[e->scope];
    bool hidden = e->flags & ML_ENT_HIDDEN_REF;
    const ml_entry *other;
    int rc;
    switch (p->kind) {
    case ML_SCOPE_SELF:
        other = hidden ? NULL : ml_exports_for(t, e);
        if (other)
            bind_unit(t, e, other);
        return other != NULL;
    case ML_SCOPE_UNIT: return !hidden && bind_unit_of(t, p->unit, e);
    case ML_SCOPE_PROCESS: return !hidden && bind_process(t, e);
    case ML_SCOPE_ARCHIVES:
        if (e->pull == ML_PULL_WAITS)
            return 2;
        if (!wanted_strongly(e) || e->pull == ML_PULL_DONE)
            return 0; /* a weak reference pulls nothing in */
        ml_pull_news(t);
        rc = ml_pull_want(t, p->set, e);
        return rc > 0 ? 2 : rc;
    case ML_SCOPE_ASK:
        if (e->flags & ML_ENT_ASKED)
            return 0; /* it was asked, and had no answer */
        if (e->flags & ML_ENT_WAITING)
            return 2;
        if (!ML_ROOM(t->asked, t->nasked, t->room_asked))
            return ml_nomem(t->d);
        e->flags |= ML_ENT_WAITING;
        t->asked[t->nasked++] = e;
        return 2;
    }
    return 0;
}

/* Names that the linker makes itself, where they are wanted: see assemble.c. Those that anybody may
** have (end, say) come last. own: the name's row, or NULL. */
static bool made_by_linker(ml_txn *t, ml_entry *e, const ml_builtin *own, bool last)
{
    bool stop;
    if (own ? !own->of_load || own->last != last : last)
        return false;
    const char *section = own ? NULL : ml_builtin_section(e->name, &stop);
    if (!own && !(section && ml_table_find_str(&t->idents, section)))
        return false;
    e->def = ML_DEF_LINKER;
    e->type = own ? own->type : ML_TYPE_NONE;
    e->vis = ML_VIS_HIDDEN;
    return true;
}

/* A tentative definition gives way to a real one in an archive (ld manual on -warn-common: the
** archive is searched for commons as for undefined names), but not to another tentative one. */
static int look_up_common(ml_txn *t, ml_entry *e)
{
    int rc = e->pull == ML_PULL_WAITS;
    for (unsigned i = 0; i < t->o.nscope && rc == 0; i++)
        if (t->o.scope[i].kind == ML_SCOPE_ARCHIVES && t->o.scope[i].set == 0)
            rc = ml_pull_want(t, 0, e);
    return rc < 0 ? rc : 0;
}

static int look_up(ml_txn *t, ml_entry *e)
{
    if (e->def == ML_DEF_COMMON)
        return look_up_common(t, e);
    if (ml_def_in_load(e->def) || e->def == ML_DEF_ABS || !wanted(e))
        return 0;
    const ml_builtin *own = ml_builtin_find(e->name, e->len);
    t->handles |= own && own->handles;
    if (e->def == ML_DEF_GIVEN || made_by_linker(t, e, own, false))
        return 0;
    if (e->def == ML_DEF_LAZY)
        e->def = ML_DEF_NONE;
    if (t->o.crossing == ML_CROSS_LAZY && e->def == ML_DEF_NONE) {
        int may = ml_defer_may(t, e);
        e->def = may == 1 ? ML_DEF_LAZY : ML_DEF_NONE;
        if (may)
            return may < 0 ? may : 0;
    }
    if (wanted_strongly(e))
        e->flags |= ML_ENT_STRONG;
    for (; e->scope < t->o.nscope; e->scope++) {
        int rc = ask_provider(t, e);
        if (rc < 0)
            return rc;
        if (rc == 1)
            e->pull = ML_PULL_NONE;
        if (rc)
            return 0;
        e->flags &= (uint16_t)~ML_ENT_ASKED;
        if (e->pull == ML_PULL_DONE)
            e->pull = ML_PULL_NONE;
    }
    if (e->def == ML_DEF_NONE)
        made_by_linker(t, e, own, true);
    return 0;
}

/* The name of a library's file without folder, version and ending: "libstdc++". */
static ml_slice stem_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *end = strstr(name, ".so");
    if (!end)
        end = strstr(name, ".a");
    return (ml_slice){(const uint8_t *)name, end ? (size_t)(end - name) : strlen(name)};
}

/* Note [A library twice]
** A load may bring a library of its own that the process has already, libstdc++.a beside
** libstdc++.so. Their unique symbols stay apart: the rest of the two is apart, and it goes with
** them. The numbers of std::locale's facets, say, are unique symbols, but the counter that gives
** them out is not; shared numbers would be given to two facets. */
static bool is_twin(const ml_txn *t, const ml_entry *e, const ml_provided *p)
{
    const ml_input *in = &t->l->inputs[e->image];
    return in->member && ml_slice_equal(stem_of(in->file), stem_of(p->provider));
}

/* Is a definition one with the process's, since one of both is unique? */
static bool is_unique(ml_txn *t, const ml_entry *e)
{
    ml_provided p;
    uint32_t held;
    return ml_resolve_process(t, e->name, e->len, &p, &held) &&
           (e->bind == ML_BIND_UNIQUE || p.unique) && !is_twin(t, e, &p);
}

/* May a definition of this load give way to one that came before it? */
static bool may_yield(const ml_txn *t, const ml_entry *e)
{
    return e->def == ML_DEF_SECTION && e->vis != ML_VIS_HIDDEN && e->vis != ML_VIS_INTERNAL &&
           (e->bind == ML_BIND_UNIQUE || (e->bind == ML_BIND_WEAK && t->o.weak != ML_WEAK_OWN));
}

/* It has: its name is another's. */
static int yielded(ml_txn *t, ml_entry *e)
{
    e->flags |= ML_ENT_SHADOWED | ML_ENT_LOCAL;
    return ml_select_open(t, e);
}

static int yield_to_unit(ml_txn *t, ml_entry *e)
{
    const ml_entry *other = may_yield(t, e) ? ml_exports_for(t, e) : NULL;
    if (!other)
        return 0;
    bind_unit(t, e, other);
    return yielded(t, e);
}

static int yield_to_process(ml_txn *t, ml_entry *e)
{
    if (t->o.weak != ML_WEAK_PROCESS && !is_unique(t, e))
        return 0;
    return bind_process(t, e) ? yielded(t, e) : 0;
}

/* Most have names that no file of the process knows: those are not asked for one by one. */
static int yield_all_to_process(ml_txn *t)
{
    uint32_t n = 0;
    ml_sought *v = ml_nalloc(&t->scratch, t->nyielding, sizeof *v);
    int rc = v ? 0 : ml_nomem(t->d);
    for (uint32_t i = 0; v && i < t->nyielding; i++) {
        if (!may_yield(t, t->yielding[i]))
            continue; /* it has, to a unit, or is what it was no more */
        t->yielding[n] = t->yielding[i];
        v[n++].name = t->yielding[i]->name;
    }
    t->nyielding = n;
    if (v)
        ml_process_seek(v, n);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        if (!v[i].found && !strchr(v[i].name, '@')) /* the files keep versions apart */
            continue;
        if (may_yield(t, t->yielding[i])) /* what was defined anew stands here twice */
            rc = yield_to_process(t, t->yielding[i]);
    }
    return rc;
}

/* A common takes the place of its earlier unit's definition, which must have room for it: code of
** this load writes all of the size that it was compiled with. */
static int check_common(ml_txn *t, const ml_entry *e, const ml_entry *other)
{
    const ml_input *in = &t->l->inputs[e->image];
    bool code = other->type == ML_TYPE_FUNC || other->type == ML_TYPE_IFUNC;
    if (!code && (other->size >= e->size || other->size == 0))
        return 0;
    return ml_fail(t->d, ML_E_DUPLICATE,
                   (ml_where){.file = in->file, .member = in->member, .symbol = e->name},
                   "use a linker of its own, or compile with -fno-common",
                   "'%s' is a common symbol of %llu bytes, but unit %s defines it as %s of "
                   "%llu bytes",
                   e->name, (unsigned long long)e->size, ml_unit_name(other->unit),
                   code ? "a function" : "a variable", (unsigned long long)other->size);
}

/* Strong definitions against those of earlier units. */
static int check_session(ml_txn *t, ml_entry *e)
{
    if (e->def != ML_DEF_SECTION && e->def != ML_DEF_ABS && e->def != ML_DEF_COMMON)
        return 0;
    if (e->vis == ML_VIS_HIDDEN || e->vis == ML_VIS_INTERNAL ||
        (e->flags & (ML_ENT_LOCAL | ML_ENT_CHECKED)))
        return 0;
    e->flags |= ML_ENT_CHECKED;
    const ml_entry *other = ml_exports_for(t, e);
    if (!other || e->bind == ML_BIND_WEAK || other->bind != ML_BIND_GLOBAL)
        return 0;
    if (ml_select_open(t, e) < 0) /* here or by ml_txn_choose it may give way */
        return -(int)ML_E_NOMEM;
    if (e->def == ML_DEF_COMMON || t->o.duplicate == ML_DUP_FIRST) {
        if (e->def == ML_DEF_COMMON && check_common(t, e, other) < 0)
            return -(int)ML_E_DUPLICATE;
        bind_unit(t, e, other);
        e->flags |= ML_ENT_SHADOWED | ML_ENT_LOCAL;
        return 0;
    }
    if (t->o.duplicate == ML_DUP_LAST)
        return 0;
    if (!ML_ROOM(t->duplicates, t->nduplicates, t->room_duplicates))
        return ml_nomem(t->d);
    t->duplicates[t->nduplicates++] = (ml_duplicate){.name = e->name,
                                                     .input = {UINT32_MAX, e->image},
                                                     .symbol = {0, e->symbol},
                                                     .unit = other->unit};
    return 0;
}

static int compare(ml_txn *t, ml_entry *e)
{
    int rc = yield_to_unit(t, e);
    return rc == 0 ? check_session(t, e) : rc;
}

/* Compares all definitions with those of earlier units. One that sleeps is strong: it need not wake
** for a name that nobody else has. */
static int compare_all(ml_txn *t)
{
    const ml_table *names = &t->l->names;
    ml_key keys[ML_TABLE_BATCH];
    int rc = 0;
    for (uint32_t i = 0, n; rc == 0 && i < names->count; i += n) {
        n = ml_table_keys(names, i, keys, &t->s->exports.names);
        for (uint32_t k = 0; rc == 0 && k < n; k++) {
            const ml_key *key = &keys[k];
            if (ml_table_awake(names, i + k) ||
                ml_exports_find(&t->s->exports, key->name, key->len, key->hash))
                rc = compare(t, ml_table_at(names, i + k));
        }
    }
    return rc;
}

/* The same for the ones that earlier units have, too; in the same order. */
static int compare_shared(ml_txn *t)
{
    ml_arena a = {0};
    uint32_t n;
    const uint32_t *shared = ml_exports_shared(&t->s->exports, &t->l->names, &a, &n);
    int rc = shared ? 0 : ml_nomem(t->d);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = compare(t, ml_table_at(&t->l->names, shared[i]));
    ml_arena_free(&a);
    return rc;
}

static int finish(ml_txn *t)
{
    bool few = ml_exports_count(&t->s->exports) < t->l->names.count;
    int rc = 0;
    for (uint32_t i = 0; i < t->nopen; i++) {
        ml_entry *e = t->open[i];
        if (e->def == ML_DEF_NONE && wanted(e)) /* its section may have come after the name */
            made_by_linker(t, e, ml_builtin_find(e->name, e->len), false);
    }
    if (t->s->first)
        rc = few ? compare_shared(t) : compare_all(t);
    if (rc == 0 && t->nyielding)
        rc = yield_all_to_process(t);
    t->cursor = t->nopen; /* what was added here has its provider */
    return rc;
}

/* Those that were asked and waited go on behind the provider that had its chance. */
static int resume(ml_txn *t)
{
    uint32_t n = t->nasked;
    t->nasked = 0;
    for (uint32_t i = 0; i < n; i++) {
        t->asked[i]->flags &= (uint16_t)~ML_ENT_WAITING;
        t->asked[i]->flags |= ML_ENT_ASKED;
        if (ml_select_queue(t, t->asked[i]) < 0)
            return -(int)ML_E_NOMEM;
    }
    return 0;
}

/* One that waited for an answer may have got a provider meanwhile: a member refers to it strongly,
** so that an archive had another chance, or defines it. */
static void drop_provided(ml_txn *t)
{
    uint32_t n = t->nasked;
    t->nasked = 0;
    for (uint32_t i = 0; i < n; i++) {
        ml_entry *e = t->asked[i];
        if (t->o.scope[e->scope].kind == ML_SCOPE_ASK && !ml_def_in_load(e->def) &&
            e->def != ML_DEF_ABS)
            t->asked[t->nasked++] = e;
        else
            e->flags &= (uint16_t)~ML_ENT_WAITING;
    }
}

int ml_txn_resolve(ml_txn *t)
{
    int rc = resume(t);
    while (rc == 0) {
        if (t->o.crossing == ML_CROSS_LAZY && (rc = ml_defer_sort(t)) < 0)
            break;
        if (t->head < t->nqueue) {
            ml_entry *e = t->queue[t->head++];
            e->flags &= (uint16_t)~ML_ENT_QUEUED;
            rc = look_up(t, e);
        } else if (t->cursor < t->nopen) {
            ml_entry *e = t->open[t->cursor++];
            e->flags |= ML_ENT_SEEN;
            if (e->def == ML_DEF_COMMON)
                ml_pull_news(t);
            rc = look_up(t, e);
        } else if ((rc = ml_pull_next(t)) == 1) {
            rc = 0;
        } else {
            break;
        }
    }
    t->head = t->nqueue = 0;
    drop_provided(t);
    if (rc == 0 && t->nasked == 0)
        rc = finish(t);
    return rc < 0 ? rc : t->nasked != 0;
}
