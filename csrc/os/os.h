/* os.h -- os: every system call that moonlink makes itself.
** The only folder that may hold an #ifdef. Functions that can fail for the world's reasons take a
** diag, record path, errno text and what to do, and return 0 or a negative ml_code; functions that
** cannot be wrong for the world's reasons return plain values.
** SPDX-License-Identifier: MIT */
#ifndef ML_OS_OS_H
#define ML_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* The text of an errno value in plain English, whatever the locale: messages are deterministic. */
const char *ml_os_error(int code);

/* ---- files ---- */

/* Identity of a file's content as far as the system tells it. */
typedef struct ml_file_id {
    uint64_t dev, ino, size; /* size in bytes */
    int64_t mtime_ns;        /* nanoseconds since the epoch, at most INT64_MAX (the year 2262) */
    int64_t ctime_ns;        /* of the last change of any kind: the system's, nobody can set it */
} ml_file_id;

struct stat;
ml_file_id ml_os_identity(const struct stat *st);

typedef struct ml_os_file {
    int fd; /* -1 when closed */
    ml_file_id id;
    const char *path; /* borrowed from the caller, must outlive the file */
} ml_os_file;

/* Opens a regular file for reading. A folder, a socket and so on is an error that says what it is
** (code ML_E_KIND); a missing file is ML_E_NOENT. On failure nothing is open. */
int ml_os_open(ml_diag *d, const char *path, ml_os_file *out);
/* Reads exactly len bytes at off; a shorter file is ML_E_TRUNCATED. */
int ml_os_pread(ml_diag *d, const ml_os_file *f, uint64_t off, void *to, size_t len);
/* ML_E_IO with "changed on disk since it was opened" when size or mtime differ from f->id. */
int ml_os_unchanged(ml_diag *d, const ml_os_file *f);
void ml_os_close(ml_os_file *f);
/* open + read all + close, four system calls: *out is in the arena, with one zero byte readable
** behind it; id may be NULL. A file larger than the machine's memory is ML_E_NOMEM. */
int ml_os_read_all(ml_diag *d, ml_arena *a, const char *path, ml_slice *out, ml_file_id *id);

/* The start of a file that the system makes up (/proc): size - 1 bytes of it at most, always with a
** NUL behind them. How many; 0 when it cannot be read. */
size_t ml_os_read_text(const char *path, char *buf, size_t size);
/* Writes all of it, however many calls that takes; false with errno. */
bool ml_os_write_all(int fd, const void *bytes, size_t n);

/* A file in memory alone. */
typedef struct ml_os_memfile {
    int fd;
    char path[192]; /* by which this process can open it while it is open; unique among those */
} ml_os_memfile;
/* name: as the system's lists show it. */
int ml_os_memfile_open(ml_diag *d, const char *name, ml_slice bytes, ml_os_memfile *out);
void ml_os_memfile_close(ml_os_memfile *f);

/* ---- memory ---- */

typedef enum ml_prot { ML_PROT_NONE, ML_PROT_R, ML_PROT_RW, ML_PROT_RX } ml_prot;

size_t ml_os_page(void); /* bytes in a page */
/* Large memory for arenas: whole huge pages where the system has them, which cost a tenth of the
** page faults that small pages do (measured: 0.8 ms against 7.5 ms for 16 MiB). */
extern const ml_bulk ml_os_bulk;
/* Reserves address space without memory behind it (PROT_NONE, no swap accounting). addr 0: where
** the system likes; else exactly there, or failure. Returns 0 on failure (errno says why). */
uint64_t ml_os_reserve(uint64_t addr, size_t size);
bool ml_os_unreserve(uint64_t addr, size_t size);
/* Changes the protection of whole pages; false with errno on failure. */
bool ml_os_protect(uint64_t addr, size_t size, ml_prot prot);
/* Makes the pages of a readable and writable range present in one call, where the system can: that
** saves page faults. False with errno when some cannot be had. */
bool ml_os_populate(uint64_t addr, size_t size);
/* Gives the memory behind a range back, and makes it inaccessible: it reads as zero when it is
** protected RW again. false with errno on failure: the content may then still be there. */
bool ml_os_discard(uint64_t addr, size_t size);
/* Lays pages over a range of ours as ml_os_reserve would give them, whatever was there. false with
** errno: what was there may still be, at least inaccessible if that could be had. */
bool ml_os_renew(uint64_t addr, size_t size);
/* Asks for huge pages (of ml_os_bulk.unit bytes) where a range holds whole ones; never fails. */
void ml_os_huge(uint64_t addr, size_t size);
/* Moves what is there into huge pages, where a kernel can (6.1 and later), also memory of files
** that gets none by itself; never fails. */
void ml_os_collapse(uint64_t addr, size_t size);
/* Why nobody gets any on this system; NULL: they are to be had. */
const char *ml_os_no_huge(void);
/* Lays huge pages of those that are set aside (vm.nr_hugepages) over a range of ours, whole units
** of ml_os_bulk: readable, writable, zero and present. False with errno (ENOMEM: too few are free):
** the pages at addr may have gone, ml_os_renew makes new ones. */
bool ml_os_hugetlb_at(uint64_t addr, size_t size);
/* How many of that size are set aside, and how many of them are neither used nor promised. False
** when the kernel does not say. */
bool ml_os_hugetlb(uint64_t *all, uint64_t *free);
/* Memory of `size` bytes (whole pages) at two addresses: written at *rw, executed at *rx, so that
** no page is both. It is never given back, and a child of fork shares it: whoever writes there asks
** ml_os_process first whether he is still the one who made it. False with errno. */
bool ml_os_dual(size_t size, void **rw, void **rx);
/* The same over pages of ours at addr, which become readable and executable: a private mapping, so
** that a debugger may write there. hugetlb: out of huge pages that are set aside. Gives where they
** are written; NULL with errno: the pages at addr may have gone, ml_os_renew makes new ones. */
uint8_t *ml_os_dual_at(uint64_t addr, size_t size, bool hugetlb);
/* Are all pages at addr still those that are written there? False also when nobody can tell. */
bool ml_os_dual_holds(uint64_t addr, size_t size);
int64_t ml_os_process(void); /* the process's number */
/* Copies from or to any address of this process without ever faulting; false when a byte of the
** range is not readable (writable). Costs a system call. */
bool ml_os_peek(uint64_t addr, void *to, size_t len);
bool ml_os_poke(uint64_t addr, const void *from, size_t len);

/* A mapping of this process, as the system lists it, in address order. */
typedef struct ml_mapping {
    uint64_t start, end;
    bool r, w, x;
    char path[112]; /* may be cut; "" when anonymous */
} ml_mapping;
/* Calls visit for each mapping until it returns false. Returns false when there is no list. */
bool ml_os_mappings(bool (*visit)(void *ud, const ml_mapping *m), void *ud);

/* The addresses of one loaded ELF file (executable, shared library), whole pages, .bss included. */
typedef struct ml_extent {
    uint64_t start, end;
    const char *path; /* as the loader knows it; "" for the executable; borrowed from the loader */
} ml_extent;
/* Calls visit for each loaded file until it returns false; the executable comes first. The loader
** is locked meanwhile: visit must not load or look up anything. */
void ml_os_libraries(bool (*visit)(void *ud, const ml_extent *e), void *ud);
/* An address inside the C library: what the loaded code will refer to most. */
uint64_t ml_os_anchor(void);

/* What the system allows this process; UINT64_MAX where there is no limit or it is not known. */
typedef struct ml_limits {
    uint64_t space;    /* bytes of address space (ulimit -v) */
    uint64_t data;     /* bytes of writable private memory (ulimit -d) */
    uint64_t stack;    /* bytes of the first thread's stack (ulimit -s) */
    uint64_t mappings; /* vm.max_map_count */
} ml_limits;
void ml_os_limits(ml_limits *out);

/* ---- threads ---- */

int64_t ml_os_thread(void); /* the system's number of the calling thread */
/* What the calling thread has for itself, in memory of the static kind, so that asking is a load
** and not a call. The system's number goes to other threads, as the addresses of what is
** thread-local do. */
typedef struct ml_own {
    uint64_t number; /* that no other thread of the process has, had or will have; 0: not yet */
    int *error;      /* &errno */
} ml_own;
extern _Thread_local ml_own ml_os_own __attribute__((tls_model("initial-exec")));
const ml_own *ml_os_begin_own(void); /* at the first question */
static inline const ml_own *ml_os_self(void)
{
    return ml_os_own.number ? &ml_os_own : ml_os_begin_own();
}
/* Has the process no other thread? May be false when it had others once. */
bool ml_os_single_threaded(void);
/* How many threads the process has; 0 when the system does not tell. */
uint64_t ml_os_thread_count(void);
/* Another thread, of which is known that ... */
typedef enum ml_thread_state {
    ML_THREAD_INSIDE, /* it is where it was asked about, or may come back there */
    ML_THREAD_BLOCKS, /* it runs and blocks signals: it cannot be asked */
    ML_THREAD_SILENT  /* it runs and has not answered; id 0: threads could not be listed */
} ml_thread_state;
typedef struct ml_thread {
    int64_t id; /* the system's number */
    ml_thread_state state;
} ml_thread;
/* Calls found(ud, thread) for each other thread of the process that is at an address that matters,
** or may come back to one, or may be anywhere: its next instruction, the registers that calls keep,
** and the words on its stack are asked about. Threads that run are interrupted by a signal for that
** and stand still meanwhile: matters takes no lock and no memory. Where the system lists no
** threads, nobody is found. Takes no time in a process of one thread. */
void ml_os_threads(bool (*matters)(void *ud, uint64_t addr),
                   void (*found)(void *ud, const ml_thread *t), void *ud);
/* The same question about the words on the calling thread's own stack. */
bool ml_os_own_stack(bool (*matters)(void *ud, uint64_t addr), void *ud);
/* signals.c: the functions that handle signals, in any order, and how many there are. */
enum { ML_OS_SIGNALS = 64 };
size_t ml_os_handlers(uint64_t handlers[static ML_OS_SIGNALS]);

/* ---- being watched ---- */

/* Is a debugger attached? */
bool ml_os_traced(void);
/* A variable of the environment; NULL when it is not set or empty. */
const char *ml_os_setting(const char *name);
/* The same of the environment that the process was started with, whatever it has set since, cut to
** size. False when it was not set, or the system does not tell. */
bool ml_os_started_with(const char *name, char *value, size_t size);
/* Opens a regular file of this user's to append to, made when there is none; fresh: emptied. No
** link at the end of the path is followed. The descriptor, or -1 with errno. */
int ml_os_open_log(const char *path, bool fresh);
void ml_os_close_log(int fd);
/* Maps the first page of it, executable and not writable, for good: profilers see that, and so find
** the file's name. False with errno. */
bool ml_os_mark_log(int fd);

/* ---- time ---- */

uint64_t ml_os_now_ns(void); /* monotonic */
uint64_t ml_os_ran_ns(void); /* how long the calling thread has run */
void ml_os_sleep_ns(uint64_t ns);
/* The time of the system's last tick, in nanoseconds since the epoch: what changes from now on in a
** file system is given no earlier one. See Note [Times of changes] in time.c. */
int64_t ml_os_tick_ns(void);
/* Returns when the next tick has come: within 10 ms. */
void ml_os_next_tick(void);
/* May a file or folder have changed since ml_os_tick_ns gave `since`? id: as it is now. No is
** certain where the file system's times are this machine's, unless the clock is set back meanwhile;
** of what changed in the tick before, the answer is yes. */
bool ml_os_may_have_changed(const ml_file_id *id, int64_t since);

#endif
