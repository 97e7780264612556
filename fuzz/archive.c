/* archive.c -- fuzz: any bytes as an archive. Walks it, reads every member, enters archives in it,
** makes the index and looks every name of it up. What may happen is an error; what was handed out
** is read to its last byte, so that a wrong length is seen.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* memfd_create */
#include "object/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "object/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEEPEST = 4 };

static unsigned touch(ml_slice s)
{
    unsigned sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum += s.p[i];
    return sum;
}

static void check(bool good)
{
    if (!good)
        abort();
}

static void open_bytes(ml_diag *d, ml_slice bytes, int depth);

static void walk(ml_diag *d, ml_archive *ar, bool read, int depth)
{
    ml_arena a = {0};
    ml_member m;
    uint64_t pos = 0, before = 0;
    while (ml_archive_next(d, ar, &pos, &m) > 0) {
        ml_slice s;
        check(pos > before && m.name);
        before = pos;
        touch((ml_slice){(const uint8_t *)m.name, strlen(m.name)});
        if (!read || ml_archive_read(d, ar, &m, &a, &s) < 0)
            continue;
        check(s.n == m.size);
        touch(s);
        if (depth < DEEPEST && ml_kind_of(s, s.n) == ML_KIND_ARCHIVE)
            open_bytes(d, s, depth + 1);
    }
    ml_arena_free(&a);
}

static void look_up(ml_diag *d, ml_archive *ar)
{
    ml_arena a = {0};
    if (ml_archive_list(d, ar) < 0)
        return;
    size_t n = ml_archive_names(ar);
    for (size_t i = 0; i < n && i < 1000; i++) {
        ml_member m;
        ml_slice s;
        uint64_t header;
        const char *name = ml_archive_name(ar, i, &header);
        size_t len = strlen(name);
        uint32_t hash = ml_hash(name, len), number;
        check(ml_archive_may(d, ar, name, len, hash, (uint32_t)i, &number) == 1 && number == i);
        check(ml_archive_find(d, ar, name, len, hash, number, &m) == 1 && m.number == i && m.name);
        if (ml_archive_read(d, ar, &m, &a, &s) == 0)
            touch(s);
    }
    ml_member none;
    check(n > 0 || ml_archive_find(d, ar, "name", 4, ml_hash("name", 4), 0, &none) == 0);
    ml_arena_free(&a);
}

/* Names of the index of ar, each looked up in the file as it was opened anew: by then there is no
** table of names. */
static void look_up_first(ml_diag *d, const ml_archive *ar, const char *path)
{
    size_t n = ml_archive_names(ar), step = n / 8 + 1;
    for (size_t i = 0; i < n; i += step) {
        ml_archive *again;
        ml_member m, other;
        const char *name = ml_archive_name(ar, i, NULL);
        size_t len = strlen(name);
        check(ml_archive_open(d, path, &again) == 0);
        int before = ml_archive_find(d, again, "main", 4, ml_hash("main", 4), 0, &m);
        check(ml_archive_find(d, again, name, len, ml_hash(name, len), 0, &m) == 1);
        int now = ml_archive_find(d, again, "main", 4, ml_hash("main", 4), 0, &other);
        check(before == now);
        ml_archive_close(again);
    }
}

static void open_bytes(ml_diag *d, ml_slice bytes, int depth)
{
    ml_archive *ar;
    if (ml_archive_open_bytes(d, "fuzz.a", bytes, &ar) < 0)
        return;
    walk(d, ar, true, depth);
    look_up(d, ar);
    ml_archive_close(ar);
}

/* The same bytes as a file. Members of thin archives are named only: they may be any file. */
static void open_file(ml_diag *d, const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    ml_archive *ar;
    if (ml_archive_open(d, path, &ar) == 0) {
        bool thin = ml_archive_thin(ar);
        walk(d, ar, !thin, DEEPEST);
        if (!thin) {
            look_up(d, ar);
            look_up_first(d, ar, path);
        }
        ml_archive_close(ar);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ml_diag d;
    ml_diag_init(&d);
    open_bytes(&d, (ml_slice){data, size}, 0);
    ml_diag_free(&d);
    open_file(&d, data, size);
    ml_diag_free(&d);
    return 0;
}
