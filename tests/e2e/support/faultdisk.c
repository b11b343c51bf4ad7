// SPDX-License-Identifier: Apache-2.0
// A disk that is slow, or has become read-only. Preloaded, this holds up or refuses what a process does with files below
// FAULTDISK_DIRECTORY, as the file FAULTDISK_SWITCH says at that moment: three 32-bit integers, how many milliseconds each
// fsync and fdatasync take, with which errno they then fail (0: not), and with which errno fails whatever would change
// the directory or a file in it (0: nothing). Built and used by tests/e2e/support/faultdisk.py.
//
// As on a file system that was remounted read-only, files that are open for writing stay open, and reading goes on.
// Threads: any. System calls are made directly, so that nothing here goes through what it replaces.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

struct faults {
  int32_t sync_milliseconds, sync_errno, write_errno;
};

static char directory[PATH_MAX];
static volatile const struct faults* faults;

__attribute__((constructor)) static void start(void) {
  const char* const where = getenv("FAULTDISK_DIRECTORY");
  const char* const path = getenv("FAULTDISK_SWITCH");
  if (where == NULL || path == NULL) return;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  void* const mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *faults, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    dprintf(2, "faultdisk: cannot map %s: %s\n", path, strerror(errno));
    abort();
  }
  close(fd);
  snprintf(directory, sizeof directory, "%s", where);
  faults = mapped;
}

static int is_below(const char* path) {
  const size_t size = strlen(directory);
  return strncmp(path, directory, size) == 0 && (path[size] == 0 || path[size] == '/');
}

static int path_of(int fd, char path[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, PATH_MAX - 1);
  path[size > 0 ? size : 0] = 0;
  return size > 0;
}

static int holds(int fd) {
  char path[PATH_MAX];
  return path_of(fd, path) && is_below(path);
}

static int holds_at(int at, const char* name) {
  char path[PATH_MAX];
  if (name[0] == '/') return is_below(name);
  if (at != AT_FDCWD) return path_of(at, path) && is_below(path);
  return getcwd(path, sizeof path) != NULL && is_below(path);
}

// Whether a change to that file is refused; errno says how.
static int is_refused(int fd) {
  const int reason = faults == NULL ? 0 : faults->write_errno;
  if (reason == 0 || !holds(fd)) return 0;
  errno = reason;
  return 1;
}

static int is_refused_at(int at, const char* name) {
  const int reason = faults == NULL ? 0 : faults->write_errno;
  if (reason == 0 || !holds_at(at, name)) return 0;
  errno = reason;
  return 1;
}

static int sync_by(long call, int fd) {
  if (faults != NULL && (faults->sync_milliseconds != 0 || faults->sync_errno != 0) && holds(fd)) {
    // In small pieces: a disk that is well again is so at once.
    for (int waited = 0; waited < faults->sync_milliseconds; waited += 10)
      nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    const int reason = faults->sync_errno;
    if (reason != 0) {
      errno = reason;
      return -1;
    }
  }
  return (int)syscall(call, fd);
}

EXPORT int fsync(int fd) { return sync_by(SYS_fsync, fd); }
EXPORT int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }

EXPORT ssize_t write(int fd, const void* data, size_t size) {
  return is_refused(fd) ? -1 : syscall(SYS_write, fd, data, size);
}
EXPORT ssize_t writev(int fd, const struct iovec* parts, int count) {
  return is_refused(fd) ? -1 : syscall(SYS_writev, fd, parts, count);
}
EXPORT ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return is_refused(fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}
EXPORT ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) { return pwrite(fd, data, size, at); }
EXPORT ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
  return is_refused(fd) ? -1 : syscall(SYS_pwritev, fd, parts, count, at, 0);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
  return pwritev(fd, parts, count, at);
}
EXPORT int ftruncate(int fd, off_t size) { return is_refused(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size); }
EXPORT int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
EXPORT int fallocate(int fd, int mode, off_t at, off_t size) {
  return is_refused(fd) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, size);
}
EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t size) { return fallocate(fd, mode, at, size); }
EXPORT int posix_fallocate(int fd, off_t at, off_t size) { return fallocate(fd, 0, at, size) == 0 ? 0 : errno; }
EXPORT int posix_fallocate64(int fd, off64_t at, off64_t size) { return posix_fallocate(fd, at, size); }

EXPORT int renameat(int from_at, const char* from, int to_at, const char* to) {
  return is_refused_at(to_at, to) ? -1 : (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}
EXPORT int rename(const char* from, const char* to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
EXPORT int unlinkat(int at, const char* name, int flags) {
  return is_refused_at(at, name) ? -1 : (int)syscall(SYS_unlinkat, at, name, flags);
}
EXPORT int unlink(const char* name) { return unlinkat(AT_FDCWD, name, 0); }
EXPORT int mkdirat(int at, const char* name, mode_t mode) {
  return is_refused_at(at, name) ? -1 : (int)syscall(SYS_mkdirat, at, name, mode);
}
EXPORT int mkdir(const char* name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

static int open_by(int at, const char* name, int flags, mode_t mode) {
  const int changes = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY;
  return changes && is_refused_at(at, name) ? -1 : (int)syscall(SYS_openat, at, name, flags, mode);
}

#define MODE_OF(last)                                               \
  mode_t mode = 0;                                                  \
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) { \
    va_list rest;                                                   \
    va_start(rest, last);                                           \
    mode = va_arg(rest, mode_t);                                    \
    va_end(rest);                                                   \
  }

EXPORT int open(const char* name, int flags, ...) {
  MODE_OF(flags)
  return open_by(AT_FDCWD, name, flags, mode);
}
EXPORT int open64(const char* name, int flags, ...) {
  MODE_OF(flags)
  return open_by(AT_FDCWD, name, flags, mode);
}
EXPORT int openat(int at, const char* name, int flags, ...) {
  MODE_OF(flags)
  return open_by(at, name, flags, mode);
}
EXPORT int openat64(int at, const char* name, int flags, ...) {
  MODE_OF(flags)
  return open_by(at, name, flags, mode);
}
// Fortified callers.
EXPORT int __open_2(const char* name, int flags) { return open(name, flags); }
EXPORT int __open64_2(const char* name, int flags) { return open(name, flags); }
EXPORT int __openat_2(int at, const char* name, int flags) { return openat(at, name, flags); }
EXPORT int __openat64_2(int at, const char* name, int flags) { return openat(at, name, flags); }
