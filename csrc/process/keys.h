/* keys.h -- process: what the C library calls at the end of threads for data of their own.
** Spec: pthread_key_create(3), tss_create(3).
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_KEYS_H
#define ML_PROCESS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

/* The functions that a load gets for these names: as these, but the destructor of a key is known as
** long as there is the key. */
uint64_t ml_keys_create(void);
uint64_t ml_keys_delete(void);
uint64_t ml_keys_tss_create(void);
uint64_t ml_keys_tss_delete(void);

/* Is there a key whose destructor matters? */
bool ml_keys_lead(bool (*matters)(void *ud, uint64_t addr), void *ud);

#endif
