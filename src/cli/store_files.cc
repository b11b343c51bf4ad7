// SPDX-License-Identifier: Apache-2.0
#include "cli/store_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace claviger::cli {
namespace {

constexpr std::array<std::string_view, 2> kBeside = {"-wal", "-shm"};
constexpr int kMostKept = 10'000;

Error file_error(const std::string& path, int reason) {
  const Code code = reason == ENOENT ? Code::kNotFound : Code::kInvalid;
  return Error::from_errno(code, Blame::kOperator, path, reason);
}

using base::Descriptor;
using base::directory_of;

bool exists(const std::string& path) noexcept {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<void> sync_directory_of(const std::string& path) {
  if (!base::sync_directory_of(path)) return file_error(directory_of(path), errno);
  return ok();
}

Result<void> copy_bytes(int from, int to, const std::string& from_path, const std::string& to_path) {
  std::vector<char> piece(std::size_t{1} << 20);
  for (;;) {
    const ssize_t got = ::read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(from_path, errno);
    if (got == 0) return ok();
    if (!base::write_all(to, std::string_view(piece.data(), static_cast<std::size_t>(got))))
      return file_error(to_path, errno);
  }
}

Result<void> make_private(const std::string& path, const std::string& from) {
  const Descriptor source(from.empty() ? "/dev/null" : from, O_RDONLY | O_NONBLOCK);
  struct stat status{};
  if (!source.is_open() || ::fstat(source.number(), &status) != 0) return file_error(from, errno);
  if (!from.empty() && !S_ISREG(status.st_mode))
    return Error::formatted(Code::kInvalid, Blame::kOperator, from + ": not a regular file");
  ::unlink(path.c_str());
  const Descriptor made(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!made.is_open() || ::fchmod(made.number(), 0600) != 0) return file_error(path, errno);
  CLV_TRY_VOID(copy_bytes(source.number(), made.number(), from, path));
  CLV_TRY_VOID(give_to_directory_owner(path));
  if (::fsync(made.number()) != 0) return file_error(path, errno);
  return sync_directory_of(path);
}

// A name that neither a store nor its companions have yet.
Result<std::string> unused_name(const std::string& store) {
  for (int n = 1; n < kMostKept; ++n) {
    const std::string name = store + ".before-restore-" + std::to_string(n);
    if (!exists(name) && !exists(name + "-wal") && !exists(name + "-shm")) return name;
  }
  return Error::formatted(Code::kInvalid, Blame::kOperator,
                          store + ".before-restore-...: too many of them; remove some");
}

// A second name for each file: until the first names go, the old store stands as it did.
Result<void> link_all(const std::string& store, const std::string& kept) {
  if (::link(store.c_str(), kept.c_str()) != 0) return file_error("keeping " + store + " as " + kept, errno);
  for (const std::string_view beside : kBeside) {
    const std::string from = store + std::string(beside), to = kept + std::string(beside);
    if (::link(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
      const int reason = errno;
      remove_store_files(kept);
      return file_error("keeping " + from + " as " + to, reason);
    }
  }
  return sync_directory_of(store);
}

}  // namespace

Result<void> give_to_directory_owner(const std::string& path) {
  struct stat directory{};
  if (::geteuid() != 0) return ok();
  if (::stat(directory_of(path).c_str(), &directory) != 0) return file_error(path, errno);
  if (::lchown(path.c_str(), directory.st_uid, directory.st_gid) != 0) return file_error(path, errno);
  return ok();
}

Result<void> copy_private(const std::string& from, const std::string& to) { return make_private(to, from); }
Result<void> make_mark(const std::string& path) { return make_private(path, ""); }

void remove_store_files(const std::string& file) noexcept {
  ::unlink(file.c_str());
  ::unlink((file + "-wal").c_str());
  ::unlink((file + "-shm").c_str());
}

Result<std::string> replace_store(const std::string& fresh, const std::string& store) {
  std::string kept;
  if (exists(store)) {
    kept = CLV_TRY(unused_name(store));
    CLV_TRY_VOID(link_all(store, kept));
  }
  // The database goes before its WAL: without it the gateway does not start, whereas a database that lost its WAL looks
  // like one. And the WAL is gone before the new one comes: SQLite would play it into that.
  ::unlink(store.c_str());
  CLV_TRY_VOID(sync_directory_of(store));
  remove_store_files(store);
  CLV_TRY_VOID(sync_directory_of(store));
  if (::rename(fresh.c_str(), store.c_str()) != 0) return file_error(store, errno);
  CLV_TRY_VOID(sync_directory_of(store));
  return kept;
}

}  // namespace claviger::cli
