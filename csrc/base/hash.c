/* hash.c -- base: two numbers that only the hash reads. os/secret.c draws them for a process.
** SPDX-License-Identifier: MIT */
#include "base/hash.h"

/* Note [Names that collide]
** ~~~~~~~~~~~~~~~~~~~~~~~~~
** Whoever knows a hash can make names that all have the same one: 100,000 of them in the index of
** an archive took twelve seconds to enter, others take three milliseconds. What they do not know
** is the secret: a constant of the process, which only the hash reads. The C library makes the
** guards of stacks and pointers of the same random bytes, so the secret is not these bytes. */

uint64_t ml_hash_secret[2] = {0x9fb21c651e98df25u, 0xd6e8feb86659fd93u};
