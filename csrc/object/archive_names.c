/* archive_names.c -- stage OPEN: the table of an archive's names, and what is found by it.
** takes names in a text, by number; gives for a name the first number that has it, and its member.
** An index may lie about members: one is handed out only when a header stands where it says, which
** is looked at when the member is first found.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "object/archive_impl.h"

/* Note [Names of an archive]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~
** Most archives of a load are asked for thousands of names and have none of them: what counts is to
** say no at little cost. So each name is read and hashed once, and what is kept of it is an offset
** and a slot: a number and, in the bits that the number leaves over, a part of the hash, so that
** hardly any name is looked for in vain. The text itself, by far the largest part, is kept only of
** small indexes, and of those that lie in memory that the caller keeps. Of others a name is read
** from the file again when its slot was found, which is once for each member that is taken.
** A linear probe meets equal names in the order in which they came. With the whole text in memory
** only the first of them gets a slot, from which the others are reached one by one, since a million
** of them would make each look a long walk. That is done only when many are alike: the first try
** goes through the file by a small window, which stays in the cache, and gives each a slot. */

enum { BATCH = 16, PIECE = 256, FIRST_SEEN = 16 };
enum { WINDOW = 64 << 10 }; /* bytes of an index that are read at a time */
enum { CROWD = 16 };        /* slots on one walk that are alike */

/* ---- the table ---- */

/* Can the slot be one of the hash? */
static bool matches(const ml_ar_names *x, uint32_t slot, uint32_t hash)
{
    return ((slot ^ hash) & ~x->number) == 0;
}

/* Enters n names from number `first` on, of these hashes. The text is not at hand; false when too
** many are alike. Its own copies of what x says stay in registers. */
static bool enter(const ml_ar_names *x, uint32_t first, uint32_t n, const uint32_t *hash)
{
    const uint32_t mask = x->mask, number = x->number;
    uint32_t *slots = x->slots;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = hash[i] & mask;
        for (unsigned alike = 0; slots[k]; k = (k + 1) & mask)
            if (!((slots[k] ^ hash[i]) & ~number) && ++alike == CROWD)
                return false;
        slots[k] = (hash[i] & ~number) | (first + i + 1);
    }
    return true;
}

/* Enters number i, whose name is in memory, before all that have its name. */
static void enter_first(ml_ar_names *x, uint32_t i, uint32_t hash)
{
    const char *text = (const char *)x->text.p;
    uint32_t k = hash & x->mask;
    for (; x->slots[k]; k = (k + 1) & x->mask) {
        uint32_t other = (x->slots[k] & x->number) - 1;
        if (!matches(x, x->slots[k], hash) || strcmp(text + x->at[other], text + x->at[i]) != 0)
            continue;
        x->next[i] = other + 1;
        break;
    }
    x->slots[k] = (hash & ~x->number) | (i + 1);
}

static uint32_t hash_of(const ml_ar_names *x, const char *name, size_t len)
{
    uint32_t hash = ml_hash(name, len);
    __builtin_prefetch(&x->slots[hash & x->mask]);
    return hash;
}

/* A table for so many names, below 2^31; at most two thirds full. */
static bool make_slots(ml_archive *ar, uint32_t count)
{
    ml_ar_names *x = &ar->index;
    uint32_t size = 16;
    while (size / 3 < count / 2)
        size *= 2;
    x->slots = ml_zalloc(&ar->arena, size, sizeof *x->slots);
    x->mask = size - 1;
    x->number = 1;
    while (x->number < count) /* 1 + number needs all of its bits */
        x->number = 2 * x->number + 1;
    return x->slots != NULL;
}

int ml_ar_names_table(ml_diag *d, ml_archive *ar)
{
    ml_ar_names *x = &ar->index;
    uint32_t hash[BATCH];
    x->next = ml_zalloc(&ar->arena, x->n, sizeof *x->next);
    if (!make_slots(ar, x->n) || (x->n && !x->next))
        return ml_nomem(d);
    for (uint32_t end = x->n, n; end > 0; end -= n) {
        n = end < BATCH ? end : BATCH;
        for (uint32_t k = 0; k < n; k++) {
            const char *name = (const char *)x->text.p + x->at[end - 1 - k];
            hash[k] = hash_of(x, name, strlen(name));
        }
        for (uint32_t k = 0; k < n; k++)
            enter_first(x, end - 1 - k, hash[k]);
    }
    return 0;
}

/* The names of a window of n bytes, which has a NUL behind it, from number x->n on; how many bytes
** they take, the part of a name at the end left out. False: too many are alike. */
static bool take_window(ml_ar_names *x, uint32_t count, const char *window, size_t n, uint64_t at,
                        size_t *used)
{
    const char *p = window;
    uint32_t hash[BATCH], k = BATCH;
    while (k == BATCH && x->n < count) {
        uint32_t most = count - x->n < BATCH ? count - x->n : BATCH;
        for (k = 0; k < most; k++) {
            size_t len = strlen(p);
            if (p + len == window + n)
                break;
            x->at[x->n + k] = (uint32_t)(at + (size_t)(p - window));
            hash[k] = hash_of(x, p, len);
            p += len + 1;
        }
        if (!enter(x, x->n, k, hash))
            return false;
        x->n += k;
    }
    *used = (size_t)(p - window);
    return true;
}

int ml_ar_names_stream(ml_diag *d, ml_archive *ar, uint32_t count, uint64_t at, ml_arena *scratch)
{
    ml_ar_names *x = &ar->index;
    char *room = ml_alloc(scratch, WINDOW + 1);
    size_t used = 1;
    int r = room && make_slots(ar, count) ? 0 : ml_nomem(d);
    while (r == 0 && x->n < count && used > 0) {
        size_t n = x->text.n - at < WINDOW ? (size_t)(x->text.n - at) : WINDOW;
        r = ml_archive_fetch_to(d, ar, x->text_at + at, room, n);
        room[n] = 0;
        if (r == 0 && !take_window(x, count, room, n, at, &used))
            return 1;
        at += used;
    }
    return r < 0 ? r : x->n < count;
}

/* ---- what the text says ---- */

/* Bytes of the text, from memory or from the file. False when the file cannot be read any more. */
static bool read_text(const ml_archive *ar, uint64_t off, void *to, size_t len)
{
    const ml_ar_names *x = &ar->index;
    if (x->text.p) {
        memcpy(to, x->text.p + off, len);
        return true;
    }
    ml_diag quiet;
    ml_diag_init(&quiet);
    int r = ml_archive_fetch_to(&quiet, ar, x->text_at + off, to, len);
    ml_diag_free(&quiet);
    return r == 0;
}

/* Is it the name at off? Piece by piece: names have no limit. *lost: the text cannot be read. */
static bool is_name(const ml_archive *ar, uint64_t off, const char *name, size_t len, bool *lost)
{
    char piece[PIECE];
    if (!ml_within(ar->index.text.n, off, len + 1))
        return false;
    for (size_t done = 0; done <= len;) { /* with the NUL behind it */
        size_t n = len + 1 - done < PIECE ? len + 1 - done : PIECE;
        *lost = !read_text(ar, off + done, piece, n);
        if (*lost)
            return false;
        bool last = done + n == len + 1;
        if (memcmp(piece, name + done, n - last) != 0 || (last && piece[n - 1] != 0))
            return false;
        done += n;
    }
    return true;
}

/* Where the header of the member with name i stands. */
static bool header_of(const ml_archive *ar, uint32_t i, uint64_t *header)
{
    const ml_ar_names *x = &ar->index;
    uint8_t number[8] = {0};
    if (x->headers) {
        *header = x->headers[i];
        return true;
    }
    uint64_t at = x->width + (uint64_t)i * x->width;
    if (!read_text(ar, at, number, x->width))
        return false;
    *header = x->width == 8 ? ml_get64be(number) : ml_get32be(number);
    return true;
}

/* ---- members ---- */

static ml_ar_target *seen_at(ml_ar_target *seen, uint32_t slots, uint64_t header)
{
    uint32_t i = ml_hash_number(header) & (slots - 1);
    while (seen[i].member.name && seen[i].header != header)
        i = (i + 1) & (slots - 1);
    return &seen[i];
}

/* Where the member at header is kept; NULL when memory is short. */
static ml_ar_target *target_of(ml_archive *ar, uint64_t header)
{
    if (2 * ar->nseen >= ar->seen_slots) {
        uint32_t slots = ar->seen_slots ? 2 * ar->seen_slots : FIRST_SEEN;
        ml_ar_target *more = slots ? ml_zalloc(&ar->arena, slots, sizeof *more) : NULL;
        if (!more)
            return NULL;
        for (uint32_t i = 0; i < ar->seen_slots; i++)
            if (ar->seen[i].member.name)
                *seen_at(more, slots, ar->seen[i].header) = ar->seen[i];
        ar->seen = more;
        ar->seen_slots = slots;
    }
    return seen_at(ar->seen, ar->seen_slots, header);
}

/* The member at header, looked at when it is new. When no header is there, it has offset 0 and no
** path, for which ml_archive_read tells the reason. */
static ml_member look(ml_archive *ar, uint64_t header)
{
    ml_ar_target *t = target_of(ar, header);
    if (t && t->member.name)
        return t->member;
    ml_diag quiet;
    ml_member m;
    ml_diag_init(&quiet);
    if (ml_archive_member(&quiet, ar, header, &m) < 0)
        m = (ml_member){.name = "?", .header = header};
    ml_diag_free(&quiet);
    if (t) {
        *t = (ml_ar_target){header, m};
        ar->nseen++;
    }
    return m;
}

/* The first number from `from` on of those that have one name and begin with number i, else i. */
static uint32_t follow(const ml_ar_names *x, uint32_t i, uint32_t from)
{
    uint32_t k = i;
    while (k < from && x->next && x->next[k])
        k = x->next[k] - 1;
    return k < from ? i : k;
}

bool ml_archive_at(ml_archive *ar, uint32_t number, const char *name, size_t len, ml_member *out)
{
    uint64_t header;
    bool lost = false;
    if (!is_name(ar, ar->index.at[number], name, len, &lost) && !lost)
        return false;
    if (lost || !header_of(ar, number, &header)) /* the file was cut off: reading it will say so */
        *out = (ml_member){.name = "?", .header = ar->armap.data};
    else
        *out = look(ar, header);
    out->number = number;
    return true;
}

/* Makes the table, unless it can do without. 1: there is one; 0: it does not have the name. */
static int prepare(ml_diag *d, ml_archive *ar, const char *name, size_t len)
{
    if (ar->indexed)
        return 1;
    int r = ml_ar_prefixes_may(d, ar, name, len);
    if (r > 0)
        r = ml_archive_index(d, ar);
    else if (r == 0)
        return 0;
    return r < 0 ? r : 1;
}

int ml_archive_find(ml_diag *d, ml_archive *ar, const char *name, size_t len, uint32_t hash,
                    uint32_t from, ml_member *out)
{
    const ml_ar_names *x = &ar->index;
    bool found = false;
    int r = prepare(d, ar, name, len);
    if (r <= 0)
        return r;
    if (x->next && from > 0 && from <= x->n && x->next[from - 1] &&
        ml_archive_at(ar, x->next[from - 1] - 1, name, len, out))
        return 1; /* who goes on behind one need not come along all of them again */
    for (uint32_t k = hash & x->mask; x->slots[k]; k = (k + 1) & x->mask) {
        if (!matches(x, x->slots[k], hash))
            continue;
        ml_member m;
        uint32_t number = follow(x, (x->slots[k] & x->number) - 1, from);
        if ((found && number < from) || !ml_archive_at(ar, number, name, len, &m))
            continue;
        found = true;
        *out = m;
        if (x->next || number >= from)
            break; /* else another one has a slot of its own */
    }
    return found;
}

int ml_archive_may(ml_diag *d, ml_archive *ar, const char *name, size_t len, uint32_t hash,
                   uint32_t from, uint32_t *number)
{
    const ml_ar_names *x = &ar->index;
    int r = prepare(d, ar, name, len);
    if (r <= 0)
        return r;
    uint32_t first = x->n, later = x->n;
    for (uint32_t k = hash & x->mask; x->slots[k]; k = (k + 1) & x->mask) {
        if (!matches(x, x->slots[k], hash))
            continue;
        uint32_t i = (x->slots[k] & x->number) - 1, behind = follow(x, i, from);
        if (behind >= from && behind < later)
            later = behind;
        if (i < first)
            first = i;
    }
    *number = later < x->n ? later : first;
    return first < x->n;
}

/* ---- listings ---- */

size_t ml_archive_names(const ml_archive *ar)
{
    return ar->indexed ? ar->index.n : 0;
}

int ml_archive_list(ml_diag *d, ml_archive *ar)
{
    ml_ar_names *x = &ar->index;
    int r = ml_archive_index(d, ar);
    if (r < 0 || x->text.p || !x->n)
        return r;
    uint8_t *text = ml_nalloc(&ar->arena, x->text.n + 1, 1);
    if (!text)
        return ml_nomem(d);
    text[x->text.n] = 0; /* whatever the file has become, names end */
    r = ml_archive_fetch_to(d, ar, x->text_at, text, x->text.n);
    if (r == 0)
        r = ml_os_unchanged(d, &ar->file);
    if (r == 0)
        x->text.p = text;
    return r;
}

const char *ml_archive_name(const ml_archive *ar, size_t i, uint64_t *header)
{
    if (header && !header_of(ar, (uint32_t)i, header))
        *header = 0;
    return (const char *)ar->index.text.p + ar->index.at[i];
}
