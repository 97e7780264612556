/* perf.c -- process: perf's map and jitdump files.
** SPDX-License-Identifier: MIT */
#include "process/perf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "os/mutex.h"
#include "os/os.h"

enum { MAGIC = 0x4a695444, VERSION = 1, FILE_HEADER = 40 };
enum { CODE_LOAD = 0, CODE_DEBUG_INFO = 2 };
enum { LOAD_HEADER = 16 + 40, DEBUG_HEADER = 16 + 16, LINE_HEADER = 16 };

/* Note [One dump in a process]
** perf finds the dump by its name, which holds the process's number, and by a mapping of it, made
** once: a second mapping would be read as the same functions again. So the open dump belongs to the
** process and not to a linker; a child of fork begins its own. */
static struct {
    int64_t process; /* whose dump is open; 0: none is */
    int fd;
    uint64_t functions; /* written so far: their index */
} dump;

static const char *cannot(ml_arena *a, const char *path, int code)
{
    return ml_format(a, "cannot write %s: %s", path, ml_os_error(code));
}

/* Line ends in a name would make lines of their own. */
static void put_name(char *to, const char *name)
{
    for (; *name; name++)
        *to++ = (unsigned char)*name < ' ' ? '?' : *name;
}

const char *ml_perf_map(ml_arena *a, const ml_perf_function *v, size_t n)
{
    enum { NUMBERS = 34 }; /* two of 16 digits, two blanks */
    size_t size = 1, at = 0;
    for (size_t i = 0; i < n; i++)
        size += NUMBERS + strlen(v[i].name) + 1;
    char *text = ml_heap_grow(NULL, size, 1);
    const char *path = ml_format(a, "/tmp/perf-%" PRId64 ".map", ml_os_process());
    if (!text || !path) {
        ml_heap_free(text);
        return ml_strdup(a, "memory is too short for a map of perf");
    }
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, size - at, "%" PRIx64 " %" PRIx64 " ", v[i].addr,
                               v[i].size);
        put_name(text + at, v[i].name);
        at += strlen(v[i].name);
        text[at++] = '\n';
    }
    int fd = ml_os_open_log(path, false);
    bool ok = fd >= 0 && ml_os_write_all(fd, text, at);
    int code = errno;
    if (fd >= 0)
        ml_os_close_log(fd);
    ml_heap_free(text);
    return ok ? NULL : cannot(a, path, code);
}

/* ---- jitdump ---- */

/* Opens the dump of this process, once. */
static bool open_dump(uint16_t machine, const char *path)
{
    uint8_t h[FILE_HEADER] = {0};
    int64_t process = ml_os_process();
    if (dump.process == process)
        return true;
    int fd = ml_os_open_log(path, true);
    if (fd < 0)
        return false;
    ml_put32(h, MAGIC);
    ml_put32(h + 4, VERSION);
    ml_put32(h + 8, FILE_HEADER);
    ml_put32(h + 12, machine);
    ml_put32(h + 20, (uint32_t)process);
    ml_put64(h + 24, ml_os_now_ns());
    if (!ml_os_write_all(fd, h, sizeof h) || !ml_os_mark_log(fd)) {
        int code = errno;
        ml_os_close_log(fd);
        errno = code;
        return false;
    }
    dump.process = process;
    dump.fd = fd;
    dump.functions = 0;
    return true;
}

static uint64_t lines_size(const ml_perf_function *f)
{
    uint64_t size = f->nlines ? DEBUG_HEADER : 0;
    for (size_t i = 0; i < f->nlines; i++)
        size += LINE_HEADER + strlen(f->lines[i].file) + 1;
    return size;
}

static uint64_t load_size(const ml_perf_function *f)
{
    return LOAD_HEADER + strlen(f->name) + 1 + f->size;
}

static uint8_t *put_prefix(uint8_t *p, uint32_t id, uint64_t size, uint64_t now)
{
    ml_put32(p, id);
    ml_put32(p + 4, (uint32_t)size);
    ml_put64(p + 8, now);
    return p + 16;
}

static uint8_t *put_lines(uint8_t *p, const ml_perf_function *f, uint64_t now)
{
    p = put_prefix(p, CODE_DEBUG_INFO, lines_size(f), now);
    ml_put64(p, f->addr);
    ml_put64(p + 8, f->nlines);
    p += 16;
    for (size_t i = 0; i < f->nlines; i++) {
        size_t n = strlen(f->lines[i].file) + 1;
        ml_put64(p, f->lines[i].addr);
        ml_put32(p + 8, f->lines[i].line);
        ml_put32(p + 12, 0); /* discriminator */
        memcpy(p + LINE_HEADER, f->lines[i].file, n);
        p += LINE_HEADER + n;
    }
    return p;
}

static uint8_t *put_load(uint8_t *p, const ml_perf_function *f, uint64_t now)
{
    size_t n = strlen(f->name) + 1;
    p = put_prefix(p, CODE_LOAD, load_size(f), now);
    ml_put32(p, (uint32_t)dump.process);
    ml_put32(p + 4, (uint32_t)ml_os_thread());
    ml_put64(p + 8, f->addr);
    ml_put64(p + 16, f->addr);
    ml_put64(p + 24, f->size);
    ml_put64(p + 32, dump.functions++);
    memcpy(p + 40, f->name, n);
    memcpy(p + 40 + n, (const void *)(uintptr_t)f->addr, (size_t)f->size);
    return p + 40 + n + f->size;
}

/* The lines of a function must stand before it. */
static bool write_functions(const ml_perf_function *v, size_t n)
{
    uint64_t size = 0, now = ml_os_now_ns();
    for (size_t i = 0; i < n; i++)
        size += lines_size(&v[i]) + load_size(&v[i]);
    uint8_t *bytes = size <= SIZE_MAX ? ml_heap_grow(NULL, (size_t)size + 1, 1) : NULL, *p = bytes;
    if (!bytes) {
        errno = ENOMEM;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (lines_size(&v[i]) > UINT32_MAX || load_size(&v[i]) > UINT32_MAX)
            continue; /* more than the record's own field can say */
        if (v[i].nlines)
            p = put_lines(p, &v[i], now);
        p = put_load(p, &v[i], now);
    }
    bool ok = ml_os_write_all(dump.fd, bytes, (size_t)(p - bytes));
    ml_heap_free(bytes);
    return ok;
}

const char *ml_perf_dump(ml_arena *a, uint16_t machine, const ml_perf_function *v, size_t n)
{
    const char *folder = ml_os_setting("JITDUMPDIR");
    const char *path =
        ml_format(a, "%s/jit-%" PRId64 ".dump", folder ? folder : ".", ml_os_process());
    if (!path)
        return NULL;
    ml_mutex_take(ML_MUTEX_DUMP);
    bool ok = open_dump(machine, path) && write_functions(v, n);
    int code = errno;
    ml_mutex_give(ML_MUTEX_DUMP);
    return ok ? NULL : cannot(a, path, code);
}
