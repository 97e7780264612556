/* contents.c -- stages OPEN and PLACE: what a large object's sections hold goes from its file to
** its place at once.
** takes an open file; gives its bytes but for two parts (ml_early). The first bytes, which hold
** nothing but contents of sections, stay in the file until their places are known, or somebody asks
** for them. So they need no memory of their own, and are copied once: of 19 MB of prelinked
** objects, of which 7 are contents, that saves 0.5 of 13.5 ms and 6 of 37 MB. The section headers
** at the end are read a few at a time, into a shorter form: of 100,000 functions in sections of
** their own that saves 9 MB, and all that go through them later the time to read these.
**
** The file stays open meanwhile. One that is changed by then is an error: it is looked at again
** when the last of it has been read. One that another has taken the name of is still the old one.
** Spec: gABI chapter 4 "Sections".
** SPDX-License-Identifier: MIT */
#include <elf.h>

#include "link/txn.h"

enum {
    LEAST = 512 << 10,  /* bytes of contents, or of headers: fewer are not worth it */
    WINDOW = 128 << 10, /* of the file, in memory at a time: a cache of the processor holds them */
    GLANCE = 4 << 10,   /* likewise, for looks at code, which may be few */
    LARGE = 32 << 10,   /* sections from here on are read alone */
    SPARE = 16          /* windows more than the contents have: see ml_contents_put */
};

/* May the load want to see contents before they are placed, or when the file is closed? */
static bool is_curious(const ml_txn *t)
{
    return t->o.merge || t->o.count != ML_COUNT_NONE || t->o.debug;
}

/* Are sections only copied? The parser reads the others. */
static bool is_content(const ml_header_kind *k)
{
    if (!(k->flags & ML_SEC_ALLOC))
        return false;
    switch (k->type) {
    case SHT_PROGBITS:
    case SHT_NOTE:
    case SHT_INIT_ARRAY:
    case SHT_FINI_ARRAY:
    case SHT_PREINIT_ARRAY:
    case SHT_X86_64_UNWIND: return true;
    default: return false;
    }
}

/* Do sections of the kind take up any of the file? The null section may have a size, which is the
** number of them; another one of its type has its bytes when it asks for memory. */
static bool has_bytes(const ml_header_kind *k)
{
    return k->type != SHT_NOBITS && (k->type != SHT_NULL || (k->flags & ML_SEC_ALLOC));
}

/* Do all contents before `until` end there? */
static bool all_end(const ml_headers *all, uint64_t until)
{
    for (uint32_t i = 1; i < all->n; i++) {
        const ml_shdr h = ml_headers_at(all, i);
        if (h.type != SHT_NOBITS && h.offset < until && !ml_within(until, h.offset, h.size))
            return false;
    }
    return true;
}

/* `until`, or where the section begins if that is before. */
static uint64_t earlier(const ml_headers *all, uint32_t section, uint64_t until)
{
    if (section == 0 || section >= all->n)
        return until;
    uint64_t offset = ml_headers_at(all, section).offset;
    return offset < until ? offset : until;
}

/* How many bytes from the start of a file, whose headers are at `end`, hold nothing but contents,
** and cut none of it. False when something seems wrong: then all of the file is read, and the
** parser says what is wrong. */
static bool contents_until(const ml_headers *all, uint64_t end, uint64_t *out)
{
    uint64_t until = earlier(all, all->names, end);
    bool some = false, ended = true;
    for (uint32_t i = 0; i < all->nkinds; i++) {
        const ml_header_kind *k = &all->kinds[i];
        if (has_bytes(k) && k->end > end)
            return false;
        if (has_bytes(k) && k->first < until && !is_content(k))
            until = k->first;
    }
    for (uint32_t i = all->n; i-- > 1;) { /* the strings of symbols, whatever they seem to be */
        const ml_shdr h = ml_headers_at(all, i);
        if (h.type == SHT_SYMTAB) {
            until = earlier(all, h.link, until);
            break;
        }
    }
    for (uint32_t i = 0; i < all->nkinds; i++) {
        const ml_header_kind *k = &all->kinds[i];
        some |= is_content(k) && k->first < until;
        ended &= !has_bytes(k) || k->first >= until || k->end <= until;
    }
    *out = some ? until : 0;
    return ended || all_end(all, until);
}

/* Memory for a part of a file, the same for all of them. */
static uint8_t *window_of(ml_txn *t)
{
    if (!t->window.bytes)
        t->window.bytes = ml_alloc(&t->scratch, WINDOW);
    t->window.early = NULL;
    return t->window.bytes;
}

/* The section headers of a file: n, from off on. */
static int read_headers(ml_txn *t, const ml_os_file *f, uint64_t off, uint32_t n, ml_headers *out)
{
    enum { PART = WINDOW / ML_SH_ALL };
    ml_headers_in in;
    uint8_t *window = n > PART ? window_of(t) : ml_nalloc(&t->scratch, n, ML_SH_ALL);
    if (!window || !ml_headers_begin(&in, &t->scratch, n))
        return ml_nomem(t->d);
    for (uint32_t i = 0; i < n; i += PART) {
        uint32_t part = n - i < PART ? n - i : PART;
        uint64_t at = off + (uint64_t)i * ML_SH_ALL;
        int rc = ml_os_pread(t->d, f, at, window, (size_t)part * ML_SH_ALL);
        if (rc < 0)
            return rc;
        if (!ml_headers_add(&in, window, part))
            return ml_nomem(t->d);
    }
    ml_headers_end(&in, out);
    return 0;
}

/* What of the file, whose start is head, shall stay in it: *e; *end: where that begins again, 0
** when all of it is to be read. */
static int choose(ml_txn *t, const ml_os_file *f, ml_slice head, ml_early *e, uint64_t *end)
{
    uint8_t first[ML_SH_ALL];
    *end = 0;
    if (head.n < ML_EH_ALL || t->nearly == ML_EARLY_MAX || is_curious(t))
        return 0;
    uint64_t off = ml_get64(head.p + ML_EH_SHOFF), size = f->id.size;
    if (size < 2 * (uint64_t)LEAST || off < LEAST || !ml_within(size, off, ML_SH_ALL) ||
        ml_get16(head.p + ML_EH_SHENTSIZE) != ML_SH_ALL)
        return 0;
    int rc = ml_os_pread(t->d, f, off, first, sizeof first);
    if (rc < 0)
        return rc;
    uint64_t n = ml_headers_count(head.p, first);
    if (n < 2 || n > UINT32_MAX - 0x10000 || off + n * ML_SH_ALL != size)
        return 0;
    rc = read_headers(t, f, off, (uint32_t)n, &e->headers);
    if (rc < 0)
        return rc;
    e->headers.names = ml_headers_names(head.p, first);
    if (!contents_until(&e->headers, off, &e->size))
        return 0;
    if (e->size >= LEAST || size - off >= LEAST)
        *end = off;
    return 0;
}

int ml_contents_read(ml_txn *t, ml_os_file *f, ml_slice head, ml_slice *rest,
                     const ml_early **early)
{
    ml_early e = {.file = *f};
    uint64_t end;
    int rc = choose(t, f, head, &e, &end);
    uint64_t from = end ? e.size : 0, size = (end ? end : f->id.size) - from;
    uint8_t *p = rc == 0 && size < SIZE_MAX ? ml_alloc(&t->scratch, (size_t)size) : NULL;
    *rest = (ml_slice){p, (size_t)size};
    *early = NULL;
    if (rc == 0)
        rc = p ? ml_os_pread(t->d, f, from, p, rest->n) : ml_nomem(t->d);
    if (rc < 0 || !end)
        return rc;
    *early = &t->early[t->nearly];
    t->early[t->nearly++] = e;
    f->fd = -1; /* ours now */
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

/* Puts the window, of `most` bytes, where something begins that is smaller; reads all of the first
** bytes of the file when that has been done too often: they do not come in the order in which they
** are wanted. */
static int move_window(ml_txn *t, const ml_image *img, uint64_t offset, size_t most)
{
    ml_window *w = &t->window;
    const ml_early *e = img->early;
    w->reads = w->early == e && w->most == most ? w->reads + 1 : 0;
    if (w->early != e && !window_of(t))
        return ml_nomem(t->d);
    w->early = e;
    w->from = offset;
    w->most = most;
    w->n = e->size - offset < most ? (size_t)(e->size - offset) : most;
    return w->reads > e->size / most + SPARE ? ml_contents_fetch(t, img)
                                             : ml_os_pread(t->d, &e->file, offset, w->bytes, w->n);
}

/* n bytes, fewer than `most`, of the first ones of the file. */
static int early_bytes(ml_txn *t, const ml_image *img, uint64_t offset, size_t n, size_t most,
                       const uint8_t **out)
{
    const ml_window *w = &t->window;
    const ml_early *e = img->early;
    if (!e->bytes && (w->early != e || offset < w->from || !ml_within(w->n, offset - w->from, n))) {
        int rc = move_window(t, img, offset, most);
        if (rc < 0)
            return rc;
    }
    *out = e->bytes ? e->bytes + offset : w->bytes + (offset - w->from);
    return 0;
}

int ml_contents_look(ml_txn *t, const ml_image *img, uint64_t offset, size_t n, const uint8_t **out)
{
    return early_bytes(t, img, offset, n, GLANCE, out);
}

int ml_contents_put(ml_txn *t, const ml_image *img, uint64_t offset, ml_slice data, uint8_t *to)
{
    const size_t n = data.n;
    const uint8_t *from = data.p;
    if (!n)
        return 0;
    if (!from && n >= LARGE)
        return ml_os_pread(t->d, &img->early->file, offset, to, n);
    int rc = from ? 0 : early_bytes(t, img, offset, n, WINDOW, &from);
    if (rc == 0)
        memcpy(to, from, n);
    return rc;
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
