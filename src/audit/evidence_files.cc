// SPDX-License-Identifier: Apache-2.0
#include "audit/evidence_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <span>
#include <vector>

#include "audit/log_copy.h"

namespace claviger::audit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kArchive = ".tar";
constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMostOctal = (std::uint64_t{1} << 33) - 1;  // 11 octal digits

Error failed(std::string_view doing, const std::string& path) {
  const Code code = errno == ENOENT ? Code::kNotFound : Code::kIo;
  return Error::from_errno(code, Blame::kOperator, fmt::format("cannot {} {}", doing, path), errno);
}

Error is_there(const std::string& path) {
  return Error::formatted(Code::kConflict, Blame::kOperator,
                          path + " is there already: nothing is overwritten");
}

bool exists(const std::string& path) {
  struct stat about{};
  return ::lstat(path.c_str(), &about) == 0;
}

// Not every file system can refuse to replace: there a directory replaces no more than an empty one, and a file is linked.
Result<void> move_to_new_name(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return ok();
  if (errno == EINVAL || errno == ENOSYS) {
    const bool is_directory = fs::is_directory(from);
    if (is_directory ? ::rename(from.c_str(), to.c_str()) == 0 : ::link(from.c_str(), to.c_str()) == 0) {
      if (!is_directory) ::unlink(from.c_str());
      return ok();
    }
  }
  if (errno == EEXIST || errno == ENOTEMPTY) return is_there(to);
  return failed("make", to);
}

// The header of a file of an archive: fields of text and octal numbers, in fixed places.
class Header {
 public:
  Header(const std::string& name, std::uint64_t size, char type, unsigned mode) {
    put(0, name);
    put(100, fmt::format("{:07o}", mode));
    put(108, "0000000");
    put(116, "0000000");
    put_size(size);
    put(136,
        fmt::format("{:011o}", static_cast<std::uint64_t>(std::max<std::time_t>(std::time(nullptr), 0))));
    block_[156] = type;
    put(257, std::string_view("ustar\0"
                              "00",
                              8));
    put(148, "        ");
    unsigned sum = 0;
    for (const char c : block_) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum));
    block_[154] = '\0';
    block_[155] = ' ';
  }
  std::string_view bytes() const noexcept { return {block_.data(), block_.size()}; }

 private:
  void put(std::size_t at, std::string_view text) {
    std::ranges::copy(text, block_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  // In octal, or in binary behind a mark.
  void put_size(std::uint64_t size) {
    if (size <= kMostOctal) return put(124, fmt::format("{:011o}", size));
    block_[124] = '\x80';
    for (std::size_t i = 0; i < 8; ++i) block_[135 - i] = static_cast<char>(size >> (8 * i) & 0xff);
  }
  std::array<char, kBlock> block_{};
};

bool write_padding(int fd, std::uint64_t size) {
  static constexpr std::array<char, kBlock> kZeros{};
  return base::write_all(fd, {kZeros.data(), static_cast<std::size_t>((kBlock - size % kBlock) % kBlock)});
}

Result<void> write_member(int fd, const std::string& path, const std::string& name) {
  const ReadOnlyFile file = CLV_TRY(ReadOnlyFile::open(path));
  if (!base::write_all(fd, Header(name, file.size(), '0', 0600).bytes()))
    return failed("write", "the archive");
  std::vector<char> block(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < file.size();) {
    const std::size_t count = CLV_TRY(file.read(at, block));
    if (count == 0) return Error(Code::kIo, Blame::kOperator, "a file became shorter while it was read");
    if (!base::write_all(fd, {block.data(), count})) return failed("write", "the archive");
    at += count;
  }
  return write_padding(fd, file.size()) ? ok() : failed("write", "the archive");
}

Result<std::vector<std::string>> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = fs::directory_iterator(directory, error); !error && it != fs::directory_iterator();
       it.increment(error))
    names.push_back(it->path().filename().string());
  if (error)
    return Error::formatted(Code::kIo, Blame::kOperator, "cannot list " + directory + ": " + error.message());
  std::ranges::sort(names);
  return names;
}

}  // namespace

namespace pack {
std::string rotation_event_name(std::uint64_t number) { return fmt::format("rotation-{}.event", number); }
std::string rotation_proof_name(std::uint64_t number) { return fmt::format("rotation-{}.proof", number); }
}  // namespace pack

Result<UnfinishedPack> UnfinishedPack::make(const std::string& given) {
  std::string out = given;
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  if (exists(out)) return is_there(out);
  std::string path = out + ".unfinished-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return failed("make a directory beside", out);
  return UnfinishedPack(std::move(out), std::move(path));
}

UnfinishedPack::~UnfinishedPack() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<base::Descriptor> UnfinishedPack::create_file(std::string_view name) const {
  const std::string path = path_ + "/" + std::string(name);
  base::Descriptor file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file.is_open()) return failed("make", path);
  return file;
}

Result<void> UnfinishedPack::write_file(std::string_view name, std::string_view text) const {
  const base::Descriptor file = CLV_TRY(create_file(name));
  if (base::write_all(file.number(), text) && ::fsync(file.number()) == 0) return ok();
  return failed("write", path_ + "/" + std::string(name));
}

Result<void> UnfinishedPack::publish() {
  if (out_.ends_with(kArchive)) return publish_archive();
  const base::Descriptor directory(path_, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open() || ::fsync(directory.number()) != 0) return failed("sync", path_);
  CLV_TRY_VOID(move_to_new_name(path_, out_));
  path_.clear();
  return base::sync_directory_of(out_) ? ok() : failed("sync the directory of", out_);
}

Result<void> UnfinishedPack::publish_archive() {
  const std::string part = path_ + kArchive.data();
  const base::Descriptor file(part, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file.is_open()) return failed("make", part);
  const std::string name = fs::path(out_).filename().string();
  auto done = write_archive(file.number(), path_, name.substr(0, name.size() - kArchive.size()));
  if (done.has_value() && ::fsync(file.number()) != 0) done = failed("sync", part);
  if (done.has_value()) done = move_to_new_name(part, out_);
  if (!done.has_value()) {
    ::unlink(part.c_str());
    return done;
  }
  return base::sync_directory_of(out_) ? ok() : failed("sync the directory of", out_);
}

Result<void> write_archive(int fd, const std::string& directory, const std::string& top) {
  constexpr std::size_t kLongestName = 99;
  if (!base::write_all(fd, Header(top.substr(0, kLongestName - 1) + "/", 0, '5', 0700).bytes()))
    return failed("write", "the archive");
  for (const std::string& name : CLV_TRY(names_in(directory))) {
    const std::string member = top + "/" + name;
    if (member.size() > kLongestName)
      return Error(Code::kInvalid, Blame::kOperator, "an archive's name has to be shorter than that");
    CLV_TRY_VOID(write_member(fd, directory + "/" + name, member));
  }
  static constexpr std::array<char, 2 * kBlock> kEnd{};
  return base::write_all(fd, {kEnd.data(), kEnd.size()}) ? ok() : failed("write", "the archive");
}

}  // namespace claviger::audit
