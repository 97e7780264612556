/* refusal.h -- place: what to say when the system refuses address space or pages; private to
** place/. Each takes the bytes that were asked for and an errno value; returns a negative ml_code.
** SPDX-License-Identifier: MIT */
#ifndef ML_PLACE_REFUSAL_H
#define ML_PLACE_REFUSAL_H

#include "place/region.h"

/* Address space; ERANGE: no gap is large enough. */
int ml_refusal_reserve(ml_diag *d, ml_zone zone, uint64_t size, int code);
/* Another protection of pages, which may need memory or one mapping more. */
int ml_refusal_protect(ml_diag *d, ml_prot prot, uint64_t size, int code);
/* Memory with two addresses. */
int ml_refusal_dual(ml_diag *d, uint64_t size, int code);
/* Huge pages out of those that are set aside. */
int ml_refusal_hugetlb(ml_diag *d, uint64_t size, int code);

#endif
