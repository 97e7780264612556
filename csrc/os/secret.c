/* secret.c -- os: what makes hashes differ from process to process.
** takes random bytes that the kernel gives every process; gives the two numbers of base/hash.h,
** before anything is hashed. Spec: getauxval(3), AT_RANDOM.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <sys/auxv.h>

/* See Note [Names that collide] in base/hash.c. The dynamic loader calls this before anybody can
** call the module; ThreadSanitizer, which does not see the loader's lock, would take it for a race
** with whoever opened the module at the same time. */
__attribute__((constructor, no_sanitize("thread"))) static void draw(void)
{
    uint64_t random[2] = {0, 0};
    const void *bytes = (const void *)getauxval(AT_RANDOM); /* 16 of them */
    if (!bytes)
        return;
    memcpy(random, bytes, sizeof random);
    uint64_t first = ml_hash_mix(random[0], random[1]), second = ml_hash_mix(random[1], first);
    ml_hash_secret[0] = first;
    ml_hash_secret[1] = second | UINT64_C(1) << 63 | 1; /* no factor may be small */
}
