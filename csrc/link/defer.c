/* defer.c -- stage RESOLVE: which names can be left for their first call?
** takes the relocations of inputs; marks names that something but calls refers to; says of a name
** whether a later look-up finds the same as one now would, as far as that is the load's to decide.
** See Note [Binding at the first call] in lazy.c. Spec: x86-64 psABI 4.4.1, 5.2 (PLT32).
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* A field of data that may hold a distance to a stub (PLT32) is as good as a call; a branch of a
** GOT load (-fno-plt) is none, since its slot may be read by other instructions as well. */
bool ml_defer_is_call(const ml_txn *t, const ml_isec *sec, const ml_irel *r, const ml_rrow *row)
{
    if (!row || (row->formula != ML_L_A_P && row->formula != ML_S_A_P))
        return false;
    bool code = sec->flags & ML_SEC_EXEC;
    if (!code)
        return row->formula == ML_L_A_P;
    return r->addend == -4 && ml_field_width(row->field) == 4 &&
           t->target->branch(sec->data.p, sec->data.n, (size_t)r->offset);
}

/* What was left, and cannot be any more, is looked up after all. */
static int take(ml_txn *t, ml_entry *e)
{
    e->taken = true;
    return e->def == ML_DEF_LAZY ? ml_select_want(t, e) : 0;
}

static int sort_input(ml_txn *t, const ml_input *in)
{
    const ml_image *img = in->img;
    int rc = 0;
    for (uint32_t i = 0; i < img->nrels; i++) {
        const ml_irels *rels = &img->rels[i];
        const ml_isec sec = ml_image_section(img, rels->target);
        if (!(sec.flags & ML_SEC_ALLOC) || ml_is_dropped(in, rels->target))
            continue;
        for (uint32_t k = 0; rc == 0 && k < rels->count; k++) {
            ml_irel r = ml_image_rel(rels, k);
            if (r.symbol < img->first_global)
                continue;
            ml_entry *e = ml_input_bound(in, r.symbol - img->first_global);
            if (e->taken || ml_def_in_load(e->def))
                continue;
            const ml_rrow *row = ml_target_row(t->target, r.type);
            if (!rels->rela || !ml_defer_is_call(t, &sec, &r, row))
                rc = take(t, e);
        }
    }
    return rc;
}

int ml_defer_sort(ml_txn *t)
{
    int rc = t->nsorted < t->l->ninputs ? ml_contents_fetch_all(t) : 0;
    while (rc == 0 && t->nsorted < t->l->ninputs)
        rc = sort_input(t, &t->l->inputs[t->nsorted++]);
    return rc;
}

/* Names that the C standard reserves are a compiler's: some of their functions have a calling
** convention of their own (__tls_get_addr, __morestack), some are only in archives that are opened
** for them. What begins with _Z is a mangled name of C++. */
static bool is_reserved(const char *name)
{
    return name[0] == '_' && (name[1] == '_' || (name[1] >= 'A' && name[1] < 'Z'));
}

/* What has another answer than the process's does not wait: a first call asks the process. */
static bool is_own(const ml_entry *e)
{
    const ml_builtin *own = ml_builtin_find(e->name, e->len);
    return own && (own->in_process || own->refused);
}

/* Does a unit have the name now, in a place of the scope before `end`? */
static bool is_loaded(const ml_txn *t, unsigned end, const ml_entry *e)
{
    for (unsigned i = 0; i < end; i++) {
        const ml_scope *p = &t->o.scope[i];
        if (p->kind == ML_SCOPE_SELF && ml_exports_for(t, e))
            return true;
        const ml_entry *other = p->kind == ML_SCOPE_UNIT
                                    ? ml_table_find(&p->unit->l->names, e->name, e->len, e->hash)
                                    : NULL;
        if (other && other->unit == p->unit)
            return true;
    }
    return false;
}

/* An archive that has the name would be asked now, unless a unit comes before it. */
int ml_defer_may(ml_txn *t, const ml_entry *e)
{
    const unsigned not = ML_ENT_ROOT | ML_ENT_HIDDEN_REF | ML_ENT_SHADOWED;
    if (e->taken || !e->strong || (e->flags & not ) || e->type == ML_TYPE_TLS ||
        is_reserved(e->name) || is_own(e) || memchr(e->name, '@', e->len) ||
        memchr(e->name, '\n', e->len))
        return 0;
    for (unsigned i = 0; i < t->o.nscope; i++) {
        if (t->o.scope[i].kind != ML_SCOPE_ARCHIVES)
            continue;
        int has = ml_sources_have(t, t->o.scope[i].set, e);
        if (has)
            return has < 0 ? has : is_loaded(t, i, e);
    }
    return 1;
}
