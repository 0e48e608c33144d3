/* Stands between a process and its C library, and fails, delays or lies as a test says.

   LD_PRELOAD=fault_shim.so FAULT_CONTROL=FILE FAULT_PREFIX=FOLDER program

   FILE is mapped and read at every call, so that a test switches faults on and off while the
   program runs; its layout is `struct control`, written by tests/support/faults.py. File faults
   hit only what lies under FOLDER. Not in the product. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t clock_shift_ns; /* added to the wall clock */
    int32_t write_errno;    /* 0: works; of pwrite and ftruncate */
    int32_t sync_errno;     /* of fsync and fdatasync */
    int32_t open_errno;     /* of opening for writing */
    int32_t rename_errno;   /* of rename and unlink */
    int32_t delay_us;       /* before each write and sync */
    int32_t short_writes;   /* 1: a write takes half of what it is given */
    int32_t dns_error;      /* an EAI_ code for names of .test; 0: they are this machine */
    int32_t read_errno;     /* of reading */
    int64_t hits;           /* how many faults were given */
};

static volatile struct control idle_control;
static volatile struct control *control = &idle_control;
static const char *prefix = "";
static unsigned char ours[65536];

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_CONTROL");
    const char *folder = getenv("FAULT_PREFIX");
    if (folder != NULL) prefix = folder;
    if (path == NULL) return;
    int fd = ((int (*)(const char *, int, ...))real("open"))(path, O_RDWR);
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) control = map;
    close(fd);
}

static int is_ours(const char *path) {
    size_t length = strlen(prefix);
    return length > 0 && strncmp(path, prefix, length) == 0;
}

static int is_our_fd(int fd) { return fd >= 0 && fd < (int)sizeof ours && ours[fd]; }

static int fails(int32_t code) {
    if (code == 0) return 0;
    __sync_fetch_and_add((int64_t *)&control->hits, 1);
    errno = code;
    return 1;
}

static void wait_a_while(void) {
    int32_t delay = control->delay_us;
    if (delay > 0) {
        struct timespec left = {delay / 1000000, (delay % 1000000) * 1000L};
        nanosleep(&left, NULL);
    }
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < (int)sizeof ours) ours[fd] = (unsigned char)is_ours(path);
    return fd;
}

#define OPEN(name)                                                                               \
    int name(const char *path, int flags, ...) {                                                 \
        va_list rest;                                                                            \
        va_start(rest, flags);                                                                   \
        mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;                              \
        va_end(rest);                                                                            \
        int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);                       \
        if (writes && is_ours(path) && fails(control->open_errno)) return -1;                    \
        return opened(((int (*)(const char *, int, ...))real(#name))(path, flags, mode), path);  \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < (int)sizeof ours) ours[fd] = 0;
    return REAL(close)(fd);
}

#define PWRITE(name, offset_type)                                                  \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) {     \
        if (is_our_fd(fd)) {                                                       \
            wait_a_while();                                                        \
            if (fails(control->write_errno)) return -1;                            \
            if (control->short_writes && size > 1) size /= 2;                      \
        }                                                                          \
        return REAL(name)(fd, data, size, offset);                                 \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t read(int fd, void *data, size_t size) {
    if (is_our_fd(fd) && fails(control->read_errno)) return -1;
    return REAL(read)(fd, data, size);
}

int ftruncate(int fd, off_t size) {
    if (is_our_fd(fd) && fails(control->write_errno)) return -1;
    return REAL(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    if (is_our_fd(fd) && fails(control->write_errno)) return -1;
    return REAL(ftruncate64)(fd, size);
}

static int sync_fails(int fd) {
    if (!is_our_fd(fd)) return 0;
    wait_a_while();
    return fails(control->sync_errno);
}

int fsync(int fd) { return sync_fails(fd) ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { return sync_fails(fd) ? -1 : REAL(fdatasync)(fd); }

int rename(const char *old, const char *new) {
    if (is_ours(old) && fails(control->rename_errno)) return -1;
    return REAL(rename)(old, new);
}

int unlink(const char *path) {
    if (is_ours(path) && fails(control->rename_errno)) return -1;
    return REAL(unlink)(path);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int done = REAL(clock_gettime)(which, now);
    if (done == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        int64_t at = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + control->clock_shift_ns;
        now->tv_sec = at / INT64_C(1000000000);
        now->tv_nsec = at % INT64_C(1000000000);
    }
    return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec at;
    int done = clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return done;
}

time_t time(time_t *out) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (out != NULL) *out = at.tv_sec;
    return at.tv_sec;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out) {
    size_t length = node == NULL ? 0 : strlen(node);
    if (length > 5 && strcmp(node + length - 5, ".test") == 0) {
        if (control->dns_error != 0) {
            __sync_fetch_and_add((int64_t *)&control->hits, 1);
            return control->dns_error;
        }
        node = "127.0.0.1";
    }
    return REAL(getaddrinfo)(node, service, hints, out);
}
