/* warn.c -- link: what is odd in a load, and no error.
** takes what the stages find; gives texts that live as long as the load.
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

#include <stdarg.h>
#include <stdio.h>

enum { WARNINGS = 20, TEXT = 600 };

void ml_warn(ml_txn *t, const char *fmt, ...)
{
    ml_linked *l = t->l;
    char text[TEXT];
    va_list args;
    if (++l->nwarnings > WARNINGS)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *own = ml_strdup(&l->keep, text);
    if (!own || (!l->warnings && !(l->warnings = ml_zalloc(&l->keep, WARNINGS, sizeof own))))
        l->nwarnings--; /* a load does not fail for want of a warning */
    else
        l->warnings[l->nwarnings - 1] = own;
}

const char *ml_linked_odd(const ml_linked *l, size_t i)
{
    return i < l->nwarnings && i < WARNINGS ? l->warnings[i] : NULL;
}

static void warn_symbol(ml_txn *t, const ml_input *in, const ml_isym *s, const char *name,
                        uint64_t past)
{
    ml_warn(t, "%s: symbol '%s' ends %llu bytes past section %s; clamped",
            ml_input_text(&t->scratch, in), name, (unsigned long long)past,
            ml_image_section(in->img, s->section).name);
}

void ml_warn_clamp(ml_txn *t, const ml_input *in, ml_isym *s, const char *name)
{
    uint64_t size = ml_image_section(in->img, s->section).size;
    uint64_t room = s->value < size ? size - s->value : 0;
    warn_symbol(t, in, s, name, s->size - room);
    s->size = room;
}

void ml_warn_common(ml_txn *t, const char *name, uint32_t common, uint64_t common_size,
                    uint32_t strong, uint64_t size)
{
    ml_warn(t, "common '%s' has %llu bytes in %s but its definition in %s has %llu", name,
            (unsigned long long)common_size, t->l->inputs[common].file, t->l->inputs[strong].file,
            (unsigned long long)size);
}
