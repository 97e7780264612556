/* objects.h -- process: memory for what libgcc notes of an array of tables that it is told of.
** Who calls holds ML_MUTEX_TABLES. See Note [Objects that are still read].
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_OBJECTS_H
#define ML_PROCESS_OBJECTS_H

#include <stdbool.h>

/* libgcc's struct object stands at its beginning. */
typedef struct ml_object ml_object;

/* NULL: memory is short. */
ml_object *ml_object_new(void);
/* In place of one that libgcc was told of some time ago and was not since: one that no thread reads
** any more; the same if there is none and memory is short. */
ml_object *ml_object_renew(ml_object *o);
/* libgcc has not looked into its tables since it was told of them. */
bool ml_object_is_unread(const ml_object *o);
/* It is not needed any more; NULL: nothing. */
void ml_object_leave(ml_object *o);

#endif
