/* os_test.c -- files, memory and mappings as the system gives them; run by os_spec.lua.
** `pread`, `process_vm_*` and the clock of this program can be made to misbehave as a system may.
** SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "os/mutex.h"
#include "os/trap.h"

enum { PAGE = 4096 };

static ml_diag diag;
static ml_arena arena;

/* What the next calls of pread do before they do what they should. */
static enum { READ_WELL, READ_INTERRUPTED, READ_LITTLE, READ_SHRUNK } misbehave;

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    if (misbehave == READ_INTERRUPTED) {
        misbehave = READ_LITTLE;
        errno = EINTR;
        return -1;
    }
    if (misbehave == READ_LITTLE && n > 3)
        n = 3;
    if (misbehave == READ_SHRUNK)
        n = n > 3 ? 3 : 0;
    return syscall(SYS_pread64, fd, to, n, at);
}

/* How much later it is at each look at the clock. */
static long step_ns;

int clock_gettime(clockid_t which, struct timespec *t)
{
    static long now_ns;
    (void)which;
    now_ns += step_ns;
    *t = (struct timespec){.tv_nsec = now_ns};
    return 0;
}

/* Where pages are to be small from; 0: nobody said so. */
static uintptr_t small_from;

int madvise(void *p, size_t n, int advice)
{
    if (advice == MADV_NOHUGEPAGE)
        small_from = (uintptr_t)p;
    return (int)syscall(SYS_madvise, p, n, advice);
}

static const char *in(const char *folder, const char *name)
{
    return ml_format(&arena, "%s/%s", folder, name);
}

static const char *file(const char *folder, const char *name, const char *text)
{
    const char *path = in(folder, name);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    return path;
}

static int read_it(const char *path, ml_slice *out)
{
    return ml_os_read_all(&diag, &arena, path, out, NULL);
}

/* ---- files ---- */

static void reading(const char *folder)
{
    ml_slice s = {0};
    ml_file_id id;
    struct stat st;
    const char *path = file(folder, "a", "hello world");
    GOOD(&diag, ml_os_read_all(&diag, &arena, path, &s, &id));
    CHECK(s.n == 11 && memcmp(s.p, "hello world", 12) == 0); /* with the zero behind it */
    CHECK(stat(path, &st) == 0 && id.ino == st.st_ino && id.dev == st.st_dev && id.size == 11);
    CHECK(id.mtime_ns == st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    misbehave = READ_INTERRUPTED;
    GOOD(&diag, read_it(path, &s));
    CHECK(s.n == 11 && memcmp(s.p, "hello world", 12) == 0);
    misbehave = READ_SHRUNK;
    s = (ml_slice){0};
    FAILS(&diag, read_it(file(folder, "three", "hel"), &s), ML_E_TRUNCATED,
          "/three: ends after 0 bytes where 3 were expected");
    CHECK(s.n == 0);
    misbehave = READ_WELL;
    GOOD(&diag, read_it(file(folder, "empty", ""), &s));
    CHECK(s.n == 0 && s.p && s.p[0] == 0);
}

static void reading_once(const char *path)
{
    ml_slice s;
    GOOD(&diag, read_it(path, &s));
}

static void refusing(const char *folder)
{
    ml_slice s;
    FAILS(&diag, read_it(in(folder, "none"), &s), ML_E_NOENT,
          "/none: cannot open: No such file or directory");
    FAILS(&diag, read_it(in(file(folder, "a", "x"), "b"), &s), ML_E_NOENT, "Not a directory");
    FAILS(&diag, read_it("", &s), ML_E_NOENT, "No such file");
    FAILS(&diag, read_it(folder, &s), ML_E_KIND, ": is a folder");
    CHECK(mkfifo(in(folder, "pipe"), 0600) == 0);
    FAILS(&diag, read_it(in(folder, "pipe"), &s), ML_E_KIND, "/pipe: is a pipe");
    FAILS(&diag, read_it("/dev/null", &s), ML_E_KIND, "is a device");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(strlen(in(folder, "sock")) < sizeof at.sun_path);
    strcpy(at.sun_path, in(folder, "sock"));
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    FAILS(&diag, read_it(at.sun_path, &s), ML_E_KIND, "/sock: is a socket");
    CHECK(symlink("loop", in(folder, "loop")) == 0);
    FAILS(&diag, read_it(in(folder, "loop"), &s), ML_E_IO, "cannot open: Too many levels");
    const char *huge = file(folder, "huge", "");
    CHECK(truncate(huge, (off_t)1 << 43) == 0);
    FAILS(&diag, read_it(huge, &s), ML_E_NOMEM, "no memory for its 8796093022208 bytes");
    CHECK(close(fd) == 0 && open("/dev/null", O_RDONLY) == fd); /* no descriptor was left open */
}

static void pieces(const char *folder)
{
    const char *path = file(folder, "a", "0123456789");
    ml_os_file f;
    char buf[8] = "";
    GOOD(&diag, ml_os_open(&diag, path, &f));
    GOOD(&diag, ml_os_pread(&diag, &f, 4, buf, 6));
    CHECK(strcmp(buf, "456789") == 0);
    GOOD(&diag, ml_os_pread(&diag, &f, 10, buf, 0));
    FAILS(&diag, ml_os_pread(&diag, &f, 5, buf, 6), ML_E_TRUNCATED,
          "ends after 10 bytes where 11 were expected");
    FAILS(&diag, ml_os_pread(&diag, &f, UINT64_MAX - 2, buf, 6), ML_E_TRUNCATED, "ends after");
    GOOD(&diag, ml_os_unchanged(&diag, &f));
    CHECK(truncate(path, 9) == 0);
    FAILS(&diag, ml_os_unchanged(&diag, &f), ML_E_IO, "changed on disk since it was opened");
    ml_os_close(&f);
    CHECK(f.fd == -1);
    ml_os_close(&f);
}

/* ---- memory ---- */

static void access_checked(void)
{
    uint64_t at = ml_os_reserve(0, 40 * PAGE);
    static char buf[40 * PAGE];
    CHECK(at && ml_os_protect(at, 30 * PAGE, ML_PROT_RW));
    ml_os_populate(at, 30 * PAGE);
    memset((void *)(uintptr_t)at, 5, 30 * PAGE);
    CHECK(ml_os_peek(at + 1, buf, 30 * PAGE - 1) && buf[0] == 5 && buf[30 * PAGE - 2] == 5);
    CHECK(ml_os_poke(at + PAGE - 2, "abcd", 4) && ml_os_peek(at + PAGE - 1, buf, 2));
    CHECK(buf[0] == 'b' && buf[1] == 'c');
    CHECK(!ml_os_peek(at + 30 * PAGE - 1, buf, 2) && !ml_os_poke(at + 30 * PAGE - 1, buf, 2));
    CHECK(ml_os_protect(at, PAGE, ML_PROT_R) && ml_os_protect(at + PAGE, PAGE, ML_PROT_RX));
    CHECK(ml_os_peek(at, buf, 2 * PAGE));
    CHECK(!ml_os_poke(at, buf, 1) && !ml_os_poke(at + PAGE, buf, 1));
    CHECK(!ml_os_poke(at + PAGE, buf, PAGE + 1));
    CHECK(ml_os_peek(UINT64_MAX, buf, 0) && !ml_os_peek(UINT64_MAX - 3, buf, 8));
    CHECK(!ml_os_peek(0, buf, 1) && !ml_os_poke(0, buf, 1));
    CHECK(!ml_os_peek(UINT64_C(0x8000000000000000), buf, 1));
    CHECK(ml_os_discard(at, 30 * PAGE) && !ml_os_peek(at, buf, 1));
    CHECK(ml_os_protect(at, PAGE, ML_PROT_RW) && ml_os_peek(at, buf, 1) && buf[0] == 0);
    CHECK(ml_os_reserve(at, PAGE) == 0 && ml_os_peek(at, buf, 1));
    CHECK(ml_os_unreserve(at, 40 * PAGE) && ml_os_reserve(at, PAGE) == at);
}

static void memory(const char *unused)
{
    (void)unused;
    access_checked();
}

/* The same in a sandbox that forbids process_vm_readv and process_vm_writev, as containers do. */
static void sandboxed(const char *unused)
{
    (void)unused;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
    CHECK(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) < 0 && errno == EPERM);
    access_checked();
}

static bool is_present(const uint8_t *p)
{
    unsigned char page;
    return mincore((void *)(uintptr_t)p, PAGE, &page) == 0 && (page & 1);
}

/* Takes three units and a byte. */
static ml_part take(bool *slow)
{
    small_from = 0;
    ml_part got = ml_os_bulk.get(3 * ml_os_bulk.unit + 1, slow);
    uint8_t *p = got.p;
    CHECK(p && got.size > 3 * ml_os_bulk.unit);
    for (size_t i = 0; i <= 3 * ml_os_bulk.unit; i += PAGE)
        CHECK((!*slow || is_present(p + i)) && p[i] == 0);
    p[got.size - 1] = 1;
    return got;
}

static void huge(const char *unused)
{
    const size_t unit = ml_os_bulk.unit;
    bool slow = false;
    (void)unused;
    ml_part got = take(&slow);
    CHECK(!slow && !small_from && got.size == 4 * unit && (uintptr_t)got.p % unit == 0);
    ml_os_bulk.put(got.p, got.size);
    step_ns = 10 * 1000 * 1000;
    got = take(&slow);
    CHECK(slow && small_from == (uintptr_t)got.p + unit && got.size == 3 * unit + PAGE);
    ml_os_bulk.put(got.p, got.size);
    step_ns = 0;
    got = take(&slow);
    CHECK(slow && small_from == (uintptr_t)got.p && got.size == 3 * unit + PAGE);
    ml_os_bulk.put(got.p, got.size);
}

/* ---- what the process has ---- */

typedef struct seen {
    uint64_t end, code;
    unsigned n;
    bool text, stack, libc, longname;
} seen;

static bool look(void *ud, const ml_mapping *m)
{
    seen *s = ud;
    CHECK(m->start >= s->end && m->end > m->start);
    s->end = m->end;
    s->n++;
    s->text |= s->code >= m->start && s->code < m->end && m->r && m->x && !m->w;
    s->stack |= strcmp(m->path, "[stack]") == 0 && m->w;
    uint64_t anchor = ml_os_anchor();
    s->libc |= anchor >= m->start && anchor < m->end && strstr(m->path, "libc.so");
    s->longname |= strlen(m->path) == sizeof m->path - 1;
    return true;
}

static bool first_only(void *ud, const ml_mapping *m)
{
    (void)m;
    return ++*(int *)ud < 1;
}

static bool first_library(void *ud, const ml_extent *e)
{
    uint64_t code = (uint64_t)(uintptr_t)&first_only;
    CHECK(*e->path == 0 && e->start <= code && code < e->end && e->start % PAGE == 0);
    ++*(int *)ud;
    return false;
}

static void process(const char *folder)
{
    char name[200];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    int fd = open(file(folder, name, "x"), O_RDONLY), n = 0;
    CHECK(fd >= 0 && mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    seen s = {.code = (uint64_t)(uintptr_t)&look};
    CHECK(ml_os_mappings(look, &s));
    CHECK(s.text && s.stack && s.libc && s.longname && s.n > 10);
    for (int i = 0; i < 2000; i++) /* far more text than one read gives */
        CHECK(mmap(NULL, 2 * PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE, fd, 0) !=
              MAP_FAILED);
    seen again = {.code = s.code};
    CHECK(ml_os_mappings(look, &again));
    CHECK(again.text && again.stack && again.n >= s.n + 1999);
    CHECK(ml_os_mappings(first_only, &n) && n == 1);
    ml_os_libraries(first_library, &n);
    CHECK(n == 2);
    uint64_t before = ml_os_now_ns();
    step_ns = 1;
    CHECK(ml_os_now_ns() == before + 1 && ml_os_page() == PAGE);
    CHECK(strcmp(ml_os_error(ENOENT), "No such file or directory") == 0);
    CHECK(strcmp(ml_os_error(99999), "unknown error") == 0);
}

static int half;
static sem_t taken;

static void *hold(void *unused)
{
    ml_mutex_take(ML_MUTEX_LISTED);
    half = 1;
    sem_post(&taken);
    usleep(200 * 1000);
    half = 0;
    ml_mutex_give(ML_MUTEX_LISTED);
    return unused;
}

static void forked(const char *unused)
{
    (void)unused;
    pthread_t t;
    int status;
    sem_init(&taken, 0, 0);
    CHECK(pthread_create(&t, NULL, hold, NULL) == 0 && sem_wait(&taken) == 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(5);
        for (int m = 0; m < ML_MUTEX_COUNT; m++)
            ml_mutex_take((ml_mutex)m);
        _exit(half);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0 && pthread_join(t, NULL) == 0);
    ml_mutex_take(ML_MUTEX_LISTED);
    ml_mutex_take(ML_MUTEX_LISTED);
    ml_mutex_give(ML_MUTEX_LISTED);
    ml_mutex_give(ML_MUTEX_LISTED);
}

static sem_t enough;

static void stay(void *unused)
{
    (void)unused;
    sem_post(&taken);
    sem_wait(&enough);
}

static void raise_trap(void *unused)
{
    (void)unused;
    __builtin_trap();
}

static void *run_trapped(void *unused)
{
    ml_trap trap;
    ml_trap_run(stay, NULL, &trap);
    return unused;
}

static bool handled_by(const struct sigaction *a)
{
    struct sigaction now;
    return sigaction(SIGILL, NULL, &now) == 0 && now.sa_sigaction == a->sa_sigaction;
}

static void trapping(const char *unused)
{
    (void)unused;
    struct sigaction first;
    ml_trap trap;
    pthread_t t;
    int status;
    sem_init(&taken, 0, 0);
    sem_init(&enough, 0, 0);
    CHECK(sigaction(SIGILL, NULL, &first) == 0);
    CHECK(pthread_create(&t, NULL, run_trapped, NULL) == 0 && sem_wait(&taken) == 0);
    pid_t child = fork();
    if (child == 0) {
        bool none = handled_by(&first);
        bool both = !ml_trap_run(raise_trap, NULL, &trap) && strcmp(trap.signal, "SIGILL") == 0;
        _exit((none && both && handled_by(&first)) ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0 && !handled_by(&first));
    CHECK(sem_post(&enough) == 0 && pthread_join(t, NULL) == 0 && handled_by(&first));
}

int main(int argc, char **argv)
{
    static const test tests[] = {
        {"reading", reading},   {"refusing", refusing},   {"pieces", pieces},
        {"memory", memory},     {"sandboxed", sandboxed}, {"process", process},
        {"once", reading_once}, {"huge", huge},           {"forked", forked},
        {"trapping", trapping},
    };
    ml_diag_init(&diag);
    int status = run_test(tests, sizeof tests / sizeof *tests, argc, argv);
    ml_diag_free(&diag);
    ml_arena_free(&arena);
    return status;
}
