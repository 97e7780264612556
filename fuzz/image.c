/* image.c -- fuzz: any bytes as a relocatable object. Reads everything that a parsed image promises
** to be checked: each name to its end, each section to its last byte, each symbol, relocation and
** group. The copy has the input's exact size, so that one byte too far is seen.
** SPDX-License-Identifier: MIT */
#include "object/image.h"

#include "fuzz.h"
#include "object/kind.h"
#include "target/target.h"

enum { MANY = 2000 }; /* of each kind: an index is wrong at once or not at all */

static void touch_name(const char *s)
{
    check(s != NULL);
    touch((ml_slice){(const uint8_t *)s, strlen(s)});
}

static void read_sections(const ml_image *img)
{
    for (uint32_t i = 0; i < img->nsections && i < MANY; i++) {
        const ml_isec s = ml_image_section(img, i);
        touch_name(s.name);
        touch(s.data);
        check(s.data.n == 0 || s.data.n == s.size);
        check(s.align && (s.align & (s.align - 1)) == 0);
        check(s.group <= img->ngroups);
    }
}

static void read_symbols(const ml_image *img)
{
    check(img->first_global >= 1 && img->first_global <= img->nsymbols);
    for (uint32_t i = 0; i < img->nsymbols && i < MANY; i++) {
        ml_isym s = ml_image_symbol(img, i);
        touch_name(s.name);
        touch_name(ml_image_symbol_name(img, i));
        check(s.section < img->nsections || s.section == ML_SEC_ABS || s.section == ML_SEC_COMMON);
        check((i < img->first_global) == (s.bind == ML_BIND_LOCAL));
    }
}

static void read_relocations(const ml_image *img)
{
    for (uint32_t i = 0; i < img->nrels && i < MANY; i++) {
        const ml_irels *rels = &img->rels[i];
        check(rels->target < img->nsections);
        for (uint32_t k = 0; k < rels->count && k < MANY; k++) {
            ml_irel r = ml_image_rel(rels, k);
            uint64_t start;
            check(r.symbol < img->nsymbols);
            check(r.offset <= ml_image_section(img, rels->target).size);
            const char *func = NULL;
            if (k < 8) /* linear in the symbols */
                func = ml_image_function_at(img, rels->target, r.offset, &start);
            if (func)
                touch_name(func);
        }
    }
}

static void read_groups(const ml_image *img)
{
    for (uint32_t i = 0; i < img->ngroups && i < MANY; i++) {
        const ml_igroup *g = &img->groups[i];
        touch_name(g->signature);
        for (uint32_t k = 0; k < g->count; k++)
            check(ml_get32(g->members + (size_t)k * 4) < img->nsections);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    check(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    ml_diag d;
    ml_arena a = {0};
    ml_diag_init(&d);
    const ml_image *img = NULL;
    int rc = ml_image_parse(&d, &a, "fuzz.o", NULL, (ml_slice){copy, size},
                            ml_target_x86_64.machine, &img);
    check(rc == 0 ? d.count == 0 && img : d.count > 0 && d.first->text[0] && d.first->at.file);
    if (rc == 0) {
        read_sections(img);
        read_symbols(img);
        read_relocations(img);
        read_groups(img);
    }
    ml_diag_free(&d);
    ml_arena_free(&a);
    free(copy);
    return 0;
}
