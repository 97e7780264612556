/* unwinder.c -- a library that is told of unwind tables as libgcc_s.so.1 is up to GCC 12, and counts
** what a list of them would cost. It keeps them as libgcc does before the first throw.
** SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

void __register_frame(const void *table);
void __deregister_frame(const void *table);
void __register_frame_info_table(const void *tables, void *object);
void *__deregister_frame_info(const void *tables);
unsigned long steps, objects, tables(void);
void (*on_leave)(void); /* called before and after an array goes */
void each_object(void (*see)(const void **array));

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

/* As libgcc does, it takes nothing for what it was told that begins with four zeros. */
void *__deregister_frame_info(const void *array)
{
    if (*(const uint32_t *)array == 0)
        return NULL;
    if (on_leave)
        on_leave();
    for (object **p = &first; *p; p = &(*p)->next, steps++)
        if ((const void *)(*p)->array == array) {
            object *o = *p;
            *p = o->next;
            objects--;
            if (on_leave)
                on_leave();
            return o;
        }
    abort(); /* as libgcc does */
}

void each_object(void (*see)(const void **array))
{
    for (const object *o = first; o; o = o->next)
        see(o->array);
}

/* How many are known that have an entry: those that do not begin with the zeros of an end. */
unsigned long tables(void)
{
    unsigned long n = 0;
    for (const object *o = first; o; o = o->next)
        for (const void **t = o->array; *t; t++)
            n += *(const uint32_t *)*t != 0;
    return n;
}
