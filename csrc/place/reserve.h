/* reserve.h -- place: finding address space where code must lie; private to place/.
** takes a zone and a size; gives a PROT_NONE reservation, or says why there is none.
** See Note [Near memory] in reserve.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_PLACE_RESERVE_H
#define ML_PLACE_RESERVE_H

#include "place/region.h"

/* Addresses from start up to, not including, end. */
typedef struct ml_span {
    uint64_t start, end;
} ml_span;

/* The addresses of the C library and of the libraries around it, few enough to be all in reach of
** one reservation. */
ml_span ml_reserve_cluster(void);

/* Reserves size bytes (whole pages) for the zone: near ones within reach of all of `cluster`, low
** ones below 2 GiB whatever the cluster. Returns 0, with the address in *addr, or an errno value;
** ERANGE when no gap is large enough. */
int ml_reserve_take(ml_zone zone, ml_span cluster, size_t size, ml_rig *rig, uint64_t *addr);

#endif
