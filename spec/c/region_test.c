/* region_test.c -- reservations, blocks and protections, from C alone; run by region_spec.lua.
** What a reservation must keep to is checked against what the loader and the kernel list, not
** against our own arithmetic.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "place/region.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)
enum { PAGE = 4096 };

static const ml_wish NEAR = {.zone = ML_ZONE_NEAR}, LOW = {.zone = ML_ZONE_LOW};

static ml_diag diag;

/* ---- what is where ---- */

/* True when each byte of [lo, hi) is within 2 GiB of each byte of the C library and of the loader:
** these two lie side by side in every process. */
typedef struct reach {
    uint64_t lo, hi;
    unsigned seen;
} reach;

static bool is_reached(void *ud, const ml_extent *e)
{
    reach *r = ud;
    if (!strstr(e->path, "libc.so") && !strstr(e->path, "ld-linux"))
        return true;
    uint64_t end = e->end > r->hi ? e->end : r->hi, start = e->start < r->lo ? e->start : r->lo;
    CHECK(end - start < 2 * GIB);
    r->seen++;
    return true;
}

static void check_near(uint64_t lo, uint64_t hi)
{
    reach r = {lo, hi, 0};
    ml_os_libraries(is_reached, &r);
    CHECK(r.seen == 2);
}

typedef struct look {
    uint64_t addr;
    ml_mapping found;
    unsigned count, wx;
} look;

static bool look_at(void *ud, const ml_mapping *m)
{
    look *l = ud;
    l->count++;
    l->wx += m->w && m->x;
    if (l->addr >= m->start && l->addr < m->end)
        l->found = *m;
    return true;
}

static ml_mapping mapping_of(uint64_t addr)
{
    look l = {.addr = addr};
    CHECK(ml_os_mappings(look_at, &l));
    CHECK(l.wx == 0);
    CHECK(l.found.end);
    return l.found;
}

static bool is_zero(uint64_t addr, size_t size)
{
    const unsigned char *p = (const void *)(uintptr_t)addr;
    return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

static void fill(uint64_t addr, int byte, size_t size)
{
    memset((void *)(uintptr_t)addr, byte, size);
}

static ml_block take(ml_space *s, ml_zone zone, size_t size, size_t align)
{
    ml_block b;
    GOOD(&diag, ml_block_take(s, &diag, (ml_wish){.zone = zone}, size, align, &b));
    CHECK(b.addr % align == 0 && b.size >= size && b.size % PAGE == 0 && b.zone == zone);
    return b;
}

/* One block of a fresh space that is rigged so: is it near? */
static void near_with(ml_rig rig)
{
    ml_space *s = ml_space_new();
    ml_space_rig(s, rig);
    uint64_t lo, hi;
    GOOD(&diag, ml_space_prepare(s, &diag, NEAR, 100000, 64, &lo, &hi));
    ml_block b = take(s, ML_ZONE_NEAR, 100000, 64);
    CHECK(lo <= b.addr && b.addr + b.size <= hi);
    check_near(lo, hi);
    CHECK(is_zero(b.addr, b.size));
    fill(b.addr, 1, b.size);
    ml_space_stats st = ml_space_stat(s);
    CHECK(st.reservations == 1 && st.blocks == 1 && st.used == b.size && st.reserved >= 16 * MIB);
    ml_space_free(s);
    unsigned char byte;
    CHECK(!ml_os_peek(b.addr, &byte, 1));
}

/* ---- near and low ---- */

static void near_default(const char *unused)
{
    (void)unused;
    near_with((ml_rig){0});
}

static void near_gap(const char *unused)
{
    (void)unused;
    near_with((ml_rig){.no_default = true});
}

static void near_without_list(const char *unused)
{
    (void)unused;
    near_with((ml_rig){.no_default = true, .no_list = true});
}

static void near_race(const char *unused)
{
    (void)unused;
    near_with((ml_rig){.no_default = true, .races = 5});
}

static void near_crowded(const char *gigabytes)
{
    uint64_t size = strtoull(gigabytes, NULL, 10) * GIB;
    CHECK(ml_os_reserve(0, size)); /* what a program with large tables does */
    uint64_t wish = ml_os_reserve(0, 64 * MIB), libc = ml_os_anchor();
    CHECK(wish && libc - wish > 2 * GIB); /* else this test would show nothing */
    ml_os_unreserve(wish, 64 * MIB);
    near_with((ml_rig){0});
}

/* All gaps within reach are taken, but for one of 20 MiB. */
static void near_last_gap(const char *unused)
{
    (void)unused;
    uint64_t libc = ml_os_anchor() & ~(uint64_t)(PAGE - 1), kept = 0;
    for (size_t step = 256 * MIB; step >= PAGE; step /= 4)
        for (uint64_t a = libc - 3 * GIB; a < libc + 3 * GIB; a += step)
            if (ml_os_reserve(a, step) && step == 64 * MIB)
                kept = a > libc - GIB && a < libc ? a : kept;
    CHECK(kept);
    ml_space *s = ml_space_new();
    ml_block b;
    FAILS(&diag, ml_block_take(s, &diag, NEAR, PAGE, PAGE, &b), ML_E_SPACE,
          "no gap between the mappings is large enough");
    CHECK(ml_space_stat(s).reservations == 0);
    ml_os_unreserve(kept + 8 * MIB, 20 * MIB);
    b = take(s, ML_ZONE_NEAR, PAGE, PAGE);
    CHECK(b.addr >= kept + 8 * MIB && b.addr < kept + 28 * MIB);
    ml_space_free(s);
}

static void low(const char *unused)
{
    (void)unused;
    ml_space *s = ml_space_new();
    for (int i = 0; i < 3; i++) {
        ml_space_rig(s, (ml_rig){.no_list = i == 1, .races = i == 2 ? 3 : 0});
        uint64_t lo, hi;
        size_t size = 400 * MIB; /* more than fits twice into one reservation */
        GOOD(&diag, ml_space_prepare(s, &diag, LOW, size, PAGE, &lo, &hi));
        CHECK(lo >= 65536 && hi <= UINT64_C(0x7fff0000));
        ml_block b = take(s, ML_ZONE_LOW, size, PAGE);
        CHECK(b.addr >= lo && b.addr + b.size <= hi);
        fill(b.addr, 1, PAGE);
    }
    CHECK(ml_space_stat(s).reservations == 3);
    ml_block b;
    FAILS(&diag, ml_block_take(s, &diag, LOW, 2 * GIB, PAGE, &b), ML_E_SPACE,
          "cannot reserve 2048 MiB below 2 GiB");
    FAILS(&diag, ml_block_take(s, &diag, LOW, SIZE_MAX, PAGE, &b), ML_E_SPACE, "below");
    ml_space_free(s);
}

static void second_near(const char *unused)
{
    (void)unused;
    ml_space *s = ml_space_new();
    ml_block a = take(s, ML_ZONE_NEAR, 300 * MIB, PAGE), b = take(s, ML_ZONE_NEAR, 300 * MIB, PAGE);
    check_near(a.addr, a.addr + a.size);
    check_near(b.addr, b.addr + b.size);
    CHECK(ml_space_stat(s).reservations == 2);
    uint64_t apart = a.addr < b.addr ? b.addr + b.size - a.addr : a.addr + a.size - b.addr;
    CHECK(apart < 2 * GIB);
    ml_block c = take(s, ML_ZONE_NEAR, 700 * MIB, 2 * MIB); /* more than a usual reservation */
    check_near(c.addr, c.addr + c.size);
    ml_block d;
    FAILS(&diag, ml_block_take(s, &diag, NEAR, 5 * GIB, PAGE, &d), ML_E_SPACE,
          "cannot reserve 5120 MiB within 2 GiB of 0x");
    ml_space_free(s);
}

static void forced(const char *unused)
{
    (void)unused;
    uint64_t libc = ml_os_anchor() & ~(uint64_t)(PAGE - 1);
    uint64_t far[] = {libc - 2 * GIB + PAGE, libc - 2 * GIB, libc - 40 * GIB};
    for (int i = 0; i < 3; i++) {
        ml_space *s = ml_space_new();
        GOOD(&diag, ml_space_force(s, &diag, ML_ZONE_NEAR, far[i], PAGE));
        ml_block b = take(s, ML_ZONE_NEAR, 1, 1);
        CHECK(b.addr == far[i]);
        b = take(s, ML_ZONE_NEAR, 1, 1); /* does not fit any more: an ordinary reservation */
        check_near(b.addr, b.addr + b.size);
        FAILS(&diag, ml_space_force(s, &diag, ML_ZONE_NEAR, far[i], PAGE), ML_E_SPACE, "exists");
        CHECK(ml_space_stat(s).reservations == 2);
        ml_space_free(s);
    }
}

/* libgcc does not see a function at a multiple of 4 GiB. */
static void unseen(const char *unused)
{
    (void)unused;
    uint64_t multiple = (ml_os_anchor() & ~(4 * GIB - 1)) - 8 * GIB;
    ml_space *s = ml_space_new();
    GOOD(&diag, ml_space_force(s, &diag, ML_ZONE_NEAR, multiple - PAGE, 4 * PAGE));
    ml_block b = take(s, ML_ZONE_NEAR, 2 * PAGE, 1);
    CHECK(b.addr == multiple + PAGE);
    b = take(s, ML_ZONE_NEAR, 1, 1);
    CHECK(b.addr == multiple - PAGE);
    b = take(s, ML_ZONE_NEAR, 1, 1); /* one page is free, and not good */
    CHECK(b.addr != multiple);
    check_near(b.addr, b.addr + b.size);
    ml_space_free(s);
    s = ml_space_new();
    GOOD(&diag, ml_space_force(s, &diag, ML_ZONE_NEAR, multiple - PAGE, 4 * PAGE));
    b = take(s, ML_ZONE_NEAR, 4 * PAGE, 1); /* not to be had otherwise */
    CHECK(b.addr == multiple - PAGE);
    ml_space_free(s);
}

static void under_stack(const char *unused)
{
    (void)unused;
    int local;
    uint64_t here = (uint64_t)(uintptr_t)&local;
    ml_space *s = ml_space_new();
    ml_space_rig(s, (ml_rig){.no_default = true});
    for (int i = 0; i < 3; i++) {
        ml_block b;
        if (ml_block_take(s, &diag, NEAR, 300 * MIB, PAGE, &b) < 0)
            break;
        CHECK(b.addr > here || here - (b.addr + b.size) >= 64 * MIB);
    }
    CHECK(ml_space_stat(s).blocks > 0);
    ml_space_free(s);
}

/* ---- limits ---- */

static void limit_space(uint64_t more)
{
    uint64_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    struct rlimit r = {pages * PAGE + more, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_AS, &r) == 0);
}

static void limited(const char *unused)
{
    (void)unused;
    limit_space(20 * MIB);
    ml_space *s = ml_space_new();
    ml_block a = take(s, ML_ZONE_NEAR, PAGE, PAGE), b;
    CHECK(ml_space_stat(s).reserved == 16 * MIB);
    check_near(a.addr, a.addr + a.size);
    FAILS(&diag, ml_block_take(s, &diag, NEAR, 17 * MIB, PAGE, &b), ML_E_SPACE,
          "Cannot allocate memory (ulimit -v is ");
    b = take(s, ML_ZONE_LOW, MIB, PAGE); /* what is needed, since 16 MiB cannot be had */
    CHECK(ml_space_stat(s).reserved == 17 * MIB);
    ml_space_free(s);
}

static void refused(const char *unused)
{
    (void)unused;
    ml_space *s = ml_space_new();
    ml_space_rig(s, (ml_rig){.refuse_over = 24 * MIB});
    take(s, ML_ZONE_NEAR, PAGE, PAGE);
    CHECK(ml_space_stat(s).reserved == 16 * MIB);
    take(s, ML_ZONE_LOW, 20 * MIB, PAGE);
    CHECK(ml_space_stat(s).reserved == 36 * MIB);
    ml_space_free(s);
}

/* Makes so many mappings that only `left` more are possible. */
static void crowd(unsigned left)
{
    ml_limits l;
    ml_os_limits(&l);
    CHECK(l.mappings != UINT64_MAX);
    look now = {0};
    CHECK(ml_os_mappings(look_at, &now));
    uint64_t pages = l.mappings - now.count - left, at = ml_os_reserve(0, pages * PAGE);
    CHECK(at);
    for (uint64_t i = 0; i < pages; i += 2)
        if (!ml_os_protect(at + i * PAGE, PAGE, ML_PROT_R))
            return;
}

static void crowded(const char *unused)
{
    (void)unused;
    crowd(5000);
    near_with((ml_rig){.no_default = true});
    ml_space *s = ml_space_new();
    ml_block b = take(s, ML_ZONE_NEAR, 16 * PAGE, PAGE);
    crowd(0);
    fill(b.addr, 7, b.size);
    ml_run runs[8];
    for (unsigned i = 0; i < 8; i++)
        runs[i] = (ml_run){b.addr + 2 * i * PAGE, PAGE, i % 2 ? ML_PROT_RX : ML_PROT_R};
    FAILS(&diag, ml_block_seal(&diag, &b, runs, 8), ML_E_SPACE,
          " mappings, limit vm.max_map_count=");
    for (uint64_t at = b.addr; at < b.addr + b.size; at += PAGE) {
        ml_mapping m = mapping_of(at);
        CHECK(m.r && m.w && !m.x);
    }
    ml_block_give(s, &b);
    ml_space_free(s);
}

/* ---- blocks ---- */

typedef struct kept {
    ml_block b;
    unsigned char byte;
} kept;

enum { SLOTS = 300 };

static size_t some_size(uint64_t *state)
{
    uint32_t r = dice(state);
    return r % 50 == 0 ? (size_t)(dice(state) % (8 * MIB)) : 1 + dice(state) % (12 * PAGE);
}

static void take_one(ml_space *s, kept *all, kept *k, uint64_t *state)
{
    size_t size = some_size(state), align = (size_t)1 << dice(state) % 22;
    uint64_t lo = 0, hi = UINT64_MAX;
    if (dice(state) % 2)
        GOOD(&diag, ml_space_prepare(s, &diag, NEAR, size, align, &lo, &hi));
    if (lo && dice(state) % 2) {
        size /= 2;
        align = align > 2 ? align / 2 : 1;
    }
    k->b = take(s, ML_ZONE_NEAR, size, align);
    k->byte = (unsigned char)(1 + dice(state) % 255);
    CHECK(k->b.addr >= lo && k->b.addr + k->b.size <= hi);
    CHECK(k->b.size < size + PAGE || size == 0);
    CHECK(is_zero(k->b.addr, k->b.size));
    fill(k->b.addr, k->byte, k->b.size);
    for (kept *o = all; o < all + SLOTS; o++)
        CHECK(o == k || !o->b.size || o->b.addr + o->b.size <= k->b.addr ||
              k->b.addr + k->b.size <= o->b.addr);
}

static void give_one(ml_space *s, kept *k, uint64_t *state)
{
    const unsigned char *p = (const void *)(uintptr_t)k->b.addr;
    CHECK(p[0] == k->byte && memcmp(p, p + 1, k->b.size - 1) == 0);
    if (dice(state) % 3 == 0) {
        ml_run run = {k->b.addr, k->b.size, dice(state) % 2 ? ML_PROT_RX : ML_PROT_R};
        GOOD(&diag, ml_block_seal(&diag, &k->b, &run, 1));
    }
    ml_block_give(s, &k->b);
    k->b.size = 0;
}

static void model(const char *seed)
{
    uint64_t state = strtoull(seed, NULL, 10), used = 0, reserved;
    static kept all[SLOTS];
    ml_space *s = ml_space_new();
    ml_block first =
        take(s, ML_ZONE_NEAR, 400 * MIB, PAGE); /* one reservation for all that comes */
    ml_block_give(s, &first);
    take_one(s, all, &all[0], &state);
    reserved = ml_space_stat(s).reserved;
    for (int step = 0; step < 6000; step++) {
        kept *k = &all[dice(&state) % SLOTS];
        if (k->b.size)
            give_one(s, k, &state);
        else
            take_one(s, all, k, &state);
    }
    for (int i = 0; i < SLOTS; i++)
        used += all[i].b.size;
    CHECK(ml_space_stat(s).used == used);
    for (int i = 0; i < SLOTS; i++)
        if (all[i].b.size)
            give_one(s, &all[i], &state);
    CHECK(ml_space_stat(s).used == 0 && ml_space_stat(s).blocks == 0);
    CHECK(ml_space_stat(s).reservations == 1);
    ml_block b = take(s, ML_ZONE_NEAR, reserved, PAGE); /* the holes are one again */
    CHECK(ml_space_stat(s).reservations == 1);
    ml_block_give(s, &b);
    look l = {0};
    CHECK(ml_os_mappings(look_at, &l));
    CHECK(l.wx == 0 && l.count < 200); /* and the mappings too, or nearly */
    ml_space_free(s);
}

/* What was prepared stays right when another block is given back meanwhile. */
static void prepared(const char *unused)
{
    (void)unused;
    ml_space *s = ml_space_new();
    ml_block a = take(s, ML_ZONE_NEAR, PAGE, PAGE);
    ml_block b = take(s, ML_ZONE_NEAR, PAGE, PAGE);
    uint64_t lo, hi;
    GOOD(&diag, ml_space_prepare(s, &diag, NEAR, 2 * PAGE, PAGE, &lo, &hi));
    ml_block_give(s, &a);
    ml_block_give(s, &b);
    ml_block c = take(s, ML_ZONE_NEAR, PAGE, PAGE);
    CHECK(c.addr >= lo && c.addr + c.size <= hi);
    ml_block d = take(s, ML_ZONE_NEAR, PAGE, PAGE); /* and the next is first fit again */
    CHECK(d.addr == a.addr);
    ml_space_free(s);
}

/* ---- sealing ---- */

static void seal(const char *unused)
{
    (void)unused;
    static const unsigned char forty_two[] = {0xb8, 42, 0, 0, 0, /* mov $42, %eax */
                                              0xc3};             /* ret */
    ml_space *s = ml_space_new();
    ml_block b = take(s, ML_ZONE_NEAR, 6 * PAGE, PAGE);
    uint64_t at = b.addr;
    fill(at, 9, b.size);
    memcpy((void *)(uintptr_t)at, forty_two, sizeof forty_two);
    ml_run runs[] = {
        {at, PAGE, ML_PROT_RX},           {at + PAGE, PAGE, ML_PROT_RX},
        {at + 2 * PAGE, PAGE, ML_PROT_R}, {at + 3 * PAGE, 0, ML_PROT_R},
        {at + 3 * PAGE, PAGE, ML_PROT_R}, {at + 4 * PAGE, PAGE, ML_PROT_RW},
    };
    GOOD(&diag, ml_block_seal(&diag, &b, runs, 6));
    ml_mapping text = mapping_of(at), rest = mapping_of(at + 3 * PAGE);
    ml_mapping data = mapping_of(at + 5 * PAGE);
    CHECK(text.r && !text.w && text.x && text.start == at && text.end == at + 2 * PAGE);
    CHECK(rest.r && !rest.w && !rest.x && rest.start == at + 2 * PAGE);
    CHECK(data.r && data.w && !data.x && data.start == at + 4 * PAGE);
    CHECK(((int (*)(void))(uintptr_t)at)() == 42);
    CHECK(!ml_os_poke(at, "x", 1) && !ml_os_poke(at + 3 * PAGE, "x", 1));
    CHECK(ml_os_poke(at + 5 * PAGE, "x", 1));
    ml_block_give(s, &b);
    ml_mapping none = mapping_of(at);
    CHECK(!none.r && !none.w && !none.x && none.end - none.start > 20 * MIB);
    b = take(s, ML_ZONE_NEAR, 6 * PAGE, PAGE);
    CHECK(b.addr == at && is_zero(at, b.size));
    ml_space_free(s);
}

/* Locked memory cannot be discarded the usual way; it must read as zero all the same. */
static void locked(const char *unused)
{
    (void)unused;
    ml_space *s = ml_space_new();
    ml_block b = take(s, ML_ZONE_NEAR, 4 * PAGE, PAGE);
    fill(b.addr, 1, b.size);
    CHECK(mlock((void *)(uintptr_t)b.addr, b.size) == 0);
    ml_block_give(s, &b);
    ml_block c = take(s, ML_ZONE_NEAR, 4 * PAGE, PAGE);
    CHECK(c.addr == b.addr && is_zero(c.addr, c.size));
    ml_space_free(s);
}

/* A block for huge pages begins with one where its hole has room for that, and else where it would
** without; the holes are whole again afterwards. */
static void huge(const char *unused)
{
    (void)unused;
    enum { UNIT = 2 << 20 };
    ml_wish wish = {.zone = ML_ZONE_LOW, .huge = 4 * MIB};
    ml_space *s = ml_space_new();
    ml_block a = take(s, ML_ZONE_LOW, PAGE, PAGE), b, c;
    GOOD(&diag, ml_block_take(s, &diag, wish, 5 * MIB, PAGE, &b));
    CHECK(b.addr % UNIT == 0 && b.addr - a.addr <= UNIT);
    CHECK(is_zero(b.addr, b.size));
    fill(b.addr, 1, b.size);
    c = take(s, ML_ZONE_LOW, PAGE, PAGE);
    CHECK(c.addr == a.addr + PAGE || c.addr == b.addr + b.size);
    ml_block_give(s, &b);
    ml_block_give(s, &c);
    CHECK(!mapping_of(b.addr).r);
    uint64_t lo, hi;
    GOOD(&diag, ml_space_prepare(s, &diag, LOW, 5 * MIB, PAGE, &lo, &hi));
    CHECK(lo == a.addr + PAGE && hi - lo < 32 * MIB);
    GOOD(&diag, ml_block_take(s, &diag, wish, hi - lo, PAGE, &b));
    CHECK(b.addr == lo && is_zero(b.addr, b.size));
    CHECK(ml_space_stat(s).reservations == 1);
    ml_space_free(s);
}

int main(int argc, char **argv)
{
    static const test tests[] = {
        {"near", near_default},
        {"gap", near_gap},
        {"no_list", near_without_list},
        {"race", near_race},
        {"far_default", near_crowded},
        {"last_gap", near_last_gap},
        {"low", low},
        {"second", second_near},
        {"forced", forced},
        {"unseen", unseen},
        {"stack", under_stack},
        {"limited", limited},
        {"refused", refused},
        {"crowded", crowded},
        {"model", model},
        {"prepared", prepared},
        {"seal", seal},
        {"locked", locked},
        {"huge", huge},
    };
    ml_diag_init(&diag);
    int status = run_test(tests, sizeof tests / sizeof *tests, argc, argv);
    ml_diag_free(&diag);
    return status;
}
