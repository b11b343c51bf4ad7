// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/file_trust.h"

namespace claviger::store {
namespace {

// None of these may be a link.
base::Descriptor open_file(const std::string& path, int flags, mode_t mode = 0) {
  return {path, flags | O_NOFOLLOW, mode};
}

Error refused(const std::string& path, int reason) {
  const Code code = reason == ENOENT ? Code::kNotFound : Code::kUnavailable;
  return Error::from_errno(code, Blame::kOperator, path, reason);
}

Result<void> sync_directory_of(const std::string& file) {
  if (!base::sync_directory_of(file)) return refused(base::directory_of(file), errno);
  return ok();
}

Result<void> check_one(const std::string& path) {
  const base::Descriptor opened = open_file(path, O_PATH);
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
  char* const resolved = ::realpath(base::directory_of(file).c_str(), nullptr);
  if (resolved == nullptr) return refused(base::directory_of(file), errno);
  std::string path(resolved);
  std::free(resolved);  // NOLINT(cppcoreguidelines-no-malloc): realpath() allocated it
  if (path.back() != '/') path += '/';
  return path + name;
}

Result<void> make_private_file(const std::string& file) {
  const base::Descriptor made = open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!made.is_open() && errno == EEXIST)
    return Error::formatted(Code::kConflict, Blame::kOperator, file + ": is there already");
  if (!made.is_open()) return refused(file, errno);
  if (::fchmod(made.number(), 0600) != 0 || ::fsync(made.number()) != 0) {
    const int reason = errno;
    ::unlink(file.c_str());
    return refused(file, reason);
  }
  return sync_directory_of(file);
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
  const base::Descriptor opened = open_file(file, O_RDONLY);
  if (!opened.is_open() || ::fsync(opened.number()) != 0) return refused(file, errno);
  return sync_directory_of(file);
}

}  // namespace claviger::store
