/* answer.c -- stage RESOLVE: questions to the policy and what comes back.
** The core never calls the policy: it lists what it wants to know, and takes answers by name.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

int ml_txn_rename(ml_txn *t, const char *from, const char *to, bool references, bool definitions)
{
    for (int k = 0; k < 2; k++) {
        if (!(k == 0 ? references : definitions))
            continue;
        ml_entry *e = ml_table_intern_str(&t->renames[k], &t->scratch, from);
        if (!e || !(e->provider = ml_strdup(&t->scratch, to)))
            return ml_nomem(t->d);
    }
    return 0;
}

int ml_txn_root(ml_txn *t, const char *name)
{
    ml_entry *e = ml_select_entry(t, name);
    if (!e)
        return -(int)ML_E_NOMEM;
    e->flags |= ML_ENT_ROOT;
    return ml_def_in_load(e->def) ? 0 : ml_select_want(t, e);
}

const char *ml_txn_asked(const ml_txn *t, size_t i, unsigned *scope)
{
    if (i >= t->nasked)
        return NULL;
    *scope = t->asked[i]->scope;
    return t->asked[i]->name;
}

const char *ml_txn_offer(const ml_txn *t, ml_cursor *c, uint32_t *input)
{
    if (c->input < t->noffered)
        *c = (ml_cursor){.input = t->noffered};
    for (; c->input < t->l->ninputs; c->input++, c->rel = 0) {
        const ml_input *in = &t->l->inputs[c->input];
        while (c->rel < in->nbind) {
            uint32_t b = c->rel++;
            if (ml_image_symbol(in->img, in->img->first_global + b).section != ML_SEC_UNDEF)
                continue;
            *input = c->input;
            return ml_input_bound(in, b)->name;
        }
    }
    return NULL;
}

void ml_txn_offered(ml_txn *t)
{
    t->noffered = t->l->ninputs;
}

/* Makes input alone see `to` where it refers to `from`. */
static int override(ml_txn *t, ml_entry *from, uint32_t input, ml_entry *to)
{
    if (input >= t->l->ninputs)
        return ml_fail(t->d, ML_E_POLICY, (ml_where){.symbol = from->name}, NULL,
                       "answer for an input that does not exist (%u)", (unsigned)input);
    ml_input *in = &t->l->inputs[input];
    for (uint32_t k = 0, n = in->nbind; k < n; k++) {
        uint32_t b = in->hint + k < n ? in->hint + k : in->hint + k - n;
        if (in->bind[b] != from)
            continue;
        ml_isym s = ml_image_symbol(in->img, in->img->first_global + b);
        if (s.section != ML_SEC_UNDEF)
            continue;
        in->bind[b] = to;
        t->moved = true;
        in->hint = b; /* answers come in the order in which names were offered */
        if (s.bind == ML_BIND_WEAK ? from->weak : from->strong)
            s.bind == ML_BIND_WEAK ? from->weak-- : from->strong--;
        to->strong++;
        to->flags |= from->flags & ML_ENT_USED;
        to->taken |= from->taken;
        if (to->strong == 1 && !to->weak)
            to->first_ref = input;
        if (!t->renames[0].count && !t->edited)
            break; /* a name stands once in an image */
    }
    return 0;
}

/* An entry of its own for an address that only some inputs see; the name cannot clash: no symbol
** of a file holds a newline before this number. */
static ml_entry *private_entry(ml_txn *t, const ml_entry *e, uint32_t input)
{
    const char *name = ml_format(&t->scratch, "%s\n%u", e->name, (unsigned)input);
    ml_entry *own = name ? ml_select_entry(t, name) : NULL;
    if (own)
        own->flags |= ML_ENT_LOCAL;
    return own;
}

int ml_txn_pin(ml_txn *t, ml_unit *u)
{
    ml_linked *l = t->l;
    if (u->s == t->s)
        return 0;
    if (!ML_ROOM(l->pins, l->npins, l->room_pins))
        return ml_nomem(t->d);
    u->life->users++;
    l->pins[l->npins++] = ml_life_hold(u->life);
    return 0;
}

int ml_txn_answer_address(ml_txn *t, const char *name, uint32_t input, uint64_t addr,
                          const char *provider)
{
    ml_entry *e = ml_select_entry(t, name);
    if (!e)
        return -(int)ML_E_NOMEM;
    ml_entry *to = input == UINT32_MAX ? e : private_entry(t, e, input);
    if (!to || (provider && !(provider = ml_strdup(&t->l->keep, provider))))
        return ml_nomem(t->d);
    to->def = ML_DEF_GIVEN;
    to->bind = ML_BIND_GLOBAL;
    to->type = ML_TYPE_NONE;
    to->addr = to->value = addr;
    to->provider = provider;
    return to == e ? 0 : override(t, e, input, to);
}

int ml_txn_answer_process(ml_txn *t, const char *name)
{
    ml_provided p;
    uint32_t held;
    if (!ml_resolve_process(t, name, strlen(name), &p, &held))
        return 0;
    int rc = ml_txn_answer_address(t, name, UINT32_MAX, p.addr, p.provider);
    ml_entry *e = rc < 0 ? NULL : ml_select_entry(t, name);
    if (e && p.type == ML_TYPE_FUNC) /* which a stub may stand for */
        e->type = ML_TYPE_FUNC;
    return rc < 0 ? rc : 1;
}

int ml_txn_answer_name(ml_txn *t, const char *name, uint32_t input, const char *other)
{
    ml_entry *e = ml_select_entry(t, name), *to = ml_select_entry(t, other);
    if (!e || !to)
        return -(int)ML_E_NOMEM;
    if (e == to)
        return 0;
    int rc = 0;
    for (uint32_t k = 0; k < t->l->ninputs && rc == 0; k++)
        if (input == UINT32_MAX || input == k)
            rc = override(t, e, k, to);
    if (rc < 0 || ml_def_in_load(to->def) || to->def == ML_DEF_ABS)
        return rc;
    return ml_select_want(t, to);
}

int ml_txn_answer_zero(ml_txn *t, const char *name)
{
    ml_entry *e = ml_select_entry(t, name);
    if (!e)
        return -(int)ML_E_NOMEM;
    e->def = ML_DEF_ZERO;
    e->addr = e->value = 0;
    return 0;
}

/* A name that sleeps is defined. */
static void use(ml_entry *e)
{
    if (!ml_is_asleep(e))
        e->flags |= ML_ENT_USED;
}

/* Relocations of a section that was dropped do not count. */
static void mark_used(const ml_input *in)
{
    for (uint32_t i = 0; i < in->img->nrels; i++) {
        const ml_irels *rels = &in->img->rels[i];
        for (uint32_t k = 0; !ml_is_dropped(in, rels->target) && k < rels->count; k++) {
            uint32_t symbol = ml_image_rel(rels, k).symbol;
            if (symbol >= in->img->first_global)
                use(in->bind[symbol - in->img->first_global]);
        }
    }
}

/* As with ld, a name is undefined when a relocation wants it: a symbol table may list a name for
** nothing, or for a section that was discarded. */
const char *ml_txn_undefined(ml_txn *t, uint32_t *cursor)
{
    while (*cursor < t->nopen) {
        const ml_entry *e = t->open[(*cursor)++];
        if (e->def != ML_DEF_NONE || !(e->strong || (e->flags & ML_ENT_ROOT)))
            continue;
        while (t->nmarked < t->l->ninputs)
            mark_used(&t->l->inputs[t->nmarked++]);
        if (e->flags & (ML_ENT_USED | ML_ENT_ROOT))
            return e->name;
    }
    return NULL;
}

bool ml_txn_duplicate(const ml_txn *t, size_t i, ml_duplicate *out)
{
    if (i >= t->nduplicates)
        return false;
    *out = t->duplicates[i];
    for (int k = 0; k < 2; k++) {
        if (out->input[k] == UINT32_MAX)
            continue;
        const ml_image *img = t->l->inputs[out->input[k]].img;
        ml_isym s = ml_image_symbol(img, out->symbol[k]);
        out->section[k] =
            s.section < img->nsections ? ml_image_section(img, s.section).name : "*ABS*";
        out->offset[k] = s.value;
    }
    return true;
}

/* The definition that an input gives becomes the one of the load. */
static void take_own(const ml_txn *t, ml_entry *e, uint32_t input, uint32_t symbol)
{
    ml_isym s = ml_image_symbol(t->l->inputs[input].img, symbol);
    e->def = s.section == ML_SEC_ABS ? ML_DEF_ABS : ML_DEF_SECTION;
    e->image = input;
    e->symbol = symbol;
    e->section = s.section;
    e->value = s.value;
    e->size = s.size;
    e->type = s.type;
    e->bind = s.bind;
}

void ml_txn_choose(ml_txn *t, size_t i, unsigned winner)
{
    if (i >= t->nduplicates || winner > 1)
        return;
    const ml_duplicate *dup = &t->duplicates[i];
    ml_entry *e = ml_table_find_str(&t->l->names, dup->name);
    if (dup->input[winner] == UINT32_MAX) {
        const ml_entry *other = ml_exports_for(t, e);
        t->l->uses_units = true;
        e->def = ML_DEF_UNIT;
        e->addr = e->value = other->addr;
        e->type = other->type;
        e->size = other->size;
        e->unit = other->unit;
        e->flags |= ML_ENT_SHADOWED | ML_ENT_LOCAL;
        return;
    }
    take_own(t, e, dup->input[winner], dup->symbol[winner]);
}

const char *ml_txn_outside(const ml_txn *t, uint32_t *cursor, const char **how,
                           const char **provider)
{
    ml_symbol_info s;
    while (ml_linked_symbol(t->l, (*cursor)++, &s))
        if (s.references && !s.in_load && !s.shadowed && !strchr(s.name, '\n')) {
            *how = s.how;
            *provider = s.provider;
            return s.name;
        }
    return NULL;
}

int ml_txn_cross(ml_txn *t, const char *name, ml_crossing crossing)
{
    ml_entry *e = ml_table_find_str(&t->l->names, name);
    if (!e || ml_def_in_load(e->def))
        return 0;
    e->crossing = (uint8_t)crossing;
    t->crossed |= crossing != ML_CROSS_DIRECT;
    if (crossing != ML_CROSS_LAZY || t->o.fixed ||
        (e->def != ML_DEF_NONE && e->def != ML_DEF_UNIT && e->def != ML_DEF_PROCESS))
        return 0;
    int rc = ml_defer_sort(t);
    if (rc == 0)
        rc = ml_defer_may(t, e);
    if (rc != 1)
        return rc;
    e->def = ML_DEF_LAZY;
    e->addr = e->value = e->size = 0;
    e->image = 0;
    e->unit = NULL;
    e->provider = NULL;
    return 0;
}

void ml_txn_hide(ml_txn *t, const char *name)
{
    ml_entry *e = ml_table_find_str(&t->l->names, name);
    if (!e)
        return;
    e->flags |= ML_ENT_LOCAL;
    if (!(e->flags & ML_ENT_SHADOWED))
        return;
    /* It gave way to an earlier unit's; hidden, it clashes with nothing and keeps its own. */
    ml_isym s = ml_image_symbol(t->l->inputs[e->image].img, e->symbol);
    if (s.bind != ML_BIND_GLOBAL || s.section == ML_SEC_COMMON)
        return;
    e->flags &= (uint16_t)~ML_ENT_SHADOWED;
    take_own(t, e, e->image, e->symbol);
}
