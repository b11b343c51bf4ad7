// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "audit/disk.h"
#include "audit/lane_queue.h"
#include "audit/log.h"
#include "audit/log_files.h"
#include "audit/note.h"

namespace claviger::audit {

// The writer's work without its thread: takes events from the lanes, writes, syncs, checkpoints. A step that failed is what the
// next turn() begins with. What was taken stays in the lanes until it is synced; after any failure all of
// it is written again, since neither a failed write nor a failed sync says how much of it is there.
//
// Threads: one at a time, but for size() and checkpointed().
class LogWriter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `disk`, `signer` and `pressure` outlive it.
  LogWriter(Disk& disk, LogFiles files, VerifierKey key, const LogOptions& options, Signer& signer,
            Pressure& pressure);

  // One look at the lanes and whatever is due at `now`. Says whether there was anything to do.
  Result<bool> turn(std::span<LaneQueue* const> lanes, Time now);
  // Takes, syncs and checkpoints all that is in the lanes.
  Result<void> finish(std::span<LaneQueue* const> lanes, Time now);

  std::uint64_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  std::uint64_t checkpointed() const noexcept { return checkpointed_.load(std::memory_order_relaxed); }

 private:
  bool take(std::span<LaneQueue* const> lanes, Time now);
  Result<void> write();
  Result<void> sync();
  Result<void> checkpoint();
  Result<void> write_leaves();
  Result<void> write_checkpoint();
  bool is_sync_due(Time now) const noexcept;
  bool is_checkpoint_due(Time now) const noexcept;

  Disk& disk_;
  LogFiles files_;  // text_bytes: synced
  const VerifierKey key_;
  const LogOptions options_;
  Signer& signer_;
  Pressure& pressure_;

  std::vector<LaneQueue::Piece> pieces_;  // taken and not synced, in the log's order
  std::size_t written_pieces_ = 0;  // of them in the file
  std::uint64_t written_bytes_ = 0;
  std::uint64_t taken_bytes_ = 0;
  Time taken_at_{};  // the oldest of them
  std::vector<std::string_view> parts_;
  std::vector<crypto::Sha256Digest> leaves_;  // taken and not in the file of leaves
  std::uint64_t leaves_written_;
  Time uncheckpointed_at_{};
  bool has_uncheckpointed_ = false;
  bool state_due_ = false;
  bool is_failing_ = false;

  std::atomic<std::uint64_t> size_;
  std::atomic<std::uint64_t> checkpointed_;
};

}  // namespace claviger::audit
