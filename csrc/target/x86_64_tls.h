/* x86_64_tls.h -- target, private: thread-local accesses of x86-64, for the table in x86_64.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_TARGET_X86_64_TLS_H
#define ML_TARGET_X86_64_TLS_H

#include "target/target.h"

/* See ml_target.tls_can_relax and tls_relax. */
bool ml_x86_64_tls_can_relax(const ml_tls_site *s);
void ml_x86_64_tls_relax(const ml_tls_site *s, uint8_t *code, const int32_t *tp);

#endif
