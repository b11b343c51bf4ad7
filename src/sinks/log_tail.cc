// SPDX-License-Identifier: Apache-2.0
#include "sinks/log_tail.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "audit/line.h"
#include "sinks/record.h"

namespace claviger::sinks {
namespace {

constexpr std::size_t kCheckpointsAtOnce = 64;

// Takes off what is not synced yet. It lies in the newest segment, where the piece ends, too: a segment is ended only once all
// of it is synced.
void cut_to(audit::LogPiece& piece, std::uint64_t synced) {
  const std::uint64_t end = std::max(synced, piece.first_event);
  std::size_t keep = piece.lines.size();
  while (piece.first_event + piece.events > end && keep > 0) {
    keep = keep < 2 ? 0 : piece.lines.rfind('\n', keep - 2) + 1;  // npos + 1 is 0: the first line
    --piece.events;
  }
  piece.next.event = piece.first_event + piece.events;
  piece.next.offset -= piece.lines.size() - keep;
  piece.lines.resize(keep);
}

}  // namespace

LogTail::LogTail(std::string directory, const Outlet& outlet, std::function<LogExtent()> extent,
                 std::size_t batch)
    : directory_(std::move(directory)), outlet_(outlet), extent_(std::move(extent)), batch_(batch) {}

// The line there may be anything, but one begins there, or none comes yet.
Result<bool> LogTail::has_place(const audit::LogPlace& place) const {
  if (place.event > extent_().synced) return false;
  const auto piece = audit::read_lines_from(directory_, place, 1);
  if (piece.has_value()) return true;
  if (piece.error().code() == Code::kNotFound) return true;  // pruned, which is a gap
  if (piece.error().code() == Code::kInvalid) return false;
  return piece.error();
}

Result<bool> LogTail::begin_at(const std::optional<Position>& position) {
  if (position && CLV_TRY(has_place(position->place))) {
    go_back_to(*position);
    return true;
  }
  if (position && position->place.event <= extent_().synced) {
    const auto found = audit::find_event(directory_, position->place.event);
    if (found.has_value()) go_back_to({*found, position->checkpoint});
    if (found.has_value()) return true;
  }
  go_back_to({CLV_TRY(audit::log_begin(directory_)), 0});
  return false;
}

void LogTail::go_back_to(const Position& position) {
  position_ = position;
  ahead_.clear();
  looked_up_to_ = position.checkpoint;
}

Result<audit::LogPiece> LogTail::read_piece(std::uint64_t synced) const {
  const audit::LogPlace& from = position_.place;
  if (from.event >= synced) return audit::LogPiece{.lines = {}, .first_event = from.event, .next = from};
  auto piece = CLV_TRY(audit::read_lines_from(directory_, from, batch_));
  cut_to(piece, synced);
  return piece;
}

// The first of more than `size` events, where there is one of at most `most`.
Result<const audit::SignedCheckpoint*> LogTail::checkpoint_after(std::uint64_t size, std::uint64_t most) {
  if (looked_up_to_ <= size && size < most) {
    auto more = CLV_TRY(audit::read_checkpoints_after(directory_, size, kCheckpointsAtOnce));
    if (!more.empty()) looked_up_to_ = more.back().size;
    std::ranges::move(more, std::back_inserter(ahead_));
  }
  const auto found = std::ranges::upper_bound(ahead_, size, {}, &audit::SignedCheckpoint::size);
  return found != ahead_.end() && found->size <= most ? &*found : nullptr;
}

// All that cover no more events than the batch leads up to, and were not written yet.
Result<void> LogTail::write_checkpoints(Batch& batch, const LogExtent& extent) {
  const std::uint64_t most = std::min(extent.checkpointed, batch.next.place.event);
  while (const auto* checkpoint = CLV_TRY(checkpoint_after(batch.next.checkpoint, most))) {
    outlet_.write_checkpoint(batch.records, *checkpoint);
    batch.next.checkpoint = checkpoint->size;
  }
  return ok();
}

void LogTail::go_on(const Batch& batch) {
  position_ = batch.next;
  while (!ahead_.empty() && ahead_.front().size <= position_.checkpoint) ahead_.pop_front();
}

Result<Batch> LogTail::read() {
  const LogExtent extent = extent_();
  Batch batch{.records = {}, .next = position_, .oldest = std::nullopt};
  const audit::LogPiece piece = CLV_TRY(read_piece(extent.synced));
  batch.records.reserve(piece.lines.size() + piece.events * 64);
  batch.events = piece.events;
  CLV_TRY_VOID(write_checkpoints(batch, extent));
  std::string_view rest = piece.lines;
  for (std::uint64_t number = piece.first_event; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!batch.oldest) batch.oldest = audit::event_time(line);
    outlet_.write_event(batch.records, number, line);
    batch.next.place.event = number + 1;
    CLV_TRY_VOID(write_checkpoints(batch, extent));
  }
  batch.next.place = piece.next;
  return batch;
}

Result<std::optional<Gap>> LogTail::skip_gap() {
  const audit::LogPlace begin = CLV_TRY(audit::log_begin(directory_));
  if (begin.event <= position_.place.event) return std::optional<Gap>();
  const Gap gap{position_.place.event, begin.event};
  // A checkpoint of no more than the first event that is kept covers nothing that is.
  go_back_to({begin, std::max(position_.checkpoint, begin.event)});
  return std::optional(gap);
}

std::uint64_t LogTail::behind() const {
  const std::uint64_t synced = extent_().synced;
  return synced - std::min(synced, position_.place.event);
}

}  // namespace claviger::sinks
