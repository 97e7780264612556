/* bytes.h -- pkg: text that grows while it is written. When memory is short the writing goes on in
** vain and `failed` says so at the end: the printers need not look before.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_BYTES_H
#define ML_PKG_BYTES_H

#include "base/arena.h"
#include "base/slice.h"

typedef struct ml_bytes {
    uint8_t *p;
    size_t n, room;
    bool failed;
} ml_bytes; /* started as {0} */

void ml_bytes_free(ml_bytes *b);
/* Makes room for n more bytes; false when memory is short. */
bool ml_bytes_room(ml_bytes *b, size_t n);
void ml_bytes_fill(ml_bytes *b, uint8_t c, size_t n);
void ml_bytes_format(ml_bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A copy in the arena; false when memory is, or was, short. */
bool ml_bytes_keep(const ml_bytes *b, ml_arena *a, ml_slice *out);

static inline void ml_bytes_put(ml_bytes *b, const void *p, size_t n)
{
    if (n && (b->room - b->n >= n || ml_bytes_room(b, n))) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
    }
}

static inline void ml_bytes_char(ml_bytes *b, char c)
{
    ml_bytes_put(b, &c, 1);
}

static inline void ml_bytes_text(ml_bytes *b, const char *s)
{
    ml_bytes_put(b, s, strlen(s));
}

static inline void ml_bytes_slice(ml_bytes *b, ml_slice s)
{
    ml_bytes_put(b, s.p, s.n);
}

#endif
