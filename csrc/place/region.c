/* region.c -- stage PLACE: blocks of pages for loads, inside a few large reservations.
** takes a size, an alignment and a zone; gives a block that is readable and writable until sealed.
** A reservation consists of blocks and holes. Holes are sorted, never empty, never side by side,
** and all their pages are PROT_NONE and zero. A block never changes its place.
** Spec: x86-64 psABI 3.5.1 (why near, why low). See Note [Near memory] in reserve.c.
** SPDX-License-Identifier: MIT */
#include "place/region.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "place/block.h"
#include "place/refusal.h"
#include "place/reserve.h"

#define MIB (UINT64_C(1) << 20)
#define FIRST_SIZE \
    (32 * MIB) /* of a zone's first reservation; each further one is twice as large */
#define MOST_SIZE  (512 * MIB)
#define LEAST_SIZE (16 * MIB)          /* below this only what is needed is tried */
#define SIZE_LIMIT (UINT64_C(1) << 46) /* more than any window; keeps the sums from overflowing */

enum { LIMIT_SHARE = 8 }; /* under ulimit -v a reservation takes at most one part in so many */

typedef struct reservation {
    uint64_t addr, size;
    ml_zone zone;
    bool alone;     /* for one block, which ends it */
    ml_span *holes; /* sorted */
    size_t n, room; /* holes, and how many there is memory for: always more than pieces */
    size_t pieces;  /* blocks, and ranges that could not be given back */
} reservation;

struct ml_space {
    reservation *list; /* in the order in which they were made, which is the order of search */
    size_t n;
    uint64_t prepared[ML_ZONE_COUNT]; /* start of the hole that the last prepare named, or 0 */
    uint64_t used;
    unsigned blocks;
    ml_rig rig;
};

ml_space *ml_space_new(void)
{
    return ml_heap_zalloc(1, sizeof(ml_space));
}

void ml_space_free(ml_space *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        ml_os_unreserve(s->list[i].addr, s->list[i].size);
        ml_heap_free(s->list[i].holes);
    }
    ml_heap_free(s->list);
    ml_heap_free(s);
}

ml_space_stats ml_space_stat(const ml_space *s)
{
    ml_space_stats st = {.used = s->used, .reservations = (unsigned)s->n, .blocks = s->blocks};
    for (size_t i = 0; i < s->n; i++)
        st.reserved += s->list[i].size;
    return st;
}

void ml_space_rig(ml_space *s, ml_rig rig)
{
    s->rig = rig;
}

/* ---- reservations ---- */

/* Makes room for one more reservation in the list; nothing else changes. */
static reservation *next_slot(ml_space *s, ml_diag *d)
{
    reservation *list = ml_heap_grow(s->list, s->n + 1, sizeof *list);
    ml_span *holes = ml_heap_zalloc(2, sizeof *holes);
    if (list)
        s->list = list;
    if (!list || !holes) {
        ml_heap_free(holes);
        ml_nomem(d);
        return NULL;
    }
    list[s->n] = (reservation){.holes = holes, .room = 2};
    return &list[s->n];
}

static void drop_slot(ml_space *s)
{
    ml_heap_free(s->list[s->n].holes);
}

/* The slot's reservation is made: one hole. */
static void fill_slot(ml_space *s, ml_wish wish, uint64_t addr, uint64_t size)
{
    reservation *r = &s->list[s->n++];
    r->addr = addr;
    r->size = size;
    r->zone = wish.zone;
    r->alone = wish.alone || wish.zone == ML_ZONE_FAR;
    r->holes[0] = (ml_span){addr, addr + size};
    r->n = 1;
}

int ml_space_force(ml_space *s, ml_diag *d, ml_zone zone, uint64_t addr, size_t size)
{
    if (!next_slot(s, d))
        return -(int)ML_E_NOMEM;
    if (ml_os_reserve(addr, size)) {
        fill_slot(s, (ml_wish){.zone = zone}, addr, size);
        return 0;
    }
    int code = errno;
    drop_slot(s);
    return ml_refusal_reserve(d, zone, size, code);
}

/* Reserves near the cluster and, when that can be, near the reservations that there are already, so
** that what lies in one reaches what lies in another. */
static int reserve_beside(ml_space *s, ml_zone zone, size_t size, uint64_t *addr)
{
    ml_span libs = {0, 0};
    if (zone != ML_ZONE_LOW)
        libs = ml_reserve_cluster();
    ml_span all = libs;
    for (size_t i = 0; zone == ML_ZONE_NEAR && i < s->n; i++) {
        const reservation *r = &s->list[i];
        if (r->zone != zone)
            continue;
        all.start = r->addr < all.start ? r->addr : all.start;
        all.end = r->addr + r->size > all.end ? r->addr + r->size : all.end;
    }
    int e = ml_reserve_take(zone, all, size, &s->rig, addr);
    if (e == ERANGE && (all.start != libs.start || all.end != libs.end))
        e = ml_reserve_take(zone, libs, size, &s->rig, addr);
    return e;
}

/* What to ask for first: little, since all linkers of a process share the few GiB near its
** libraries, then more and more for a session that turns out large; never most of a limited address
** space. */
static uint64_t first_size(const ml_space *s, ml_wish wish)
{
    ml_limits l;
    if (wish.zone == ML_ZONE_FAR || wish.alone)
        return 0;
    ml_os_limits(&l);
    uint64_t size = FIRST_SIZE;
    for (size_t i = 0; i < s->n && size < MOST_SIZE; i++)
        size *= s->list[i].zone == wish.zone && !s->list[i].alone ? 2 : 1;
    while (size > LEAST_SIZE && size > l.space / LIMIT_SHARE)
        size /= 2;
    return size;
}

/* Adds a reservation that has a hole of size bytes at align, and more when it can be had. */
static int add_reservation(ml_space *s, ml_diag *d, ml_wish wish, uint64_t size, uint64_t align)
{
    ml_zone zone = wish.zone;
    /* A reservation starts at some page: the worst case loses all but a page of the alignment, and
    ** once more where code must not begin. */
    uint64_t spare = align - ml_os_page() + (zone == ML_ZONE_NEAR ? align : 0); /* see the Note */
    uint64_t need = size + spare, try = first_size(s, wish), addr = 0;
    if (need >= SIZE_LIMIT)
        return ml_refusal_reserve(d, zone, size, ERANGE);
    if (!next_slot(s, d))
        return -(int)ML_E_NOMEM;
    if (try < need)
        try = need;
    int e = reserve_beside(s, zone, try, &addr);
    while (e && try > need) {
        try = try / 2 < LEAST_SIZE || try / 2 < need ? need : try / 2;
        e = reserve_beside(s, zone, try, &addr);
    }
    if (!e) {
        fill_slot(s, wish, addr, try);
        return 0;
    }
    drop_slot(s);
    return ml_refusal_reserve(d, zone, size + (align - ml_os_page()), e);
}

/* A reservation for one block ends with it. */
static void end_alone(ml_space *s, reservation *r)
{
    if (!r->alone || r->pieces || !ml_os_unreserve(r->addr, r->size))
        return;
    ml_heap_free(r->holes);
    s->n--;
    memmove(r, r + 1, (size_t)(&s->list[s->n] - r) * sizeof *r);
}

void ml_space_tidy(ml_space *s)
{
    for (size_t i = s->n; i-- > 0;)
        end_alone(s, &s->list[i]);
}

/* ---- holes ---- */

/* A place for a block: in which hole of which reservation, at which address. */
typedef struct spot {
    reservation *r;
    size_t hole;
    uint64_t addr;
} spot;

/* Note [Code at a multiple of 4 GiB]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** libgcc takes an unwind entry for void when its function's address is 0 in as many bits as the
** entry has for it: those of compilers have 32, whatever the address is relative to. A function at
** a multiple of 4 GiB would not be found when something is thrown through it. Reservations do begin
** there: glibc's arenas for threads leave such gaps. So a near block begins behind such an address
** rather than at it or below it; only one that is larger than all that is left of its hole may
** enclose it, where no function is likely to begin. */
#define UNSEEN (UINT64_C(1) << 32)

/* Where size bytes at align lie in the hole; 0 when they do not fit. */
static uint64_t fit(ml_zone zone, ml_span hole, uint64_t size, uint64_t align)
{
    uint64_t addr = ml_align_up(hole.start, align), unseen = ml_align_up(addr, UNSEEN);
    bool fits = addr < hole.end && hole.end - addr >= size;
    if (!fits || zone != ML_ZONE_NEAR || unseen - addr >= size)
        return fits ? addr : 0;
    uint64_t behind = ml_align_up(unseen + 1, align);
    if (behind < hole.end && hole.end - behind >= size)
        return behind;
    return unseen == addr ? 0 : addr;
}

/* The reservation that holds an address, or NULL. */
static reservation *reservation_of(const ml_space *s, uint64_t addr)
{
    for (size_t i = 0; i < s->n; i++)
        if (addr - s->list[i].addr < s->list[i].size)
            return &s->list[i];
    return NULL;
}

/* The index of the first hole at or above addr. */
static size_t hole_above(const reservation *r, uint64_t addr)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->holes[mid].start < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* May a block lie there? One that is alone needs a reservation without any. */
static bool may_hold(const reservation *r, ml_wish wish)
{
    bool alone = wish.alone || wish.zone == ML_ZONE_FAR;
    return r->zone == wish.zone && r->alone == alone && (!alone || r->pieces == 0);
}

/* The first hole that fits. */
static bool find_hole(ml_space *s, ml_wish wish, uint64_t size, uint64_t align, spot *out)
{
    for (size_t i = 0; i < s->n; i++) {
        reservation *r = &s->list[i];
        for (size_t k = 0; may_hold(r, wish) && k < r->n; k++) {
            uint64_t addr = fit(wish.zone, r->holes[k], size, align);
            if (!addr)
                continue;
            *out = (spot){r, k, addr};
            return true;
        }
    }
    return false;
}

/* The place at or above `start` in the hole that holds it. */
static bool find_prepared(ml_space *s, uint64_t start, uint64_t size, uint64_t align, spot *out)
{
    reservation *r = reservation_of(s, start);
    size_t i = r ? hole_above(r, start + 1) : 0;
    if (i == 0)
        return false;
    uint64_t end = r->holes[i - 1].end;
    uint64_t addr = end > start ? fit(r->zone, (ml_span){start, end}, size, align) : 0;
    if (!addr)
        return false;
    *out = (spot){r, i - 1, addr};
    return true;
}

/* Rounds a request to pages; false when it is larger than any address space. */
static bool round_request(size_t *size, size_t *align)
{
    size_t page = ml_os_page();
    assert((*align & (*align - 1)) == 0);
    if (*align < page)
        *align = page;
    if (*size >= SIZE_LIMIT || *align >= SIZE_LIMIT)
        return false;
    *size = *size ? (*size + page - 1) & ~(page - 1) : page;
    return true;
}

/* A hole for the request, from a new reservation when need be. size and align are rounded. */
static int need_hole(ml_space *s, ml_diag *d, ml_wish wish, size_t size, size_t align, spot *out)
{
    if (find_hole(s, wish, size, align, out))
        return 0;
    ml_space_tidy(s); /* it was too small */
    int e = add_reservation(s, d, wish, size, align);
    if (e < 0)
        return e;
    bool found = find_hole(s, wish, size, align, out);
    assert(found);
    return found ? 0 : -(int)ML_E_SPACE;
}

int ml_space_prepare(ml_space *s, ml_diag *d, ml_wish wish, size_t size, size_t align, uint64_t *lo,
                     uint64_t *hi)
{
    spot at;
    if (!round_request(&size, &align))
        return ml_refusal_reserve(d, wish.zone, size, ERANGE);
    int e = need_hole(s, d, wish, size, align, &at);
    if (e < 0)
        return e;
    ml_span hole = at.r->holes[at.hole];
    s->prepared[wish.zone] = hole.start;
    *lo = hole.start;
    *hi = hole.end;
    return 0;
}

/* Cuts [addr, addr + size) out of a hole; there is room for one hole more. */
static void carve(spot at, uint64_t size)
{
    reservation *r = at.r;
    ml_span *h = &r->holes[at.hole], after = {at.addr + size, h->end};
    h->end = at.addr;
    bool before = h->start < h->end;
    if (before && after.start < after.end) {
        memmove(h + 2, h + 1, (r->n - at.hole - 1) * sizeof *h);
        h[1] = after;
        r->n++;
    } else if (after.start < after.end) {
        *h = after;
    } else if (!before) {
        memmove(h, h + 1, (r->n - at.hole - 1) * sizeof *h);
        r->n--;
    }
}

/* Memory for one more block: with as many blocks as pieces there are at most pieces + 1 holes, so
** that giving a block back never has to ask for memory. */
static bool make_room(reservation *r)
{
    if (r->room >= r->pieces + 2)
        return true;
    size_t room = r->room * 2 + 2;
    ml_span *holes = ml_heap_grow(r->holes, room, sizeof *holes);
    if (!holes)
        return false;
    r->holes = holes;
    r->room = room;
    return true;
}

/* What a block that is alone has left over goes back: the holes around it. */
static void trim(reservation *r)
{
    for (size_t i = r->n; i-- > 0;) {
        ml_span hole = r->holes[i];
        uint64_t size = hole.end - hole.start;
        if (!ml_os_unreserve(hole.start, size))
            continue;
        r->addr += hole.start == r->addr ? size : 0;
        r->size -= size;
        memmove(&r->holes[i], &r->holes[i + 1], (r->n - i - 1) * sizeof hole);
        r->n--;
    }
}

/* Moves a place up in its hole to where a huge page may begin, if it fits there. */
static void raise(spot *at, uint64_t size, uint64_t align)
{
    ml_span above = {at->addr, at->r->holes[at->hole].end};
    uint64_t unit = ml_os_bulk.unit;
    uint64_t addr = fit(at->r->zone, above, size, align > unit ? align : unit);
    if (addr)
        at->addr = addr;
}

int ml_block_take(ml_space *s, ml_diag *d, ml_wish wish, size_t size, size_t align, ml_block *out)
{
    spot at;
    if (!round_request(&size, &align))
        return ml_refusal_reserve(d, wish.zone, size, ERANGE);
    uint64_t prepared = s->prepared[wish.zone];
    s->prepared[wish.zone] = 0;
    if (!prepared || !find_prepared(s, prepared, size, align, &at)) {
        int e = need_hole(s, d, wish, size, align, &at);
        if (e < 0)
            return e;
    }
    if (wish.huge >= ml_os_bulk.unit)
        raise(&at, size, align);
    if (!make_room(at.r))
        return ml_nomem(d);
    ml_block b = {.addr = at.addr, .size = size, .zone = wish.zone};
    int e = ml_block_begin(d, wish, &b);
    if (e < 0)
        return e;
    carve(at, size);
    at.r->pieces++;
    s->blocks++;
    s->used += size;
    if (at.r->alone)
        trim(at.r);
    b.home = at.r->addr;
    *out = b;
    return 0;
}

/* ---- giving back ---- */

/* Puts a hole in its place, joined with its neighbours. */
static void insert_hole(reservation *r, ml_span hole)
{
    size_t i = hole_above(r, hole.start);
    ml_span *h = &r->holes[i];
    assert(i == r->n || h->start >= hole.end);
    assert(i == 0 || h[-1].end <= hole.start);
    bool joins_next = i < r->n && h->start == hole.end;
    bool joins_last = i > 0 && h[-1].end == hole.start;
    if (joins_last && joins_next) {
        h[-1].end = h->end;
        memmove(h, h + 1, (r->n - i - 1) * sizeof *h);
        r->n--;
    } else if (joins_last) {
        h[-1].end = hole.end;
    } else if (joins_next) {
        h->start = hole.start;
    } else {
        memmove(h + 1, h, (r->n - i) * sizeof *h);
        *h = hole;
        r->n++;
    }
}

void ml_block_give(ml_space *s, const ml_block *b)
{
    reservation *r = reservation_of(s, b->addr);
    assert(r && b->size <= r->addr + r->size - b->addr);
    s->blocks--;
    s->used -= b->size;
    if (!ml_block_end(b))
        return; /* no hole: what is left of it waits for the end of the space */
    r->pieces--;
    insert_hole(r, (ml_span){b->addr, b->addr + b->size});
    end_alone(s, r);
}
