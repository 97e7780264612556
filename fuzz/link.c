/* link.c -- fuzz: any bytes as an object or archive that is linked beside good ones, from begin to
** abort. Nothing is ever run: a link ends before the commit. The last byte chooses the options.
** What may happen is an error; what is linked is read to its last byte.
** SPDX-License-Identifier: MIT */
#include "link/link.h"

#include "fuzz.h"
#include "link/debug.h"
#include "link/places.h"
#include "link/txn.h"
#include "object/image.h"
#include "target/target.h"

enum { AT = 0x10000000, MOST = 64 << 20 };

/* ---- the good partner: one object with a text section and names that the seeds refer to ---- */

static const char NAMES[] = "\0g\0far\0_ZN1AC1Ev\0_ZN1AD1Ev\0common\0use";
static const char SECTIONS[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
enum { TEXT = 64, TEXT_SIZE = 64, SYM = 24, SHDR = 64, NSYMS = 7, NSECTIONS = 5 };
enum { SYMTAB = TEXT + TEXT_SIZE, STRTAB = SYMTAB + NSYMS * SYM, SHSTRTAB = STRTAB + sizeof NAMES,
       HEADERS = (SHSTRTAB + sizeof SECTIONS + 7) & ~7u, OBJECT = HEADERS + NSECTIONS * SHDR };

static void section(uint8_t *headers, unsigned i, unsigned name, unsigned type, unsigned flags,
                    unsigned offset, unsigned length)
{
    uint8_t *h = headers + i * SHDR;
    ml_put32(h, name);
    ml_put32(h + 4, type);
    ml_put64(h + 8, flags);
    ml_put64(h + 24, offset);
    ml_put64(h + 32, length);
    ml_put64(h + 48, 1);
}

/* Spec: gABI chapter 4. */
static void make_object(uint8_t *o)
{
    static const uint8_t head[20] = {0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 1, [18] = 62};
    memset(o, 0, OBJECT);
    memcpy(o, head, sizeof head);
    ml_put32(o + 20, 1);
    ml_put64(o + 40, HEADERS);
    ml_put16(o + 52, 64);
    ml_put16(o + 58, SHDR);
    ml_put16(o + 60, NSECTIONS);
    ml_put16(o + 62, 4);
    memset(o + TEXT, 0xc3, TEXT_SIZE);
    memcpy(o + STRTAB, NAMES, sizeof NAMES);
    memcpy(o + SHSTRTAB, SECTIONS, sizeof SECTIONS);
    for (unsigned i = 1, name = 1; i < NSYMS; i++) {
        uint8_t *s = o + SYMTAB + i * SYM;
        ml_put32(s, name);
        s[4] = (uint8_t)((i == 6 ? ML_BIND_WEAK : ML_BIND_GLOBAL) << 4 | ML_TYPE_FUNC);
        ml_put16(s + 6, 1);
        ml_put64(s + 8, i * 8);
        ml_put64(s + 16, 8);
        name += (unsigned)strlen(NAMES + name) + 1;
    }
    uint8_t *h = o + HEADERS;
    section(h, 1, 1, 1, 6, TEXT, TEXT_SIZE);
    section(h, 2, 7, 2, 0, SYMTAB, NSYMS * SYM);
    ml_put32(h + 2 * SHDR + 40, 3);
    ml_put32(h + 2 * SHDR + 44, 1);
    ml_put64(h + 2 * SHDR + 56, SYM);
    section(h, 3, 15, 3, 0, STRTAB, sizeof NAMES);
    section(h, 4, 23, 3, 0, SHSTRTAB, sizeof SECTIONS);
}

/* An archive without an index that holds the object. Spec: ar(5). */
static size_t make_archive(const uint8_t *object, uint8_t *to)
{
    static const char head[] = "!<arch>\ngood.o/         0           0     0     644     ";
    memset(to, ' ', 8 + 60);
    memcpy(to, head, sizeof head - 1);
    char digits[11] = "          ";
    for (unsigned n = OBJECT, i = 0, place = 10000; place; place /= 10)
        digits[i++] = (char)('0' + n / place % 10);
    memcpy(to + 8 + 48, digits, 10);
    to[8 + 58] = '`';
    to[8 + 59] = '\n';
    memcpy(to + 68, object, OBJECT);
    return 68 + OBJECT;
}

/* ---- the input ---- */

static uint64_t at_most(uint64_t size)
{
    return size <= MOST ? size : MOST + 1;
}

/* Whether an object asks for so much memory that there is nothing to learn from giving it. */
static bool too_large(ml_slice bytes)
{
    ml_diag d;
    ml_arena a = {0};
    ml_diag_init(&d);
    const ml_image *img;
    uint64_t total = 0;
    if (ml_image_parse(&d, &a, "fuzz.o", NULL, bytes, ml_target_x86_64.machine, &img) == 0) {
        for (uint32_t i = 1; i < img->nsections && total <= MOST; i++) {
            const ml_isec s = ml_image_section(img, i);
            if (s.flags & ML_SEC_ALLOC)
                total += at_most(s.size) + s.align;
        }
        for (uint32_t i = 1; i < img->nsymbols && total <= MOST; i++)
            if (ml_image_symbol(img, i).section == ML_SEC_COMMON)
                total += at_most(ml_image_symbol(img, i).size);
    }
    ml_arena_free(&a);
    ml_diag_free(&d);
    return total > MOST;
}

static ml_options options_of(uint8_t choice)
{
    return (ml_options){
        .scope = {{.kind = ML_SCOPE_SELF}, {.kind = ML_SCOPE_ARCHIVES}, {.kind = ML_SCOPE_ASK}},
        .nscope = 3,
        .duplicate = (ml_on_duplicate)(choice >> 1 & 1),
        .weak = choice & 4 ? ML_WEAK_OWN : ML_WEAK_FIRST,
        .zone = choice & 8 ? ML_ZONE_LOW : ML_ZONE_NEAR,
        .fixed = !(choice & 1),
        .at = AT,
        .relax = !(choice & 16),
        .count = (ml_counting)(choice % 3),
        .merge = choice & 128,
    };
}

/* Addresses near, far and none, by turns. */
static int answer(ml_txn *t, const char *name, size_t i)
{
    switch (i & 3) {
    case 0: return ml_txn_answer_address(t, name, UINT32_MAX, AT + 0x100000, "near");
    case 1: return ml_txn_answer_address(t, name, UINT32_MAX, UINT64_C(0x7fff12345678), "far");
    case 2: return ml_txn_answer_zero(t, name);
    default: return ml_txn_answer_name(t, name, UINT32_MAX, "g");
    }
}

static int resolve(ml_txn *t)
{
    int rc;
    for (int round = 0; round < 100 && (rc = ml_txn_resolve(t)) == 1; round++) {
        const char *names[64];
        unsigned scope;
        size_t n = 0;
        while (n < 64 && (names[n] = ml_txn_asked(t, n, &scope)))
            n++;
        for (size_t i = 0; i < n; i++)
            if (answer(t, names[i], i) < 0)
                return -1;
    }
    return rc;
}

static void read_names(ml_txn *t)
{
    const ml_linked *l = ml_txn_linked(t);
    ml_symbol_info s;
    for (size_t i = 0; i < 500 && ml_linked_symbol(l, i, &s); i++) {
        touch((ml_slice){(const uint8_t *)s.name, strlen(s.name)});
        check(s.how != NULL);
        ml_cursor c = {0};
        ml_reference r;
        if (i < 8 && ml_txn_reference(t, s.name, &c, &r))
            check(r.section != NULL);
    }
    ml_duplicate dup;
    for (size_t i = 0; i < 500 && ml_txn_duplicate(t, i, &dup); i++)
        ml_txn_choose(t, i, i & 1);
}

static void read_result(ml_txn *t)
{
    const ml_linked *l = ml_txn_linked(t);
    uint64_t base;
    touch(ml_txn_bytes(t, &base));
    ml_section_info s;
    ml_block b = ml_linked_block(l);
    for (size_t i = 0; ml_linked_section(l, i, &s); i++) {
        touch((ml_slice){(const uint8_t *)s.name, strlen(s.name)});
        check(ml_within(b.size, s.addr - b.addr, s.size) ||
              ml_within(l->large.size, s.addr - l->large.addr, s.size));
    }
}

/* What debuggers would see of it, and names by address. */
static void read_seen(ml_txn *t)
{
    ml_debug g = {0};
    ml_named v;
    check(ml_symfile_make(t, ML_DEBUG_ALL, &g) == 0);
    touch((ml_slice){g.file, g.size});
    const ml_lines *l = ml_debug_lines(&g);
    for (size_t i = 0; i < l->n; i++)
        ml_lines_file(l, &l->v[i], NULL, 0);
    for (size_t i = 0; i < 500 && ml_linked_named(ml_txn_linked(t), i, &v); i++)
        touch((ml_slice){(const uint8_t *)v.name, strlen(v.name)});
    ml_heap_free(g.file);
    ml_arena_free(&g.keep);
}

static int add_all(ml_txn *t, ml_slice bytes, uint8_t choice)
{
    uint8_t object[OBJECT], archive[OBJECT + 68];
    ml_kind kind;
    make_object(object);
    size_t n = make_archive(object, archive);
    static const ml_edit weak = {.definition = "f2", .reference = "g", .weak = true};
    int rc = choice & 128 ? ml_txn_edit(t, "f", &weak) : 0;
    if (rc == 0)
        rc = ml_txn_add_bytes(t, "fuzz", bytes, choice & 32, &kind);
    ml_txn_edit_end(t);
    if (rc == 0 && (choice & 64))
        rc = ml_txn_add_bytes(t, "good.o", (ml_slice){object, OBJECT}, false, &kind);
    if (rc == 0)
        rc = ml_txn_add_bytes(t, "good.a", (ml_slice){archive, n}, false, &kind);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ml_slice bytes = {data, size};
    uint8_t choice = size ? data[size - 1] : 0;
    ml_diag d;
    ml_diag_init(&d);
    ml_options o = options_of(choice);
    ml_txn *t = NULL;
    if (too_large(bytes))
        return -1;
    ml_session *s = ml_session_new();
    check(s && ml_txn_begin(s, &d, &o, &t) == 0);
    int rc = add_all(t, bytes, choice);
    if (rc == 0)
        rc = resolve(t);
    if (rc == 0 && (choice & 128))
        rc = ml_txn_strip(t, choice & 32);
    if (rc == 0) {
        read_names(t);
        rc = ml_txn_link(t);
    }
    if (rc == 0) {
        read_result(t);
        read_seen(t);
    }
    check(rc >= 0 || d.count > 0);
    ml_txn_abort(t);
    ml_session_free(s);
    ml_diag_free(&d);
    return 0;
}
