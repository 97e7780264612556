/* reserve.c -- place: finding address space where code must lie.
** takes a zone and a size; gives a PROT_NONE reservation inside the zone's window.
** Every byte of a near reservation is within 2 GiB of every byte of the cluster, and no mapping of
** anybody else is ever replaced. On failure nothing is reserved.
** Spec: x86-64 psABI 3.5.1 "Architectural Constraints"; mmap(2) MAP_FIXED_NOREPLACE.
** SPDX-License-Identifier: MIT */
#include "place/reserve.h"

#include <errno.h>
#include <string.h>

/* Note [Near memory]
** ~~~~~~~~~~~~~~~~~~
** Code of the small model reaches what it names through 32 signed bits: 2 GiB either way. An object
** that was compiled for an executable (-fPIE without -fPIC) reads `stdout` of the C library by such
** a displacement. A static linker would copy the variable into the executable; a process that runs
** can only put the object close enough.
**
** So the reservation is made near the *cluster*: the C library, and as many of the libraries around
** it as fit into SPAN_MAX bytes. The executable itself is usually far away (0x55... and 0x7f...)
** and then no part of it. From an interval [start, end) that must be reached from everywhere, the
** window follows: from REACH below `end` up to REACH above `start`. REACH is less than 2 GiB so
** that a small addend, and the distance of the displacement from the end of its instruction, do not
** decide. SPAN_MAX leaves room in the window beside the cluster for a large reservation.
**
** The kernel is asked first, without a wish: it puts new mappings directly below the last ones,
** that is, below the libraries. That is no use once the program has mapped some gigabytes of its
** own, so the answer is checked, and given back when it is too far. Then the list of mappings is
** searched for the gap that lets the reservation lie closest. Between the reading of the list and
** the taking of the gap another thread may be quicker, so the gap is taken with MAP_FIXED_NOREPLACE
** and the search repeated when that fails.
**
** The gap under the stack is what the stack grows into. Often it is the only gap left beside the
** libraries, and far larger than the stack can become, so that its lower part is used: what
** `ulimit -s` allows stays free, and never less than STACK_LEAST.
** Nothing above the stack is used: the end of the address space is there.
**
** Low memory is the same search in another window, from its top downwards, because the heap of an
** executable at a fixed address grows from below. MAP_32BIT would do on x86-64, but gives only the
** second gigabyte, and exists there only.
**
** Far memory keeps FAR_AWAY from the libraries, downwards where there is room: the kernel's own
** choice would be right below them, in the window that near memory needs. */

#define REACH     (UINT64_C(0x80000000) - (1u << 20))
#define SPAN_MAX  (UINT64_C(1536) << 20)
#define LOW_START (UINT64_C(1) << 20) /* above vm.mmap_min_addr, and no place for a null pointer */
#define LOW_END   (UINT64_C(0x7fff0000)) /* 2 GiB, less what an addend may add */

#define FAR_START (UINT64_C(1) << 32)  /* outside of the low window */
#define FAR_AWAY  (UINT64_C(64) << 30) /* what stays free between far memory and the libraries */
#define FAR_END   (UINT64_C(1) << 46)

#define STACK_LEAST (UINT64_C(64) << 20)
#define STACK_MOST  (UINT64_C(16) << 30) /* without a limit there is no saying */

enum { TRIES = 8, PROBES = 64 };

/* ---- the cluster ---- */

typedef struct gather {
    uint64_t anchor; /* an address in the C library */
    uint64_t radius; /* bytes: how far from the C library a library may end */
    ml_span libc, all;
} gather;

static bool find_libc(void *ud, const ml_extent *e)
{
    gather *g = ud;
    if (g->anchor < e->start || g->anchor >= e->end)
        return true;
    g->libc = (ml_span){e->start, e->end};
    return false;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t upper(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool add_within_radius(void *ud, const ml_extent *e)
{
    gather *g = ud;
    ml_span with = {lower(g->all.start, e->start), upper(g->all.end, e->end)};
    uint64_t below = g->libc.start - lower(g->libc.start, e->start);
    uint64_t above = upper(g->libc.end, e->end) - g->libc.end;
    if (upper(below, above) <= g->radius && with.end - with.start <= SPAN_MAX)
        g->all = with;
    return true;
}

ml_span ml_reserve_cluster(void)
{
    gather g = {.anchor = ml_os_anchor()};
    uint64_t page = ml_os_page(), first = g.anchor & ~(page - 1);
    g.libc = (ml_span){first, first + page}; /* when the loader lists nothing there */
    ml_os_libraries(find_libc, &g);
    g.all = g.libc;
    /* From near to far, so that a distant library cannot keep a close one out. */
    for (g.radius = 1 << 20; g.radius <= SPAN_MAX; g.radius *= 2)
        ml_os_libraries(add_within_radius, &g);
    return g.all;
}

/* ---- the search ---- */

typedef struct search {
    ml_span window; /* the reservation must lie inside */
    ml_span goal;   /* and as close to this as can be */
    uint64_t size;
    uint64_t at;       /* where the next gap starts */
    uint64_t best;     /* address found */
    uint64_t distance; /* of best from the goal; UINT64_MAX when there is none */
} search;

static uint64_t distance_from(ml_span goal, uint64_t addr, uint64_t size)
{
    if (addr + size <= goal.start)
        return goal.start - (addr + size);
    return addr >= goal.end ? addr - goal.end : 0;
}

static void offer(search *s, uint64_t addr)
{
    uint64_t far = distance_from(s->goal, addr, s->size);
    if (far >= s->distance)
        return;
    s->best = addr;
    s->distance = far;
}

/* Considers the gap from s->at to end: its top when it lies below the goal, else its bottom. */
static void consider(search *s, uint64_t end)
{
    ml_span gap = {upper(s->at, s->window.start), lower(end, s->window.end)};
    if (gap.start >= gap.end || gap.end - gap.start < s->size)
        return;
    offer(s, gap.end <= s->goal.start ? gap.end - s->size : gap.start);
}

/* Where the lowest page lies that the stack may grow into. */
static uint64_t stack_floor(const ml_mapping *stack)
{
    ml_limits l;
    ml_os_limits(&l);
    uint64_t keep = lower(upper(l.stack, STACK_LEAST), STACK_MOST);
    keep += keep / 8; /* the guard gap, and a wrong guess */
    return keep < stack->end ? lower(stack->end - keep, stack->start) : 0;
}

static bool consider_gap_before(void *ud, const ml_mapping *m)
{
    search *s = ud;
    if (strcmp(m->path, "[stack]") == 0) {
        consider(s, stack_floor(m));
        s->at = UINT64_MAX;
        return false;
    }
    consider(s, m->start);
    s->at = upper(s->at, m->end);
    return s->at < s->window.end;
}

static int reserve_at(uint64_t addr, size_t size, ml_rig *rig)
{
    if (rig->races) {
        rig->races--;
        return EEXIST;
    }
    return ml_os_reserve(addr, size) ? 0 : errno;
}

/* Without a list: tries one place after the other, outwards from the goal. */
static int probe(search *s, ml_rig *rig, uint64_t *addr)
{
    int e = ERANGE;
    for (uint64_t k = 0; k < PROBES; k++) {
        uint64_t below = s->goal.start - s->size * (k + 1), above = s->goal.end + s->size * k;
        const uint64_t both[2] = {s->size * (k + 1) <= s->goal.start ? below : 0, above};
        for (int i = 0; i < 2; i++) {
            uint64_t a = both[i];
            if (a < s->window.start || a >= s->window.end || s->window.end - a < s->size)
                continue;
            e = reserve_at(a, s->size, rig);
            if (!e)
                *addr = a;
            if (e != EEXIST)
                return e;
        }
    }
    return e;
}

static int take_gap(search s, ml_rig *rig, uint64_t *addr)
{
    int e = ERANGE;
    for (int i = 0; i < TRIES; i++) {
        s.at = s.window.start;
        s.distance = UINT64_MAX;
        if (rig->no_list || !ml_os_mappings(consider_gap_before, &s))
            return probe(&s, rig, addr);
        if (s.at < s.window.end)
            consider(&s, s.window.end);
        if (s.distance == UINT64_MAX)
            return ERANGE;
        e = reserve_at(s.best, s.size, rig);
        if (!e)
            *addr = s.best;
        if (e != EEXIST)
            return e;
    }
    return e;
}

static ml_span window_of(ml_zone zone, ml_span cluster)
{
    if (zone == ML_ZONE_LOW)
        return (ml_span){LOW_START, LOW_END};
    if (zone == ML_ZONE_FAR)
        return cluster.start > FAR_START + 2 * FAR_AWAY
                   ? (ml_span){FAR_START, cluster.start - FAR_AWAY}
                   : (ml_span){cluster.end + FAR_AWAY, FAR_END};
    uint64_t start = cluster.end > REACH ? cluster.end - REACH : 0, mask = ml_os_page() - 1;
    return (ml_span){upper((start + mask) & ~mask, LOW_START), (cluster.start + REACH) & ~mask};
}

/* The place that the kernel likes, when it is inside the window; else 0. */
static uint64_t take_default(ml_span window, size_t size)
{
    uint64_t a = ml_os_reserve(0, size);
    if (!a || (a >= window.start && a < window.end && window.end - a >= size))
        return a;
    ml_os_unreserve(a, size);
    return 0;
}

int ml_reserve_take(ml_zone zone, ml_span cluster, size_t size, ml_rig *rig, uint64_t *addr)
{
    ml_span window = window_of(zone, cluster);
    if (rig->refuse_over && size > rig->refuse_over)
        return ENOMEM;
    if (window.start >= window.end || window.end - window.start < size)
        return ERANGE;
    ml_span top = {window.end, window.end};
    search s = {.window = window, .goal = zone == ML_ZONE_NEAR ? cluster : top, .size = size};
    uint64_t a = zone != ML_ZONE_NEAR || rig->no_default ? 0 : take_default(window, size);
    if (!a)
        return take_gap(s, rig, addr);
    *addr = a;
    return 0;
}
