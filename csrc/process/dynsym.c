/* dynsym.c -- process: what a loaded file says about a name that it defines.
** takes an address (from dlsym) and its name; gives size, type and file.
** dladdr1 would do, but walks all symbols of the file for each question (4 us for one of libc's,
** where this takes a tenth), and for aliases and IFUNCs it answers for another symbol.
** Spec: gABI chapter 5 "Hash Table"; the GNU hash section as binutils writes it.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* dl_iterate_phdr */
#include "process/dynsym.h"

#include <link.h>
#include <string.h>

#include "process/process.h"

/* The tables of one file, as its PT_DYNAMIC names them. */
typedef struct tables {
    uint64_t base; /* what to add to a symbol's value */
    const ElfW(Sym) *syms;
    const char *strs;
    const uint32_t *gnu, *sysv;   /* hash tables; either may be missing */
    const ElfW(Half) *versions;   /* NULL when the file has none */
} tables;

typedef struct question {
    uint64_t addr;
    const char *name;
    uint32_t gnu_hash; /* of the name */
    bool anywhere; /* no file holds the address: thread-local or absolute */
    bool held;     /* a file that holds the address was seen */
    bool found;
    ml_dynsym *out;
} question;

static uint32_t hash_gnu(const char *s)
{
    uint32_t h = 5381;
    for (; *s; s++)
        h = h * 33 + (uint8_t)*s;
    return h;
}

static uint32_t hash_sysv(const char *s)
{
    uint32_t h = 0;
    for (; *s; s++) {
        h = (h << 4) + (uint8_t)*s;
        h = (h ^ (h >> 24 & 0xf0)) & 0x0fffffff;
    }
    return h;
}

/* glibc stores addresses into the loaded PT_DYNAMIC, except where it is read-only (the vDSO); other
** loaders leave offsets. An offset is less than any base. */
static const void *table_at(uint64_t base, uint64_t value)
{
    return (const void *)(uintptr_t)(value < base ? base + value : value);
}

static bool read_tables(const struct dl_phdr_info *info, const ElfW(Phdr) *dynamic, tables *t)
{
    uint64_t base = info->dlpi_addr;
    *t = (tables){.base = base};
    const ElfW(Dyn) *d = (const void *)(uintptr_t)(base + dynamic->p_vaddr);
    for (; d->d_tag != DT_NULL; d++) {
        const void *p = table_at(base, d->d_un.d_ptr);
        if (d->d_tag == DT_SYMTAB)
            t->syms = p;
        else if (d->d_tag == DT_STRTAB)
            t->strs = p;
        else if (d->d_tag == DT_GNU_HASH)
            t->gnu = p;
        else if (d->d_tag == DT_HASH)
            t->sysv = p;
        else if (d->d_tag == DT_VERSYM)
            t->versions = p;
    }
    return t->syms && t->strs && (t->gnu || t->sysv);
}

/* How well symbol i answers: 0 not at all; an exact address beats a default version, which beats
** any other. An IFUNC's value is its resolver's address, so that it never matches exactly. */
static int rank(const tables *t, const question *q, uint32_t i)
{
    const ElfW(Sym) *s = &t->syms[i];
    uint8_t type = ELF64_ST_TYPE(s->st_info);
    if (strcmp(t->strs + s->st_name, q->name) != 0)
        return 0;
    if (q->anywhere)
        return s->st_shndx != SHN_UNDEF && (type == STT_TLS || s->st_shndx == SHN_ABS);
    if (t->base + s->st_value == q->addr)
        return 3; /* defined, or a function that the executable gives an address */
    if (s->st_shndx == SHN_UNDEF)
        return 0;
    bool hidden_version = t->versions && (t->versions[i] & 0x8000);
    return hidden_version ? 1 : 2;
}

/* The best symbol of the name; 0 (the null symbol) when there is none. */
static uint32_t search_gnu(const tables *t, const question *q)
{
    const uint32_t *h = t->gnu;
    uint32_t buckets = h[0], first = h[1], words = h[2], shift = h[3];
    const ElfW(Addr) *bloom = (const void *)(h + 4);
    const uint32_t *bucket = (const void *)(bloom + words), *chain = bucket + buckets;
    const uint32_t bits = 8 * sizeof *bloom, x = q->gnu_hash;
    if (buckets == 0 || words == 0)
        return 0;
    ElfW(Addr) word = bloom[x / bits % words];
    if (!(word >> (x % bits) & word >> ((x >> shift) % bits) & 1))
        return 0;
    uint32_t i = bucket[x % buckets], best = 0;
    int top = 0;
    if (i < first)
        return 0;
    for (;; i++) {
        uint32_t c = chain[i - first];
        int r = (c | 1) == (x | 1) ? rank(t, q, i) : 0;
        if (r > top) {
            top = r;
            best = i;
        }
        if (c & 1) /* the last of its bucket */
            return best;
    }
}

/* The same for the few files that have no other table. */
static uint32_t search_sysv(const tables *t, const question *q)
{
    uint32_t buckets = t->sysv[0], best = 0;
    const uint32_t *bucket = t->sysv + 2, *chain = bucket + buckets;
    int top = 0;
    for (uint32_t i = buckets ? bucket[hash_sysv(q->name) % buckets] : 0; i; i = chain[i]) {
        int r = rank(t, q, i);
        if (r > top) {
            top = r;
            best = i;
        }
    }
    return best;
}

static uint32_t search(const tables *t, const question *q)
{
    return t->gnu ? search_gnu(t, q) : search_sysv(t, q);
}

/* The segment of the file that holds the address, and its PT_DYNAMIC. */
static const ElfW(Phdr) *holder(const struct dl_phdr_info *info, uint64_t addr,
                                const ElfW(Phdr) **dynamic)
{
    const ElfW(Phdr) *found = NULL;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type == PT_DYNAMIC)
            *dynamic = ph;
        if (ph->p_type == PT_LOAD && addr - (info->dlpi_addr + ph->p_vaddr) < ph->p_memsz)
            found = ph;
    }
    return found;
}

static int ask(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    question *q = ud;
    const ElfW(Phdr) *dynamic = NULL, *segment = holder(info, q->addr, &dynamic);
    tables t;
    if (!segment && !q->anywhere)
        return 0;
    uint32_t i = 0;
    if (dynamic && read_tables(info, dynamic, &t))
        i = search(&t, q);
    q->found = i != 0;
    if (i)
        *q->out = (ml_dynsym){.addr = t.base + t.syms[i].st_value,
                              .size = t.syms[i].st_size,
                              .type = ELF64_ST_TYPE(t.syms[i].st_info),
                              .unique = ELF64_ST_BIND(t.syms[i].st_info) == STB_GNU_UNIQUE,
                              .provider = info->dlpi_name};
    else if (segment)
        *q->out = (ml_dynsym){.type = segment->p_flags & PF_X ? STT_FUNC : STT_OBJECT,
                              .provider = info->dlpi_name};
    q->held = q->held || segment;
    return segment || i;
}

bool ml_dynsym_find(uint64_t addr, const char *name, ml_dynsym *out)
{
    *out = (ml_dynsym){.type = STT_NOTYPE, .provider = ""};
    question q = {.addr = addr, .name = name, .out = out};
    q.gnu_hash = hash_gnu(name);
    dl_iterate_phdr(ask, &q);
    if (!q.held) {
        q.anywhere = true;
        dl_iterate_phdr(ask, &q);
    }
    return q.found;
}

typedef struct sought_all {
    ml_sought *v;
    size_t n;
} sought_all;

/* Looks in one file for those of the names that no other has. */
static int seek(struct dl_phdr_info *info, size_t size, void *ud)
{
    (void)size;
    const sought_all *all = ud;
    const ElfW(Phdr) *dynamic = NULL;
    tables t;
    holder(info, 0, &dynamic);
    if (!dynamic || !read_tables(info, dynamic, &t))
        return 0;
    for (size_t i = 0; i < all->n; i++) {
        ml_sought *s = &all->v[i];
        const question q = {.addr = UINT64_MAX, /* which nothing has */
                            .name = s->name,
                            .gnu_hash = s->gnu_hash};
        s->found = s->found || search(&t, &q);
    }
    return 0;
}

void ml_process_seek(ml_sought *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        v[i].gnu_hash = hash_gnu(v[i].name);
        v[i].found = false;
    }
    if (n)
        dl_iterate_phdr(seek, &(sought_all){v, n});
}
