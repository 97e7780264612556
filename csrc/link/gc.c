/* gc.c -- stage SELECT, at its end, on demand: sections that nothing needs are dropped, as by ld's
** --gc-sections.
** takes bound inputs and which names are roots; gives ml_input.dropped = ML_DROPPED_UNUSED, and the
** list of what was dropped. Each section, relocation and group is looked at once.
** A section lives when it is a root or a live one's relocations lead to it. With it live the other
** members of its group, what SHF_LINK_ORDER says belongs to it, and what the unwind records of its
** functions need (.eh_frame as a whole would keep every function that it describes).
** Spec: gABI chapter 4 (SHF_LINK_ORDER, "Section Groups", SHF_GNU_RETAIN of the GNU extensions); ld
** manual on --gc-sections and on KEEP.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

enum { SHT_NOTE = 7, SHF_RETAIN = 0x200000 };

typedef struct gc_place {
    uint32_t input, section;
} gc_place;

/* What lives as long as a section of the same input: a section, or what some relocations want. */
typedef struct gc_dep {
    uint32_t next; /* 1 + index; 0: the last */
    uint32_t section;
    uint32_t rels, from, to; /* when section is 0 */
} gc_dep;

/* Marks and chains of an input. Links are 1 + index; 0 ends. */
typedef struct gc_input {
    uint8_t *live, *group_done;
    uint32_t *rels; /* by section: relocations that change it */
    uint32_t *more; /* by index of relocations: others of the same section */
    uint32_t *deps; /* by section */
} gc_input;

/* Sections of one C identifier's name, for __start_ and __stop_. */
typedef struct gc_named {
    gc_place at;
    uint32_t next;
} gc_named;

typedef struct gc {
    ml_txn *t;
    ml_arena a;
    gc_input *in;
    gc_place *todo;
    size_t ntodo;
    gc_dep *deps;
    size_t ndeps, room_deps;
    gc_named *named;
    size_t nnamed, room_named;
    uint32_t *names; /* by index in t->idents; set to 0 once all were marked */
    bool nomem;
} gc;

static void mark(gc *g, uint32_t input, uint32_t section)
{
    const ml_input *in = &g->t->l->inputs[input];
    const ml_isec s = ml_image_section(in->img, section);
    if (!(s.flags & ML_SEC_ALLOC) || g->in[input].live[section] || ml_is_dropped(in, section))
        return;
    g->in[input].live[section] = 1;
    g->todo[g->ntodo++] = (gc_place){input, section};
}

/* __start_NAME or __stop_NAME is used: all sections of that name live. */
static void mark_named(gc *g, const char *symbol)
{
    bool stop;
    const char *name = ml_builtin_section(symbol, &stop);
    const ml_entry *e = name ? ml_table_find_str(&g->t->idents, name) : NULL;
    if (!e)
        return;
    for (uint32_t i = g->names[e->image]; i; i = g->named[i - 1].next)
        mark(g, g->named[i - 1].at.input, g->named[i - 1].at.section);
    g->names[e->image] = 0;
}

static void mark_entry(gc *g, const ml_entry *e)
{
    if (e->def == ML_DEF_SECTION)
        mark(g, e->image, e->section);
    else if (e->def == ML_DEF_LINKER)
        mark_named(g, e->name);
}

/* What the relocations [from, to) of an input want. */
static void follow(gc *g, uint32_t input, const ml_irels *rels, uint32_t from, uint32_t to)
{
    const ml_input *in = &g->t->l->inputs[input];
    const ml_image *img = in->img;
    for (uint32_t k = from; k < to; k++) {
        uint32_t symbol = ml_image_rel(rels, k).symbol;
        if (symbol >= img->first_global) {
            mark_entry(g, ml_input_bound(in, symbol - img->first_global));
            continue;
        }
        uint32_t section = ml_image_symbol(img, symbol).section;
        if (section != ML_SEC_UNDEF && section < img->nsections)
            mark(g, input, section);
    }
}

static void visit(gc *g, gc_place at)
{
    const ml_image *img = g->t->l->inputs[at.input].img;
    const gc_input *in = &g->in[at.input];
    const ml_isec s = ml_image_section(img, at.section);
    for (uint32_t r = in->rels[at.section]; r && !ml_frames_section(&s); r = in->more[r - 1])
        follow(g, at.input, &img->rels[r - 1], 0, img->rels[r - 1].count);
    for (uint32_t d = in->deps[at.section]; d; d = g->deps[d - 1].next) {
        const gc_dep *dep = &g->deps[d - 1];
        if (dep->section)
            mark(g, at.input, dep->section);
        else
            follow(g, at.input, &img->rels[dep->rels], dep->from, dep->to);
    }
    if (!s.group || in->group_done[s.group - 1])
        return;
    in->group_done[s.group - 1] = 1;
    const ml_igroup *group = &img->groups[s.group - 1];
    for (uint32_t k = 0; k < group->count; k++)
        mark(g, at.input, ml_get32(group->members + (size_t)k * 4));
}

/* ---- preparing ---- */

static void depend(gc *g, uint32_t input, uint32_t on, gc_dep dep)
{
    if (!ML_ARENA_ROOM(&g->a, g->deps, g->ndeps, g->room_deps)) {
        g->nomem = true;
        return;
    }
    dep.next = g->in[input].deps[on];
    g->deps[g->ndeps++] = dep;
    g->in[input].deps[on] = (uint32_t)g->ndeps;
}

/* The section of this input that holds a relocation's symbol; 0: none. */
static uint32_t section_of(const ml_image *img, const ml_irels *rels, uint32_t k)
{
    uint32_t section = ml_image_symbol(img, ml_image_rel(rels, k).symbol).section;
    return section < img->nsections ? section : 0;
}

/* The length of the unwind record at `at` with its length field, 0 when it is none; *cie: is it a
** CIE? */
static uint64_t record_size(ml_slice s, uint64_t at, bool *cie)
{
    uint64_t head = 4, n;
    if (!ml_within(s.n, at, 4))
        return 0;
    n = ml_get32(s.p + at);
    *cie = n == 0;
    if (n == 0)
        return 4;
    if (n == UINT32_MAX) {
        if (!ml_within(s.n, at, 12))
            return 0;
        n = ml_get64(s.p + at + 4);
        head = 12;
    }
    if (n < 4 || n > s.n || !ml_within(s.n, at, head + n))
        return 0;
    *cie = ml_get32(s.p + at + head) == 0;
    return head + n;
}

/* What an unwind section wants: its CIEs' personalities always, the tables of an FDE when the
** function lives, which its first relocation names. Where records and relocations do not go
** together, all is wanted. */
static void split_frames(gc *g, uint32_t input, uint32_t section, uint32_t nrels)
{
    const ml_image *img = g->t->l->inputs[input].img;
    const ml_irels *rels = &img->rels[nrels];
    ml_slice data = ml_image_section(img, section).data;
    uint64_t at = 0, size;
    bool cie;
    uint32_t k = 0;
    for (; k < rels->count && (size = record_size(data, at, &cie)); at += size) {
        uint32_t from = k;
        while (k < rels->count && ml_image_rel(rels, k).offset < at + size)
            k++;
        if (k == from)
            continue;
        uint32_t on = cie ? 0 : section_of(img, rels, from);
        if (on)
            depend(g, input, on, (gc_dep){.rels = nrels, .from = from + 1, .to = k});
        else
            follow(g, input, rels, from, k);
    }
    follow(g, input, rels, k, rels->count);
}

/* Roots that no symbol needs to name. */
static bool is_kept(const ml_isec *s)
{
    switch (s->role) {
    case ML_ROLE_INIT:
    case ML_ROLE_FINI:
    case ML_ROLE_CTORS:
    case ML_ROLE_DTORS:
    case ML_ROLE_INIT_ARRAY:
    case ML_ROLE_FINI_ARRAY:
    case ML_ROLE_PREINIT_ARRAY:
    case ML_ROLE_TM_CLONES:
    case ML_ROLE_JCR: return true;
    default: break;
    }
    return (s->flags & SHF_RETAIN) || (s->type == SHT_NOTE && !s->group) || ml_frames_section(s);
}

static void note_named(gc *g, uint32_t input, uint32_t section)
{
    const ml_isec s = ml_image_section(g->t->l->inputs[input].img, section);
    const ml_entry *e =
        s.name[0] == '.' || !g->t->idents.count ? NULL : ml_table_find_str(&g->t->idents, s.name);
    if (!e)
        return;
    if (!ML_ARENA_ROOM(&g->a, g->named, g->nnamed, g->room_named)) {
        g->nomem = true;
        return;
    }
    g->named[g->nnamed++] = (gc_named){.at = {input, section}, .next = g->names[e->image]};
    g->names[e->image] = (uint32_t)g->nnamed;
}

static bool prepare_input(gc *g, uint32_t i)
{
    ml_input *in = &g->t->l->inputs[i];
    const ml_image *img = in->img;
    gc_input *x = &g->in[i];
    x->live = ml_zalloc(&g->a, img->nsections, 1);
    x->group_done = ml_zalloc(&g->a, img->ngroups, 1);
    x->rels = ml_zalloc(&g->a, img->nsections, sizeof *x->rels);
    x->more = ml_zalloc(&g->a, img->nrels, sizeof *x->more);
    x->deps = ml_zalloc(&g->a, img->nsections, sizeof *x->deps);
    if (!x->live || !x->group_done || !x->rels || !x->more || !x->deps)
        return false;
    for (uint32_t k = 1; in->dropped && k < img->nsections; k++)
        if (in->dropped[k] == ML_DROPPED_UNUSED) /* of an earlier round */
            in->dropped[k] = 0;
    for (uint32_t r = 0; r < img->nrels; r++) {
        x->more[r] = x->rels[img->rels[r].target];
        x->rels[img->rels[r].target] = r + 1;
    }
    for (uint32_t k = 1; k < img->nsections; k++) {
        const ml_isec s = ml_image_section(img, k);
        if (!(s.flags & ML_SEC_ALLOC) || ml_is_dropped(in, k))
            continue;
        note_named(g, i, k);
        if ((s.flags & ML_SEC_LINK_ORDER) && s.link)
            depend(g, i, s.link, (gc_dep){.section = k});
    }
    return !g->nomem;
}

static bool prepare(gc *g)
{
    const ml_linked *l = g->t->l;
    size_t sections = 0;
    for (uint32_t i = 0; i < l->ninputs; i++)
        sections += l->inputs[i].img->nsections;
    g->in = ml_zalloc(&g->a, l->ninputs, sizeof *g->in);
    g->todo = ml_nalloc(&g->a, sections, sizeof *g->todo);
    g->names = ml_zalloc(&g->a, g->t->idents.count, sizeof *g->names);
    if (!g->in || !g->todo || !g->names)
        return false;
    for (uint32_t i = 0; i < l->ninputs; i++)
        if (!prepare_input(g, i))
            return false;
    return true;
}

/* ---- marking, dropping ---- */

static void mark_roots(gc *g, bool exported)
{
    const ml_linked *l = g->t->l;
    for (uint32_t i = 0; i < l->names.count; i++) {
        const ml_entry *e = ml_table_at(&l->names, i);
        if ((e->flags & ML_ENT_ROOT) || (exported && ml_def_exported(e)))
            mark_entry(g, e);
    }
    for (uint32_t i = 0; i < l->ninputs; i++) {
        const ml_image *img = l->inputs[i].img;
        for (uint32_t k = 1; k < img->nsections; k++) {
            const ml_isec s = ml_image_section(img, k);
            if (!(s.flags & ML_SEC_ALLOC) || ml_is_dropped(&l->inputs[i], k) || !is_kept(&s))
                continue;
            mark(g, i, k);
            for (uint32_t r = g->in[i].rels[k]; r && ml_frames_section(&s);
                 r = g->in[i].more[r - 1])
                split_frames(g, i, k, r - 1);
        }
    }
}

static bool drop(gc *g, uint32_t input)
{
    ml_linked *l = g->t->l;
    ml_input *in = &l->inputs[input];
    const ml_image *img = in->img;
    for (uint32_t k = 1; k < img->nsections; k++) {
        const ml_isec s = ml_image_section(img, k);
        if (!(s.flags & ML_SEC_ALLOC) || (s.flags & ML_SEC_EXCLUDE) || g->in[input].live[k] ||
            ml_is_dropped(in, k))
            continue;
        if (!in->dropped && !(in->dropped = ml_zalloc(&g->t->scratch, img->nsections, 1)))
            return false;
        in->dropped[k] = ML_DROPPED_UNUSED;
        if (!ML_ARENA_ROOM(&l->keep, l->stripped, l->nstripped, l->room_stripped))
            return false;
        const char *name = ml_strdup(&l->keep, s.name);
        if (!name)
            return false;
        l->stripped[l->nstripped++] = (ml_placed){.name = name, .size = s.size, .input = input};
        l->stats.stripped_bytes += s.size;
    }
    return true;
}

/* Names that went with their sections. Others are undefined when what is left wants them, which
** ml_txn_undefined finds out again. */
static void note_names(ml_txn *t)
{
    t->nmarked = 0;
    for (uint32_t i = 0; i < t->l->names.count; i++) {
        ml_entry *e = ml_table_at(&t->l->names, i);
        e->flags &= (uint16_t) ~(ML_ENT_USED | ML_ENT_STRIPPED);
        if (e->def != ML_DEF_SECTION)
            continue;
        const uint8_t *dropped = t->l->inputs[e->image].dropped;
        if (dropped && dropped[e->section] == ML_DROPPED_UNUSED)
            e->flags |= ML_ENT_STRIPPED;
    }
}

int ml_txn_strip(ml_txn *t, bool exported)
{
    gc g = {.t = t, .a = {.bulk = &ml_os_bulk}};
    t->l->nstripped = 0;
    t->l->stats.stripped_bytes = 0;
    int rc = ml_contents_fetch_all(t);
    if (rc < 0)
        return rc;
    bool ok = prepare(&g);
    if (ok)
        mark_roots(&g, exported);
    while (ok && g.ntodo)
        visit(&g, g.todo[--g.ntodo]);
    ok = ok && !g.nomem;
    for (uint32_t i = 0; ok && i < t->l->ninputs; i++)
        ok = drop(&g, i);
    ml_arena_free(&g.a);
    t->l->stats.stripped = t->l->nstripped;
    t->moved = true;
    note_names(t);
    return ok ? 0 : ml_nomem(t->d);
}
