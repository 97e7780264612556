/* entries.h -- os: what is at a path, and in a folder, for those who ask about many.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_ENTRIES_H
#define ML_OS_ENTRIES_H

#include <stdbool.h>

/* What a path leads to, links followed. */
typedef enum ml_kind_of_file { ML_NOTHING, ML_PLAIN, ML_FOLDER, ML_SPECIAL } ml_kind_of_file;

/* What is at a path; ML_NOTHING also when the system does not let us look. */
ml_kind_of_file ml_os_kind(const char *path);

/* Calls visit for each name in a folder, without "." and "..", in the file system's order, until it
** returns false; kind is NULL where the system does not tell it along with the name. One buffer, no
** memory taken. False when the folder cannot be listed, or visit returned false. */
bool ml_os_folder_each(const char *path,
                       bool (*visit)(void *ud, const char *name, const ml_kind_of_file *kind),
                       void *ud);

#endif
