/* info.c -- link: what is in a transaction or a unit, for maps, explanations and tools. Reads only.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/debug.h"
#include "link/places.h"
#include "link/sleep.h"
#include "link/txn.h"

const ml_linked *ml_txn_linked(const ml_txn *t)
{
    return t->l;
}

bool ml_linked_input(const ml_linked *l, size_t i, ml_input_info *out)
{
    if (i >= l->ninputs)
        return false;
    const ml_input *in = &l->inputs[i];
    *out = (ml_input_info){.file = in->file,
                           .member = in->member,
                           .by = in->by ? in->by->name : NULL,
                           .by_input = in->by_input,
                           .bytes = in->bytes};
    return true;
}

bool ml_linked_section(const ml_linked *l, size_t i, ml_section_info *out)
{
    static const char prot[ML_CLASS_COUNT][4] = {
        [ML_CLASS_TEXT] = "r-x", [ML_CLASS_CONST] = "r--",  [ML_CLASS_DATA] = "rw-",
        [ML_CLASS_BSS] = "rw-",  [ML_CLASS_LCONST] = "r--", [ML_CLASS_LDATA] = "rw-",
        [ML_CLASS_LBSS] = "rw-", [ML_CLASS_TDATA] = "rw-",  [ML_CLASS_TBSS] = "rw-"};
    ml_placed p;
    if (!ml_linked_placed(l, i, &p))
        return false;
    *out = (ml_section_info){.input = p.input, .name = p.name, .addr = p.addr, .size = p.size};
    memcpy(out->prot, prot[p.class], sizeof out->prot);
    return true;
}

bool ml_linked_stripped(const ml_linked *l, size_t i, ml_section_info *out)
{
    if (i >= l->nstripped)
        return false;
    const ml_placed *p = &l->stripped[i];
    *out = (ml_section_info){.input = p->input, .name = p->name, .size = p->size};
    return true;
}

static const char *provider_of(const ml_entry *e)
{
    if (e->def == ML_DEF_UNIT)
        return e->unit->life->name;
    return e->def == ML_DEF_PROCESS || e->def == ML_DEF_GIVEN ? e->provider : NULL;
}

void ml_linked_describe(const ml_linked *l, const ml_entry *e, ml_symbol_info *out)
{
    static const char *const how[] = {
        [ML_DEF_NONE] = "none",       [ML_DEF_SECTION] = "section", [ML_DEF_COMMON] = "common",
        [ML_DEF_LINKER] = "linker",   [ML_DEF_ABS] = "absolute",    [ML_DEF_UNIT] = "unit",
        [ML_DEF_PROCESS] = "process", [ML_DEF_GIVEN] = "given",     [ML_DEF_ZERO] = "zero",
        [ML_DEF_LAZY] = "lazy"};
    bool stripped = e->def == ML_DEF_SECTION && (e->flags & ML_ENT_STRIPPED);
    bool here =
        (e->def == ML_DEF_SECTION && !stripped) || e->def == ML_DEF_COMMON || e->def == ML_DEF_ABS;
    bool outside = e->def == ML_DEF_UNIT || e->def == ML_DEF_PROCESS || e->def == ML_DEF_GIVEN;
    *out = (ml_symbol_info){
        .name = e->name,
        .how = stripped ? "stripped" : how[e->def],
        .provider = provider_of(e),
        .bind = e->bind,
        .type = e->type,
        .vis = e->vis,
        .input = here ? e->image : UINT32_MAX,
        .first_ref = e->strong || e->weak ? e->first_ref : UINT32_MAX,
        .references = e->strong + e->weak,
        .scope = outside && !(e->flags & ML_ENT_SHADOWED) ? e->scope : -1,
        .addr = stripped                 ? 0
                : e->type == ML_TYPE_TLS ? ml_segment_address(l, e)
                                         : e->addr,
        .size = e->size,
        .got = e->lazy && l->lazies ? ml_lazy_slot(l, e) : ml_slot_address(l, e->got),
        .stub = e->type == ML_TYPE_IFUNC && e->def == ML_DEF_SECTION ? e->addr
                                                                     : ml_stub_address(l, e->stub),
        .exported = ml_def_exported(e) && !stripped,
        .in_load = here || e->def == ML_DEF_LINKER,
        .shadowed = e->flags & ML_ENT_SHADOWED,
    };
}

bool ml_linked_symbol(const ml_linked *l, size_t i, ml_symbol_info *out)
{
    if (i >= l->names.count)
        return false;
    ml_linked_describe(l, ml_table_at(&l->names, (uint32_t)i), out);
    return true;
}

bool ml_linked_find(const ml_linked *l, const char *name, ml_symbol_info *out)
{
    const ml_entry *e = ml_table_find_str(&l->names, name);
    if (e)
        ml_linked_describe(l, e, out);
    return e != NULL;
}

bool ml_linked_referrer(const ml_linked *l, const char *name, uint32_t *input)
{
    const ml_entry *e = ml_table_find_str(&l->names, name);
    for (; e && *input < l->ninputs; ++*input) {
        const ml_input *in = &l->inputs[*input];
        if ((e->def == ML_DEF_SECTION || e->def == ML_DEF_COMMON || e->def == ML_DEF_ABS) &&
            e->image == *input)
            continue;
        for (uint32_t b = 0; b < in->nbind; b++)
            if (in->bind[b] == e)
                return true;
    }
    return false;
}

ml_link_stats ml_linked_stats(const ml_linked *l)
{
    ml_link_stats s = l->stats;
    for (uint32_t i = 0; i < l->names.nsleepers; i++)
        s.asleep += l->names.sleepers[i].asleep;
    return s;
}

ml_block ml_linked_block(const ml_linked *l)
{
    return l->block;
}

const char *ml_txn_archive(const ml_txn *t, size_t i, unsigned *set)
{
    if (i >= t->sources.n)
        return NULL;
    *set = t->sources.v[i].set;
    return ml_archive_path(t->sources.v[i].ar);
}

bool ml_txn_archive_defines(ml_txn *t, size_t i, const char *name, const char **member)
{
    ml_member m;
    ml_diag quiet;
    if (i >= t->sources.n || !(name = ml_edits_original(t->sources.v[i].edits, name)))
        return false;
    size_t len = strlen(name);
    ml_diag_init(&quiet);
    bool found =
        ml_archive_find(&quiet, t->sources.v[i].ar, name, len, ml_hash(name, len), 0, &m) == 1;
    ml_diag_free(&quiet);
    if (found)
        *member = m.name;
    return found;
}

bool ml_txn_process_defines(const ml_txn *t, const char *name, uint64_t *addr,
                            const char **provider)
{
    ml_provided p;
    uint32_t held;
    const ml_entry *e = ml_table_find_str(&t->l->names, name);
    ml_tls_variable v;
    if (e && e->type == ML_TYPE_TLS && ml_segment_find(t, name, &v, &held)) {
        *addr = ml_tls_present(v.module, v.offset);
        *provider = v.provider;
        return true;
    }
    if (!ml_resolve_process(t, name, strlen(name), &p, &held))
        return false;
    *addr = p.addr;
    *provider = p.provider;
    return true;
}

const char *ml_linked_warning(const ml_linked *l, size_t i)
{
    return l->debug && i < l->debug->nwarnings ? l->debug->warnings[i] : NULL;
}

uint64_t ml_linked_debug_size(const ml_linked *l)
{
    return l->debug ? l->debug->size : 0;
}
