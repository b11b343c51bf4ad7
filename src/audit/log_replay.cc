// SPDX-License-Identifier: Apache-2.0
#include "audit/log_replay.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/log_files.h"

namespace claviger::audit {

Error altered_log(const Disk& disk, std::string_view what) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      fmt::format(
          "the audit log {} was altered or damaged: {}; run `claviger audit verify --log {}` to see where, "
          "keep it as evidence, and move the directory away to begin a new log",
          disk.path(), what, disk.path()));
}

LineScanner lines_of(DiskFile& file, std::uint64_t from) {
  return LineScanner([&file](std::uint64_t offset, std::span<char> into) { return file.read(offset, into); },
                     from);
}

Result<void> Replay::run() {
  CLV_TRY_VOID(compare());
  for (auto segment = std::ranges::find(segments_, at_.segment); segment != segments_.end(); ++segment) {
    if (*segment != at_.segment) {
      if (*segment != at_.tree.size())
        return altered_log(disk_, fmt::format("{} does not begin with event {}, which is the next",
                                              segment_name(*segment), at_.tree.size()));
      at_.segment = *segment;
      at_.bytes = 0;
    }
    CLV_TRY_VOID(read_segment(segment + 1 == segments_.end()));
  }
  if (at_.tree.size() >= last_.size) return ok();
  return altered_log(disk_, fmt::format("it has {} events, but its last checkpoint vouches for {}",
                                        at_.tree.size(), last_.size));
}

Result<void> Replay::read_segment(bool is_last) {
  const std::unique_ptr<DiskFile> text = CLV_TRY(disk_.open_file(segment_name(at_.segment)));
  LineScanner scanner = lines_of(*text, at_.bytes);
  while (const auto line = CLV_TRY(scanner.next())) {
    // The text of a segment was synced as a whole before there was another.
    const bool is_torn = line->kind == LineScanner::Line::Kind::kTorn || is_crash_damage(line->text);
    if (is_torn && is_last) return ok();
    if (is_torn || line->kind == LineScanner::Line::Kind::kTooLong || !is_line(line->text))
      return altered_log(disk_, fmt::format("event {} ({}, byte {}) is none", at_.tree.size(),
                                            segment_name(at_.segment), at_.bytes));
    CLV_TRY_VOID(check_handover(line->text));
    take(*line);
    CLV_TRY_VOID(compare());
  }
  return ok();
}

void Replay::take(const LineScanner::Line& line) {
  at_.tree.append(crypto::merkle_leaf(line.text));
  at_.bytes = line.offset + line.text.size() + 1;
  at_.outbox = std::max(at_.outbox, find_outbox(line.text));
}

// Before the line is taken. The next key is kept before the log announces it: whatever else names one was put there by somebody
// who may write the file and has no key, to have his own vouched for.
Result<void> Replay::check_handover(std::string_view line) const {
  if (at_.tree.size() < last_.size) return ok();
  const auto rotated = find_key_rotated(line);
  if (!rotated || keys_.is_announced_here(*rotated)) return ok();
  return altered_log(
      disk_, fmt::format("event {} ({}, byte {}), which no checkpoint vouches for, hands over to a key that "
                         "this gateway did not make",
                         at_.tree.size(), segment_name(at_.segment), at_.bytes));
}

Result<void> Replay::compare() const {
  if (at_.tree.size() != last_.size || last_.size == 0 || at_.tree.root() == last_.root) return ok();
  return altered_log(
      disk_,
      fmt::format("its first {} events are not those that its last checkpoint vouches for", last_.size));
}

// Where a file grew and the power went before its data was written, there are zeros. None of it was ever synced, and so
// nothing behind it either.
bool Replay::is_crash_damage(std::string_view line) const {
  return at_.tree.size() >= last_.size && line.find('\0') != std::string_view::npos;
}

}  // namespace claviger::audit
