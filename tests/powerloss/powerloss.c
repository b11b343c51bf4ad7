// SPDX-License-Identifier: Apache-2.0
// What a power cut leaves of a directory. Preloaded, this keeps a mirror of POWERLOSS_LIVE in POWERLOSS_MIRROR that is
// only what a process may count on: the content of a file as of its last fsync or fdatasync, the entries of a directory
// as of the last fsync of that directory. Built and read by tests/e2e/support/powerloss.py.
//
//   root                 the key of the live directory
//   files/<key>          content; a file without is empty
//   dirs/<key>           entries: "f <key> <name>\0" and "d <key> <name>\0"; a directory without is empty
//
// A key is inode and time of birth, so that a name that is used again is not taken for the same file. What is there when
// the first process starts counts as durable. POWERLOSS_KIND_DIRS=1: as on ext4, syncing a file also makes its own
// entry durable.
//
// Strict where file systems are often kinder (rename without a sync of the directory; sync_file_range, which promises
// nothing), and kinder in one thing: a sync takes all that the file holds then, also what another process wrote only if
// this one had not synced the file before. Not seen, so never durable until the file is next synced by another process:
// writes by stdio's own buffers, through mmap and io_uring. Names that end in -shm (SQLite's shared memory) are left out.
// Threads: any. System calls are made directly, so that nothing here goes through what it replaces.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kBuckets = 1024, kMaxRanges = 512, kKeySize = 64, kBlock = 1 << 16 };

struct range {
  off_t begin, end;
};

// A file of the live directory that this process has opened or synced.
struct file {
  struct file* next;
  dev_t device;
  ino_t inode;
  char key[kKeySize];
  int reader;  // a descriptor of our own, where the caller's cannot be read from; -1: none yet
  int is_whole;  // all of it may differ from the mirror
  int ranges;
  struct range dirty[kMaxRanges];
};

static char live[PATH_MAX], mirror[PATH_MAX / 2];
static int is_on, is_kind;
static struct file* buckets[kBuckets];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void lock(void) { pthread_mutex_lock(&mutex); }
static void unlock(void) { pthread_mutex_unlock(&mutex); }

__attribute__((noreturn)) static void die(const char* what, const char* where) {
  dprintf(2, "powerloss: %s %s: %s\n", what, where, strerror(errno));
  abort();
}

// --- system calls, past what this replaces

static int sys_open(const char* path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static void write_fully(int fd, const char* data, size_t size, off_t at, const char* path) {
  while (size > 0) {
    const ssize_t done = syscall(SYS_pwrite64, fd, data, size, at);
    if (done < 0) die("cannot write", path);
    data += done, size -= (size_t)done, at += done;
  }
}

// Replaces a file of the mirror at once, as a directory is never half updated.
static void replace_file(const char* path, const char* data, size_t size) {
  char fresh[PATH_MAX];
  snprintf(fresh, sizeof fresh, "%s.%d", path, getpid());
  const int fd = sys_open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) die("cannot make", fresh);
  write_fully(fd, data, size, 0, fresh);
  close(fd);
  if (rename(fresh, path) != 0) die("cannot rename", fresh);
}

// --- which file is which

static int key_of(int fd, const char* name, char* key) {
  struct statx about;
  const int flags = name[0] == 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  if (syscall(SYS_statx, fd, name, flags, STATX_INO | STATX_BTIME | STATX_TYPE, &about) != 0) return -1;
  snprintf(key, kKeySize, "%llx-%llx.%x", (unsigned long long)about.stx_ino,
           (unsigned long long)about.stx_btime.tv_sec, about.stx_btime.tv_nsec);
  return about.stx_mode;
}

static int is_left_out(const char* path) {
  const size_t size = strlen(path);
  return size >= 4 && strcmp(path + size - 4, "-shm") == 0;
}

// The path of a descriptor, if it is in the live directory.
static int is_live(int fd, char path[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, PATH_MAX - 1);
  if (size <= 0) return 0;
  path[size] = 0;
  const size_t root = strlen(live);
  return strncmp(path, live, root) == 0 && (path[root] == 0 || path[root] == '/') && !is_left_out(path);
}

static struct file* find(const struct stat* about) {
  struct file* file = buckets[about->st_ino % kBuckets];
  while (file != NULL && (file->inode != about->st_ino || file->device != about->st_dev)) file = file->next;
  return file;
}

// The entry of an open regular file; one that is new to this process may hold anything.
static struct file* know(int fd, const struct stat* about) {
  char key[kKeySize];
  if (key_of(fd, "", key) < 0) die("cannot tell the age of", live);
  struct file* file = find(about);
  if (file != NULL && strcmp(file->key, key) == 0) return file;
  if (file == NULL) {
    file = calloc(1, sizeof *file);
    if (file == NULL) die("no memory for", key);
    file->device = about->st_dev, file->inode = about->st_ino;
    file->next = buckets[about->st_ino % kBuckets];
    buckets[about->st_ino % kBuckets] = file;
  } else if (file->reader >= 0) {
    close(file->reader);  // of a file that is gone, and its inode somebody else's
  }
  strcpy(file->key, key);
  file->reader = -1, file->is_whole = 1, file->ranges = 0;
  return file;
}

static void mark(struct file* file, off_t begin, off_t end) {
  if (file->is_whole || begin >= end) return;
  struct range* const last = file->ranges > 0 ? &file->dirty[file->ranges - 1] : NULL;
  if (last != NULL && begin <= last->end && end >= last->begin) {
    if (begin < last->begin) last->begin = begin;
    if (end > last->end) last->end = end;
  } else if (file->ranges == kMaxRanges) {
    file->is_whole = 1;
  } else {
    file->dirty[file->ranges++] = (struct range){begin, end};
  }
}

// --- making durable

static void copy_range(int from, int to, off_t begin, off_t end, const char* path) {
  static char block[kBlock];  // under the lock
  while (begin < end) {
    const size_t wanted = end - begin < kBlock ? (size_t)(end - begin) : kBlock;
    const ssize_t got = pread(from, block, wanted, begin);
    if (got < 0) die("cannot read what belongs in", path);
    if (got == 0) break;
    write_fully(to, block, (size_t)got, begin, path);
    begin += got;
  }
}

// Closing any descriptor of a file drops the process's POSIX locks on it, so one of our own stays open.
static int reader_of(struct file* file, int fd) {
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY) return fd;
  if (file->reader < 0) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    file->reader = sys_open(link, O_RDONLY, 0);
    if (file->reader < 0) die("cannot read", link);
  }
  return file->reader;
}

static void keep_content(struct file* file, int fd) {
  char path[PATH_MAX];
  struct stat about;
  snprintf(path, sizeof path, "%s/files/%s", mirror, file->key);
  const int to = sys_open(path, O_WRONLY | O_CREAT, 0600);
  if (to < 0) die("cannot open", path);
  const int from = reader_of(file, fd);
  if (fstat(from, &about) != 0) die("cannot stat for", path);
  if (file->is_whole) copy_range(from, to, 0, about.st_size, path);
  for (int i = 0; i < file->ranges && !file->is_whole; ++i) {
    const struct range* const dirty = &file->dirty[i];
    copy_range(from, to, dirty->begin, dirty->end < about.st_size ? dirty->end : about.st_size, path);
  }
  if (syscall(SYS_ftruncate, to, about.st_size) != 0) die("cannot cut", path);
  close(to);
  file->is_whole = file->ranges = 0;
}

struct text {
  char* data;
  size_t size, room;
};

static void add_entry(struct text* text, char type, const char* key, const char* name) {
  const size_t needed = strlen(key) + strlen(name) + 4;
  if (text->size + needed > text->room) {
    text->room = (text->room + needed) * 2;
    text->data = realloc(text->data, text->room);
    if (text->data == NULL) die("no memory for", name);
  }
  text->size += (size_t)sprintf(text->data + text->size, "%c %s %s", type, key, name) + 1;
}

static void listing_path(char* path, const char* key) { snprintf(path, PATH_MAX, "%s/dirs/%s", mirror, key); }

static void keep_entries(int fd) {
  char key[kKeySize], path[PATH_MAX];
  if (key_of(fd, "", key) < 0) die("cannot tell the age of", live);
  const int own = (int)syscall(SYS_openat, fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  DIR* const opened = own < 0 ? NULL : fdopendir(own);
  if (opened == NULL) die("cannot list", live);
  struct text text = {0};
  for (struct dirent* entry; (entry = readdir(opened)) != NULL;) {
    char entry_key[kKeySize];
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || is_left_out(entry->d_name))
      continue;
    const int mode = key_of(own, entry->d_name, entry_key);
    if (mode >= 0 && (S_ISREG(mode) || S_ISDIR(mode)))
      add_entry(&text, S_ISDIR(mode) ? 'd' : 'f', entry_key, entry->d_name);
  }
  closedir(opened);
  listing_path(path, key);
  replace_file(path, text.data, text.size);
  free(text.data);
}

// One entry into the listing of its directory; then that directory into its own, up to the root.
static void keep_own_entry(const char* child, const char* key, char type) {
  char directory[PATH_MAX], path[PATH_MAX], directory_key[kKeySize];
  if (strcmp(child, live) == 0) return;
  strcpy(directory, child);
  char* const slash = strrchr(directory, '/');
  *slash = 0;
  const char* const name = slash + 1;
  if (key_of(AT_FDCWD, directory, directory_key) < 0) return;  // it is gone, and so is the file
  listing_path(path, directory_key);
  struct text text = {0};
  FILE* const old = fopen(path, "re");
  char* entry = NULL;
  size_t room = 0;
  while (old != NULL && getdelim(&entry, &room, 0, old) > 0) {
    char* const old_key = entry + 2;
    char* const old_name = strchr(old_key, ' ');
    *old_name = 0;
    if (strcmp(old_name + 1, name) != 0) add_entry(&text, entry[0], old_key, old_name + 1);
  }
  free(entry);
  if (old != NULL) fclose(old);
  add_entry(&text, type, key, name);
  replace_file(path, text.data, text.size);
  free(text.data);
  keep_own_entry(directory, directory_key, 'd');
}

static int sync_to_mirror(int fd, long call) {
  char path[PATH_MAX];
  struct stat about;
  if (!is_on || fstat(fd, &about) != 0 || !(S_ISREG(about.st_mode) || S_ISDIR(about.st_mode)) ||
      !is_live(fd, path))
    return (int)syscall(call, fd);
  lock();
  if (S_ISDIR(about.st_mode)) {
    keep_entries(fd);
  } else {
    struct file* const file = know(fd, &about);
    keep_content(file, fd);
    if (is_kind && about.st_nlink > 0) keep_own_entry(path, file->key, 'f');
  }
  unlock();
  return 0;
}

// --- the start

static void adopt(const char* path) {
  const int fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  struct stat about;
  if (fd < 0 || fstat(fd, &about) != 0) die("cannot open", path);
  if (S_ISREG(about.st_mode)) keep_content(know(fd, &about), fd);
  if (S_ISDIR(about.st_mode)) {
    keep_entries(fd);
    DIR* const opened = opendir(path);
    if (opened == NULL) die("cannot list", path);
    for (struct dirent* entry; (entry = readdir(opened)) != NULL;) {
      char child[PATH_MAX + 256];
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || is_left_out(entry->d_name))
        continue;
      if (entry->d_type != DT_REG && entry->d_type != DT_DIR) continue;
      snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
      adopt(child);
    }
    closedir(opened);
  }
  close(fd);
}

__attribute__((constructor)) static void start(void) {
  const char* const from = getenv("POWERLOSS_LIVE");
  const char* const to = getenv("POWERLOSS_MIRROR");
  if (from == NULL || to == NULL) return;
  char path[PATH_MAX], key[kKeySize];
  if (realpath(from, live) == NULL) die("cannot find", from);
  if (strlen(to) + 2 * kKeySize > sizeof mirror || to[0] != '/') die("cannot use", to);
  strcpy(mirror, to);
  const char* const kind = getenv("POWERLOSS_KIND_DIRS");
  is_kind = kind != NULL && strcmp(kind, "1") == 0;
  static const char* const folders[] = {"", "/files", "/dirs"};
  for (int i = 0; i < 3; ++i) {
    snprintf(path, sizeof path, "%s%s", mirror, folders[i]);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) die("cannot make", path);
  }
  snprintf(path, sizeof path, "%s/lock", mirror);
  const int guard = sys_open(path, O_RDWR | O_CREAT, 0600);
  if (guard < 0 || flock(guard, LOCK_EX) != 0) die("cannot lock", path);
  snprintf(path, sizeof path, "%s/root", mirror);
  if (access(path, F_OK) != 0) {
    adopt(live);
    if (key_of(AT_FDCWD, live, key) < 0) die("cannot tell the age of", live);
    replace_file(path, key, strlen(key));
  }
  close(guard);
  pthread_atfork(lock, unlock, unlock);
  is_on = 1;
}

// --- what is replaced

#define EXPORT __attribute__((visibility("default")))

static int opened(int fd, int flags) {
  char path[PATH_MAX];
  struct stat about;
  if (!is_on || fd < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) == O_PATH) return fd;
  const int reason = errno;
  if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && is_live(fd, path)) {
    lock();
    struct file* const file = know(fd, &about);
    if ((flags & O_TRUNC) != 0) file->is_whole = 1;
    unlock();
  }
  errno = reason;
  return fd;
}

#define MODE_OF(last)                                               \
  mode_t mode = 0;                                                  \
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) { \
    va_list rest;                                                   \
    va_start(rest, last);                                           \
    mode = va_arg(rest, mode_t);                                    \
    va_end(rest);                                                   \
  }

EXPORT int open(const char* path, int flags, ...) {
  MODE_OF(flags)
  return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), flags);
}
EXPORT int open64(const char* path, int flags, ...) {
  MODE_OF(flags)
  return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), flags);
}
EXPORT int openat(int at, const char* path, int flags, ...) {
  MODE_OF(flags)
  return opened((int)syscall(SYS_openat, at, path, flags, mode), flags);
}
EXPORT int openat64(int at, const char* path, int flags, ...) {
  MODE_OF(flags)
  return opened((int)syscall(SYS_openat, at, path, flags, mode), flags);
}
EXPORT int creat(const char* path, mode_t mode) { return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
EXPORT int creat64(const char* path, mode_t mode) { return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
// Fortified callers.
EXPORT int __open_2(const char* path, int flags) { return open(path, flags); }
EXPORT int __open64_2(const char* path, int flags) { return open(path, flags); }
EXPORT int __openat_2(int at, const char* path, int flags) { return openat(at, path, flags); }
EXPORT int __openat64_2(int at, const char* path, int flags) { return openat(at, path, flags); }

// The entry to be marked, under the lock; else NULL, and no lock.
static struct file* touched(int fd) {
  struct stat about;
  if (!is_on || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return NULL;
  lock();
  struct file* const file = find(&about);
  if (file == NULL) unlock();
  return file;
}

static ssize_t wrote(struct file* file, int fd, ssize_t done, off_t at) {
  const int reason = errno;
  if (done > 0)
    mark(file, at < 0 ? lseek(fd, 0, SEEK_CUR) - done : at, at < 0 ? lseek(fd, 0, SEEK_CUR) : at + done);
  if (done > 0 && (fcntl(fd, F_GETFL) & O_DSYNC) != 0) keep_content(file, fd);
  unlock();
  errno = reason;
  return done;
}

// `call` is made once, under the lock when the file is one of ours.
#define WRITE(fd, at, call)                \
  do {                                     \
    struct file* const file = touched(fd); \
    if (file == NULL) return call;         \
    const ssize_t done = call;             \
    return wrote(file, fd, done, at);      \
  } while (0)

EXPORT ssize_t write(int fd, const void* data, size_t size) {
  WRITE(fd, -1, syscall(SYS_write, fd, data, size));
}
EXPORT ssize_t writev(int fd, const struct iovec* parts, int count) {
  WRITE(fd, -1, syscall(SYS_writev, fd, parts, count));
}
EXPORT ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  WRITE(fd, at, syscall(SYS_pwrite64, fd, data, size, at));
}
EXPORT ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  WRITE(fd, at, syscall(SYS_pwrite64, fd, data, size, at));
}
EXPORT ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
  WRITE(fd, at, syscall(SYS_pwritev, fd, parts, count, at, 0));
}
EXPORT ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
  WRITE(fd, at, syscall(SYS_pwritev, fd, parts, count, at, 0));
}

// What changes a file in ways that are not worth following.
static long changed(int fd, long done) {
  const int reason = errno;
  struct file* const file = touched(fd);
  if (file != NULL) {
    file->is_whole = 1;
    unlock();
  }
  errno = reason;
  return done;
}

EXPORT ssize_t pwritev2(int fd, const struct iovec* parts, int count, off_t at, int flags) {
  const ssize_t done = changed(fd, syscall(SYS_pwritev2, fd, parts, count, at, 0, flags));
  if (done > 0 && (flags & (RWF_DSYNC | RWF_SYNC)) != 0) sync_to_mirror(fd, SYS_fdatasync);
  return done;
}
EXPORT ssize_t pwritev64v2(int fd, const struct iovec* parts, int count, off64_t at, int flags) {
  return pwritev2(fd, parts, count, at, flags);
}
EXPORT int ftruncate(int fd, off_t size) {
  struct stat before;
  const int is_known = fstat(fd, &before) == 0;
  struct file* const file = touched(fd);
  const int done = (int)syscall(SYS_ftruncate, fd, size);
  const int reason = errno;
  if (file != NULL && done == 0 && is_known) mark(file, size, before.st_size);
  if (file != NULL) unlock();
  errno = reason;
  return done;
}
EXPORT int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
EXPORT int truncate(const char* path, off_t size) {
  const int fd = open(path, O_WRONLY);  // known from here on; stays open for the sake of POSIX locks
  return fd < 0 ? -1 : (int)changed(fd, ftruncate(fd, size));
}
EXPORT int truncate64(const char* path, off64_t size) { return truncate(path, size); }
EXPORT int fallocate(int fd, int mode, off_t at, off_t size) {
  return (int)changed(fd, syscall(SYS_fallocate, fd, mode, at, size));
}
EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t size) { return fallocate(fd, mode, at, size); }
EXPORT int posix_fallocate(int fd, off_t at, off_t size) {
  return fallocate(fd, 0, at, size) == 0 ? 0 : errno;
}
EXPORT int posix_fallocate64(int fd, off64_t at, off64_t size) { return posix_fallocate(fd, at, size); }
EXPORT ssize_t copy_file_range(int in, off64_t* from, int out, off64_t* to, size_t size, unsigned flags) {
  return changed(out, syscall(SYS_copy_file_range, in, from, out, to, size, flags));
}
EXPORT ssize_t sendfile(int out, int in, off_t* at, size_t size) {
  return changed(out, syscall(SYS_sendfile, out, in, at, size));
}
EXPORT ssize_t sendfile64(int out, int in, off64_t* at, size_t size) { return sendfile(out, in, at, size); }

EXPORT int fsync(int fd) { return sync_to_mirror(fd, SYS_fsync); }
EXPORT int fdatasync(int fd) { return sync_to_mirror(fd, SYS_fdatasync); }
