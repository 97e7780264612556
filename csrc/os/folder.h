/* folder.h -- os: what is in a folder, for the searches that list one; where the process is.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_FOLDER_H
#define ML_OS_FOLDER_H

#include <stdbool.h>

#include "base/error.h"

/* The names in a folder without "." and "..", in the order of their bytes, in the arena. A path
** that is no folder, or that is not there, is ML_E_NOENT; every other refusal is ML_E_IO. */
int ml_os_folder(ml_diag *d, ml_arena *a, const char *path, const char *const **names, size_t *n);
/* The absolute path of the current folder; false with errno, ERANGE when it has no room. */
bool ml_os_current_folder(char *path, size_t size);
/* Does this file descriptor belong to a terminal? */
bool ml_os_is_terminal(int fd);

#endif
