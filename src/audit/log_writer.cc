// SPDX-License-Identifier: Apache-2.0
#include "audit/log_writer.h"

#include <utility>

namespace claviger::audit {
namespace {

// Of one lane in one round: short enough that no lane waits long for its turn, long enough for big writes.
constexpr std::size_t kTakeAtOnce = std::size_t{64} << 10;
// Of all lanes until the next write.
constexpr std::size_t kBatch = std::size_t{4} << 20;

}  // namespace

LogWriter::LogWriter(Disk& disk, LogFiles files, VerifierKey key, const LogOptions& options, Signer& signer,
                     Pressure& pressure)
    : disk_(disk),
      files_(std::move(files)),
      key_(std::move(key)),
      options_(options),
      signer_(signer),
      pressure_(pressure),
      leaves_written_(files_.tree.size()),
      uncheckpointed_at_(std::chrono::steady_clock::now()),
      has_uncheckpointed_(files_.tree.size() > files_.checkpointed),
      size_(files_.tree.size()),
      checkpointed_(files_.checkpointed) {}

Result<bool> LogWriter::turn(std::span<LaneQueue* const> lanes, Time now) {
  // What waits in the lanes waits whether or not this turn gets to it.
  for (const LaneQueue* lane : lanes)
    if (lane->has_events()) pressure_.waits();
  const bool was_failing = std::exchange(is_failing_, true);
  // Nothing more is taken while something could not be written: lanes have a limit, this has none.
  const bool was_busy = was_failing || take(lanes, now);
  CLV_TRY_VOID(write());
  if (is_sync_due(now)) CLV_TRY_VOID(sync());
  if (is_checkpoint_due(now)) CLV_TRY_VOID(checkpoint());
  is_failing_ = false;
  return was_busy;
}

Result<void> LogWriter::finish(std::span<LaneQueue* const> lanes, Time now) {
  do {
    CLV_TRY_VOID(write());
  } while (take(lanes, now));
  return checkpoint();
}

// Round over the lanes until they are empty or there is enough. True when there was anything.
bool LogWriter::take(std::span<LaneQueue* const> lanes, Time now) {
  const std::uint64_t before = taken_bytes_;
  for (bool more = true; more && taken_bytes_ - before < kBatch;) {
    more = false;
    for (LaneQueue* lane : lanes) {
      const auto piece = lane->take(kTakeAtOnce);
      if (!piece) continue;
      more = true;
      for (std::uint32_t i = 0; i < piece->events; ++i) {
        files_.tree.append(piece->leaf(i));
        leaves_.push_back(piece->leaf(i));
        files_.outbox = std::max(files_.outbox, piece->outbox(i));
      }
      taken_bytes_ += piece->text.size();
      pieces_.push_back(*piece);
    }
  }
  if (taken_bytes_ == before) return false;
  if (before == 0) taken_at_ = now;
  if (!std::exchange(has_uncheckpointed_, true)) uncheckpointed_at_ = now;
  return true;
}

Result<void> LogWriter::write() {
  if (written_pieces_ == pieces_.size()) return ok();
  parts_.clear();
  for (const auto& piece : std::span(pieces_).subspan(written_pieces_))
    if (!piece.text.empty()) parts_.push_back(piece.text);
  const auto written = files_.text->write(files_.text_bytes + written_bytes_, parts_);
  if (!written.has_value()) {
    // No torn line is left for readers; should the cut fail as well, the next attempt writes over it.
    (void)files_.text->truncate(files_.text_bytes + written_bytes_);
    return written;
  }
  written_pieces_ = pieces_.size();
  written_bytes_ = taken_bytes_;
  return ok();
}

// A sync that failed may have thrown away what it could not write, and the next one would not mention it: so everything
// since the last good one counts as not written.
Result<void> LogWriter::sync() {
  CLV_TRY_VOID(write());
  if (taken_bytes_ == 0) return ok();
  auto synced = files_.text->sync();
  if (synced.has_value()) synced = files_.text->check_in_place(files_.text_bytes + written_bytes_);
  if (!synced.has_value()) {
    written_pieces_ = 0;
    written_bytes_ = 0;
    return synced;
  }
  files_.text_bytes += written_bytes_;
  written_bytes_ = taken_bytes_ = 0;
  for (const auto& piece : pieces_) piece.lane->durable(piece);
  pieces_.clear();
  written_pieces_ = 0;
  size_.store(files_.tree.size(), std::memory_order_relaxed);
  pressure_.settled();
  return ok();
}

bool LogWriter::is_sync_due(Time now) const noexcept {
  if (taken_bytes_ == 0) return false;
  return now - taken_at_ >= options_.window / 2 || taken_bytes_ >= options_.lane_bytes / 2;
}

bool LogWriter::is_checkpoint_due(Time now) const noexcept {
  if (state_due_) return true;
  return has_uncheckpointed_ && (now - uncheckpointed_at_ >= options_.checkpoint_interval ||
                                 files_.tree.size() - files_.checkpointed >= options_.checkpoint_events);
}

// The text first, then the leaves, then the checkpoint that speaks of both, then the state that speaks of it: each
// synced before the next.
Result<void> LogWriter::checkpoint() {
  CLV_TRY_VOID(sync());
  if (files_.checkpointed != files_.tree.size()) {
    CLV_TRY_VOID(write_leaves());
    CLV_TRY_VOID(write_checkpoint());
  }
  has_uncheckpointed_ = false;
  if (!state_due_) return ok();
  CLV_TRY_VOID(
      disk_.replace(kState, sign_state({files_.tree, files_.text_bytes, files_.outbox}, key_, signer_)));
  state_due_ = false;
  return ok();
}

Result<void> LogWriter::write_leaves() {
  const std::uint64_t at = leaves_written_ * sizeof(crypto::Sha256Digest);
  const std::string_view part(reinterpret_cast<const char*>(leaves_.data()),
                              leaves_.size() * sizeof(crypto::Sha256Digest));
  CLV_TRY_VOID(files_.leaves->write(at, {&part, 1}));
  CLV_TRY_VOID(files_.leaves->sync());
  CLV_TRY_VOID(files_.leaves->check_in_place(at + part.size()));
  leaves_written_ += leaves_.size();
  leaves_.clear();
  return ok();
}

Result<void> LogWriter::write_checkpoint() {
  const std::string note = sign_checkpoint({files_.tree.size(), files_.tree.root()}, key_, signer_) + "\n";
  const std::string_view part = note;
  auto done = files_.checkpoints->write(files_.checkpoint_bytes, {&part, 1});
  if (done.has_value()) done = files_.checkpoints->sync();
  if (done.has_value()) done = files_.checkpoints->check_in_place(files_.checkpoint_bytes + note.size());
  if (!done.has_value()) {
    (void)files_.checkpoints->truncate(files_.checkpoint_bytes);
    return done;
  }
  files_.checkpoint_bytes += note.size();
  files_.checkpointed = files_.tree.size();
  checkpointed_.store(files_.checkpointed, std::memory_order_relaxed);
  state_due_ = true;
  return ok();
}

}  // namespace claviger::audit
