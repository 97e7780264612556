/* unwinder.c -- a library that is told of unwind tables as libgcc_s.so.1 is up to GCC 12, and counts
** what a list of them would cost. What it is told of it reads when it is asked to, as libgcc does at
** the first throw; from then on it knows what it has read.
** SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void __register_frame(const void *table);
void __deregister_frame(const void *table);
void __register_frame_info_table(const void *tables, void *object);
void *__deregister_frame_info(const void *tables);
unsigned long steps, objects, told, tables(void);
void (*on_come)(void);  /* called before an array comes */
void (*on_leave)(void); /* called before and after one goes */
void read_all(void);
void each_object(void (*see)(const void **array));

typedef struct object { /* as libgcc's, but for `read` */
    uintptr_t lowest, unused[2];
    const void **array;
    uintptr_t state; /* bit 1: an array; 3 to 10: the encoding, all ones while it was not read */
    struct object *next;
    const void **read;
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
    if (on_come)
        on_come();
    object *o = room;
    *o = (object){
        .lowest = UINTPTR_MAX, .array = (const void **)array, .state = 0x7fa, .next = first};
    first = o;
    objects++;
    told++;
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
            free(o->read);
            objects--;
            if (on_leave)
                on_leave();
            return o;
        }
    abort(); /* as libgcc does */
}

void read_all(void)
{
    for (object *o = first; o; o = o->next) {
        size_t n = 0;
        unsigned entries = 0;
        while (o->array[n])
            entries += *(const uint32_t *)o->array[n++] != 0;
        if (o->read || !entries)
            continue;
        o->read = malloc((n + 1) * sizeof *o->read);
        if (!o->read)
            abort();
        memcpy(o->read, o->array, (n + 1) * sizeof *o->read);
        o->lowest = 1;
        o->state = 2;
    }
}

void each_object(void (*see)(const void **array))
{
    for (const object *o = first; o; o = o->next)
        see(o->read ? o->read : o->array);
}

/* How many are known that have an entry: those that do not begin with the zeros of an end. */
unsigned long tables(void)
{
    unsigned long n = 0;
    for (const object *o = first; o; o = o->next)
        for (const void **t = o->read ? o->read : o->array; *t; t++)
            n += *(const uint32_t *)*t != 0;
    return n;
}
