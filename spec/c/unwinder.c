/* unwinder.c -- a library that is told of unwind tables as libgcc_s.so.1 is up to GCC 12, and counts
** what a list of them would cost. It keeps them as libgcc does before the first throw.
** SPDX-License-Identifier: MIT */
#include <stdlib.h>

void __register_frame(const void *table);
void __deregister_frame(const void *table);
void __register_frame_info_table(const void *tables, void *object);
void *__deregister_frame_info(const void *tables);
unsigned long steps, objects, tables(void);

typedef struct object {
    const void **array;
    struct object *next;
} object;

static object *first;

void __register_frame(const void *table)
{
    (void)table;
    abort(); /* arrays are to be used */
}

void __deregister_frame(const void *table)
{
    (void)table;
    abort();
}

void __register_frame_info_table(const void *array, void *room)
{
    object *o = room;
    o->array = (const void **)array;
    o->next = first;
    first = o;
    objects++;
}

void *__deregister_frame_info(const void *array)
{
    for (object **p = &first; *p; p = &(*p)->next, steps++)
        if ((const void *)(*p)->array == array) {
            object *o = *p;
            *p = o->next;
            objects--;
            return o;
        }
    abort(); /* as libgcc does */
}

/* How many are known; none may stand twice or be NULL. */
unsigned long tables(void)
{
    unsigned long n = 0;
    for (const object *o = first; o; o = o->next) {
        if (!*o->array)
            abort();
        for (const void **t = o->array; *t; t++)
            n++;
    }
    return n;
}
