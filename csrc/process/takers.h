/* takers.h -- process: the unwinders that are told of tables, and how each wants them.
** Shared by unwind.c, which finds them, and by runs.c, which keeps what they were told.
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_TAKERS_H
#define ML_PROCESS_TAKERS_H

enum { ML_TAKERS = 8 };

/* How an unwinder takes a table. */
typedef enum ml_way {
    ML_WAY_TABLES, /* each by its address */
    ML_WAY_DOORS,  /* many by one address; see Note [Doors] in runs.c */
    ML_WAY_ARRAYS  /* many as one array; see Note [Tables in runs] there */
} ml_way;

typedef void ml_take_table(const void *table);
typedef void ml_take_array(const void *tables, void *object);
typedef void *ml_leave_array(const void *tables);

typedef struct ml_taker {
    ml_take_table *add, *remove; /* add: also who it is */
    ml_take_array *array_add;    /* of ML_WAY_ARRAYS */
    ml_leave_array *array_remove;
    ml_way way;
    void *library; /* keeps it in the process; NULL: it lies in a load */
} ml_taker;

/* In no order. At most one takes arrays: only libgcc_s does, and there is one in a process. */
typedef struct ml_takers {
    ml_taker list[ML_TAKERS];
    unsigned n;
} ml_takers;

#endif
