/* splitstack.c -- link: code compiled with -fsplit-stack that calls code compiled without.
** takes objects that say .note.GNU-split-stack; gives their references other names, and their
** functions a larger claim. See Note [Split stacks].
** Spec: GCC wiki "SplitStacksInGCC"; GNU gold's --split-stack-adjust-size.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/hash.h"
#include "base/search.h"
#include "link/txn.h"

/* Note [Split stacks]
** ~~~~~~~~~~~~~~~~~~~
** A function of such an object compares the stack pointer, less its frame, with the end of the
** thread's current piece of stack, which %fs:0x70 holds, and calls __morestack of libgcc.a when the
** frame does not fit: that takes another piece. What the function calls may have been compiled
** without, printf say, and then takes what it likes. So gcc links such programs with gold, which
** does two things that are done here as well. A function that refers to a function without split
** stacks claims ADJUST bytes more (target->claim), and __morestack becomes __morestack_non_split,
** which makes a piece of a megabyte. The compiler's driver also has pthread_create go through
** libgcc's, which gives a new thread its %fs:0x70. In a thread that was made without, it is 0: all
** frames fit, and the stack is the thread's own. So it is in a program that begins, until the first
** constructor, which is libgcc's, measures the stack; here an earlier load's libgcc may have left
** its end there, and resolvers and .preinit_array would call __morestack of one that has not begun.
*/

enum { ADJUST = 0x4000 };

void ml_splitstack_rename(const ml_txn *t, const ml_input *in, const char **name, size_t *len,
                          uint32_t *hash)
{
    const char *other = NULL;
    if (!t->has_split)
        return;
    if (in->split_stack && strcmp(*name, "__morestack") == 0)
        other = "__morestack_non_split";
    else if (in->split_stack && strcmp(*name, "pthread_create") == 0)
        other = "__wrap_pthread_create";
    else if (strcmp(*name, "__real_pthread_create") == 0)
        other = "pthread_create";
    if (!other)
        return;
    *name = other;
    *len = strlen(other);
    *hash = ml_hash(other, *len);
}

/* A function of one section. */
typedef struct function {
    uint64_t start, end;
    bool claims; /* refers to a function without split stacks */
} function;

static int by_start(const void *a, const void *b)
{
    const function *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* The functions of a section, sorted; how many. */
static size_t functions_of(const ml_image *img, uint32_t section, function *v)
{
    size_t n = 0;
    for (uint32_t i = 1; i < img->nsymbols; i++) {
        ml_isym s = ml_image_symbol(img, i);
        if (s.section == section && s.type == ML_TYPE_FUNC && s.size &&
            ml_within(ml_image_section(img, section).data.n, s.value, s.size))
            v[n++] = (function){s.value, s.value + s.size, false};
    }
    qsort(v, n, sizeof *v, by_start);
    return n;
}

/* Does the symbol name a function that may take what it likes? Those of libgcc do not. */
static bool is_other(const ml_txn *t, const ml_input *in, uint32_t symbol)
{
    if (symbol < in->img->first_global)
        return false;
    const ml_entry *e = ml_input_bound(in, symbol - in->img->first_global);
    if (e->def == ML_DEF_SECTION)
        return e->type != ML_TYPE_OBJECT && !t->l->inputs[e->image].split_stack &&
               strncmp(e->name, "__morestack", 11) != 0;
    return e->def != ML_DEF_ZERO && e->def != ML_DEF_LINKER && e->type != ML_TYPE_OBJECT;
}

static void mark(function *v, size_t n, uint64_t offset)
{
    size_t before = ML_UPTO(v, n, start, offset);
    if (before && offset < v[before - 1].end)
        v[before - 1].claims = true;
}

static void adjust_section(ml_txn *t, const ml_input *in, const ml_irels *rels, function *v)
{
    size_t n = functions_of(in->img, rels->target, v);
    for (uint32_t k = 0; n && k < rels->count; k++) {
        ml_irel r = ml_image_rel(rels, k);
        if (is_other(t, in, r.symbol))
            mark(v, n, r.offset);
    }
    uint8_t *code = ml_section_view(t, in, rels->target);
    for (size_t i = 0; i < n; i++)
        if (v[i].claims && (i == 0 || v[i].start != v[i - 1].start))
            t->target->claim(code + v[i].start, (size_t)(v[i].end - v[i].start), ADJUST);
}

int ml_splitstack_adjust(ml_txn *t)
{
    for (uint32_t i = 0; t->has_split && i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        if (!in->split_stack)
            continue;
        function *v = ml_nalloc(&t->scratch, in->img->nsymbols, sizeof *v);
        if (!v)
            return ml_nomem(t->d);
        for (uint32_t k = 0; k < in->img->nrels; k++) {
            const ml_irels *rels = &in->img->rels[k];
            if (in->piece[rels->target] &&
                (ml_image_section(in->img, rels->target).flags & ML_SEC_EXEC))
                adjust_section(t, in, rels, v);
        }
    }
    return 0;
}

void ml_splitstack_begin(const ml_txn *t)
{
    const ml_entry *own = t->has_split ? ml_table_find_str(&t->l->names, "__morestack") : NULL;
    if (!own)
        own = t->has_split ? ml_table_find_str(&t->l->names, "__morestack_non_split") : NULL;
    if (own && own->def == ML_DEF_SECTION)
        *(uint64_t *)(uintptr_t)(ml_tls_pointer() + t->target->stack_end) = 0;
}
