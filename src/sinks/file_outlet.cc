// SPDX-License-Identifier: Apache-2.0
#include "sinks/file_outlet.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace claviger::sinks {
namespace {

// The longest record: an event of 8 KiB with its id, or a checkpoint, escaped.
constexpr std::size_t kLongest = std::size_t{32} << 10;
constexpr std::string_view kRecordBegin = R"({"id":")";

bool may_be_a_record(std::string_view text) noexcept {
  return kRecordBegin.starts_with(text.substr(0, kRecordBegin.size()));
}

}  // namespace

FileOutlet::FileOutlet(std::string origin, std::string path)
    : JsonOutlet(std::move(origin)), path_(std::move(path)) {}

net::Task<Result<void>> FileOutlet::deliver(std::string_view records) { co_return append(records); }

Result<void> FileOutlet::append(std::string_view records) {
  CLV_TRY_VOID(open_if_needed());
  struct stat before{};
  if (::fstat(file_.number(), &before) != 0) return failed("appending to ");
  if (base::write_all(file_.number(), records)) return ok();
  const Error error = failed("appending to ");
  // Else what comes next would stand in the middle of a line.
  if (::ftruncate(file_.number(), before.st_size) != 0) {
    unsynced_ = error;
    file_ = {};
  }
  return error;
}

// Of a file that was let go of, too: what was delivered to it counts as delivered until this says otherwise.
Result<void> FileOutlet::make_durable() {
  if (!unsynced_) (void)sync();
  if (!unsynced_) return ok();
  const Error error = *std::exchange(unsynced_, std::nullopt);
  return error;
}

Result<void> FileOutlet::sync() {
  if (!file_.is_open() || ::fdatasync(file_.number()) == 0) return ok();
  unsynced_ = failed("syncing ");
  file_ = {};
  return *unsynced_;
}

bool FileOutlet::is_where_it_was() const noexcept {
  struct stat own{}, there{};
  return ::fstat(file_.number(), &own) == 0 && ::stat(path_.c_str(), &there) == 0 &&
         own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

Result<void> FileOutlet::open_if_needed() {
  if (file_.is_open() && !reopens_ && is_where_it_was()) return ok();
  CLV_TRY_VOID(sync());  // its position may be saved when nobody has it open any more
  CLV_TRY_VOID(open());
  reopens_ = false;
  return ok();
}

Result<void> FileOutlet::open() {
  // A FIFO would make us wait for its reader.
  file_ = base::Descriptor(path_, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, 0600);
  if (!file_.is_open()) return failed("opening ");
  struct stat status{};
  if (::fstat(file_.number(), &status) != 0) return failed("opening ");
  Result<void> fit = ok();
  if (!S_ISREG(status.st_mode))
    fit = Error::formatted(Code::kInvalid, Blame::kOperator, path_ + " is not a regular file");
  else if (!base::sync_directory_of(path_)) fit = failed("syncing the directory of ");
  else fit = cut_torn_line();
  if (!fit.has_value()) file_ = {};
  return fit;
}

Result<void> FileOutlet::cut_torn_line() {
  struct stat status{};
  if (::fstat(file_.number(), &status) != 0) return failed("reading ");
  std::string tail(std::min(static_cast<std::size_t>(status.st_size), kLongest), '\0');
  const off_t begin = status.st_size - static_cast<off_t>(tail.size());
  if (::pread(file_.number(), tail.data(), tail.size(), begin) != static_cast<ssize_t>(tail.size()))
    return failed("reading ");
  const std::size_t whole = tail.rfind('\n') + 1;
  if (whole == tail.size()) return ok();
  const bool has_whole_tail = whole > 0 || begin == 0;
  if (!has_whole_tail || !may_be_a_record(std::string_view(tail).substr(whole)))
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            path_ + " is no copy of the audit log: its last line is not one of a record");
  if (::ftruncate(file_.number(), begin + static_cast<off_t>(whole)) != 0) return failed("mending ");
  return ok();
}

Error FileOutlet::failed(const char* doing) const {
  return Error::from_errno(Code::kIo, Blame::kOperator, doing + path_, errno);
}

}  // namespace claviger::sinks
