/* contents.c -- stages OPEN and PLACE: what a large object's sections hold goes from its file to
** its place at once.
** takes an open file; gives its bytes but for the first ones, which hold nothing but contents of
** sections: they stay in the file (ml_early) until their places are known, or somebody asks for
** them. So they need no memory of their own, and are copied once: of 19 MB of prelinked objects,
** of which 7 are contents, that saves 0.5 of 13.5 ms and 6 of 37 MB.
**
** The file stays open meanwhile. One that is changed by then is an error: it is looked at again
** when the last of it has been read. One that another has taken the name of is still the old one.
** Spec: gABI chapter 4 "Sections".
** SPDX-License-Identifier: MIT */
#include <elf.h>

#include "link/txn.h"

enum {
    LEAST = 512 << 10, /* bytes of contents: fewer are not worth it */
    SECTIONS = 64      /* at most: each costs a system call */
};

/* May the load want to see contents before they are placed, or when the file is closed? */
static bool is_curious(const ml_txn *t)
{
    return t->o.merge || t->o.count != ML_COUNT_NONE || t->o.debug;
}

/* The section headers of a file, as they are read before anything else. */
typedef struct headers {
    uint8_t p[SECTIONS * ML_SH_ALL];
    uint32_t n, shstrndx;
} headers;

static const uint8_t *header(const headers *all, uint32_t i)
{
    return all->p + (size_t)i * ML_SH_ALL;
}

static bool has_bytes(const uint8_t *h)
{
    return ml_get32(h + ML_SH_TYPE) != SHT_NOBITS && ml_get64(h + ML_SH_SIZE) != 0;
}

/* Is section i one that is only copied? The parser reads the others. */
static bool is_content(const headers *all, uint32_t i)
{
    const uint8_t *h = header(all, i);
    if (!(ml_get64(h + ML_SH_FLAGS) & ML_SEC_ALLOC) || i == all->shstrndx)
        return false;
    for (uint32_t k = 1; k < all->n; k++) {
        const uint8_t *user = header(all, k);
        if (ml_get32(user + ML_SH_TYPE) == SHT_SYMTAB && ml_get32(user + ML_SH_LINK) == i)
            return false;
    }
    switch (ml_get32(h + ML_SH_TYPE)) {
    case SHT_PROGBITS:
    case SHT_NOTE:
    case SHT_INIT_ARRAY:
    case SHT_FINI_ARRAY:
    case SHT_PREINIT_ARRAY:
    case SHT_X86_64_UNWIND: return true;
    default: return false;
    }
}

/* Where the first section starts that is no contents; `until` when there is none. */
static uint64_t first_other(const headers *all, uint64_t until)
{
    for (uint32_t i = 1; i < all->n; i++) {
        uint64_t off = ml_get64(header(all, i) + ML_SH_OFFSET);
        if (off < until && has_bytes(header(all, i)) && !is_content(all, i))
            until = off;
    }
    return until;
}

/* How many bytes from the start of a file, whose headers are at `until`, hold nothing but contents,
** and cut none of it; 0 when there are none or something seems wrong: then all of the file is read,
** and the parser says what is wrong. */
static uint64_t contents_until(const headers *all, uint64_t until)
{
    bool any = false;
    until = first_other(all, until);
    for (uint32_t i = 1; i < all->n; i++) {
        const uint8_t *h = header(all, i);
        uint64_t off = ml_get64(h + ML_SH_OFFSET);
        if (off >= until || !has_bytes(h) || !is_content(all, i))
            continue;
        if (!ml_within(until, off, ml_get64(h + ML_SH_SIZE)))
            return 0;
        any = true;
    }
    return any ? until : 0;
}

/* How many bytes of the file, whose start is head, shall be apart: *early. */
static int choose(ml_txn *t, const ml_os_file *f, ml_slice head, uint64_t *early)
{
    headers all;
    *early = 0;
    if (head.n < ML_EH_ALL || t->nearly == ML_EARLY_MAX || is_curious(t))
        return 0;
    uint64_t off = ml_get64(head.p + ML_EH_SHOFF);
    all.n = ml_get16(head.p + ML_EH_SHNUM);
    all.shstrndx = ml_get16(head.p + ML_EH_SHSTRNDX);
    if (f->id.size < 2 * (uint64_t)LEAST || all.n < 2 || all.n > SECTIONS || off < LEAST ||
        ml_get16(head.p + ML_EH_SHENTSIZE) != ML_SH_ALL ||
        !ml_within(f->id.size, off, (uint64_t)all.n * ML_SH_ALL))
        return 0;
    int rc = ml_os_pread(t->d, f, off, all.p, (size_t)all.n * ML_SH_ALL);
    uint64_t bytes = rc == 0 ? contents_until(&all, off) : 0;
    *early = bytes >= LEAST ? bytes : 0;
    return rc;
}

int ml_contents_read(ml_txn *t, ml_os_file *f, ml_slice head, ml_slice *rest,
                     const ml_early **early)
{
    uint64_t apart;
    int rc = choose(t, f, head, &apart);
    uint64_t size = f->id.size - apart;
    uint8_t *p = rc == 0 && size < SIZE_MAX ? ml_alloc(&t->scratch, (size_t)size) : NULL;
    *rest = (ml_slice){p, (size_t)size};
    *early = NULL;
    if (rc == 0)
        rc = p ? ml_os_pread(t->d, f, apart, p, rest->n) : ml_nomem(t->d);
    if (rc < 0 || !apart)
        return rc;
    ml_early *e = &t->early[t->nearly++];
    *e = (ml_early){.file = *f, .size = apart};
    f->fd = -1; /* ours now */
    *early = e;
    return 0;
}

/* What of an image is still in its file; NULL: nothing. The image itself may only read of it. */
static ml_early *early_of(ml_txn *t, const ml_image *img)
{
    for (uint32_t i = 0; img->early && i < t->nearly; i++)
        if (&t->early[i] == img->early)
            return t->early[i].bytes ? NULL : &t->early[i];
    return NULL;
}

int ml_contents_fetch(ml_txn *t, const ml_image *img)
{
    ml_early *e = early_of(t, img);
    if (!e)
        return 0;
    uint8_t *p = ml_alloc(&t->scratch, (size_t)e->size);
    int rc = p ? ml_os_pread(t->d, &e->file, 0, p, (size_t)e->size) : ml_nomem(t->d);
    e->bytes = rc == 0 ? p : NULL;
    return rc;
}

int ml_contents_fetch_all(ml_txn *t)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && t->nearly && i < t->l->ninputs; i++)
        rc = ml_contents_fetch(t, t->l->inputs[i].img);
    return rc;
}

int ml_contents_look(ml_txn *t, const ml_image *img, uint32_t section, uint64_t offset, void *to,
                     size_t n)
{
    return ml_os_pread(t->d, &img->early->file, ml_image_offset(img, section) + offset, to, n);
}

int ml_contents_put(ml_txn *t, const ml_image *img, uint32_t section, uint8_t *to)
{
    const ml_slice data = ml_image_section(img, section).data;
    if (!data.n || data.p) {
        if (data.n)
            memcpy(to, data.p, data.n);
        return 0;
    }
    return ml_os_pread(t->d, &img->early->file, ml_image_offset(img, section), to, data.n);
}

int ml_contents_end(ml_txn *t)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->nearly; i++) {
        ml_os_file *f = &t->early[i].file;
        if (f->fd >= 0 && rc == 0)
            rc = ml_os_unchanged(t->d, f);
        ml_os_close(f);
    }
    return rc;
}

void ml_contents_close(ml_txn *t)
{
    for (uint32_t i = 0; i < t->nearly; i++)
        ml_os_close(&t->early[i].file);
}
