/* cache_impl.h -- pkg: what the files of the cache share.
** SPDX-License-Identifier: MIT */
#ifndef ML_PKG_CACHE_IMPL_H
#define ML_PKG_CACHE_IMPL_H

#include "pkg/cache.h"

enum { ML_CACHE_DEPTH = 64 }; /* nesting of instantiations and of licence expressions */

/* ---- reading ---- */

/* Which of the fields that later versions of Cabal added stand in a record. */
typedef struct ml_cache_layout {
    bool statics;  /* Cabal 3.8: library-dirs-static, extra-libraries-static */
    bool bytecode; /* later: bytecode-library-dirs */
    bool foreign;  /* numbers of licences cannot be trusted */
} ml_cache_layout;

typedef struct ml_cache_in {
    const uint8_t *at, *end;
    ml_arena *arena;
    ml_cache_layout layout;
    const char *bad; /* why it does not fit; NULL so far */
    const uint8_t *bad_at;
    bool short_of_memory;
} ml_cache_in;

/* Each returns 0 or an empty value once something was bad. */
void ml_cache_bad(ml_cache_in *in, const char *why);
uint8_t ml_cache_u8(ml_cache_in *in);
uint64_t ml_cache_u64(ml_cache_in *in);
uint64_t ml_cache_count(ml_cache_in *in, size_t least); /* of things of at least so many bytes */
ml_slice ml_cache_bytes_of(ml_cache_in *in);            /* ByteString, ShortText */
ml_slice ml_cache_string(ml_cache_in *in);              /* [Char] */
ml_slice ml_cache_version(ml_cache_in *in);             /* "1.2" */
ml_slice ml_cache_license(ml_cache_in *in);             /* Either SPDX.License License */

/* A text that is put together; in the arena at once, as texts of a cache are many and short. */
typedef struct ml_cache_text {
    char *p;
    size_t n, room;
    ml_arena *arena;
    bool failed;
} ml_cache_text;
void ml_cache_add(ml_cache_text *t, const void *s, size_t n);
static inline void ml_cache_adds(ml_cache_text *t, const char *s)
{
    ml_cache_add(t, s, strlen(s));
}
/* What was put together; "" and in->short_of_memory when that failed. */
ml_slice ml_cache_text_end(ml_cache_in *in, ml_cache_text *t);

/* ---- writing ---- */

void ml_cache_put_u8(ml_bytes *b, uint8_t v);
void ml_cache_put_u16(ml_bytes *b, uint16_t v);
void ml_cache_put_u32(ml_bytes *b, uint32_t v);
void ml_cache_put_u64(ml_bytes *b, uint64_t v);
void ml_cache_put_short(ml_bytes *b, ml_slice s);  /* ByteString, ShortText */
void ml_cache_put_string(ml_bytes *b, ml_slice s); /* [Char] */
void ml_cache_put_version(ml_bytes *b, ml_slice text);
void ml_cache_put_license(ml_bytes *b, ml_slice text);

/* The numbers of a version; how many, at most room. */
size_t ml_cache_numbers(ml_slice text, uint64_t *out, size_t room);

#endif
