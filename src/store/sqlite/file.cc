// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/file_trust.h"

namespace claviger::store {
namespace {

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0) noexcept
      : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, mode)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

Error refused(const std::string& path, int reason) {
  const Code code = reason == ENOENT ? Code::kNotFound : Code::kUnavailable;
  return Error::from_errno(code, Blame::kOperator, path, reason);
}

std::string directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

Result<void> sync_directory(const std::string& directory) {
  const Descriptor opened(directory, O_RDONLY | O_DIRECTORY);
  if (!opened.is_open() || ::fsync(opened.number()) != 0) return refused(directory, errno);
  return ok();
}

Result<void> check_one(const std::string& path) {
  const Descriptor opened(path, O_PATH);
  struct stat status{};
  if (!opened.is_open() || ::fstat(opened.number(), &status) != 0) return refused(path, errno);
  if (!S_ISREG(status.st_mode))
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            path + ": is not a regular file (nor may it be a link)");
  return base::check_not_writable_by_others(opened.number(), path);
}

}  // namespace

Result<std::string> canonical_path(const std::string& file) {
  const auto slash = file.rfind('/');
  const std::string name = slash == std::string::npos ? file : file.substr(slash + 1);
  if (name.empty() || name == "." || name == ".." || file.find('\0') != std::string::npos)
    return Error::formatted(Code::kInvalid, Blame::kOperator, "\"" + file + "\" does not name a file");
  char* const resolved = ::realpath(directory_of(file).c_str(), nullptr);
  if (resolved == nullptr) return refused(directory_of(file), errno);
  std::string path(resolved);
  std::free(resolved);  // NOLINT(cppcoreguidelines-no-malloc): realpath() allocated it
  if (path.back() != '/') path += '/';
  return path + name;
}

Result<void> make_private_file(const std::string& file) {
  const Descriptor made(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!made.is_open() && errno == EEXIST)
    return Error::formatted(Code::kConflict, Blame::kOperator, file + ": is there already");
  if (!made.is_open()) return refused(file, errno);
  if (::fchmod(made.number(), 0600) != 0 || ::fsync(made.number()) != 0) {
    const int reason = errno;
    ::unlink(file.c_str());
    return refused(file, reason);
  }
  return sync_directory(directory_of(file));
}

Result<void> check_database_files(const std::string& file) {
  CLV_TRY_VOID(check_one(file));
  for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
    const auto beside = check_one(file + suffix);
    if (!beside && beside.error().code() != Code::kNotFound) return beside.error();
  }
  return ok();
}

Result<void> sync_file(const std::string& file) {
  const Descriptor opened(file, O_RDONLY);
  if (!opened.is_open() || ::fsync(opened.number()) != 0) return refused(file, errno);
  return sync_directory(directory_of(file));
}

}  // namespace claviger::store
