/* select.c -- stage SELECT: the symbols of one more image.
** takes a const image; gives an ml_input whose global symbols are bound to entries, and entries
** that know their best definition so far. The order of the inputs decides where the rules leave a
** choice.
** Spec: gABI chapter 4, "Symbol Table" (strong, weak, common, visibility) and "Section Groups".
** SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "link/sleep.h"
#include "link/txn.h"

/* From so many names on an object's string table is kept where it is, if it has not more bytes for
** each: see keep_names. */
enum { KEEP_FROM = 512, KEEP_BYTES = 256 };

/* From so many on they may sleep: the room for their entries costs three system calls. */
enum { SLEEP_FROM = 4096 };

ml_entry *ml_select_entry(ml_txn *t, const char *name)
{
    uint32_t before = t->l->names.count;
    ml_entry *e = ml_table_intern_str(&t->l->names, &t->l->keep, name);
    if (!e)
        ml_nomem(t->d);
    else if (t->l->names.count != before && ml_select_open(t, e) < 0)
        return NULL;
    return e;
}

int ml_select_open(ml_txn *t, ml_entry *e)
{
    if (!ML_ROOM(t->open, t->nopen, t->room_open))
        return ml_nomem(t->d);
    t->open[t->nopen++] = e;
    return 0;
}

int ml_select_queue(ml_txn *t, ml_entry *e)
{
    if (e->flags & ML_ENT_QUEUED)
        return 0;
    if (!ML_ROOM(t->queue, t->nqueue, t->room_queue))
        return ml_nomem(t->d);
    e->flags |= ML_ENT_QUEUED;
    t->queue[t->nqueue++] = e;
    return 0;
}

int ml_select_want(ml_txn *t, ml_entry *e)
{
    e->scope = 0;
    return ml_select_queue(t, e);
}

/* The name that a rename map gives in place of `name`. */
static const char *renamed(const ml_table *map, const char *name)
{
    const ml_entry *e = ml_table_find_str(map, name);
    return e ? e->provider : name;
}

/* How strongly a name is defined: a common beats a weak definition, a strong one beats both. */
typedef enum rank { UNDEFINED, WEAK, COMMON, STRONG } rank;

static rank rank_of(const ml_entry *e)
{
    if (e->def == ML_DEF_COMMON)
        return COMMON;
    if (e->def != ML_DEF_SECTION && e->def != ML_DEF_ABS)
        return UNDEFINED;
    return e->bind == ML_BIND_GLOBAL ? STRONG : WEAK;
}

static int note_duplicate(ml_txn *t, const ml_entry *e, uint32_t input, uint32_t symbol)
{
    if (!ML_ROOM(t->duplicates, t->nduplicates, t->room_duplicates))
        return ml_nomem(t->d);
    t->duplicates[t->nduplicates++] =
        (ml_duplicate){.name = e->name, .input = {e->image, input}, .symbol = {e->symbol, symbol}};
    return 0;
}

static void merge_common(ml_entry *e, const ml_isym *s)
{
    if (s->size > e->size)
        e->size = s->size;
    uint64_t align = s->value ? s->value : 1;
    if (align > e->value)
        e->value = align;
    if (!s->large) /* some code wants it near */
        e->flags &= (uint16_t)~ML_ENT_LARGE;
}

/* May a definition that is not strong be one with the process's? Unique symbols always are: that is
** what they are for. clang makes the data of templates and inline variables weak that gcc makes
** unique; no compiler makes virtual tables and type_info unique. */
static bool is_shareable(const ml_txn *t, const ml_entry *e)
{
    if (e->bind == ML_BIND_UNIQUE || t->o.weak == ML_WEAK_PROCESS)
        return true;
    return t->o.weak != ML_WEAK_OWN && e->type == ML_TYPE_OBJECT &&
           (e->len < 3 || memcmp(e->name, "_ZT", 3) != 0);
}

static int note_yielding(ml_txn *t, ml_entry *e)
{
    if (!ML_ROOM(t->yielding, t->nyielding, t->room_yielding))
        return ml_nomem(t->d);
    t->yielding[t->nyielding++] = e;
    return 0;
}

static int take_definition(ml_txn *t, ml_entry *e, uint32_t input, uint32_t symbol,
                           const ml_isym *s)
{
    e->def = s->section == ML_SEC_ABS      ? ML_DEF_ABS
             : s->section == ML_SEC_COMMON ? ML_DEF_COMMON
                                           : ML_DEF_SECTION;
    e->image = input;
    e->symbol = symbol;
    e->section = s->section;
    e->bind = s->bind;
    e->type = s->type;
    e->value = e->def == ML_DEF_COMMON && s->value == 0 ? 1 : s->value;
    e->size = s->size;
    e->flags = (uint16_t)((e->flags & ~ML_ENT_LARGE) | (s->large ? ML_ENT_LARGE : 0));
    return s->bind != ML_BIND_GLOBAL && is_shareable(t, e) ? note_yielding(t, e) : 0;
}

/* Offers a definition to an entry; the better one stays. */
static int define(ml_txn *t, ml_entry *e, uint32_t input, uint32_t symbol, const ml_isym *s)
{
    const rank old = rank_of(e), new = s->section == ML_SEC_COMMON ? COMMON
                                       : s->bind == ML_BIND_GLOBAL ? STRONG
                                                                   : WEAK;
    if (old == STRONG && new == STRONG) {
        if (t->o.duplicate != ML_DUP_FIRST && note_duplicate(t, e, input, symbol) < 0)
            return -(int)ML_E_NOMEM;
        if (t->o.duplicate == ML_DUP_LAST)
            return take_definition(t, e, input, symbol, s);
    } else if (old == COMMON && new == COMMON) {
        merge_common(e, s);
    } else if (old == STRONG && new == COMMON && e->size && e->size < s->size) {
        ml_warn_common(t, e->name, input, s->size, e->image, e->size);
    } else if (new > old) {
        if (old == COMMON && s->size && s->size < e->size)
            ml_warn_common(t, e->name, e->image, e->size, input, s->size);
        if (new == COMMON && ml_select_want(t, e) < 0)
            return -(int)ML_E_NOMEM; /* it may be in an archive: see look_up_common */
        return take_definition(t, e, input, symbol, s);
    }
    return 0;
}

/* Notes that input refers to e. A strong reference looks again at what only weak ones asked for. */
static int refer(ml_txn *t, ml_entry *e, uint32_t input, const ml_isym *s)
{
    if (!e->strong && !e->weak)
        e->first_ref = input;
    if (s->type == ML_TYPE_TLS && e->def == ML_DEF_NONE)
        e->type = ML_TYPE_TLS; /* the process is asked in another way: see resolve.c */
    if (s->vis == ML_VIS_HIDDEN || s->vis == ML_VIS_INTERNAL)
        e->flags |= ML_ENT_HIDDEN_REF;
    if (s->bind == ML_BIND_WEAK) {
        e->weak++;
        return 0;
    }
    e->strong++;
    if (!(e->flags & ML_ENT_SEEN)) /* its turn comes */
        return 0;
    if (ml_def_in_load(e->def) || e->def == ML_DEF_ABS || (e->flags & ML_ENT_STRONG))
        return 0;
    return ml_select_want(t, e);
}

/* The more constraining of two visibilities: internal, hidden, protected, default. */
static uint8_t stricter(uint8_t a, uint8_t b)
{
    if (a == ML_VIS_DEFAULT || b == ML_VIS_DEFAULT)
        return a == ML_VIS_DEFAULT ? b : a;
    return a < b ? a : b;
}

/* `name@@VER` is the default version of name: the entry is the one of the plain name, and the
** explicit spelling `name@VER` means the same. */
static int alias_version(ml_txn *t, const char *name, size_t base, uint32_t input, uint32_t symbol,
                         const ml_isym *s)
{
    char *other = ml_format(&t->scratch, "%.*s@%s", (int)base, name, name + base + 2);
    ml_entry *e = other ? ml_select_entry(t, other) : NULL;
    return e ? define(t, e, input, symbol, s) : ml_nomem(t->d);
}

/* The entry of a definition that only its input sees. The name cannot clash: no symbol of a file
** holds a newline. */
static ml_entry *local_entry(ml_txn *t, const char *name, uint32_t input)
{
    const char *own = ml_format(&t->scratch, "%s\n%u local", name, (unsigned)input);
    ml_entry *e = own ? ml_select_entry(t, own) : NULL;
    if (e)
        e->flags |= ML_ENT_LOCAL;
    return e;
}

/* A symbol that is changed on the way in: its name, or NULL when its entry is *own. */
static const char *edited(ml_txn *t, const ml_edit *edit, uint32_t input, ml_isym *s,
                          ml_entry **own)
{
    bool defined = s->section != ML_SEC_UNDEF;
    const char *name = defined ? edit->definition : edit->reference;
    if (edit->weak && s->bind == ML_BIND_GLOBAL && s->section != ML_SEC_COMMON)
        s->bind = ML_BIND_WEAK;
    if (edit->hidden && defined)
        s->vis = stricter(s->vis, ML_VIS_HIDDEN);
    if (!edit->local || !defined)
        return name;
    *own = local_entry(t, name, input);
    return NULL;
}

/* The symbols of an input on their way in. */
typedef struct entering {
    ml_txn *t;
    ml_input *in;
    uint32_t input;
    bool kept;             /* its string table lives as long as names do */
    ml_sleepers *sleepers; /* NULL: none of them may sleep */
} entering;

static void set_name(ml_key *key, const char *name, size_t len)
{
    *key = (ml_key){name, len, ml_hash(name, len), NULL};
}

/* What is said about a symbol in other places than its file. 1: it is bound already. */
static int change(const entering *x, uint32_t index, ml_isym *s, ml_key *key)
{
    ml_txn *t = x->t;
    const ml_edit *edit = ml_edits_find(t->edits, key->name, key->len, key->hash);
    if (edit) {
        ml_entry *own = NULL;
        const char *name = edited(t, edit, x->input, s, &own);
        if (!name) {
            x->in->bind[index - x->in->img->first_global] = own;
            int rc = own ? define(t, own, x->input, index, s) : ml_nomem(t->d);
            return rc < 0 ? rc : 1;
        }
        set_name(key, name, strlen(name));
    }
    if (s->section < x->in->img->nsections && ml_is_dropped(x->in, s->section))
        s->section = ML_SEC_UNDEF;
    bool defined = s->section != ML_SEC_UNDEF;
    if (t->renames[defined].count) {
        const char *name = renamed(&t->renames[defined], key->name);
        set_name(key, name, strlen(name));
    }
    if (!defined)
        ml_splitstack_rename(t, x->in, &key->name, &key->len, &key->hash);
    const char *at = defined ? memchr(key->name, '@', key->len) : NULL;
    if (!at || at[1] != '@')
        return 0;
    int rc = alias_version(t, key->name, (size_t)(at - key->name), x->input, index, s);
    set_name(key, key->name, (size_t)(at - key->name));
    return rc;
}

/* A symbol is bound to its entry, and the entry learns of it. */
static int bind(const entering *x, uint32_t index, const ml_isym *s, ml_entry *e, bool is_new)
{
    ml_txn *t = x->t;
    bool defined = s->section != ML_SEC_UNDEF;
    ml_entry **at = &x->in->bind[index - x->in->img->first_global];
    if (ml_is_asleep(e)) {
        x->sleepers->asleep++;
        if (!*at) /* else the same name stood twice, and woke it */
            *at = e;
        return 0;
    }
    *at = e;
    e->vis = stricter(e->vis, s->vis);
    if (is_new && (!defined || s->section == ML_SEC_COMMON) && ml_select_open(t, e) < 0)
        return -(int)ML_E_NOMEM;
    if (!defined)
        return refer(t, e, x->input, s);
    return is_new ? take_definition(t, e, x->input, index, s) : define(t, e, x->input, index, s);
}

/* Symbols that follow each other, by the names that they have now. */
static int bind_plain(const entering *x, uint32_t first, uint32_t n, const ml_isym *s,
                      const ml_key *keys)
{
    ml_entry *e[ML_TABLE_BATCH];
    uint32_t fresh;
    ml_linked *l = x->t->l;
    if (!ml_table_intern_all(&l->names, &l->keep, keys, n, x->kept, e, &fresh))
        return ml_nomem(x->t->d);
    int rc = 0;
    for (uint32_t k = 0; rc == 0 && k < n; k++)
        rc = bind(x, first + k, &s[k], e[k], fresh >> k & 1);
    return rc;
}

/* Symbols whose names may not be those of their file. */
static int bind_changed(const entering *x, uint32_t first, uint32_t n, ml_isym *s, ml_key *keys)
{
    int rc = 0;
    for (uint32_t k = 0; rc >= 0 && k < n; k++) {
        rc = change(x, first + k, &s[k], &keys[k]);
        if (rc == 0)
            rc = bind_plain(x, first + k, 1, &s[k], &keys[k]);
    }
    return rc < 0 ? rc : 0;
}

/* May a definition sleep? See Note [Names that sleep] in sleep.c. */
static bool may_sleep(const ml_image *img, const ml_isym *s)
{
    if (s->bind != ML_BIND_GLOBAL || s->vis != ML_VIS_DEFAULT || s->type > ML_TYPE_FUNC ||
        s->section == ML_SEC_UNDEF || s->section >= img->nsections)
        return false;
    const ml_isec section = ml_image_section(img, s->section);
    return (section.flags & (ML_SEC_ALLOC | ML_SEC_TLS | ML_SEC_EXCLUDE)) == ML_SEC_ALLOC &&
           ml_within(section.size, s->value, s->size);
}

/* Symbols from number first on: decoded, hashed; what they will need on its way into the cache. */
static void decode(const entering *x, uint32_t first, uint32_t n, ml_isym *s, ml_key *keys)
{
    const ml_image *img = x->in->img;
    const ml_table *names = &x->t->l->names;
    for (uint32_t k = 0; k < n; k++) {
        s[k] = ml_image_symbol(img, first + k);
        set_name(&keys[k], s[k].name, strlen(s[k].name));
        ml_table_prefetch_slot(names, keys[k].hash);
        if (s[k].section < img->nsections)
            ml_headers_prefetch(&img->headers, s[k].section);
    }
    for (uint32_t k = 0; k < n; k++) {
        ml_table_prefetch_entry(names, keys[k].hash);
        if (s[k].size && s[k].section && s[k].section < img->nsections &&
            !ml_within(ml_image_section(img, s[k].section).size, s[k].value, s[k].size))
            ml_warn_clamp(x->t, x->in, &s[k], s[k].name);
        else if (x->sleepers && may_sleep(img, &s[k]))
            keys[k].mark = ml_sleeper_mark(x->sleepers, first + k - img->first_global);
    }
}

/* The names of a large object are not copied. */
static bool keep_names(ml_txn *t, const ml_input *in)
{
    ml_slice names = in->img->strtab;
    return in->nbind >= KEEP_FROM && names.n / KEEP_BYTES <= in->nbind && ml_txn_keep(t, names);
}

/* Will a stage or commit look at all definitions? Entering them at once is faster then. */
static bool all_wake(const ml_txn *t)
{
    return t->o.merge || t->o.replace || t->o.debug || t->s->has_lazy ||
           t->o.crossing == ML_CROSS_LAZY || ml_exports_lists(&t->s->exports);
}

/* NULL: none of its names may sleep. */
static ml_sleepers *sleepers_of(ml_txn *t, ml_input *in)
{
    const ml_image *img = in->img;
    if (all_wake(t) || in->nbind < SLEEP_FROM || !ml_txn_keep(t, img->symtab) ||
        (img->xindex.n && !ml_txn_keep(t, img->xindex)))
        return NULL;
    ml_sleepers *s = ml_sleepers_add(&t->l->names, img, (uint32_t)(in - t->l->inputs), in->bind);
    in->sleeps = s != NULL;
    return s;
}

static int add_symbols(ml_txn *t, ml_input *in)
{
    const ml_image *img = in->img;
    entering x = {.t = t, .in = in, .input = (uint32_t)(in - t->l->inputs)};
    ml_isym s[ML_TABLE_BATCH];
    ml_key keys[ML_TABLE_BATCH];
    int rc = 0;
    if (!in->nbind)
        return 0;
    bool plain = !t->edits && !t->renames[0].count && !t->renames[1].count && !t->has_split &&
                 !in->dropped && !memchr(img->strtab.p, '@', img->strtab.n);
    x.kept = plain && keep_names(t, in);
    x.sleepers = x.kept ? sleepers_of(t, in) : NULL;
    for (uint32_t i = img->first_global; rc == 0 && i < img->nsymbols; i += ML_TABLE_BATCH) {
        uint32_t n = img->nsymbols - i < ML_TABLE_BATCH ? img->nsymbols - i : ML_TABLE_BATCH;
        decode(&x, i, n, s, keys);
        rc = plain ? bind_plain(&x, i, n, s, keys) : bind_changed(&x, i, n, s, keys);
    }
    return rc;
}

static bool drop(ml_txn *t, ml_input *in, uint32_t section)
{
    if (!in->dropped && !(in->dropped = ml_zalloc(&t->scratch, in->img->nsections, 1)))
        return false;
    in->dropped[section] = ML_DROPPED_GROUP;
    return true;
}

/* What a group or a section is shared by, a symbol's name, as edits change it; NULL: nobody shares
** it. */
static const char *shared_by(const ml_txn *t, const char *symbol)
{
    size_t len = strlen(symbol);
    const ml_edit *edit = ml_edits_find(t->edits, symbol, len, ml_hash(symbol, len));
    return !edit ? symbol : edit->local ? NULL : edit->definition;
}

/* Is an input the first to bring what is kept once under that name? The entry says which was; NULL
** when memory is short. */
static const ml_entry *first_of(ml_txn *t, const ml_input *in, const char *name, bool *is_first)
{
    uint32_t before = t->comdats.count;
    ml_entry *e = ml_table_intern_str(&t->comdats, &t->scratch, name);
    *is_first = e && t->comdats.count != before;
    if (*is_first)
        e->image = (uint32_t)(in - t->l->inputs);
    return e;
}

/* First COMDAT group of a signature wins; all sections of a later one are dropped. */
static int drop_groups(ml_txn *t, ml_input *in)
{
    const ml_image *img = in->img;
    for (uint32_t g = 0; g < img->ngroups; g++) {
        const ml_igroup *group = &img->groups[g];
        const char *signature = group->comdat ? shared_by(t, group->signature) : NULL;
        bool is_first = true;
        if (signature && !first_of(t, in, signature, &is_first))
            return ml_nomem(t->d);
        for (uint32_t k = 0; !is_first && k < group->count; k++)
            if (!drop(t, in, ml_get32(group->members + (size_t)k * 4)))
                return ml_nomem(t->d);
    }
    return 0;
}

/* Does another input have what is kept once under that name? */
static bool is_elsewhere(const ml_txn *t, const ml_input *in, const char *name)
{
    const ml_entry *e = name ? ml_table_find_str(&t->comdats, name) : NULL;
    return e && &t->l->inputs[e->image] != in;
}

/* Sections .gnu.linkonce.KIND.SYMBOL, of compilers and assembly from before there were groups: the
** first of a name wins. As with ld, one of code also gives way to a group of that signature, and
** constants of a function to the function of another input (_bfd_elf_section_already_linked). */
static int drop_linkonce(ml_txn *t, ml_input *in)
{
    enum { PREFIX = sizeof ".gnu.linkonce." - 1 };
    const ml_image *img = in->img;
    for (uint32_t k = 0; (k = ml_image_next(img, ML_ROLE_LINKONCE, k + 1)) < img->nsections;) {
        const char *section = ml_image_section(img, k).name;
        if (section[PREFIX - 1] == 0)
            continue; /* no name follows */
        const char *kind = section + PREFIX;
        const char *dot = strchr(kind, '.'), *symbol = shared_by(t, dot ? dot + 1 : kind);
        if (!symbol)
            continue;
        bool code = strncmp(kind, "t.", 2) == 0, is_first;
        const char *name = ml_format(&t->scratch, ".gnu.linkonce.%.*s%s",
                                     dot ? (int)(dot + 1 - kind) : 0, kind, symbol);
        const char *other = strncmp(kind, "r.", 2) == 0
                                ? ml_format(&t->scratch, ".gnu.linkonce.t.%s", symbol)
                                : NULL;
        if (!name || !first_of(t, in, name, &is_first))
            return ml_nomem(t->d);
        bool gives_way = !is_first || is_elsewhere(t, in, code ? symbol : other);
        if (gives_way && !drop(t, in, k))
            return ml_nomem(t->d);
    }
    return 0;
}

static bool is_identifier(const char *s)
{
    if (*s >= '0' && *s <= '9')
        return false;
    for (; *s; s++)
        if (!(*s == '_' || (*s >= '0' && *s <= '9') || ((*s | 32) >= 'a' && (*s | 32) <= 'z')))
            return false;
    return true;
}

/* Code that clang instruments for profiles does not name the runtime that writes them: its driver
** passes -u when it links, and so the section's name wants it here. */
static int want_runtime(ml_txn *t, const char *section)
{
    if (t->o.fixed || strcmp(section, "__llvm_prf_cnts") != 0)
        return 0;
    return ml_txn_root(t, "__llvm_profile_runtime");
}

/* Sections whose name is a C identifier get __start_ and __stop_ symbols (ld manual, "Input Section
** Example"): remembers the names. */
static int note_sections(ml_txn *t, ml_input *in)
{
    if (in->img->roles & 1u << ML_ROLE_SPLIT_STACK)
        t->has_split = in->split_stack = true;
    uint32_t stack = ml_image_next(in->img, ML_ROLE_STACK, 1);
    if (stack < in->img->nsections && (ml_image_section(in->img, stack).flags & ML_SEC_EXEC)) {
        if (!t->on_stack)
            ml_warn(t, "%s: runs code on the stack; a load of it makes all stacks executable",
                    ml_input_text(&t->scratch, in));
        t->on_stack = (uint32_t)(in - t->l->inputs) + 1;
    }
    int rc = ml_clones_want(t, in);
    if (rc < 0)
        return rc;
    for (uint32_t i = 1; in->img->idents && i < in->img->nsections; i++) {
        const ml_isec s = ml_image_section(in->img, i);
        if (!(s.flags & ML_SEC_ALLOC) || s.name[0] == '.' || s.name[0] == 0 ||
            ml_is_dropped(in, i) || !is_identifier(s.name))
            continue;
        uint32_t before = t->idents.count;
        ml_entry *e = ml_table_intern_str(&t->idents, &t->scratch, s.name);
        if (!e)
            return ml_nomem(t->d);
        if (t->idents.count == before)
            continue;
        e->image = before;
        rc = want_runtime(t, s.name);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static const char *keep_name(ml_txn *t, const char *name)
{
    const ml_input *last = t->l->ninputs ? &t->l->inputs[t->l->ninputs - 1] : NULL;
    if (!name)
        return NULL;
    if (last && last->file && strcmp(last->file, name) == 0)
        return last->file; /* members of one archive share its path */
    return ml_strdup(&t->l->keep, name);
}

int ml_select_image(ml_txn *t, const ml_image *img, const ml_entry *by)
{
    ml_linked *l = t->l;
    if (!ML_ROOM(l->inputs, l->ninputs, l->room_inputs))
        return ml_nomem(t->d);
    ml_input *in = &l->inputs[l->ninputs];
    *in = (ml_input){.img = img,
                     .by = by,
                     .by_input = by && (by->strong || by->weak) ? by->first_ref : UINT32_MAX,
                     .names = &l->names,
                     .bytes = img->bytes,
                     .nbind = img->nsymbols - img->first_global};
    in->file = keep_name(t, img->file);
    in->member = img->member ? ml_strdup(&l->keep, img->member) : NULL;
    in->bind = ml_zalloc(&l->keep, in->nbind, sizeof *in->bind);
    if (!in->file || !in->bind || (img->member && !in->member))
        return ml_nomem(t->d);
    l->ninputs++;
    l->stats.inputs++;
    l->stats.symbols += img->nsymbols - 1;
    t->most_symbols = img->nsymbols > t->most_symbols ? img->nsymbols : t->most_symbols;
    l->stats.bytes += img->bytes;
    /* Most names of a first large object are new; later ones share many. */
    if (!ml_table_reserve(&l->names, l->names.count < in->nbind / 4 ? in->nbind : in->nbind / 2))
        return ml_nomem(t->d);
    int rc = drop_groups(t, in);
    if (rc == 0)
        rc = drop_linkonce(t, in);
    if (rc == 0)
        rc = note_sections(t, in);
    return rc < 0 ? rc : add_symbols(t, in);
}
