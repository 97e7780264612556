/* objects.c -- process: memory for what libgcc notes of an array of tables that it is told of.
**
** Note [Objects that are still read]
** ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
** libgcc up to version 12 looks for the table of an address while it holds its lock, but reads how
** that table's addresses are encoded, which its object says, when it has given the lock back. For
** what that object was made for there is no harm: nobody takes code away that a thread is in. But
** one of ours has the tables of many units: while a thread throws through one of them another
** thread unloads another one, and the object is taken back. Its memory stays as it was; told of
** again it says "no encoding" until libgcc looks into it, and a thread that reads this aborts.
** Nobody can be asked whether a thread is at that place. So an object that was taken back waits
** WAIT_NS before it is used again; in a process without other threads it need not, nor when nothing
** was ever found by it.
** libgcc's list belongs to the process and not to a session, and so do those that wait: they are
** guarded by ML_MUTEX_TABLES.
** Spec: struct object and _Unwind_Find_FDE in unwind-dw2-fde.{h,c} of GCC 12.
** SPDX-License-Identifier: MIT */
#include "process/objects.h"

#include <stdint.h>

#include "base/arena.h"
#include "os/os.h"

enum { WORDS = 8, WAIT_NS = 1000 * 1000 * 1000 }; /* libgcc's struct object has 6 words or 7 */
/* What tells whether the tables have been read: how their addresses are encoded, in some bits of a
** word. (The lowest of them, another word, stays as it was where libgcc has passed over all
** entries: a start whose low half is 0 it takes for one of code that is not there.) */
enum { STATE = 4 };
#define NO_ENCODING (UINT64_C(0xff) << 3) /* DW_EH_PE_omit: until they have been read */

struct ml_object {
    uint64_t words[WORDS]; /* of libgcc */
    uint64_t since;        /* it waits */
    ml_object *next;
};

static struct {
    ml_object *first, *last; /* first: waits longest */
} waiting;

/* One that has waited long enough, or NULL. */
static ml_object *ready(uint64_t now)
{
    ml_object *o = waiting.first;
    if (!o || now < o->since + WAIT_NS)
        return NULL;
    waiting.first = o->next;
    return o;
}

static void let_wait(ml_object *o, uint64_t now)
{
    o->since = now;
    o->next = NULL;
    if (waiting.first)
        waiting.last->next = o;
    else
        waiting.first = o;
    waiting.last = o;
}

ml_object *ml_object_new(void)
{
    ml_object *o = ml_heap_zalloc(1, sizeof *o);
    if (o)
        o->words[STATE] = NO_ENCODING;
    return o;
}

ml_object *ml_object_renew(ml_object *o)
{
    if (ml_os_single_threaded() || ml_object_is_unread(o))
        return o;
    uint64_t now = ml_os_now_ns();
    ml_object *other = ready(now);
    if (!other && !(other = ml_object_new()))
        return o;
    let_wait(o, now);
    return other;
}

bool ml_object_is_unread(const ml_object *o)
{
    return (__atomic_load_n(&o->words[STATE], __ATOMIC_RELAXED) & NO_ENCODING) == NO_ENCODING;
}

void ml_object_leave(ml_object *o)
{
    if (o && (ml_os_single_threaded() || ml_object_is_unread(o)))
        ml_heap_free(o);
    else if (o)
        let_wait(o, ml_os_now_ns());
}
