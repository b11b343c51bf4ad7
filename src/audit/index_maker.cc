// SPDX-License-Identifier: Apache-2.0
#include "audit/index_maker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/file.h"

namespace claviger::audit {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;
// Twice what the log keeps in reserve by default (LogOptions::reserve_bytes).
constexpr std::uint64_t kLeaveFree = std::uint64_t{512} << 20;
constexpr std::uint64_t kStep = std::uint64_t{64} << 20;

Error failed(std::string_view doing, const std::string& path) {
  return Error::from_errno(Code::kIo, Blame::kOperator, fmt::format("cannot {} {}", doing, path), errno);
}

Error damaged(std::uint64_t first_event) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      fmt::format("segment {:020} of the audit log is damaged: `claviger audit verify` says where",
                  first_event));
}

// Whoever makes an index for a gateway (root, usually) leaves it to the gateway.
void give_to_owner_of(const std::string& directory, int fd) noexcept {
  struct stat about{};
  if (::geteuid() == 0 && ::stat(directory.c_str(), &about) == 0)
    (void)::fchown(fd, about.st_uid, about.st_gid);
}

}  // namespace

bool may_make_index(const std::string& directory) {
  struct statvfs about{};
  return ::access(directory.c_str(), W_OK) == 0 && ::statvfs(directory.c_str(), &about) == 0 &&
         std::uint64_t{about.f_bavail} * about.f_frsize >= kLeaveFree;
}

IndexMaker::IndexMaker(std::string directory, std::uint64_t first_event, std::uint64_t end_event,
                       ReadOnlyFile text)
    : directory_(std::move(directory)),
      first_event_(first_event),
      end_event_(end_event),
      text_(std::move(text)),
      builder_(std::make_unique<IndexBuilder>(first_event)) {}

Result<IndexMaker> IndexMaker::begin(std::string directory, std::uint64_t first_event,
                                     std::uint64_t end_event) {
  auto text = CLV_TRY(ReadOnlyFile::open(fmt::format("{}/{:020}.jsonl", directory, first_event)));
  if (text.size() < kLeastIndexed || text.size() > kMostIndexed)
    return Error(Code::kInvalid, Blame::kOperator, "segments of this size have no index");
  return IndexMaker(std::move(directory), first_event, end_event, std::move(text));
}

Result<bool> IndexMaker::step(std::uint64_t bytes) {
  std::string piece(kPiece, '\0');
  for (const std::uint64_t until = builder_->bytes() + bytes; builder_->bytes() < text_.size();) {
    if (builder_->bytes() >= until) return false;
    const std::size_t count = CLV_TRY(text_.read(builder_->bytes(), piece));
    const std::string_view lines = std::string_view(piece).substr(0, count);
    const std::size_t end = lines.rfind('\n') + 1;
    if (end == 0) return damaged(first_event_);
    builder_->add(lines.substr(0, end));
  }
  if (builder_->events() != end_event_ - first_event_) return damaged(first_event_);
  CLV_TRY_VOID(save());
  return true;
}

Result<void> IndexMaker::save() {
  const std::string path = directory_ + "/" + index_name(first_event_);
  const std::string fresh = path + ".new";
  // What a crash left, or another process is making: whoever comes last wins, and half an index is none.
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return failed("replace", fresh);
  const base::Descriptor file(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file.is_open()) return failed("make", fresh);
  give_to_owner_of(directory_, file.number());
  if (!base::write_all(file.number(), builder_->finish()) || ::fsync(file.number()) != 0) {
    const Error error = failed("write", fresh);
    ::unlink(fresh.c_str());
    return error;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("put into place", path);
  if (!base::sync_directory_of(path)) return failed("sync the directory of", path);
  return ok();
}

Result<IndexedLog> make_indexes(const std::string& directory, bool rebuild,
                                const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  const std::vector<Segment> segments = CLV_TRY(list_segments(directory));
  if (segments.empty())
    return Error::formatted(Code::kNotFound, Blame::kOperator, "there is no audit log in " + directory);
  std::uint64_t all = 0, done = 0;
  std::vector<std::uint64_t> sizes;
  for (const Segment& segment : segments) {
    const auto text = ReadOnlyFile::open(directory + "/" + segment.name);
    all += sizes.emplace_back(text.has_value() ? text->size() : 0);
  }
  IndexedLog outcome;
  for (std::size_t i = 0; i + 1 < segments.size(); done += sizes[i++]) {
    const std::uint64_t first = segments[i].first_event, end = segments[i + 1].first_event;
    if (progress) progress(done, all);
    const auto text = ReadOnlyFile::open(directory + "/" + segments[i].name);
    if (!text.has_value() && text.error().code() == Code::kNotFound) continue;  // pruned meanwhile
    if (!text.has_value()) return text.error();
    if (text->size() < kLeastIndexed || text->size() > kMostIndexed) {
      ++outcome.without;
      continue;
    }
    if (!rebuild && SegmentIndex::open(directory, first, end, *text)) {
      ++outcome.kept;
      continue;
    }
    IndexMaker maker = CLV_TRY(IndexMaker::begin(directory, first, end));
    for (std::uint64_t read = 0; !CLV_TRY(maker.step(kStep)); read += kStep)
      if (progress) progress(done + std::min(read + kStep, sizes[i]), all);
    ++outcome.made;
    outcome.bytes += sizes[i];
  }
  return outcome;
}

}  // namespace claviger::audit
