/* x86_64_count.h -- target, private: stubs of x86-64 that count, for the table in x86_64.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_TARGET_X86_64_COUNT_H
#define ML_TARGET_X86_64_COUNT_H

#include <stdbool.h>
#include <stdint.h>

enum { ML_X86_64_COUNT_SIZE = 48 };

/* See ml_target.count. */
bool ml_x86_64_count(uint8_t *to, uint64_t at, uint64_t counter, uint64_t slot);

#endif
