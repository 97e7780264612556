/* hash.c -- base: what makes hashes differ from process to process.
** takes random bytes that the kernel gives every process; gives two numbers, before anything is
** hashed. Spec: getauxval(3), AT_RANDOM.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <sys/auxv.h>

/* Note [Names that collide]
** ~~~~~~~~~~~~~~~~~~~~~~~~~
** Whoever knows a hash can make names that all have the same one: 100,000 of them in the index of
** an archive took twelve seconds to enter, others take three milliseconds. What they do not know
** is the secret: a constant of the process, which only the hash reads. The C library makes the
** guards of stacks and pointers of the same random bytes, so the secret is not these bytes. */

uint64_t ml_hash_secret[2] = {0x9fb21c651e98df25u, 0xd6e8feb86659fd93u};

__attribute__((constructor)) static void draw(void)
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
