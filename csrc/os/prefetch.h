/* prefetch.h -- os: a second thread that reads a list of files ahead of the one that uses them.
** Only an accelerator: whatever it does not deliver the caller reads himself, and all errors are
** found there. The thread blocks all signals, calls nothing but file functions, and is joined by
** ml_prefetch_end; nobody else's memory is touched.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_PREFETCH_H
#define ML_OS_PREFETCH_H

#include "os/os.h"

typedef struct ml_prefetch ml_prefetch;

/* Starts to read the files, in order, those of at most `limit` bytes. NULL when that cannot be:
** memory, threads. The paths are copied. */
ml_prefetch *ml_prefetch_start(const char *const *paths, size_t n, size_t limit);
/* The content and identity of the next file of the list, if that is `path` and it was read; false:
** read it yourself. The bytes, with one zero byte behind them, live until ml_prefetch_end. */
bool ml_prefetch_take(ml_prefetch *p, const char *path, ml_slice *out, ml_file_id *id);
/* Ends the thread and frees everything. NULL is allowed. */
void ml_prefetch_end(ml_prefetch *p);

#endif
