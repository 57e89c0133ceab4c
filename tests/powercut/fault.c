/* Lets the disk fail under a program (LD_PRELOAD): the n-th write, truncation or sync of a file
   below one folder answers with an error, once or from then on, or writes only its first half.
   Stands before rec.c in LD_PRELOAD: what fails here is not recorded there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define NEXT(name) static __typeof__(&name) next; if (!next) next = dlsym(RTLD_NEXT, #name)

static char root[PATH_MAX];
static long left;
static int armed, answer_with, stays, halves, failed;

/* error: an errno. sticky: every later one fails too. half: a failing write keeps its first half. */
void fault_arm(const char *folder, long nth, int error, int sticky, int half) {
    snprintf(root, sizeof root, "%s/", folder);
    left = nth, answer_with = error, stays = sticky, halves = half, failed = 0, armed = 1;
}

/* Answers how many calls failed. */
int fault_disarm(void) {
    armed = 0;
    return failed;
}

static int fails(int fd) {
    char link[64], path[PATH_MAX];
    if (!armed) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (strncmp(path, root, strlen(root))) return 0;
    if (--left > 0 || (left < 0 && !stays)) return 0;
    failed++;
    errno = answer_with;
    return 1;
}

#define PWRITE(name, off)                                                              \
    ssize_t name(int fd, const void *bytes, size_t length, off offset) {               \
        NEXT(name);                                                                    \
        if (!fails(fd)) return next(fd, bytes, length, offset);                        \
        return halves && length > 1 ? next(fd, bytes, length / 2, offset) : -1;        \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t length) {
    NEXT(write);
    if (!fails(fd)) return next(fd, bytes, length);
    return halves && length > 1 ? next(fd, bytes, length / 2) : -1;
}

int fsync(int fd) { NEXT(fsync); return fails(fd) ? -1 : next(fd); }
int fdatasync(int fd) { NEXT(fdatasync); return fails(fd) ? -1 : next(fd); }
int ftruncate(int fd, off_t size) { NEXT(ftruncate); return fails(fd) ? -1 : next(fd, size); }
int ftruncate64(int fd, off64_t size) { NEXT(ftruncate64); return fails(fd) ? -1 : next(fd, size); }
