/* cxx.c -- process: exceptions as C++ runtimes make them.
** Invariant: what is read here was made by a C++ runtime of this process, not by a file.
** SPDX-License-Identifier: MIT */
#include "process/cxx.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "process/guard.h"
#include "process/runtime.h"

/* struct _Unwind_Exception. */
typedef struct unwind_header {
    uint64_t class; /* vendor and language, then 0, or 1 for a dependent exception */
    void (*cleanup)(int reason, void *exception);
    uint64_t reserved[2];
} unwind_header;

/* Where struct __cxa_exception keeps things, from its unwind header on. A dependent exception
** (std::rethrow_exception) stands for a primary one; there the vendors differ. */
enum {
    AT_TYPE = -80,         /* type_info *; GNU, dependent: the primary exception's object */
    AT_LLVM_PRIMARY = -88, /* LLVM, dependent: the primary exception's object */
    AT_OBJECT = 32         /* the object itself */
};

#define GNU_CLASS  UINT64_C(0x474e5543432b2b00) /* "GNUCC++\0" */
#define LLVM_CLASS UINT64_C(0x434c4e47432b2b00) /* "CLNGC++\0" */

enum { FOREIGN_EXCEPTION_CAUGHT = 1, DEEPEST = 64 };

/* What was thrown. */
typedef struct thrown {
    const void *type; /* type_info */
    const char *object;
} thrown;

static const void *pointer_at(const void *p, ptrdiff_t offset)
{
    const void *value;
    memcpy(&value, (const char *)p + offset, sizeof value);
    return value;
}

/* False when no C++ runtime that is known here made it. */
static bool look_into(const unwind_header *e, thrown *t)
{
    bool dependent = e->class & 0xff;
    uint64_t vendor = e->class & ~UINT64_C(0xff);
    if (vendor != GNU_CLASS && vendor != LLVM_CLASS)
        return false;
    t->type = pointer_at(e, AT_TYPE);
    t->object = (const char *)e + AT_OBJECT;
    if (dependent && vendor == LLVM_CLASS) {
        t->object = pointer_at(e, AT_LLVM_PRIMARY);
    } else if (dependent) {
        t->object = t->type;
        t->type = pointer_at(t->object, AT_TYPE - AT_OBJECT);
    }
    return t->type && t->object;
}

/* std::type_info::name(): a star in front says that only the address tells types apart. */
static const char *name_of(const void *type)
{
    const char *name = pointer_at(type, 8);
    return name ? name + (*name == '*') : "";
}

/* What kind of type_info it is: the name of its own dynamic type. */
static const char *kind_of(const void *type)
{
    const void *vtable = pointer_at(type, 0);
    const void *own = vtable ? pointer_at(vtable, -8) : NULL;
    return own ? name_of(own) : "";
}

/* The public base called `name` of an object, the object itself included; NULL when there is none.
** By name: each library may have type_info objects of its own. */
static const char *base_of(const void *type, const char *object, const char *name, int depth)
{
    if (strcmp(name_of(type), name) == 0)
        return object;
    const char *kind = kind_of(type);
    if (depth >= DEEPEST)
        return NULL;
    if (strcmp(kind, "N10__cxxabiv120__si_class_type_infoE") == 0)
        return base_of(pointer_at(type, 16), object, name, depth + 1);
    if (strcmp(kind, "N10__cxxabiv121__vmi_class_type_infoE") != 0)
        return NULL;
    uint32_t count;
    memcpy(&count, (const char *)type + 20, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        const char *entry = (const char *)type + 24 + (size_t)i * 16;
        int64_t flags;
        memcpy(&flags, entry + 8, sizeof flags);
        ptrdiff_t offset = (ptrdiff_t)(flags >> 8);
        if (!(flags & 2)) /* not public */
            continue;
        if (flags & 1) /* virtual: the offset stands in the object's vtable */
            memcpy(&offset, (const char *)pointer_at(object, 0) + offset, sizeof offset);
        const char *base = base_of(pointer_at(entry, 0), object + offset, name, depth + 1);
        if (base)
            return base;
    }
    return NULL;
}

/* ---- what it says ---- */

/* Copies text that ends in NUL, as far as it can be read. */
static void copy_text(uint64_t from, char *to, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && ml_os_peek(from + n, to + n, 1) && to[n])
        n++;
    to[n] = 0;
}

typedef struct question {
    const char *exception; /* a std::exception */
    const char *answer;
} question;

/* std::exception: two destructors, then what(). */
static void ask_what(void *ud)
{
    question *q = ud;
    typedef const char *what_fn(const void *self);
    what_fn *what = (what_fn *)(uintptr_t)pointer_at(pointer_at(q->exception, 0), 16);
    q->answer = what(q->exception);
}

static void write_what(const char *exception, char *to, size_t size)
{
    question q = {exception, NULL};
    void *inner;
    if (!ml_guard_run(ask_what, &q, &inner))
        ml_cxx_end(inner, NULL);
    else if (q.answer)
        copy_text((uint64_t)(uintptr_t)q.answer, to, size);
}

/* A std::string, whose full name is longer than most messages. libstdc++'s, new or old, starts with
** a pointer to the text; libc++'s first bit tells whether the text stands in the object itself. */
static bool write_string(const thrown *t, const char *name, ml_caught *c)
{
    bool gnu = strcmp(name, "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE") == 0 ||
               strcmp(name, "Ss") == 0;
    bool llvm = strcmp(name, "NSt3__112basic_stringIcNS_11char_traitsIcEENS_9allocatorIcEEEE") == 0;
    if (!gnu && !llvm)
        return false;
    const char *text = gnu              ? pointer_at(t->object, 0)
                       : *t->object & 1 ? pointer_at(t->object, 16)
                                        : t->object + 1;
    snprintf(c->type, sizeof c->type, "std::string");
    copy_text((uint64_t)(uintptr_t)text, c->what, sizeof c->what);
    return true;
}

/* The value of a fundamental type. Signed ones are widened with their sign. */
static bool write_number(const thrown *t, char type, char *to, size_t size)
{
    union {
        int64_t i;
        double d;
        float f;
        char bytes[8];
    } v = {.i = 0};
    static const char codes[] = "bcahstijlmxyfd", widths[] = "11112244888848";
    const char *at = strchr(codes, type);
    if (!at)
        return false;
    unsigned bytes = (unsigned)(widths[at - codes] - '0');
    memcpy(v.bytes, t->object, bytes);
    if (type == 'd' || type == 'f')
        return snprintf(to, size, "%.17g", type == 'd' ? v.d : (double)v.f) > 0;
    if (strchr("casilx", type))
        v.i = (int64_t)((uint64_t)v.i << (64 - 8 * bytes)) >> (64 - 8 * bytes);
    return snprintf(to, size, strchr("casilx", type) ? "%" PRId64 : "%" PRIu64, v.i) > 0;
}

/* Whose runtime has raised it, when that is none of C++. */
static const char *language_of(const unwind_header *e)
{
    static const char known[][2][12] = {
        {"GNU-Ada", "Ada"}, {"GNUCD", "D"}, {"GNUCGO", "Go"}, {"GNUCOBJC", "Objective-C"}};
    char class[8];
    for (unsigned i = 0; i < 8; i++)
        class[i] = (char)(e->class >> (56 - 8 * i));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(class, known[i][0], sizeof class) == 0)
            return known[i][1];
    return NULL;
}

static void describe(const unwind_header *e, ml_caught *c)
{
    thrown t;
    c->type[0] = c->what[0] = 0;
    c->language = language_of(e);
    if (!look_into(e, &t))
        return;
    const char *name = name_of(t.type);
    snprintf(c->type, sizeof c->type, "%s", name);
    ml_cxx_demangle(name, (uint64_t)(uintptr_t)e->cleanup, false, c->type, sizeof c->type);
    const char *exception = base_of(t.type, t.object, "St9exception", 0);
    if (exception)
        write_what(exception, c->what, sizeof c->what);
    else if (strcmp(name, "PKc") == 0 || strcmp(name, "Pc") == 0)
        copy_text((uint64_t)(uintptr_t)pointer_at(t.object, 0), c->what, sizeof c->what);
    else if (name[0] && !name[1])
        write_number(&t, name[0], c->what, sizeof c->what);
    else
        write_string(&t, name, c);
}

/* ---- the end ---- */

typedef struct ending {
    unwind_header *e;
    void *(*begin)(void *exception);
    void (*end)(void);
} ending;

static void end_it(void *ud)
{
    const ending *x = ud;
    x->begin(x->e);
    x->end();
}

/* One of nobody's is only deleted (_Unwind_DeleteException). */
static void delete_it(void *ud)
{
    const ending *x = ud;
    if (x->e->cleanup)
        x->e->cleanup(FOREIGN_EXCEPTION_CAUGHT, x->e);
}

/* The functions of the runtime that raised it: it is the one that made the cleanup function. An
** exception of another vendor is caught by any runtime, but only its own can count it. */
void ml_cxx_end(void *exception, ml_caught *caught)
{
    ending x = {.e = exception};
    void *inner;
    if (caught)
        describe(x.e, caught);
    uint64_t inside = (uint64_t)(uintptr_t)x.e->cleanup;
    uint64_t begin = inside ? ml_runtime_find(inside, ML_RT_BEGIN_CATCH) : 0;
    uint64_t end = begin ? ml_runtime_find(inside, ML_RT_END_CATCH) : 0;
    x.begin = (void *(*)(void *))(uintptr_t)begin;
    x.end = (void (*)(void))(uintptr_t)end;
    if (!ml_guard_run(end ? end_it : delete_it, &x, &inner)) /* its destructor raised another */
        ml_cxx_end(inner, NULL);
}

void ml_caught_text(const ml_caught *caught, char *buf, size_t size)
{
    if (!caught->type[0] && caught->language)
        snprintf(buf, size, "an exception of %s", caught->language);
    else if (!caught->type[0])
        snprintf(buf, size, "a foreign exception");
    else
        snprintf(buf, size, "C++ exception %s%s%s", caught->type, caught->what[0] ? ": " : "",
                 caught->what);
}

/* ---- names ---- */

bool ml_cxx_demangle(const char *name, uint64_t inside, bool open, char *buf, size_t size)
{
    typedef char *demangle_fn(const char *name, char *buffer, size_t *size, int *status);
    typedef void free_fn(void *p);
    uint64_t fn = inside ? ml_runtime_find(inside, ML_RT_DEMANGLE) : 0;
    void *self = dlopen(NULL, RTLD_LAZY), *library = NULL;
    if (!fn && (library = dlopen("libstdc++.so.6", RTLD_LAZY | (open ? 0 : RTLD_NOLOAD))))
        fn = (uint64_t)(uintptr_t)dlsym(library, ml_runtime_name(ML_RT_DEMANGLE));
    /* The process's free, not the one beside the runtime: a preloaded malloc may make the text. */
    free_fn *release = self ? (free_fn *)(uintptr_t)dlsym(self, "free") : NULL;
    bool ok = false;
    if (fn && release) {
        int status = -1;
        char *made = ((demangle_fn *)(uintptr_t)fn)(name, NULL, NULL, &status);
        ok = status == 0 && made;
        if (ok)
            snprintf(buf, size, "%s", made);
        release(made);
    }
    if (library)
        dlclose(library);
    if (self)
        dlclose(self);
    dlerror();
    return ok;
}
