/* put.c -- stage PLACE, at its end: what sections hold goes to its place.
** takes pieces with offsets, in a block that is ours; gives the addresses of sections, their bytes,
** and the list of them that maps and messages read. Gaps between code hold instructions that trap.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

/* Fills the gaps that alignment leaves between pieces of code with an instruction that traps. */
static void fill_gaps(ml_txn *t)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < t->npieces; i++) {
        const ml_piece *p = &t->pieces[i];
        if (p->class != ML_CLASS_TEXT || p->run)
            continue;
        if (p->offset > end)
            memset(t->code + end, t->target->trap, p->offset - end);
        end = p->offset + p->size;
    }
}

/* Note [Gaps between functions]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** Functions in sections of their own are 16-aligned, as a rule, so that gaps are between them, the
** same in the file and in memory. They go to their places with their gaps, which are filled then:
** of 84,000 functions of SQLite's, none is copied alone. */
enum { GAPS = 1024 };

typedef struct gap {
    uint8_t *at;
    size_t n;
} gap;

/* Sections on their way to their places: what lies side by side in the file and in memory goes at
** once, and from file to place without a stay between if it is much (contents.c). */
typedef struct passage {
    ml_txn *t;
    const ml_image *img;
    uint32_t piece; /* where they go: */
    uint64_t addr;  /* its address, */
    uint8_t *view;  /* its bytes, */
    uint8_t class;  /* and class; */
    bool filled;    /* they have bytes in the file */
    uint32_t code;  /* the last one of that class; */
    uint8_t *end;   /* of what has come to it: more may leave a gap */
    /* What waits: */
    ml_slice data; /* n 0: nothing; p NULL: it is in the file only */
    uint64_t offset;
    uint8_t *to;
    gap *gaps; /* to fill when what waits is there: GAPS at most */
    uint32_t ngaps;
} passage;

static void enter_piece(passage *x, uint32_t piece)
{
    x->piece = piece;
    x->addr = ml_piece_addr(x->t, piece);
    x->view = ml_piece_view(x->t, piece);
    x->class = x->t->pieces[piece - 1].class;
    x->filled = x->t->pieces[piece - 1].filled;
}

static int pass_on(passage *x)
{
    int rc = ml_contents_put(x->t, x->img, x->offset, x->data, x->to);
    for (uint32_t i = 0; rc == 0 && i < x->ngaps; i++)
        memset(x->gaps[i].at, x->t->target->trap, x->gaps[i].n);
    x->data.n = x->ngaps = 0;
    return rc;
}

/* The section of a header goes to its place, behind a gap of so many bytes. */
static inline int pass(passage *x, const ml_shdr *h, uint8_t *to, size_t behind)
{
    const size_t n = x->data.n + behind, size = x->filled ? (size_t)h->size : 0;
    const uint8_t *p = size ? ml_image_byte(x->img, h->offset) : NULL;
    if (!size)
        return 0;
    if (x->data.n && to == x->to + n && h->offset == x->offset + n &&
        p == (x->data.p ? x->data.p + n : NULL)) {
        x->data.n = n + size;
        return 0;
    }
    int rc = pass_on(x);
    x->data = (ml_slice){p, size};
    x->offset = h->offset;
    x->to = to;
    return rc;
}

/* Code goes there: the gap before it, if it follows other code of its piece. The same as fill_gaps,
** which looks between pieces. */
static inline int find_gap(passage *x, uint8_t *to, uint64_t size, size_t *gap_size)
{
    int rc = 0;
    *gap_size = 0;
    if (x->code == x->piece && to > x->end) {
        if (x->ngaps == GAPS)
            rc = pass_on(x);
        *gap_size = (size_t)(to - x->end);
        x->gaps[x->ngaps++] = (gap){x->end, *gap_size};
    }
    x->code = x->piece;
    x->end = to + size;
    return rc;
}

/* Do all its sections lie in the block? Others are thread-local, or large. */
static bool is_in_block(const ml_input *in)
{
    return !(in->img->flags & ML_SEC_TLS) && !in->large;
}

/* An object of many sections is listed in short: that saves 2 of 3.2 MB for 100,000. */
static bool is_listed_short(const ml_input *in)
{
    return is_in_block(in) && ml_names_are_many(in->img);
}

static bool begin_list(ml_txn *t, uint32_t input, const ml_names *names, ml_placed_many **out)
{
    ml_linked *l = t->l;
    const ml_input *in = &l->inputs[input];
    uint32_t before = l->nmany ? l->many[l->nmany - 1].all : 0;
    *out = NULL;
    if (!is_listed_short(in))
        return true;
    if (!ML_ARENA_ROOM(&l->keep, l->many, l->nmany, t->room_many))
        return false;
    ml_placed_many *m = *out = &l->many[l->nmany++];
    *m = (ml_placed_many){.first = (uint64_t)before + l->nplaced,
                          .all = before,
                          .input = input,
                          .names = names->all,
                          .v = ml_nalloc(&l->keep, in->img->nmemory, sizeof *m->v)};
    return m->v;
}

static bool list(ml_txn *t, ml_names *names, const char *name, ml_placed p)
{
    ml_linked *l = t->l;
    p.name = ml_names_keep(names, &l->keep, name);
    if (!p.name || !ML_ARENA_ROOM(&l->keep, l->placed, l->nplaced, t->room_placed))
        return false;
    l->placed[l->nplaced++] = p;
    return true;
}

static inline void list_short(ml_placed_many *m, const ml_shdr *h, uint32_t at)
{
    m->v[m->n++] = (ml_placed_short){.name = h->name, .at = at, .size = (uint32_t)h->size};
    m->all++;
}

/* The sections of one input: their addresses, their bytes, the list of maps and messages. */
static int put_sections(ml_txn *t, uint32_t input, ml_names *names)
{
    ml_linked *l = t->l;
    ml_input *in = &l->inputs[input];
    ml_placed_many *many;
    gap gaps[GAPS];
    passage x = {.t = t, .img = in->img, .gaps = gaps};
    const ml_headers all = in->img->headers;
    if (!ml_names_of(t, names, &l->keep, in->img) || !begin_list(t, input, names, &many))
        return ml_nomem(t->d);
    in->base = l->block.addr;
    if (!is_in_block(in) &&
        !(in->wide = ml_zalloc(&t->scratch, in->img->nsections, sizeof *in->wide)))
        return ml_nomem(t->d);
    for (uint32_t k = 1; k < all.n; k++) {
        const uint32_t piece = in->piece[k];
        if (!piece)
            continue;
        if (piece != x.piece)
            enter_piece(&x, piece);
        const uint64_t offset = in->at[k], addr = x.addr + offset;
        in->at[k] = (uint32_t)(addr - in->base); /* of use where there is nothing wide */
        if (in->wide)
            in->wide[k] = addr;
        if (ml_is_merged(in, k))
            continue;
        const ml_shdr h = ml_headers_at(&all, k);
        size_t behind = 0;
        int rc = x.class == ML_CLASS_TEXT ? find_gap(&x, x.view + offset, h.size, &behind) : 0;
        if (rc == 0)
            rc = pass(&x, &h, x.view + offset, behind);
        if (rc < 0)
            return rc;
        if (many)
            list_short(many, &h, in->at[k]);
        else if (!(h.flags & ML_SEC_TLS) && !list(t, names, (const char *)in->img->names.p + h.name,
                                                  (ml_placed){NULL, addr, h.size, input, x.class}))
            return ml_nomem(t->d);
    }
    return pass_on(&x);
}

/* Room in the list for the sections of all objects that have few. */
static bool make_list(ml_txn *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++)
        if (!is_listed_short(&t->l->inputs[i]))
            n += t->l->inputs[i].img->nmemory;
    t->room_placed = n;
    t->l->placed = ml_nalloc(&t->l->keep, n, sizeof *t->l->placed);
    return t->l->placed;
}

int ml_put_sections(ml_txn *t)
{
    ml_linked *l = t->l;
    ml_names names = {0};
    ml_placed m;
    int rc = 0;
    fill_gaps(t);
    ml_fragments_fill(t);
    if (!make_list(t))
        return ml_nomem(t->d);
    for (uint32_t i = 0; rc == 0 && i < l->ninputs; i++)
        rc = put_sections(t, i, &names);
    if (rc == 0)
        rc = ml_contents_end(t);
    for (size_t i = 0; rc == 0 && ml_merge_list(t, i, &m); i++) {
        if (!(m.name = ml_strdup(&l->keep, m.name)) ||
            !ML_ARENA_ROOM(&l->keep, l->placed, l->nplaced, t->room_placed))
            return ml_nomem(t->d);
        l->placed[l->nplaced++] = m;
    }
    return rc;
}
