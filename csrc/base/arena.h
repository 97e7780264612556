/* arena.h -- base: the only caller of malloc.
** An arena hands out memory that lives until the whole arena is freed; there is no free of a part.
** Whoever owns an arena owns all that was allocated in it. Every function that allocates returns
** NULL when memory is short; nothing is changed then.
** SPDX-License-Identifier: MIT */
#ifndef ML_BASE_ARENA_H
#define ML_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct ml_chunk;

/* A part of memory; p is NULL when there is none. */
typedef struct ml_part {
    void *p;
    size_t size;
} ml_part;

/* Where an arena that has grown large takes its memory from, in place of malloc: units that the
** system hands out more cheaply (os.h: ml_os_bulk). */
typedef struct ml_bulk {
    size_t unit; /* bytes */
    /* At least size bytes, which will be written soon: as many as fill units. *slow: those turned
    ** out to be slow to come, now or before; then pages do. */
    ml_part (*get)(size_t size, bool *slow);
    void (*put)(void *p, size_t size);
    void (*touch)(void *p, size_t size); /* will be written soon: brings its pages in */
    void (*drop)(void *p, size_t size);  /* gives its whole pages back; it stays where it is */
} ml_bulk;

typedef struct ml_arena {
    struct ml_chunk *chunks; /* newest first */
    const ml_bulk *bulk;     /* NULL: malloc alone */
    bool *slow;              /* as ml_bulk.get wants it, for several arenas; NULL: asked anew */
    uint8_t *at, *end;       /* free part of the chunk that is filled */
    size_t held, largest;    /* bytes of all chunks, of the largest one */
} ml_arena;

/* An arena is started as (ml_arena){0}, or with .bulk set. This frees everything; the arena is
** empty and usable afterwards. */
void ml_arena_free(ml_arena *a);

/* Some bytes of an arena may outlive it: those of its large chunks. ml_arena_may_move says whether
** p lies in one. ml_arena_move gives the chunks in which the n ranges v lie (which it sorts) to the
** arena `to`: the ranges stay where they are, all else of these chunks is gone, and `from` can only
** be freed. */
bool ml_arena_may_move(const ml_arena *a, const void *p);
void ml_arena_move(ml_arena *from, ml_arena *to, ml_slice *v, size_t n);

/* size bytes aligned to 16, not cleared. size 0 gives a valid pointer. */
void *ml_alloc(ml_arena *a, size_t size);
/* n elements of size bytes, all zero; NULL also when n * size overflows. */
void *ml_zalloc(ml_arena *a, size_t n, size_t size);
/* n elements of size bytes, not cleared; NULL also when n * size overflows. */
void *ml_nalloc(ml_arena *a, size_t n, size_t size);
/* Room for one more element in an array of the arena, whose address is at `array` (a pointer to the
** pointer) and which holds n elements and has room for *room: doubled when it is full. False when
** memory is short. For arrays that live as long as the arena: what they outgrow stays in it. */
bool ml_arena_room(ml_arena *a, void *array, size_t n, size_t *room, size_t size);
#define ML_ARENA_ROOM(a, v, n, room) \
    ((n) < (room) || ml_arena_room((a), &(v), (n), &(room), sizeof *(v)))
/* A copy of len bytes with a NUL behind it. */
char *ml_strndup(ml_arena *a, const char *s, size_t len);
char *ml_strdup(ml_arena *a, const char *s);
/* printf into the arena. */
char *ml_format(ml_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Memory of its own, for what must grow or outlive every arena: realloc with an overflow check.
** ml_heap_grow(p, n, size) gives room for n elements of size bytes (p as before on NULL). */
void *ml_heap_grow(void *p, size_t n, size_t size);
void *ml_heap_zalloc(size_t n, size_t size);
void ml_heap_free(void *p);
/* Room for one more element in a vector of such memory that holds n and has room for *room: doubled
** when it is full. False when memory is short. */
bool ml_heap_room(void **v, uint32_t n, uint32_t *room, size_t size);
#define ML_ROOM(v, n, room) ((n) < (room) || ml_heap_room((void **)&(v), (n), &(room), sizeof *(v)))

#endif
