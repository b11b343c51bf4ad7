// SPDX-License-Identifier: Apache-2.0
#include "audit/log_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "audit/log_files.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

Error failed(std::string_view doing, const std::string& path) {
  const Code code = errno == ENOENT ? Code::kNotFound : Code::kIo;
  return Error::from_errno(code, Blame::kOperator, fmt::format("cannot {} {}", doing, path), errno);
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

Result<ReadOnlyFile> ReadOnlyFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return failed("open", path);
  ReadOnlyFile file(fd, 0, path);
  struct stat about{};
  if (::fstat(fd, &about) != 0) return failed("look at", path);
  if (!S_ISREG(about.st_mode))
    return Error::formatted(Code::kIo, Blame::kOperator, path + " is not a regular file");
  file.size_ = static_cast<std::uint64_t>(about.st_size);
  (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return file;
}

ReadOnlyFile::ReadOnlyFile(int fd, std::uint64_t size, std::string path)
    : fd_(fd), size_(size), path_(std::move(path)) {}
ReadOnlyFile::ReadOnlyFile(ReadOnlyFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_), path_(std::move(other.path_)) {}
ReadOnlyFile& ReadOnlyFile::operator=(ReadOnlyFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  size_ = other.size_;
  path_ = std::move(other.path_);
  return *this;
}
ReadOnlyFile::~ReadOnlyFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::size_t> ReadOnlyFile::read(std::uint64_t offset, std::span<char> into) const {
  if (offset >= size_) return std::size_t{0};
  into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset)));
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t count =
        ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", path_);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<std::string> read_small_file(const std::string& path, std::size_t most) {
  const ReadOnlyFile file = CLV_TRY(ReadOnlyFile::open(path));
  if (file.size() > most)
    return Error::formatted(Code::kInvalid, Blame::kOperator, path + " is larger than it can be");
  std::string text(file.size(), '\0');
  text.resize(CLV_TRY(file.read(0, text)));
  return text;
}

Result<std::vector<Segment>> list_segments(const std::string& directory) {
  constexpr std::string_view kSuffix = ".jsonl";
  constexpr std::size_t kDigits = 20;
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
  if (!open) return failed("open", directory);
  std::vector<Segment> segments;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) continue;
    const std::string_view digits = name.substr(0, kDigits);
    // Leading zeros are part of the name, and of no number.
    const auto number =
        base::parse_decimal(digits.substr(std::min(digits.find_first_not_of('0'), kDigits - 1)));
    if (number.has_value()) segments.push_back({std::string(name), *number});
  }
  std::ranges::sort(segments, {}, &Segment::first_event);
  return segments;
}

Result<std::optional<ReadOnlyFile>> open_checkpoints(const std::string& directory,
                                                     std::uint64_t first_event) {
  for (const std::string& name : {checkpoints_name(first_event), std::string(kCheckpoints)}) {
    auto file = ReadOnlyFile::open(directory + "/" + name);
    if (file.has_value()) return std::optional(std::move(*file));
    if (file.error().code() != Code::kNotFound) return std::move(file).error();
    if (first_event != 0) break;
  }
  return std::optional<ReadOnlyFile>();
}

std::uint64_t Leaves::count() const noexcept {
  return file_ ? file_->size() / sizeof(crypto::Sha256Digest) : 0;
}

Result<std::optional<crypto::Sha256Digest>> Leaves::at(std::uint64_t index) {
  using Found = std::optional<crypto::Sha256Digest>;
  if (index >= count()) return Found();
  if (index < block_begin_ || index - block_begin_ >= block_.size()) {
    block_.resize(kBlock);
    block_begin_ = index;
    const std::span<char> bytes(reinterpret_cast<char*>(block_.data()),
                                kBlock * sizeof(crypto::Sha256Digest));
    block_.resize(CLV_TRY(file_->read(index * sizeof(crypto::Sha256Digest), bytes)) /
                  sizeof(crypto::Sha256Digest));
    if (block_.empty()) return Found();
  }
  return Found(block_[index - block_begin_]);
}

Result<std::optional<std::uint64_t>> Leaves::find(const crypto::Sha256Digest& hash, std::uint64_t from,
                                                  std::uint64_t to) {
  for (to = std::min(to, count()); from < to; ++from)
    if (CLV_TRY(at(from)) == hash) return std::optional(from);
  return std::optional<std::uint64_t>();
}

}  // namespace claviger::audit
