/* entries.c -- os: what is at a path, and in a folder, for those who ask about many.
** takes paths; gives kinds. Unlike folder.c it takes no memory and sorts nothing.
** Spec: POSIX.1-2017 stat; Linux getdents64.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* getdents64 */
#include "os/entries.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ml_kind_of_file ml_os_kind(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return ML_NOTHING;
    return S_ISREG(s.st_mode) ? ML_PLAIN : S_ISDIR(s.st_mode) ? ML_FOLDER : ML_SPECIAL;
}

static bool visit_entry(const struct dirent64 *e,
                        bool (*visit)(void *ud, const char *name, const ml_kind_of_file *kind),
                        void *ud)
{
    static const ml_kind_of_file plain = ML_PLAIN, folder = ML_FOLDER, special = ML_SPECIAL;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
        return true;
    const ml_kind_of_file *kind = e->d_type == DT_REG                              ? &plain
                                  : e->d_type == DT_DIR                            ? &folder
                                  : e->d_type == DT_LNK || e->d_type == DT_UNKNOWN ? NULL
                                                                                   : &special;
    return visit(ud, e->d_name, kind);
}

bool ml_os_folder_each(const char *path,
                       bool (*visit)(void *ud, const char *name, const ml_kind_of_file *kind),
                       void *ud)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    _Alignas(struct dirent64) char buf[32768];
    ssize_t n = 0;
    bool more = true;
    while (more && (n = getdents64(fd, buf, sizeof buf)) > 0) {
        for (ssize_t at = 0; more && at < n;) {
            const struct dirent64 *e = (const struct dirent64 *)(const void *)(buf + at);
            at += e->d_reclen;
            more = visit_entry(e, visit, ud);
        }
    }
    close(fd);
    return more && n == 0;
}
