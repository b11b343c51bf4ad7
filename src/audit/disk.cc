// SPDX-License-Identifier: Apache-2.0
#include "audit/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/file_trust.h"

namespace claviger::audit {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

using base::Descriptor;

Error failed(std::string_view doing, const std::string& path) {
  return Error::from_errno(Code::kUnavailable, Blame::kOperator, std::string(doing) + " " + path, errno);
}

class RealFile final : public DiskFile {
 public:
  RealFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::uint64_t> size() override {
    struct stat about{};
    if (::fstat(fd_.number(), &about) != 0) return failed("cannot look at", path_);
    return static_cast<std::uint64_t>(about.st_size);
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t count =
          ::pread(fd_.number(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed("cannot read", path_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  Result<void> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    constexpr std::size_t kAtOnce = 256;
    std::array<iovec, kAtOnce> vectors;
    std::size_t skip = 0;  // bytes of parts[0] that are written
    while (!parts.empty()) {
      const std::size_t count = std::min(parts.size(), vectors.size());
      for (std::size_t i = 0; i < count; ++i)
        vectors[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
      vectors[0].iov_base = static_cast<char*>(vectors[0].iov_base) + skip;
      vectors[0].iov_len -= skip;
      const ssize_t put =
          ::pwritev(fd_.number(), vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return failed("cannot write", path_);
      offset += static_cast<std::uint64_t>(put);
      for (skip += static_cast<std::size_t>(put); !parts.empty() && skip >= parts[0].size();
           parts = parts.subspan(1))
        skip -= parts[0].size();
    }
    return ok();
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.number(), static_cast<off_t>(size)) != 0) return failed("cannot cut", path_);
    return ok();
  }

  Result<void> sync() override {
    if (::fdatasync(fd_.number()) != 0) return failed("cannot sync", path_);
    return ok();
  }

  Result<void> check_in_place(std::uint64_t size) override {
    struct stat own{}, named{};
    if (::fstat(fd_.number(), &own) != 0) return failed("cannot look at", path_);
    const bool is_there = ::lstat(path_.c_str(), &named) == 0;
    if (!is_there && errno != ENOENT && errno != ENOTDIR) return failed("cannot look at", path_);
    if (!is_there || own.st_ino != named.st_ino || own.st_dev != named.st_dev)
      return Error::formatted(
          Code::kUnavailable, Blame::kOperator,
          path_ + " was removed or replaced while it was in use: put it back, or restart");
    if (static_cast<std::uint64_t>(own.st_size) != size)
      return Error::formatted(Code::kUnavailable, Blame::kOperator,
                              path_ + " was changed by somebody else: it has " + std::to_string(own.st_size) +
                                  " bytes instead of " + std::to_string(size));
    return ok();
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class RealDisk final : public Disk {
 public:
  RealDisk(Descriptor directory, std::string path)
      : directory_(std::move(directory)), path_(std::move(path)) {}

  const std::string& path() const noexcept override { return path_; }

  Result<bool> has(const std::string& name) override {
    struct stat about{};
    if (::fstatat(directory_.number(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (errno == ENOENT) return false;
    return failed("cannot look at", full(name));
  }

  Result<std::unique_ptr<DiskFile>> open_file(const std::string& name) override {
    const bool is_new = !CLV_TRY(has(name));
    Descriptor fd = CLV_TRY(open_regular(name, O_RDWR | O_CREAT));
    if (is_new) {
      if (::fsync(fd.number()) != 0) return failed("cannot sync", full(name));
      CLV_TRY_VOID(sync_directory());
    }
    return std::make_unique<RealFile>(std::move(fd), full(name));
  }

  Result<std::optional<std::string>> read(const std::string& name, std::size_t most) override {
    if (!CLV_TRY(has(name))) return std::optional<std::string>();
    RealFile file(CLV_TRY(open_regular(name, O_RDONLY)), full(name));
    std::string text(most + 1, '\0');
    text.resize(CLV_TRY(file.read(0, text)));
    if (text.size() > most)
      return Error::formatted(Code::kInvalid, Blame::kOperator, full(name) + " is larger than it can be");
    return std::optional<std::string>(std::move(text));
  }

  Result<void> replace(const std::string& name, std::string_view text) override {
    const std::string fresh = name + ".new";
    {
      RealFile file(CLV_TRY(open_regular(fresh, O_RDWR | O_CREAT)), full(fresh));
      CLV_TRY_VOID(file.truncate(0));
      CLV_TRY_VOID(file.write(0, {&text, 1}));
      CLV_TRY_VOID(file.sync());
    }
    if (::renameat(directory_.number(), fresh.c_str(), directory_.number(), name.c_str()) != 0)
      return failed("cannot replace", full(name));
    return sync_directory();
  }

  Result<std::vector<Entry>> list() override {
    // A descriptor of its own, which goes with the listing; the other one's place in the directory is shared.
    const int fd = ::openat(directory_.number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const Listing listing(fd >= 0 ? ::fdopendir(fd) : nullptr);
    if (!listing) {
      const Error error = failed("cannot list", path_);
      if (fd >= 0) ::close(fd);
      return error;
    }
    std::vector<Entry> entries;
    for (errno = 0; const dirent* const entry = ::readdir(listing.get()); errno = 0) {
      struct stat about{};
      if (::fstatat(directory_.number(), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (S_ISREG(about.st_mode))
        entries.push_back({entry->d_name, static_cast<std::uint64_t>(about.st_size)});
    }
    if (errno != 0) return failed("cannot list", path_);
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::renameat2(directory_.number(), from.c_str(), directory_.number(), to.c_str(), RENAME_NOREPLACE) !=
        0)
      return failed("cannot rename", full(from));
    return sync_directory();
  }

  Result<void> remove(std::span<const std::string> names) override {
    for (const std::string& name : names)
      if (::unlinkat(directory_.number(), name.c_str(), 0) != 0 && errno != ENOENT)
        return failed("cannot remove", full(name));
    return sync_directory();
  }

  Result<std::uint64_t> free_bytes() override {
    struct statvfs about{};
    if (::fstatvfs(directory_.number(), &about) != 0) return failed("cannot look at", path_);
    return static_cast<std::uint64_t>(about.f_bavail) * about.f_frsize;
  }

 private:
  struct CloseListing {
    void operator()(DIR* listing) const noexcept { ::closedir(listing); }
  };
  using Listing = std::unique_ptr<DIR, CloseListing>;

  std::string full(const std::string& name) const { return path_ + "/" + name; }

  // O_NONBLOCK: a FIFO of that name is refused rather than waited for.
  Result<Descriptor> open_regular(const std::string& name, int flags) {
    Descriptor fd(::openat(directory_.number(), name.c_str(),
                           flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, kFileMode));
    struct stat about{};
    if (!fd.is_open() || ::fstat(fd.number(), &about) != 0) return failed("cannot open", full(name));
    if (!S_ISREG(about.st_mode))
      return Error::formatted(Code::kUnavailable, Blame::kOperator, full(name) + " is not a regular file");
    return fd;
  }

  Result<void> sync_directory() {
    if (::fsync(directory_.number()) != 0) return failed("cannot sync", path_);
    return ok();
  }

  Descriptor directory_;
  std::string path_;
};

// A directory's own name is durable when its parent is synced.
Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) != 0) {
    if (errno == EEXIST) return ok();
    return failed("cannot make", path);
  }
  if (!base::sync_directory_of(path)) return failed("cannot sync", base::directory_of(path));
  return ok();
}

}  // namespace

Result<std::unique_ptr<Disk>> Disk::open(const std::string& directory) {
  std::string path = directory;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  CLV_TRY_VOID(make_directory(path));
  Descriptor fd(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd.is_open()) return failed("cannot open", path);
  CLV_TRY_VOID(base::check_not_writable_by_others(fd.number(), path));
  // Files that are there can be appended to all the same; a checkpoint's state is a new file each time.
  if (::faccessat(fd.number(), ".", W_OK | X_OK, AT_EACCESS) != 0) return failed("cannot write in", path);
  if (::flock(fd.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return Error::formatted(Code::kUnavailable, Blame::kOperator, path + " is in use by another gateway");
    return failed("cannot lock", path);
  }
  return std::make_unique<RealDisk>(std::move(fd), std::move(path));
}

}  // namespace claviger::audit
