/* archive_prefixes.c -- stage OPEN: how the names of an archive begin.
** takes the index of an archive, in the GNU form; gives the set of its names' first eight bytes, by
** which most look-ups end before there is a table of names.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "object/archive_impl.h"

/* Note [Prefixes of an archive's names]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** An archive of which nothing is wanted is asked for every name all the same, since the first in
** the order that has one gives it. Compilers write modules and namespaces before a name, so that a
** library's names share a few beginnings: those of the 134,000 names of GHC's own library are six,
** and a program that does not use it asks for none of them. So the first look-up goes over the
** index once and notes only beginnings that are new; most names have that of the name before them.
** Nothing is hashed and nothing kept for a name, and from then on a name that begins otherwise is
** not in the archive. The first that may be in it has the table made (archive_names.c); the set is
** of no use any more.
** The way over the index ends early, and gives no set, when the name that is looked up may be in
** it, when the beginnings are many, as in C without a common prefix, and at whatever is wrong with
** the index: to say what that is, and whether it is an error, is left to the one that makes the
** table. That one reads the index again. A small one is kept in memory in between; a large archive
** that was written to meanwhile is an error. */

enum {
    BLOCK = 64,        /* bytes that are looked at together */
    FIRST = 4 << 10,   /* blocks of a large index that are read at first, */
    WINDOW = 64 << 10, /* and from then on */
    PAD = 2 * BLOCK    /* behind what was read: without NULs */
};

/* The first bytes of a name, zeros behind one that is shorter. */
static uint64_t prefix_of(const char *name, size_t len)
{
    uint64_t prefix = 0;
    memcpy(&prefix, name, len < sizeof prefix ? len : sizeof prefix);
    return prefix;
}

static bool has(const ml_ar_prefixes *x, uint64_t prefix)
{
    for (uint32_t i = 0; i < x->n; i++)
        if (x->v[i] == prefix)
            return true;
    return false;
}

/* Names on their way into the set. */
typedef struct walk {
    ml_ar_prefixes *x;
    uint64_t wanted;
    uint64_t count, ended; /* names that there should be; whose end was seen */
} walk;

/* Notes the name that begins with these eight bytes. False: the set is of no use. */
static bool note(walk *w, uint64_t word)
{
    ml_ar_prefixes *x = w->x;
    const char *name = (const char *)&word, *nul = memchr(name, 0, sizeof word);
    uint64_t prefix = prefix_of(name, nul ? (size_t)(nul - name) : sizeof word);
    if (has(x, prefix))
        return true;
    if (prefix == w->wanted || x->n == sizeof x->v / sizeof *x->v)
        return false;
    x->v[x->n++] = prefix;
    return true;
}

__extension__ typedef uint8_t lanes __attribute__((vector_size(16)));
__extension__ typedef uint64_t halves __attribute__((vector_size(16)));

static lanes nuls_in(const char *p, uint8_t bit)
{
    lanes bytes;
    memcpy(&bytes, p, sizeof bytes);
    return (lanes)(bytes == 0) & bit;
}

/* Which bytes of a block are NULs: bit 8 * i + 4 * h + k says it of byte 16 * k + 8 * h + i (the
** lowest byte of a word stands first). */
static uint64_t nuls_in_block(const char *p)
{
    halves all =
        (halves)(nuls_in(p, 1) | nuls_in(p + 16, 2) | nuls_in(p + 32, 4) | nuls_in(p + 48, 8));
    return all[0] | all[1] << 4;
}

/* Notes the names that begin behind a NUL of these n bytes. A prefix too many, of what fills up the
** index behind its last name, does no harm. */
static bool note_all(walk *w, const char *bytes, size_t n)
{
    uint64_t last = 0, ended = 0; /* noted; 0 is no name that is looked up */
    for (const char *block = bytes; block < bytes + n; block += BLOCK)
        for (uint64_t nuls = nuls_in_block(block); nuls; nuls &= nuls - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(nuls);
            const char *name = block + 16 * (bit & 3) + 2 * (bit & 4) + bit / 8 + 1;
            uint64_t word = ml_hash_word(name);
            ended++;
            if (word == last)
                continue;
            last = word;
            if (!note(w, word))
                return false;
        }
    w->ended += ended;
    return true;
}

/* Bytes of the index from `at` on, with what note_all needs behind them. */
static int fetch(ml_diag *d, const ml_archive *ar, uint64_t at, char *to, size_t n)
{
    memset(to + n, 0xff, PAD);
    return ml_archive_fetch_to(d, ar, ar->armap.data + at, to, n);
}

/* Goes over a large index from `at` on, first a part that tells most of those without a set. A
** window is read with what may follow a NUL at its end. 1: the set is whole; 0: it is of no use. */
static int go_over(ml_diag *d, const ml_archive *ar, walk *w, uint64_t at, char *room)
{
    uint64_t end = ar->armap.size;
    for (size_t window = FIRST; at < end && w->ended < w->count; at += window, window = WINDOW) {
        size_t n = end - at < window + BLOCK ? (size_t)(end - at) : window + BLOCK;
        int r = fetch(d, ar, at, room, n);
        if (r < 0)
            return r;
        if ((window == FIRST && !note(w, ml_hash_word(room))) ||
            !note_all(w, room, n < window ? n : window))
            return 0;
    }
    return 1;
}

/* An index that is small is read once and stays in memory. */
static int read_small(ml_diag *d, ml_archive *ar)
{
    size_t n = (size_t)ar->armap.size;
    char *p = ml_alloc(&ar->arena, n + PAD);
    int r = p ? fetch(d, ar, 0, p, n) : ml_nomem(d);
    if (r == 0)
        ar->kept = (ml_slice){(const uint8_t *)p, n};
    return r;
}

/* Makes the set for a look-up of a name that begins with `wanted`: 1, 0 as above. */
static int read_prefixes(ml_diag *d, ml_archive *ar, uint64_t wanted, ml_arena *scratch)
{
    const ml_ar_head *h = &ar->armap;
    uint64_t width = h->role == ML_AR_GNU64 ? 8 : 4;
    uint8_t number[8];
    ar->prefixes.n = 0;
    if (h->size < width || h->size >= INT32_MAX)
        return 0;
    int r = h->size <= ML_AR_SMALL && !ar->kept.p ? read_small(d, ar) : 0;
    if (r == 0)
        r = ml_archive_fetch_to(d, ar, h->data, number, (size_t)width);
    if (r < 0)
        return r;
    uint64_t count = width == 8 ? ml_get64be(number) : ml_get32be(number);
    if (count > (h->size - width) / width)
        return 0;
    uint64_t at = width + count * width;
    walk w = {.x = &ar->prefixes, .wanted = wanted, .count = count};
    if (ar->kept.p) {
        const char *names = (const char *)ar->kept.p + at;
        r = note(&w, ml_hash_word(names)) && note_all(&w, names, (size_t)(h->size - at));
    } else {
        char *room = ml_alloc(scratch, WINDOW + BLOCK + PAD);
        r = room ? go_over(d, ar, &w, at, room) : ml_nomem(d);
    }
    return r == 1 ? w.ended >= count : r;
}

int ml_ar_prefixes_may(ml_diag *d, ml_archive *ar, const char *name, size_t len)
{
    ml_ar_prefixes *x = &ar->prefixes;
    bool gnu = ar->armap.role == ML_AR_GNU32 || ar->armap.role == ML_AR_GNU64;
    uint64_t prefix = prefix_of(name, len);
    if (!x->tried && gnu && !ar->bytes.p) {
        ml_arena scratch = {0};
        int r = read_prefixes(d, ar, prefix, &scratch);
        ml_arena_free(&scratch);
        if (r < 0)
            return r;
        x->tried = true;
        x->whole = r;
        return !r || has(x, prefix);
    }
    if (x->whole && !has(x, prefix))
        return 0;
    int r = x->whole && !ar->kept.p && !ar->bytes.p ? ml_os_unchanged(d, &ar->file) : 0;
    return r < 0 ? r : 1;
}
