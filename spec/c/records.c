/* records.c -- a library that is told of unwind tables as LLVM's libunwind is: it goes from record
** to record by their lengths, keeps what it finds beside the address it was given, and takes back
** by that address, with a walk through all.
** SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void __unw_add_dynamic_eh_frame_section(uintptr_t at);
void __unw_remove_dynamic_eh_frame_section(uintptr_t at);
unsigned long walks, told;
void (*watch)(void); /* called before and after each walk */
int knows(uint64_t start);

enum { ROOM = 100000, AFTER_LENGTH = 4, AFTER_LONG_LENGTH = 12 };

static struct entry {
    uintptr_t by;
    uint64_t start;
} entries[ROOM];
static unsigned n;

static void enter(uintptr_t by, const unsigned char *content)
{
    if (n == ROOM)
        abort();
    entries[n].by = by;
    memcpy(&entries[n].start, content + 4, 8);
    n++;
    told++;
}

void __unw_add_dynamic_eh_frame_section(uintptr_t at)
{
    for (uintptr_t p = at;;) {
        uint64_t length = 0, skip = AFTER_LENGTH;
        uint32_t id;
        memcpy(&length, (const void *)p, 4);
        if (length == 0)
            return;
        if (length == 0xffffffff) {
            memcpy(&length, (const void *)(p + 4), 8);
            skip = AFTER_LONG_LENGTH;
        }
        memcpy(&id, (const void *)(p + skip), 4);
        if (id != 0)
            enter(at, (const unsigned char *)p + skip);
        p += skip + length;
    }
}

void __unw_remove_dynamic_eh_frame_section(uintptr_t at)
{
    unsigned kept = 0;
    if (watch)
        watch();
    for (unsigned i = 0; i < n; i++)
        if (entries[i].by != at)
            entries[kept++] = entries[i];
    if (kept == n)
        abort(); /* nothing came in by that address */
    n = kept;
    walks++;
    if (watch)
        watch();
}

/* How often the entry of code that starts there is known. */
int knows(uint64_t start)
{
    int times = 0;
    for (unsigned i = 0; i < n; i++)
        times += entries[i].start == start;
    return times;
}
