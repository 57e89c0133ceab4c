/* Records, in order, what a program does to the files of one folder (LD_PRELOAD).

   Writes, truncations, syncs and changes of names go into one log together with the marks that
   the program sets itself, so that "the answer was given" stands at its place among the writes.
   One lock is held over the real call and its record: their orders are the same.
   A record: op, descriptor, number (offset, flags or size), length, then that many bytes.
   Paths are given relative to the folder. Read by tests/powercut/journal.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS 4096
#define NEXT(name) static __typeof__(&name) next; if (!next) next = dlsym(RTLD_NEXT, #name)

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char root[PATH_MAX];
static size_t root_length;
static char watched[DESCRIPTORS];

struct record { uint8_t op; uint8_t spare[3]; int32_t fd; int64_t number; uint32_t length; } __attribute__((packed));

static void append(const void *bytes, size_t length) {
    static ssize_t (*write_out)(int, const void *, size_t);
    if (!write_out) write_out = dlsym(RTLD_NEXT, "write");
    for (const char *from = bytes; length;) {
        ssize_t done = write_out(log_fd, from, length);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) { perror("rec: the log cannot be written"); abort(); }
        from += done;
        length -= done;
    }
}

static void note(char op, int fd, int64_t number, const void *bytes, size_t length) {
    int kept = errno;
    struct record record = {op, {0}, fd, number, (uint32_t)length};
    append(&record, sizeof record);
    append(bytes, length);
    errno = kept;
}

/* The part of a path below the folder; NULL when it lies elsewhere. */
static const char *below(const char *path) {
    static char whole[2 * PATH_MAX];
    if (log_fd < 0 || !path) return NULL;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return NULL;
        snprintf(whole, sizeof whole, "%s/%s", here, path);
        path = whole;
    }
    if (strncmp(path, root, root_length) || path[root_length] != '/') return NULL;
    return path + root_length + 1;
}

static int is_watched(int fd) { return log_fd >= 0 && fd >= 0 && fd < DESCRIPTORS && watched[fd]; }

/* --- called by the program -------------------------------------------------------------------- */

int rec_start(const char *folder, const char *log) {
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    pthread_mutex_lock(&turn);
    memset(watched, 0, sizeof watched);
    root_length = strlen(folder);
    memcpy(root, folder, root_length + 1);
    log_fd = fd;
    pthread_mutex_unlock(&turn);
    return fd;
}

void rec_mark(const char *text, size_t length) {
    pthread_mutex_lock(&turn);
    if (log_fd >= 0) note('m', -1, 0, text, length);
    pthread_mutex_unlock(&turn);
}

void rec_stop(void) {
    pthread_mutex_lock(&turn);
    int fd = log_fd;
    log_fd = -1;
    pthread_mutex_unlock(&turn);
    if (fd >= 0) close(fd);
}

/* --- names ------------------------------------------------------------------------------------ */

static int opened(int fd, int flags) {
    char link[64], path[PATH_MAX];
    if (log_fd < 0 || fd < 0 || fd == log_fd || fd >= DESCRIPTORS) return fd;
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (length <= 0) return fd;
    path[length] = 0;
    int is_root = !strcmp(path, root);
    const char *name = is_root ? "" : below(path);
    if (!name) return fd;
    watched[fd] = 1;
    note('o', fd, flags, name, strlen(name));
    return fd;
}

#define OPEN(name, before, ...)                                                        \
    int name(before const char *path, int flags, ...) {                                \
        NEXT(name);                                                                    \
        va_list rest; va_start(rest, flags);                                           \
        mode_t mode = va_arg(rest, mode_t); va_end(rest);                              \
        pthread_mutex_lock(&turn);                                                     \
        int fd = opened(next(__VA_ARGS__, flags, mode), flags);                        \
        pthread_mutex_unlock(&turn);                                                   \
        return fd;                                                                     \
    }
#define FOLDER int folder,
OPEN(open, , path)
OPEN(open64, , path)
OPEN(openat, FOLDER, folder, path)
OPEN(openat64, FOLDER, folder, path)

int close(int fd) {
    NEXT(close);
    pthread_mutex_lock(&turn);
    if (is_watched(fd)) { watched[fd] = 0; note('c', fd, 0, "", 0); }
    int answer = next(fd);
    pthread_mutex_unlock(&turn);
    return answer;
}

static int named(char op, int answer, const char *first, const char *second) {
    const char *name = answer == 0 ? below(first) : NULL;
    if (name) {
        char both[2 * PATH_MAX];
        size_t length = snprintf(both, sizeof both, "%s", name);
        const char *other = second ? below(second) : NULL;
        if (other) length += 1 + snprintf(both + length + 1, sizeof both - length - 1, "%s", other);
        note(op, -1, 0, both, length);
    }
    pthread_mutex_unlock(&turn);
    return answer;
}

int unlink(const char *path) { NEXT(unlink); pthread_mutex_lock(&turn); return named('u', next(path), path, NULL); }
int rename(const char *a, const char *b) { NEXT(rename); pthread_mutex_lock(&turn); return named('r', next(a, b), a, b); }
int mkdir(const char *path, mode_t mode) { NEXT(mkdir); pthread_mutex_lock(&turn); return named('d', next(path, mode), path, NULL); }

/* --- content ---------------------------------------------------------------------------------- */

static ssize_t written(int fd, ssize_t done, const void *bytes, int64_t offset) {
    if (done > 0 && is_watched(fd)) {
        if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - done;
        note('w', fd, offset, bytes, done);
    }
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    NEXT(write);
    if (!is_watched(fd)) return next(fd, bytes, length);
    pthread_mutex_lock(&turn);
    return written(fd, next(fd, bytes, length), bytes, -1);
}

#define PWRITE(name, off)                                                              \
    ssize_t name(int fd, const void *bytes, size_t length, off offset) {               \
        NEXT(name);                                                                    \
        pthread_mutex_lock(&turn);                                                     \
        return written(fd, next(fd, bytes, length, offset), bytes, offset);            \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* Gathered writes go out one after the other, which is what the caller may see anyway. */
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = pwrite(fd, parts[i].iov_base, parts[i].iov_len, offset + total);
        if (done < 0) return total ? total : -1;
        total += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return total;
}

#define ONE(name, op, type, number)                                                    \
    int name(int fd type) {                                                            \
        NEXT(name);                                                                    \
        pthread_mutex_lock(&turn);                                                     \
        int answer = next(fd CALLED_WITH);                                             \
        if (answer == 0 && is_watched(fd)) note(op, fd, number, "", 0);                \
        pthread_mutex_unlock(&turn);                                                   \
        return answer;                                                                 \
    }
#define COMMA ,
#define CALLED_WITH
ONE(fsync, 's', , 0)
ONE(fdatasync, 's', , 0)
#undef CALLED_WITH
#define CALLED_WITH , size
ONE(ftruncate, 't', COMMA off_t size, size)
ONE(ftruncate64, 't', COMMA off64_t size, size)
