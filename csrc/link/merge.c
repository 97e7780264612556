/* merge.c -- stage PLACE, on demand: equal strings and constants of mergeable sections are kept
** once, as by ld -O1 (tails of strings are not shared).
** takes the sections that will have memory; gives for each class of them, told apart by flags,
** entry size and alignment, one piece of memory with each string or constant once, and for each
** section the way from an old offset to a new one.
** Note [Addresses into merged sections]
** A symbol stands for the string that it lies in. A section symbol does not: the string is the one
** at S + A, so that the addend takes part in the search. That holds for R_X86_64_64 and its like,
** and for distances in data; where an instruction holds a distance, A also has the bytes between
** field and end of the instruction, and S + A may point before its string. ld takes S + A all the
** same; here a section that is referred to in such a way is left as it is (assemblers keep a symbol
** of its own for these references).
** Spec: gABI chapter 4, SHF_MERGE and SHF_STRINGS.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/txn.h"

enum { MERGE = 0x10, STRINGS = 0x20, GROUP = 0x200, ENTRY_MAX = 4096 };

/* Sections that share a piece, and what it will hold. */
typedef struct ml_merged {
    uint64_t flags, align;
    uint32_t entsize, piece; /* piece: 1 + index; 0: none yet */
    ml_slice *v;             /* each string or constant once, in the order of arrival */
    uint64_t *at;
    size_t n, room, room_at;
    uint32_t *slots; /* 1 + index into v; a power of two of them */
    uint32_t mask;
    uint64_t size;
    const char *name; /* of the first section and its input, for maps */
    uint32_t input;
} ml_merged;

/* The strings of one section: where each begins, and where it went. */
struct ml_split {
    ml_merged *into;
    uint32_t n;
    uint32_t *start;
    uint64_t *out;
};

/* ---- which sections ---- */

static bool is_mergeable(const ml_txn *t, const ml_input *in, uint32_t k)
{
    const ml_isec s = ml_image_section(in->img, k);
    uint64_t others = s.flags & ~(uint64_t)(MERGE | STRINGS | ML_SEC_ALLOC | GROUP);
    if (others || !(s.flags & MERGE) || !(s.flags & ML_SEC_ALLOC) || s.type == ML_SHT_NOBITS)
        return false;
    if (ml_is_dropped(in, k) || ml_frames_section(&s))
        return false;
    if (s.name[0] != '.' && ml_table_find_str(&t->idents, s.name))
        return false; /* __start_NAME and __stop_NAME want it whole */
    uint64_t e = s.entsize;
    if (e == 0 || e > ENTRY_MAX || s.size == 0 || s.size % e || s.size > UINT32_MAX / 2 ||
        s.data.n != s.size || s.align > ENTRY_MAX)
        return false;
    if (!(s.flags & STRINGS))
        return true;
    if (e != 1 && e != 2 && e != 4)
        return false;
    for (uint64_t i = s.size - e; i < s.size; i++)
        if (s.data.p[i])
            return false; /* the last string has no end */
    return true;
}

/* Is S + A of this relocation against a section symbol the place that is meant? */
static bool tells_string(const ml_rrow *row, bool code)
{
    return row->formula == ML_S_A || row->formula == ML_S_A_GOT ||
           (row->formula == ML_S_A_P && !code);
}

/* Leaves out what has relocations, and what is referred to in a way that does not tell the string:
** see Note [Addresses into merged sections]. */
static void exclude(const ml_txn *t, const ml_input *in, uint8_t *yes)
{
    const ml_image *img = in->img;
    for (uint32_t i = 0; i < img->nrels; i++) {
        const ml_irels *rels = &img->rels[i];
        yes[rels->target] = 0;
        for (uint32_t k = 0; k < rels->count; k++) {
            ml_irel r = ml_image_rel(rels, k);
            if (r.symbol >= img->first_global)
                continue;
            ml_isym s = ml_image_symbol(img, r.symbol);
            if (s.type != ML_TYPE_SECTION || s.section >= img->nsections || !yes[s.section])
                continue;
            const ml_rrow *row = ml_target_row(t->target, r.type);
            bool code = ml_image_section(img, rels->target).flags & ML_SEC_EXEC;
            if (!rels->rela || !row || !tells_string(row, code) ||
                s.value + (uint64_t)r.addend >= ml_image_section(img, s.section).size)
                yes[s.section] = 0;
        }
    }
}

/* ---- one class ---- */

static ml_merged *class_of(ml_txn *t, const ml_isec *s)
{
    uint64_t flags = s->flags & (MERGE | STRINGS);
    for (size_t i = 0; i < t->nmerged; i++) {
        ml_merged *m = t->merged[i];
        if (m->flags == flags && m->entsize == s->entsize && m->align == s->align)
            return m;
    }
    ml_merged *m = ml_zalloc(&t->scratch, 1, sizeof *m);
    if (!m || !ML_ARENA_ROOM(&t->scratch, t->merged, t->nmerged, t->room_merged))
        return NULL;
    *m = (ml_merged){.flags = flags, .entsize = s->entsize, .align = s->align};
    t->merged[t->nmerged++] = m;
    return m;
}

static bool grow_slots(ml_txn *t, ml_merged *m)
{
    uint32_t size = m->mask ? (m->mask + 1) * 2 : 256;
    uint32_t *slots = ml_zalloc(&t->scratch, size, sizeof *slots);
    if (!slots || size > UINT32_MAX / 4)
        return false;
    for (size_t i = 0; i < m->n; i++) {
        uint32_t k = ml_hash((const char *)m->v[i].p, m->v[i].n) & (size - 1);
        while (slots[k])
            k = (k + 1) & (size - 1);
        slots[k] = (uint32_t)i + 1;
    }
    m->slots = slots;
    m->mask = size - 1;
    return true;
}

/* The offset of a string in its class, entered when it is new; UINT64_MAX: no memory. */
static uint64_t intern(ml_txn *t, ml_merged *m, ml_slice s)
{
    if (m->n >= m->mask / 2 && !grow_slots(t, m))
        return UINT64_MAX;
    uint32_t k = ml_hash((const char *)s.p, s.n) & m->mask;
    for (; m->slots[k]; k = (k + 1) & m->mask) {
        if (ml_slice_equal(m->v[m->slots[k] - 1], s))
            return m->at[m->slots[k] - 1];
    }
    if (!ML_ARENA_ROOM(&t->scratch, m->v, m->n, m->room) ||
        !ML_ARENA_ROOM(&t->scratch, m->at, m->n, m->room_at))
        return UINT64_MAX;
    uint64_t at = (m->size + m->align - 1) & ~(m->align - 1);
    m->v[m->n] = s;
    m->at[m->n++] = at;
    m->slots[k] = (uint32_t)m->n;
    m->size = at + s.n;
    return at;
}

/* Bytes of the string or constant at `at`, with the terminator. */
static size_t length(const ml_isec *s, size_t at)
{
    size_t e = s->entsize, end = at;
    if (!(s->flags & STRINGS))
        return e;
    if (e == 1) /* is_mergeable has seen a zero at the end */
        return (size_t)((const uint8_t *)memchr(s->data.p + at, 0, s->data.n - at) - s->data.p) -
               at + 1;
    for (;; end += e) {
        uint32_t c = e == 2 ? ml_get16(s->data.p + end) : ml_get32(s->data.p + end);
        if (c == 0)
            return end + e - at;
    }
}

static bool split(ml_txn *t, ml_input *in, uint32_t input, uint32_t k)
{
    const ml_isec s = ml_image_section(in->img, k);
    ml_merged *m = class_of(t, &s);
    uint32_t n = 0;
    for (size_t at = 0; at < s.data.n; at += length(&s, at))
        n++;
    struct ml_split *x = ml_zalloc(&t->scratch, 1, sizeof *x);
    if (!m || !x)
        return false;
    x->into = m;
    x->start = ml_nalloc(&t->scratch, n, sizeof *x->start);
    x->out = ml_nalloc(&t->scratch, n, sizeof *x->out);
    if (!x->start || !x->out)
        return false;
    for (size_t at = 0, len; at < s.data.n; at += len) {
        len = length(&s, at);
        x->start[x->n] = (uint32_t)at;
        x->out[x->n] = intern(t, m, (ml_slice){s.data.p + at, len});
        if (x->out[x->n++] == UINT64_MAX)
            return false;
    }
    if (!m->name) {
        m->name = s.name;
        m->input = input;
    }
    in->split[k] = x;
    t->l->stats.merged++;
    t->l->stats.merged_bytes += s.size;
    return true;
}

int ml_merge_choose(ml_txn *t)
{
    for (uint32_t i = 0; t->o.merge && i < t->l->ninputs; i++) {
        ml_input *in = &t->l->inputs[i];
        ml_arena a = {0};
        uint8_t *yes = ml_zalloc(&a, in->img->nsections, 1);
        bool any = false, ok = yes != NULL;
        for (uint32_t k = 1; ok && k < in->img->nsections; k++)
            any |= yes[k] = is_mergeable(t, in, k);
        if (any) {
            exclude(t, in, yes);
            in->split = ml_zalloc(&t->scratch, in->img->nsections, sizeof(struct ml_split *));
            ok = in->split != NULL;
        }
        for (uint32_t k = 1; ok && any && k < in->img->nsections; k++)
            ok = !yes[k] || split(t, in, i, k);
        ml_arena_free(&a);
        if (!ok)
            return ml_nomem(t->d);
    }
    for (size_t i = 0; i < t->nmerged; i++)
        t->l->stats.merged_bytes -= t->merged[i]->size < t->l->stats.merged_bytes
                                        ? t->merged[i]->size
                                        : t->l->stats.merged_bytes;
    return 0;
}

uint32_t ml_merge_piece(ml_txn *t, const ml_input *in, uint32_t section)
{
    if (!in->split || !in->split[section])
        return 0;
    ml_merged *m = in->split[section]->into;
    if (!m->piece) {
        m->piece = ml_piece_add(t, ML_CLASS_CONST, m->size, m->align);
        t->pieces[m->piece - 1].run = ML_RUN_MERGED;
    }
    return m->piece;
}

uint64_t ml_merge_offset(const ml_input *in, uint32_t section, uint64_t offset)
{
    const struct ml_split *x = in->split[section];
    uint32_t low = 0, high = x->n;
    while (high - low > 1) { /* the last that begins at or before offset */
        uint32_t middle = low + (high - low) / 2;
        if (x->start[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return x->out[low] + (offset - x->start[low]);
}

bool ml_merge_list(const ml_txn *t, size_t i, ml_placed *out)
{
    if (i >= t->nmerged)
        return false;
    const ml_merged *m = t->merged[i];
    *out = (ml_placed){.name = m->name,
                       .addr = ml_piece_addr(t, m->piece),
                       .size = m->size,
                       .input = m->input,
                       .class = ML_CLASS_CONST};
    return true;
}

void ml_merge_write(const ml_txn *t)
{
    for (size_t i = 0; i < t->nmerged; i++) {
        const ml_merged *m = t->merged[i];
        uint8_t *to = ml_piece_view(t, m->piece);
        for (size_t k = 0; k < m->n; k++)
            memcpy(to + m->at[k], m->v[k].p, m->v[k].n);
    }
}
