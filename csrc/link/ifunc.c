/* ifunc.c -- link: indirect functions (STT_GNU_IFUNC): symbols whose address a resolver chooses.
** takes a scanned load; gives each indirect function one stub and one slot, and fills the slots.
** See Note [Indirect functions]. Spec: the GNU gABI extension "STT_GNU_IFUNC"; x86-64 psABI 4.4.1
** (R_X86_64_IRELATIVE: a resolver takes no arguments and returns the address).
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "link/txn.h"
#include "process/resolver.h"

/* Note [Indirect functions]
** ~~~~~~~~~~~~~~~~~~~~~~~~~
** Calls, GOT slots, data words and distances are all relocated before any resolver can run, and a
** program may compare what it got by one way with what it got by another. So the address of an
** indirect function is that of its stub, for all uses and for later units; only the stub's slot
** holds what the resolver returned. ld does the same for an executable that takes the address of
** one. Two symbols at one place are one function, with one stub.
**
** A resolver may call another indirect function. Its slot may be empty at that time, so every slot
** starts with the address of a lazy stub, as in a lazily bound PLT: it names the slot to
** process/resolver_x86_64.c, which has the resolver run first (run_one), and goes on to what that
** returned. A resolver that ends up in itself, or one without an address, is an error of the load;
** the call that found out gets a function that does nothing, so that the resolver can come back.
**
** The pieces, n functions: text holds n stubs, then the head of the lazy stubs and n of those, all
** of the target's stub size; the constants hold two words for the lazy head and n slots. These
** become read-only when all slots are filled. No foreign code runs before commit: `check` and links
** for an address only place the stubs. */

enum { HEAD_SLOTS = 2 };

static int by_place(const void *a, const void *b)
{
    const ml_ifunc *x = a, *y = b;
    if (x->input != y->input)
        return x->input < y->input ? -1 : 1;
    if (x->section != y->section)
        return x->section < y->section ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

/* ---- placing ---- */

static bool is_local_ifunc(const ml_input *in, const ml_isym *s)
{
    return s->type == ML_TYPE_IFUNC && s->section < in->img->nsections && in->piece[s->section];
}

static bool is_global_ifunc(const ml_entry *e)
{
    return e->type == ML_TYPE_IFUNC && e->def == ML_DEF_SECTION && !(e->flags & ML_ENT_NOWHERE);
}

/* Walks all of them: counts when v is NULL. */
static size_t list(const ml_txn *t, ml_ifunc *v)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->l->ninputs; i++) {
        const ml_input *in = &t->l->inputs[i];
        for (uint32_t k = 1; k < in->img->first_global; k++) {
            ml_isym s = ml_image_symbol(in->img, k);
            if (!is_local_ifunc(in, &s))
                continue;
            if (v)
                v[n] = (ml_ifunc){.input = i, .section = s.section, .value = s.value, .symbol = k};
            n++;
        }
    }
    for (uint32_t i = 0; i < t->l->names.count; i++) {
        const ml_entry *e = ml_table_awake(&t->l->names, i);
        if (!e || !is_global_ifunc(e))
            continue;
        if (v)
            v[n] = (ml_ifunc){
                .input = e->image, .section = e->section, .value = e->value, .symbol = e->symbol};
        n++;
    }
    return n;
}

/* The place of one, for messages. */
static ml_where where(const ml_txn *t, const ml_ifunc *f)
{
    const ml_input *in = &t->l->inputs[f->input];
    return (ml_where){.file = in->file,
                      .member = in->member,
                      .section = ml_image_section(in->img, f->section).name,
                      .offset = f->value,
                      .has_offset = true,
                      .symbol = ml_image_symbol_name(in->img, f->symbol)};
}

static int refuse_image(ml_txn *t, const ml_ifunc *f)
{
    return ml_fail(t->d, ML_E_UNSUPPORTED, where(t, f),
                   "define the function without an ifunc attribute, or load it",
                   "only a running process can choose an indirect function (STT_GNU_IFUNC)");
}

static int refuse_place(ml_txn *t, const ml_ifunc *f)
{
    return ml_fail(t->d, ML_E_FORMAT, where(t, f), NULL,
                   "the resolver of an indirect function is no code of its object");
}

/* Is the resolver inside a section of code? */
static bool in_code(const ml_txn *t, const ml_ifunc *f)
{
    const ml_isec s = ml_image_section(t->l->inputs[f->input].img, f->section);
    return (s.flags & ML_SEC_EXEC) && f->value < s.size;
}

int ml_ifunc_collect(ml_txn *t)
{
    t->nifuncs = 0;
    if (!t->has_ifunc)
        return 0;
    size_t n = list(t, NULL);
    t->ifuncs = ml_nalloc(&t->scratch, n, sizeof *t->ifuncs);
    if (!t->ifuncs || n >= UINT32_MAX / 4)
        return ml_nomem(t->d);
    list(t, t->ifuncs);
    qsort(t->ifuncs, n, sizeof *t->ifuncs, by_place);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || by_place(&t->ifuncs[t->nifuncs - 1], &t->ifuncs[i]) != 0)
            t->ifuncs[t->nifuncs++] = t->ifuncs[i];
    for (uint32_t i = 0; i < t->nifuncs; i++) {
        const ml_ifunc *f = &t->ifuncs[i];
        if (t->o.fixed)
            return refuse_image(t, f);
        if (!in_code(t, f))
            return refuse_place(t, f);
        ml_input *in = &t->l->inputs[f->input];
        if (i == 0 || f[-1].input != f->input) {
            in->ifuncs = f;
            in->nifuncs = 0;
        }
        in->nifuncs++;
    }
    return 0;
}

void ml_ifunc_pieces(ml_txn *t)
{
    uint64_t n = t->nifuncs;
    t->piece_islots = t->piece_istubs = 0;
    if (!n)
        return;
    t->piece_islots = ml_piece_add(t, ML_CLASS_CONST, (n + HEAD_SLOTS) * ML_GOT_SLOT, ML_GOT_SLOT);
    t->piece_istubs = ml_piece_add(t, ML_CLASS_TEXT, (2 * n + 1) * t->target->stub_size, 16);
}

/* Where the parts of number i lie, counted from the start of their piece. */
static uint64_t stub_offset(const ml_txn *t, uint64_t i)
{
    return i * t->target->stub_size;
}

static uint64_t lazy_offset(const ml_txn *t, uint64_t i)
{
    return (t->nifuncs + 1 + i) * t->target->stub_size;
}

static uint64_t slot_offset(uint64_t i)
{
    return (HEAD_SLOTS + i) * ML_GOT_SLOT;
}

void ml_ifunc_place(ml_txn *t)
{
    uint64_t stubs = ml_piece_addr(t, t->piece_istubs);
    for (uint32_t i = 0; i < t->nifuncs; i++)
        t->ifuncs[i].stub = stubs + stub_offset(t, i);
}

uint64_t ml_ifunc_address(const ml_input *in, uint32_t section, uint64_t value)
{
    const ml_ifunc key = {.section = section, .value = value};
    uint32_t lo = 0, hi = in->nifuncs;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const ml_ifunc *f = &in->ifuncs[mid];
        int order = by_place(&key, &(ml_ifunc){.section = f->section, .value = f->value});
        if (order == 0)
            return f->stub;
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return 0;
}

int ml_ifunc_write(ml_txn *t)
{
    if (!t->nifuncs)
        return 0;
    uint8_t *text = ml_piece_view(t, t->piece_istubs), *slots = ml_piece_view(t, t->piece_islots);
    uint64_t at = ml_piece_addr(t, t->piece_istubs), slot = ml_piece_addr(t, t->piece_islots);
    uint64_t head = lazy_offset(t, 0) - t->target->stub_size;
    bool ok = t->target->lazy_head(text + head, at + head, slot);
    for (uint32_t i = 0; ok && i < t->nifuncs; i++) {
        uint64_t lazy = lazy_offset(t, i);
        ok = t->target->stub(text + stub_offset(t, i), at + stub_offset(t, i),
                             slot + slot_offset(i));
        t->target->lazy(text + lazy, at + lazy, i, at + head);
        ml_put64(slots + slot_offset(i), at + lazy);
    }
    return ok ? 0
              : ml_fail(t->d, ML_E_RANGE, where(t, t->ifuncs), "load it in parts",
                        "the stub is out of reach of its slot");
}

/* ---- resolving ---- */

static int refuse_target(ml_txn *t, const ml_ifunc *f, uint64_t target)
{
    if (target == 0)
        return ml_fail(t->d, ML_E_INIT, where(t, f),
                       "the resolver finds nothing for this processor, or is wrong",
                       "the resolver of an indirect function returned no address");
    return ml_fail(t->d, ML_E_INIT, where(t, f), NULL,
                   "the resolver of an indirect function returned 0x%llx, where there is no code",
                   (unsigned long long)target);
}

static bool is_code(const ml_txn *t, uint64_t addr)
{
    return ml_linked_is_code(t->l, addr) || ml_process_is_code(addr);
}

/* What run_one works on. rc: 0, or what the first resolver that failed has recorded. */
typedef struct run {
    ml_txn *t;
    int rc;
} run;

/* Calls the resolver of f; 0 when an error was recorded. */
static uint64_t choose(run *r, ml_ifunc *f)
{
    ml_txn *t = r->t;
    ml_caught caught;
    uint64_t target = 0, resolver = ml_section_base(&t->l->inputs[f->input], f->section) + f->value;
    f->running = true;
    bool returned = ml_process_choose(resolver, &target, &caught);
    f->running = false;
    if (!returned)
        r->rc = ml_fail(t->d, ML_E_INIT, where(t, f), NULL,
                        "the resolver of an indirect function raised %s%s%s", caught.type,
                        caught.what[0] ? ": " : "", caught.what);
    else if (r->rc == 0 && (target == 0 || !is_code(t, target)))
        r->rc = refuse_target(t, f, target);
    return r->rc == 0 ? target : 0;
}

/* The address that belongs into slot i: its resolver runs, unless it has. What it calls may lead
** here again. */
static uint64_t run_one(void *ud, uint64_t i)
{
    run *r = ud;
    ml_txn *t = r->t;
    ml_ifunc *f = &t->ifuncs[i];
    if (f->target || r->rc < 0) /* after a failure everything comes to an end */
        return f->target;
    if (f->running) {
        r->rc =
            ml_fail(t->d, ML_E_INIT, where(t, f), "resolvers must not call each other in a circle",
                    "the resolver of an indirect function needs the function itself");
        return 0;
    }
    f->target = choose(r, f);
    if (f->target)
        ml_put64(ml_piece_view(t, t->piece_islots) + slot_offset(i), f->target);
    return f->target;
}

int ml_ifunc_resolve(ml_txn *t)
{
    if (!t->nifuncs)
        return 0;
    run r = {.t = t};
    ml_lazy lazy = {.resolve = run_one, .ud = &r, .save = ml_tlsdesc_save()};
    uint8_t *words = ml_piece_view(t, t->piece_islots);
    ml_put64(words, (uint64_t)(uintptr_t)&lazy);
    ml_put64(words + ML_GOT_SLOT, ml_process_lazy());
    for (uint32_t i = 0; i < t->nifuncs && r.rc == 0; i++)
        run_one(&r, i);
    memset(words, 0, HEAD_SLOTS * ML_GOT_SLOT);
    return r.rc < 0 ? r.rc : ml_protect_seal(t, ML_PART_CONST, ML_PART_CONST);
}
