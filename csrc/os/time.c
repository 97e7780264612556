/* time.c -- os: a clock for measurements.
** Never goes back, and has no relation to the time of day.
** Spec: POSIX.1-2017 clock_gettime, CLOCK_MONOTONIC.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "os/os.h"

#include <time.h>

uint64_t ml_os_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
