/* missing.c -- link: which names does everything that a function can reach still lack? (GNU dld's
** question.)
** takes a relocated load that lacks names or uses units that do; gives its sections as a graph,
** kept with the unit; answers by a walk through the graphs of all units that are reached. A load
** that lacks nothing keeps nothing.
** A node is a section, since calls within one section need no relocation: who wants answers by
** function compiles with -ffunction-sections.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

struct ml_graph {
    uint32_t **node; /* by input and section: 1 + node; 0: no memory */
    uint32_t nnodes;
    uint32_t *inner_from; /* by node, and one more: where its edges begin in inner */
    uint32_t *inner;      /* nodes */
    uint32_t *outer_from; /* likewise in outer */
    ml_entry **outer;     /* names that are lacking, or of another unit */
    /* of a walk */
    uint32_t *queue, head, tail;
    uint8_t *seen; /* by node */
    ml_graph *next;
    bool pending; /* in the list of graphs to walk */
};

static bool is_outer(const ml_entry *e)
{
    return e->def == ML_DEF_UNIT || (e->flags & ML_ENT_LACKING);
}

/* ---- keeping ---- */

/* Does anything lack a name here, or where this load leads? */
static bool is_wanted(const ml_txn *t)
{
    bool any = t->l->lacks || t->l->uses_units;
    for (uint32_t i = 0; any && i < t->nopen; i++) {
        const ml_entry *e = t->open[i];
        if ((e->flags & ML_ENT_LACKING) || (e->def == ML_DEF_UNIT && e->unit->l->graph))
            return true;
    }
    return false;
}

static bool number_sections(ml_txn *t, ml_graph *g)
{
    ml_linked *l = t->l;
    g->node = ml_zalloc(&l->keep, l->ninputs, sizeof *g->node);
    for (uint32_t i = 0; g->node && i < l->ninputs; i++) {
        const ml_input *in = &l->inputs[i];
        if (!(g->node[i] = ml_zalloc(&l->keep, in->img->nsections, sizeof **g->node)))
            return false;
        for (uint32_t k = 1; k < in->img->nsections; k++)
            if (in->piece[k])
                g->node[i][k] = ++g->nnodes;
    }
    return g->node != NULL;
}

/* One relocation section's edges; counted only while `to` is NULL. A symbol counts once in it. */
typedef struct edges {
    ml_txn *t;
    ml_graph *g;
    uint32_t input;
    uint32_t *stamp, now; /* by symbol: the last relocation section that had it */
    bool count;
} edges;

static void add_inner(edges *x, uint32_t from, uint32_t input, uint32_t section)
{
    uint32_t to = x->g->node[input][section];
    if (!to)
        return;
    if (!x->count)
        x->g->inner[x->g->inner_from[from]] = to - 1;
    x->g->inner_from[from]++;
}

static void add_outer(edges *x, uint32_t from, ml_entry *e)
{
    if (!x->count)
        x->g->outer[x->g->outer_from[from]] = e;
    x->g->outer_from[from]++;
}

static void add_rels(edges *x, const ml_irels *rels)
{
    const ml_input *in = &x->t->l->inputs[x->input];
    const ml_image *img = in->img;
    uint32_t from = x->g->node[x->input][rels->target];
    x->now++;
    for (uint32_t k = 0; from && k < rels->count; k++) {
        uint32_t symbol = ml_image_rel(rels, k).symbol;
        if (x->stamp[symbol] == x->now)
            continue;
        x->stamp[symbol] = x->now;
        if (symbol >= img->first_global) {
            ml_entry *e = ml_input_bound(in, symbol - img->first_global);
            if (e->def == ML_DEF_SECTION)
                add_inner(x, from - 1, e->image, e->section);
            else if (is_outer(e))
                add_outer(x, from - 1, e);
            continue;
        }
        uint32_t section = ml_image_symbol(img, symbol).section;
        if (section && section < img->nsections)
            add_inner(x, from - 1, x->input, section);
    }
}

/* Counts edges into inner_from and outer_from, or files them there, which moves both on. */
static bool all_edges(ml_txn *t, ml_graph *g, bool count)
{
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        ml_arena a = {0};
        const ml_image *img = t->l->inputs[i].img;
        edges x = {.t = t, .g = g, .input = i, .count = count};
        x.stamp = ml_zalloc(&a, img->nsymbols, sizeof *x.stamp);
        for (uint32_t r = 0; x.stamp && r < img->nrels; r++)
            add_rels(&x, &img->rels[r]);
        ml_arena_free(&a);
        if (!x.stamp)
            return false;
    }
    return true;
}

/* Counts -> where each begins; the sum stands behind the last. */
static uint32_t begin_of(uint32_t *from, uint32_t n)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i <= n; i++) {
        uint32_t count = from[i];
        from[i] = sum;
        sum += count;
    }
    return sum;
}

/* Filing has moved each beginning to the next one's. */
static void move_back(uint32_t *from, uint32_t n)
{
    memmove(from + 1, from, n * sizeof *from);
    from[0] = 0;
}

static bool build(ml_txn *t, ml_graph *g)
{
    ml_arena *a = &t->l->keep;
    if (!number_sections(t, g))
        return false;
    g->inner_from = ml_zalloc(a, (size_t)g->nnodes + 1, sizeof *g->inner_from);
    g->outer_from = ml_zalloc(a, (size_t)g->nnodes + 1, sizeof *g->outer_from);
    g->queue = ml_nalloc(a, g->nnodes, sizeof *g->queue);
    g->seen = ml_zalloc(a, g->nnodes, 1);
    if (!g->inner_from || !g->outer_from || !g->queue || !g->seen || !all_edges(t, g, true))
        return false;
    g->inner = ml_nalloc(a, begin_of(g->inner_from, g->nnodes), sizeof *g->inner);
    g->outer = ml_nalloc(a, begin_of(g->outer_from, g->nnodes), sizeof(ml_entry *));
    if (!g->inner || !g->outer || !all_edges(t, g, false))
        return false;
    move_back(g->inner_from, g->nnodes);
    move_back(g->outer_from, g->nnodes);
    return true;
}

int ml_missing_collect(ml_txn *t)
{
    if (!is_wanted(t))
        return 0;
    ml_graph *g = ml_zalloc(&t->l->keep, 1, sizeof *g);
    if (!g || !build(t, g))
        return ml_nomem(t->d);
    t->l->graph = g;
    return 0;
}

void ml_txn_lacks(ml_txn *t, const char *name, uint32_t input)
{
    ml_entry *e = ml_table_find_str(&t->l->names, name);
    const char *own =
        input == UINT32_MAX ? NULL : ml_format(&t->scratch, "%s\n%u", name, (unsigned)input);
    ml_entry *alone = own ? ml_table_find_str(&t->l->names, own) : NULL;
    if (!alone && !e)
        return;
    (alone ? alone : e)->flags |= ML_ENT_LACKING;
    t->l->lacks = true;
}

/* ---- asking ---- */

static void reach(ml_graph *g, uint32_t node, ml_graph **todo)
{
    if (g->seen[node])
        return;
    g->seen[node] = 1;
    g->queue[g->tail++] = node;
    if (g->pending)
        return;
    g->pending = true;
    g->next = *todo;
    *todo = g;
}

/* A name of the load whose graph this is (NULL: it kept none): it is lacking, or leads to a section
** of the unit that defines it. */
static void reach_name(ml_graph *g, ml_entry *e, ml_graph **todo)
{
    if (e->flags & ML_ENT_LACKING)
        e->flags |= ML_ENT_REACHED;
    if (e->def == ML_DEF_UNIT) {
        const ml_linked *l = e->unit->l;
        g = l->graph;
        e = ml_table_find(&l->names, e->name, e->len, e->hash);
    }
    if (!e || e->def != ML_DEF_SECTION || !g)
        return;
    uint32_t node = g->node[e->image][e->section];
    if (node)
        reach(g, node - 1, todo);
}

static void walk(ml_graph *g, ml_graph **todo)
{
    while (g->head < g->tail) {
        uint32_t n = g->queue[g->head++];
        for (uint32_t i = g->inner_from[n]; i < g->inner_from[n + 1]; i++)
            reach(g, g->inner[i], todo);
        for (uint32_t i = g->outer_from[n]; i < g->outer_from[n + 1]; i++)
            reach_name(g, g->outer[i], todo);
    }
}

static void forget(const ml_session *s)
{
    for (ml_unit *u = s->first; u; u = u->next) {
        ml_graph *g = u->l->graph;
        if (!g)
            continue;
        memset(g->seen, 0, g->nnodes);
        g->head = g->tail = 0;
        for (uint32_t i = 0; i < u->l->names.count; i++) {
            ml_entry *e = ml_table_awake(&u->l->names, i);
            if (e)
                e->flags &= (uint16_t)~ML_ENT_REACHED;
        }
    }
}

bool ml_unit_missing(ml_unit *u, const char *name)
{
    ml_graph *todo = NULL;
    ml_entry *e = ml_table_find_str(&u->l->names, name);
    if (!e)
        return false;
    forget(u->s);
    reach_name(u->l->graph, e, &todo);
    while (todo) {
        ml_graph *g = todo;
        todo = g->next;
        g->pending = false;
        walk(g, &todo);
    }
    return true;
}

const char *ml_session_missing(const ml_session *s, ml_cursor *c)
{
    uint32_t n = 0;
    for (ml_unit *u = s->first; u; u = u->next, n++) {
        if (n < c->input || !u->l->graph)
            continue;
        if (n > c->input)
            *c = (ml_cursor){.input = n};
        while (c->rel < u->l->names.count) {
            const ml_entry *e = ml_table_awake(&u->l->names, c->rel++);
            if (e && e->flags & ML_ENT_REACHED)
                return e->name;
        }
    }
    return NULL;
}
