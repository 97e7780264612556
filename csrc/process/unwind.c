/* unwind.c -- process: making the unwinder know code that it did not load.
** takes the address of a terminated .eh_frame block; gives a registration that can be taken back.
** What one unwinder was told is never taken back from another: libgcc aborts on a table that it
** does not know. So a registration remembers whom it told, and keeps that library in the process.
** Spec: LSB 5.0 core, chapter 10.6 "Exception Frames"; libgcc unwind-dw2-fde.c; LLVM libunwind.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "process/process.h"

#include <dlfcn.h>

/* Who may unwind in this process, the likeliest first. LLVM's libunwind has a __register_frame too,
** but that one takes a single entry, not a table: its own name for a table goes first. */
static const struct unwinder {
    const char *library; /* NULL: whatever is global */
    const char *add, *remove;
} unwinders[] = {
    {"libgcc_s.so.1", "__register_frame", "__deregister_frame"},
    {"libunwind.so.1", "__unw_add_dynamic_eh_frame_section",
     "__unw_remove_dynamic_eh_frame_section"},
    {NULL, "__unw_add_dynamic_eh_frame_section", "__unw_remove_dynamic_eh_frame_section"},
    {NULL, "__register_frame", "__deregister_frame"},
};

typedef void take_table(const void *eh_frame);

/* ISO C has no cast from an object pointer to a function pointer; POSIX has, through an integer. */
static take_table *function_of(void *handle, const char *name)
{
    return (take_table *)(uintptr_t)dlsym(handle, name);
}

/* Tells one unwinder, if the process has it already: nothing is loaded for this. */
static bool register_with(const struct unwinder *u, uint64_t eh_frame, ml_unwind *out)
{
    void *library = dlopen(u->library, RTLD_LAZY | (u->library ? RTLD_NOLOAD : 0));
    if (!library)
        return false;
    take_table *add = function_of(library, u->add), *remove = function_of(library, u->remove);
    if (!add || !remove) {
        dlclose(library);
        return false;
    }
    add((const void *)(uintptr_t)eh_frame);
    *out = (ml_unwind){eh_frame, remove, library};
    return true;
}

bool ml_unwind_register(uint64_t eh_frame, ml_unwind *out)
{
    *out = (ml_unwind){0};
    bool done = false;
    for (size_t i = 0; i < sizeof unwinders / sizeof *unwinders && !done; i++)
        done = register_with(&unwinders[i], eh_frame, out);
    dlerror(); /* what was not found is nobody's business */
    return done;
}

void ml_unwind_unregister(ml_unwind *u)
{
    if (u->remove)
        u->remove((const void *)(uintptr_t)u->eh_frame);
    if (u->library)
        dlclose(u->library);
    *u = (ml_unwind){0};
}
