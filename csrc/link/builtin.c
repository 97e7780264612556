/* builtin.c -- link: the names that the linker answers itself, one row each.
** takes a name; gives what is special about it. A new name needs a row here, and nothing elsewhere:
** resolve.c gives it its answer, defer.c leaves it for no first call, assemble.c asks for the
** address of what is made, effects.c whether a load may be one of its own.
** Spec: GNU ld manual on PROVIDE, on __ehdr_start and on input sections (__start_NAME); end(3).
** SPDX-License-Identifier: MIT */
#include "link/txn.h"

static const ml_builtin all[] = {
    {"__dso_handle", .of_load = ml_dso_address},
    {"_GLOBAL_OFFSET_TABLE_", .of_load = ml_got_address},
    {"__ehdr_start", .of_load = ml_header_address},
    {"_TLS_MODULE_BASE_", .of_load = ml_segment_start, .type = ML_TYPE_TLS},

    {"__executable_start", .of_load = ml_bounds_address, .which = ML_BOUND_TEXT_START},
    {"_etext", .of_load = ml_bounds_address, .which = ML_BOUND_TEXT_END},
    {"__etext", .of_load = ml_bounds_address, .which = ML_BOUND_TEXT_END},
    {"__data_start", .of_load = ml_bounds_address, .which = ML_BOUND_DATA_START},
    {"_edata", .of_load = ml_bounds_address, .which = ML_BOUND_DATA_END},
    {"__bss_start", .of_load = ml_bounds_address, .which = ML_BOUND_DATA_END},
    {"_end", .of_load = ml_bounds_address, .which = ML_BOUND_BSS_END},
    {"__preinit_array_start", .of_load = ml_ctors_bound, .which = 2 * ML_ARRAY_PREINIT},
    {"__preinit_array_end", .of_load = ml_ctors_bound, .which = 2 * ML_ARRAY_PREINIT + 1},
    {"__init_array_start", .of_load = ml_ctors_bound, .which = 2 * ML_ARRAY_INIT},
    {"__init_array_end", .of_load = ml_ctors_bound, .which = 2 * ML_ARRAY_INIT + 1},
    {"__fini_array_start", .of_load = ml_ctors_bound, .which = 2 * ML_ARRAY_FINI},
    {"__fini_array_end", .of_load = ml_ctors_bound, .which = 2 * ML_ARRAY_FINI + 1},
    /* None are left to apply, as in a program that has a loader. */
    {"__rela_iplt_start", .of_load = ml_bounds_address, .which = ML_BOUND_DATA_START},
    {"__rela_iplt_end", .of_load = ml_bounds_address, .which = ML_BOUND_DATA_START},
    /* These may be anybody's names. */
    {"etext", .of_load = ml_bounds_address, .which = ML_BOUND_TEXT_END, .last = true},
    {"data_start", .of_load = ml_bounds_address, .which = ML_BOUND_DATA_START, .last = true},
    {"edata", .of_load = ml_bounds_address, .which = ML_BOUND_DATA_END, .last = true},
    {"end", .of_load = ml_bounds_address, .which = ML_BOUND_BSS_END, .last = true},

    /* The program does not export it. */
    {"_DYNAMIC", .in_process = ml_library_program, .type = ML_TYPE_OBJECT},
    /* In place of the C library's function, which knows no loads. */
    {"__cxa_atexit", .in_process = ml_exits_atexit, .type = ML_TYPE_FUNC},
    {"__cxa_thread_atexit", .in_process = ml_exits_thread_atexit, .type = ML_TYPE_FUNC},
    {"__cxa_thread_atexit_impl", .in_process = ml_exits_thread_atexit, .type = ML_TYPE_FUNC},
    {"dl_iterate_phdr", .in_process = ml_listed_iterate, .type = ML_TYPE_FUNC},
    {"pthread_key_create", .in_process = ml_keys_create, .type = ML_TYPE_FUNC},
    {"pthread_key_delete", .in_process = ml_keys_delete, .type = ML_TYPE_FUNC},
    {"tss_create", .in_process = ml_keys_tss_create, .type = ML_TYPE_FUNC},
    {"tss_delete", .in_process = ml_keys_tss_delete, .type = ML_TYPE_FUNC},
    /* The C library's, but a session with a load that uses one looks for handlers in its units. */
    {"signal", .handles = true},
    {"sigaction", .handles = true},
    {"sigset", .handles = true},
    {"ssignal", .handles = true},
    {"bsd_signal", .handles = true},
    {"sysv_signal", .handles = true},
    {"__sysv_signal", .handles = true},
    /* D's runtime looks for the image that registers with it in the list of the process's own
    ** loader, and tells images apart by their handles there; it ends the process at one that it
    ** does not find, or at the second one without a handle. In a load of its own it sees ours
    ** (process/listed.c), as a shared library it does not: then the name is undefined, and its hint
    ** says what to load. */
    {"_d_dso_registry", .refused = "D"},
};

const ml_builtin *ml_builtin_find(const char *name, size_t len)
{
    /* Each undefined name is asked for: most are longer, of C++, or begin otherwise. */
    if (len >= sizeof all->name || strncmp(name, "_Z", 2) == 0)
        return NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].name[0] == name[0] && all[i].name[len] == 0 &&
            memcmp(all[i].name, name, len) == 0)
            return &all[i];
    return NULL;
}

const char *ml_builtin_section(const char *name, bool *stop)
{
    *stop = strncmp(name, "__stop_", 7) == 0;
    return *stop ? name + 7 : strncmp(name, "__start_", 8) == 0 ? name + 8 : NULL;
}

bool ml_builtin_wanted(const ml_txn *t, ml_builtin_address *of_load)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const ml_entry *e =
            all[i].of_load == of_load ? ml_table_find_str(&t->l->names, all[i].name) : NULL;
        if (e && e->def == ML_DEF_LINKER)
            return true;
    }
    return false;
}

int ml_builtin_check(ml_txn *t)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *language = all[i].refused;
        const ml_entry *e = language ? ml_table_find_str(&t->l->names, all[i].name) : NULL;
        if (!e || e->def != ML_DEF_UNIT)
            continue;
        const char *hint = ml_format(
            &t->scratch, "load all objects of %s in one load, with the archives of their library",
            language);
        return ml_fail(t->d, ML_E_UNSUPPORTED, (ml_where){.symbol = e->name}, hint,
                       "code of %s cannot be added to the runtime in unit %s", language,
                       e->unit->life->name);
    }
    return 0;
}
