/* table.h -- link: names and what they mean in one transaction or session.
** An entry is made once per name; images hold pointers to entries, so that binding a relocation
** never touches a string. Open addressing; entries keep their address and their order of creation,
** so that whoever walks them walks deterministically.
** SPDX-License-Identifier: MIT */
#ifndef ML_LINK_TABLE_H
#define ML_LINK_TABLE_H

#include "base/arena.h"
#include "base/error.h"

typedef enum ml_def {
    ML_DEF_NONE,    /* nothing defines it (yet) */
    ML_DEF_SECTION, /* a symbol in a section of this load */
    ML_DEF_COMMON,  /* a common of this load */
    ML_DEF_LINKER,  /* made by the linker in this load: __dso_handle, __start_X ... */
    ML_DEF_ABS,     /* an absolute symbol of this load (SHN_ABS) */
    ML_DEF_UNIT,    /* a symbol of an earlier load */
    ML_DEF_PROCESS, /* the process or a shared library in it */
    ML_DEF_GIVEN,   /* an address that a policy gave */
    ML_DEF_ZERO,    /* undefined and allowed to be: address 0 */
    ML_DEF_LAZY     /* looked up when it is called first: see lazy.c */
} ml_def;

enum ml_entry_flag {
    ML_ENT_HIDDEN_REF = 1,  /* some reference is hidden: only this load may define it */
    ML_ENT_ROOT = 2,        /* wanted by name (-u, a function to call) */
    ML_ENT_QUEUED = 4,      /* in the list of names to resolve */
    ML_ENT_LOCAL = 8,       /* not exported: hidden, or by policy */
    ML_ENT_ASKED = 16,      /* the policy was asked at this place of the scope */
    ML_ENT_STRONG = 32,     /* the scope was searched for a strong reference */
    ML_ENT_SHADOWED = 64,   /* its own weak definition gave way to another provider */
    ML_ENT_CHECKED = 128,   /* was compared with the session's definition */
    ML_ENT_WAITING = 256,   /* in the list of names that wait for an answer */
    ML_ENT_NOWHERE = 512,   /* defined in a section that has no memory */
    ML_ENT_USED = 1024,     /* a relocation of a kept section wants it: see ml_txn_undefined */
    ML_ENT_SEEN = 2048,     /* resolve has looked at it once */
    ML_ENT_LARGE = 4096,    /* lies in the large block: see large.c */
    ML_ENT_STRIPPED = 8192, /* defined in a section that gc.c dropped */
    ML_ENT_LACKING = 16384, /* the policy put a stand-in, or nothing, in place of a definition */
    ML_ENT_REACHED = 32768  /* by the last walk of missing.c */
};

/* A name that a member of an archive may define: see pull.c. */
typedef enum ml_pulling {
    ML_PULL_NONE,
    ML_PULL_WAITS, /* for its turn */
    ML_PULL_DONE   /* the archives at this place of the scope had their turns */
} ml_pulling;

struct ml_unit;

typedef struct ml_entry {
    const char *name;
    uint32_t hash, len;
    uint8_t def;             /* ml_def */
    uint8_t bind, type, vis; /* of the definition; vis: the most constraining of all occurrences */
    uint16_t flags;          /* ml_entry_flag */
    uint8_t scope;           /* next place in the scope to ask; the one that answered */
    bool covers;             /* took the place of another unit's: see exports.c */
    uint32_t image, symbol;  /* SECTION, COMMON, ABS: image and symbol index that define it;
                                PROCESS: image is 1 + number of the session's library, or 0 */
    uint32_t section;        /* SECTION: section index; COMMON: 1 + index of its piece; PROCESS,
                                when thread-local: its offset from the thread pointer, or 0;
                                `lazy`: 1 + number of its slot */
    uint32_t got, stub;      /* 1 + number of its slot; 0: none */
    uint32_t copy;           /* 1 + offset of its copy; 0: none */
    uint32_t strong, weak;   /* images that refer to it */
    uint32_t first_ref;      /* an image that refers to it */
    uint8_t crossing;        /* ml_crossing of its own, over the load's */
    bool taken;              /* something but calls refers to it: see defer.c */
    bool lazy;               /* its stub is one that binds at the first call */
    uint8_t pull;            /* ml_pulling */
    uint64_t value;          /* SECTION: offset; COMMON: alignment; others: address; PROCESS, when
                                thread-local: module id */
    uint64_t size;
    uint64_t addr;        /* final address, from placing on; thread-local: offset in its block */
    struct ml_unit *unit; /* who owns it: UNIT: the earlier load; after commit: this one */
    const char *provider; /* PROCESS: library; GIVEN: who answered; else NULL */
} ml_entry;

enum { ML_TABLE_BATCH = 32 };     /* names at a time: a bit of a word for each */
enum { ML_TABLE_MOST = 1 << 29 }; /* entries: twice as many slots, and more, have 32-bit numbers */

/* A name to be looked up. */
typedef struct ml_key {
    const char *name;
    size_t len;
    uint32_t hash;
    ml_entry *mark; /* when the name is new, it sleeps; NULL: it does not */
} ml_key;

typedef struct ml_slot {
    uint32_t hash, index; /* 1 + index into entries; 0: free */
} ml_slot;

typedef struct ml_sleepers ml_sleepers;

typedef struct ml_table {
    ml_slot *slots;
    uint32_t mask;      /* number of slots - 1; 0 when there are none */
    ml_entry **entries; /* ml_table_at and ml_table_awake read them */
    uint32_t count, room;
    ml_sleepers *sleepers; /* see sleep.h */
    uint32_t nsleepers, room_sleepers;
    uint8_t *pool; /* memory for entries and names, not handed out yet */
    size_t pool_left;
    bool *slow; /* as in an arena */
} ml_table;

void ml_table_init(ml_table *t);
/* Frees slots and entry list; the entries themselves live in the arenas they were made in. */
void ml_table_deinit(ml_table *t);

/* Is it the mark of a name that sleeps, and no entry? */
static inline bool ml_is_asleep(const ml_entry *e)
{
    return (uintptr_t)e & 1;
}

/* sleep.c: the name behind a mark; makes its entry; the same for entry i, which is a mark. None
** fails. Makes the entries of all. Frees what the marks stand for. */
const char *ml_sleeper_name(const ml_table *t, const ml_entry *mark);
ml_entry *ml_sleeper_wake(const ml_table *t, const ml_entry *mark);
ml_entry *ml_sleeper_wake_at(const ml_table *t, uint32_t i);
void ml_table_wake(const ml_table *t);
void ml_sleepers_free(ml_table *t);

/* The names of entries from number first < t->count on, which need not wake for that: how many, at
** most ML_TABLE_BATCH. They are about to be looked up in `other`. */
uint32_t ml_table_keys(const ml_table *t, uint32_t first, ml_key *keys, const ml_table *other);

/* Entry i < t->count, in the order in which they were made; the other: NULL when it sleeps. */
static inline ml_entry *ml_table_at(const ml_table *t, uint32_t i)
{
    ml_entry *e = t->entries[i];
    return ml_is_asleep(e) ? ml_sleeper_wake_at(t, i) : e;
}

static inline ml_entry *ml_table_awake(const ml_table *t, uint32_t i)
{
    ml_entry *e = t->entries[i];
    return ml_is_asleep(e) ? NULL : e;
}

/* The entry of a name, or NULL. */
ml_entry *ml_table_find(const ml_table *t, const char *name, size_t len, uint32_t hash);
/* 1 + its place in t->entries; 0: there is none. */
uint32_t ml_table_place(const ml_table *t, const char *name, size_t len, uint32_t hash);
/* The entry of a name, made (all zero but the name, which is copied) in the arena when there is
** none; NULL when memory is short. */
ml_entry *ml_table_intern(ml_table *t, ml_arena *a, const char *name, size_t len, uint32_t hash);
/* The same for n names, at most ML_TABLE_BATCH. kept: they end in NUL and are not copied, but live
** as long as the table. fresh: bit 1 << i is set when entry i was made: that may be a mark. False
** when memory is short. */
bool ml_table_intern_all(ml_table *t, ml_arena *a, const ml_key *keys, unsigned n, bool kept,
                         ml_entry **out, uint32_t *fresh);
/* Find and intern for a name that ends in NUL and whose hash nobody has at hand. */
ml_entry *ml_table_find_str(const ml_table *t, const char *name);
ml_entry *ml_table_intern_str(ml_table *t, ml_arena *a, const char *name);
/* Room for n more entries, so that n ml_table_put cannot fail. */
bool ml_table_reserve(ml_table *t, uint32_t n);
/* Is there such room? A table with the same entries that has it: t stays as it is. */
bool ml_table_has_room(const ml_table *t, uint32_t n);
bool ml_table_copy(const ml_table *t, uint32_t n, ml_table *out);
/* Puts e in the place of a mark of its name. */
void ml_table_replace(const ml_table *t, const ml_entry *mark, ml_entry *e);
/* Enters e under its name, in place of an entry of that name if there is one, which is returned. */
ml_entry *ml_table_put(ml_table *t, ml_entry *e);
/* Takes out e itself; another entry of the same name stays. True when it was there. */
bool ml_table_remove(ml_table *t, const ml_entry *e);
/* Starts to fetch the slot of a hash into the cache; later, the entry that it leads to. Names come
** in no order, so that each look-up would else wait for memory three times. */
static inline void ml_table_prefetch_slot(const ml_table *t, uint32_t hash)
{
    if (t->slots)
        __builtin_prefetch(&t->slots[hash & t->mask]);
}

static inline void ml_table_prefetch_entry(const ml_table *t, uint32_t hash)
{
    if (!t->slots || !t->slots[hash & t->mask].index)
        return;
    const ml_entry *e = t->entries[t->slots[hash & t->mask].index - 1];
    if (ml_is_asleep(e))
        return;
    __builtin_prefetch(e);
    __builtin_prefetch((const char *)e + 64);
}

/* Starts to fetch what most walks over entries look at, of the one some places behind number i of
** n: they lie apart, too far for the processor to guess. */
static inline void ml_entry_prefetch(ml_entry *const *entries, uint32_t i, uint32_t n)
{
    enum { AHEAD = 16 };
    if (n - i <= AHEAD)
        return;
    const ml_entry *e = entries[i + AHEAD];
    if (ml_is_asleep(e))
        return;
    __builtin_prefetch(e);
    __builtin_prefetch(&e->value);
}

#endif
