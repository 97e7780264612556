/* folder.h -- os: what is in a folder, for the searches that list one.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_FOLDER_H
#define ML_OS_FOLDER_H

#include "base/error.h"

/* The names in a folder without "." and "..", in the order of their bytes, in the arena. A path
** that is no folder, or that is not there, is ML_E_NOENT; every other refusal is ML_E_IO. */
int ml_os_folder(ml_diag *d, ml_arena *a, const char *path, const char *const **names, size_t *n);

#endif
