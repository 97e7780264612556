/* time.c -- os: clocks for measurements, and the one that files get their times from.
** The first never go back, and have no relation to the time of day.
**
** Note [Times of changes]
** ~~~~~~~~~~~~~~~~~~~~~~~
** A file whose times are the same before and after may have changed twice meanwhile: a kernel that
** stamps changes with the time of its last tick (Linux before 6.13, and some file systems still)
** gives one time to all of a tick, 4 ms at 250 Hz. What is certain is the reverse: a change that
** begins after a tick is stamped with that tick or later. So who notes the tick, then reads, then
** finds the file stamped earlier than that tick, has read what did not change; and a file that was
** stamped in that very tick can be read after the next one.
** The stamp is st_ctime, which every change of content, name or mode moves and nobody can set.
** Coarse file systems cut it: to whole seconds (ext3), to even ones (FAT). A time that ends in
** zeros may therefore stand for all times up to the next one that ends in as many.
** A stamp that is yet to come is from before the clock was set back; a change would have moved it.
**
** Spec: POSIX.1-2017 clock_gettime, CLOCK_MONOTONIC; clock_gettime(2), CLOCK_REALTIME_COARSE.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <time.h>

#include "os/os.h"

enum { SECOND_NS = 1000000000, LOOK_NS = 250000 };

static int64_t read_clock(clockid_t which)
{
    struct timespec t = {0};
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

uint64_t ml_os_now_ns(void)
{
    return (uint64_t)read_clock(CLOCK_MONOTONIC);
}

uint64_t ml_os_ran_ns(void)
{
    return (uint64_t)read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t ml_os_tick_ns(void)
{
    return read_clock(CLOCK_REALTIME_COARSE);
}

void ml_os_next_tick(void)
{
    int64_t tick = ml_os_tick_ns();
    do
        ml_os_sleep_ns(LOOK_NS);
    while (ml_os_tick_ns() == tick);
}

/* How coarse the file system may be that has stamped something with this time. */
static int64_t grain(int64_t stamp)
{
    int64_t ns = 1;
    while (ns < SECOND_NS && stamp % (ns * 10) == 0)
        ns *= 10;
    return ns < SECOND_NS ? ns : 2 * (int64_t)SECOND_NS;
}

bool ml_os_may_have_changed(const ml_file_id *id, int64_t since)
{
    int64_t stamp = id->ctime_ns;
    return stamp > since - grain(stamp) && stamp <= read_clock(CLOCK_REALTIME);
}
