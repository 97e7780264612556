/* features.c -- process: what glibc knows of the processor, for members of its static libraries.
** takes the name that the resolvers of libm.a and libmvec.a read; gives the process's own copy.
** Spec: none: it is private between the parts of one glibc. See Note [Features of the processor].
** SPDX-License-Identifier: MIT */
#include "process/process.h"

#include <string.h>

/* Note [Features of the processor]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** The indirect functions of libm.a and libmvec.a choose by _dl_x86_cpu_features, a variable that
** libc.a would define, together with a second C library. A dynamically linked process has the same
** record inside its loader, filled when the process started, and a function that tells where:
** _dl_x86_get_cpu_features (glibc 2.33 and later; GLIBC_PRIVATE). Static library and process come
** from one build of glibc where a distribution installs both, and so agree on the layout; glibc
** makes no promise beyond that, so that nothing else uses it. */

typedef const void *get_features(int max);

bool ml_library_features(const ml_library *self, const char *name, ml_provided *out)
{
    ml_provided get;
    if (strcmp(name, "_dl_x86_cpu_features") != 0 ||
        !ml_library_find(self, "_dl_x86_get_cpu_features", NULL, &get))
        return false;
    uint64_t addr = (uint64_t)(uintptr_t)((get_features *)(uintptr_t)get.addr)(0);
    *out = (ml_provided){.addr = addr, .provider = get.provider};
    return addr != 0;
}
