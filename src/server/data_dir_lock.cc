// SPDX-License-Identifier: Apache-2.0
#include "server/data_dir_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/file_trust.h"
#include "base/parse.h"

namespace claviger::server {
namespace {

// What the holder wrote, if that is a pid and nothing else. It may just be writing it.
std::string holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  std::string_view pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (pid.ends_with('\n')) pid.remove_suffix(1);
  return base::parse_decimal(pid, INT32_MAX).has_value() ? " (pid " + std::string(pid) + ")" : std::string();
}

Error in_use(const std::string& data_dir, const std::string& by) {
  return Error::formatted(
      Code::kConflict, Blame::kOperator,
      "another gateway" + by + " is using " + data_dir + ": stop it, or give this one a data_dir of its own");
}

Error lock_error(const std::string& path, int reason) {
  return Error::from_errno(Code::kInvalid, Blame::kOperator, "locking " + path, reason);
}

// For people only: whoever cannot write it (a full disk) still holds the lock.
void write_pid(int fd) {
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0) return;
  [[maybe_unused]] const ssize_t put = ::pwrite(fd, pid.data(), pid.size(), 0);
}

}  // namespace

Result<DataDirLock> DataDirLock::take(const std::string& data_dir) {
  // Whoever may write the directory may put another store in place of this one, whatever the files' own modes.
  const base::Descriptor directory(data_dir, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open()) return lock_error(data_dir, errno);
  CLV_TRY_VOID(base::check_not_writable_by_others(directory.number(), data_dir));
  const std::string path = data_dir + "/lock";
  // Not blocking: where a FIFO lies, opening it must not wait for its other end.
  base::Descriptor file(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (!file.is_open()) return lock_error(path, errno);
  const int fd = file.number();
  struct stat status{};
  if (::fstat(fd, &status) != 0) return lock_error(path, errno);
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
    return Error::formatted(Code::kInvalid, Blame::kOperator, path + " is not a plain file: remove it");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return in_use(data_dir, holder(fd));
    return lock_error(path, errno);
  }
  write_pid(fd);
  return DataDirLock(std::move(file));
}

}  // namespace claviger::server
