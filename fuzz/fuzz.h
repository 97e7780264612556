/* fuzz.h -- what fuzz targets share: a claim that must hold, and bytes that must be there.
** SPDX-License-Identifier: MIT */
#ifndef ML_FUZZ_FUZZ_H
#define ML_FUZZ_FUZZ_H

#include <stdlib.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sum; /* so that no read is left out */

static inline void check(bool good)
{
    if (!good)
        abort();
}

static inline void touch(ml_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        sum += s.p[i];
}

#endif
