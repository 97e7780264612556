/* lsda.c -- object: language-specific data of exceptions, as gcc lays it out, checked.
** takes the bytes of a .gcc_except_table and a function; gives the first thing that would lead a
** personality routine outside of the table, the function or the load.
** A header, then call sites sorted by address, then actions, then types, which are counted
** backwards from their end. Lists of types for exception specifications stand behind that end.
** A function that clang has split into parts: see ends_before_next_part.
** Spec: Itanium C++ ABI: Exception Handling, 2.5; gcc's except.c output_function_exception_table.
** SPDX-License-Identifier: MIT */
#include "base/leb128.h"
#include "base/slice.h"
#include "object/cfi.h"

/* Where the parts of one table are, as offsets into the section. */
typedef struct table {
    ml_lsda *l;
    uint64_t at;        /* what is read next */
    uint64_t pads;      /* address that landing pads count from */
    uint64_t sites_end; /* also where actions begin */
    uint64_t types;     /* end of the types; 0: there are none */
    uint8_t site, type; /* encodings */
    bool has_pads;      /* it says itself what they count from */
    uint64_t last;      /* the highest number of a type */
    uint64_t actions;   /* end of the actions that lead there */
} table;

static const char *const PAST = "goes past the end of its section";

/* Chains of actions may share their ends: what each call site leads to could be followed for ever.
** False when that has been done long enough. */
static bool step(ml_lsda *l)
{
    return *l->steps && (*l->steps)--;
}

static bool is_readable(uint8_t encoding)
{
    uint8_t base = encoding & ML_PE_BASE;
    return ml_pe_width(encoding) && (base == 0 || base == ML_PE_PCREL);
}

/* An encoded number of call sites: an offset, so that what it is relative to does not count. */
static bool number(table *t, uint64_t end, uint64_t *out)
{
    ml_lsda *l = t->l;
    if ((t->site & ML_PE_FORMAT) == ML_PE_ULEB128)
        return ml_uleb128(l->p, &t->at, end, out);
    unsigned width = ml_pe_width(t->site);
    if (end - t->at < width)
        return false;
    *out = ml_pe_raw(l->p, t->at, t->site);
    t->at += width;
    return true;
}

static const char *read_header(table *t)
{
    ml_lsda *l = t->l;
    uint64_t length;
    if (l->end - t->at < 3)
        return PAST;
    uint8_t pads = l->p[t->at++];
    t->pads = l->start;
    t->has_pads = pads != ML_PE_OMIT;
    if (t->has_pads) {
        unsigned width = ml_pe_width(pads);
        if (!is_readable(pads) || (pads & ML_PE_INDIRECT))
            return "has landing pads of an encoding that is not known";
        if (l->end - t->at < width)
            return PAST;
        t->pads = ml_pe_value(l->p, t->at, pads, l->addr);
        t->at += width;
    }
    if (l->end - t->at < 2)
        return PAST;
    t->type = l->p[t->at++];
    if (t->type != ML_PE_OMIT) {
        if (!is_readable(t->type))
            return "has types of an encoding that is not known";
        if (!ml_uleb128(l->p, &t->at, l->end, &length) || length > l->end - t->at)
            return PAST;
        t->types = t->at + length;
    }
    if (t->at >= l->end)
        return PAST;
    t->site = l->p[t->at++];
    if ((t->site & ~ML_PE_FORMAT) || (t->site != ML_PE_ULEB128 && !ml_pe_width(t->site)))
        return "has call sites of an encoding that is not known";
    if (!ml_uleb128(l->p, &t->at, l->end, &length) || length > l->end - t->at)
        return PAST;
    t->sites_end = t->at + length;
    return t->types && t->types < t->sites_end ? "has types in front of its call sites" : NULL;
}

/* Type number `filter`, from 1 backwards; or, below 0, a list of such numbers. */
static const char *check_filter(table *t, int64_t filter)
{
    ml_lsda *l = t->l;
    uint64_t type = 0, at;
    if (filter == 0)
        return NULL;
    if (!t->types)
        return "has a filter, and no types";
    uint64_t room = (t->types - t->sites_end) / ml_pe_width(t->type);
    if (filter > 0) {
        t->last = (uint64_t)filter > t->last ? (uint64_t)filter : t->last;
        return t->last <= room ? NULL : "names a type that it has not";
    }
    if ((uint64_t) - (filter + 1) >= l->end - t->types)
        return PAST;
    at = t->types + (uint64_t) - (filter + 1);
    do {
        if (!ml_uleb128(l->p, &at, l->end, &type) || !step(l))
            return PAST;
        t->last = type > t->last ? type : t->last;
        if (t->last > room)
            return "names a type that it has not";
    } while (type);
    return NULL;
}

/* The chain of actions that begins at `first`. */
static const char *check_actions(table *t, uint64_t first)
{
    ml_lsda *l = t->l;
    uint64_t end = t->types ? t->types : l->end, at = t->sites_end + first;
    int64_t filter, next;
    if (first >= end - t->sites_end)
        return "has an action outside of its table";
    while (step(l)) {
        if (!ml_sleb128(l->p, &at, end, &filter))
            return PAST;
        uint64_t from = at;
        const char *wrong = check_filter(t, filter);
        if (wrong)
            return wrong;
        if (!ml_sleb128(l->p, &at, end, &next))
            return PAST;
        t->actions = at > t->actions ? at : t->actions;
        if (next == 0)
            return NULL;
        at = from + (uint64_t)next;
        if (at < t->sites_end || at >= end)
            return "has an action outside of its table";
    }
    return "has chains of actions that take too long to follow";
}

static const char *check_site(table *t)
{
    ml_lsda *l = t->l;
    uint64_t start, size, pad, action;
    if (!number(t, t->sites_end, &start) || !number(t, t->sites_end, &size) ||
        !number(t, t->sites_end, &pad) || !ml_uleb128(l->p, &t->at, t->sites_end, &action))
        return "has a call site that is cut off";
    if (start > l->size || size > l->size - start)
        return "has a call site outside of the function";
    if (pad && t->pads + pad - l->text >= l->text_size)
        return "has a landing pad outside of the load's code";
    return action ? check_actions(t, action - 1) : NULL;
}

/* Another table of the same parts begins at `at`. */
static bool is_next_part(const table *t, uint64_t at)
{
    ml_lsda l = *t->l;
    table next = {.l = &l, .at = at};
    return !read_header(&next) && next.has_pads && next.pads == t->pads &&
           next.sites_end == t->sites_end && next.types == t->types && next.type == t->type &&
           next.site == t->site;
}

/* Where clang splits a function (-fsplit-machine-functions, -fbasic-block-sections), each part has
** a table, and all share the actions behind the last one: the call sites of each, by their length,
** reach to there and take in the tables that follow, each perhaps at a multiple of four bytes. A
** personality routine reads these as call sites only for code that has none: it must not throw. */
static bool ends_before_next_part(const table *t)
{
    uint64_t at = t->at;
    if (!t->has_pads || is_next_part(t, at))
        return t->has_pads;
    while (at % 4 && at < t->sites_end && !t->l->p[at])
        at++;
    return at % 4 == 0 && at < t->sites_end && is_next_part(t, at);
}

const char *ml_lsda_check(ml_lsda *l)
{
    table t = {.l = l, .at = l->at};
    const char *wrong = read_header(&t);
    while (!wrong && t.at < t.sites_end && !ends_before_next_part(&t)) {
        l->at = t.at;
        wrong = step(l) ? check_site(&t) : "is read by too many functions";
    }
    if (!wrong && t.last && t.last > (t.types - t.actions) / ml_pe_width(t.type))
        wrong = "names a type that it has not";
    return wrong;
}
