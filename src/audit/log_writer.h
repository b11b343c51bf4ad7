// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/disk.h"
#include "audit/gathering.h"
#include "audit/key_rotation.h"
#include "audit/lane_queue.h"
#include "audit/log.h"
#include "audit/log_files.h"
#include "audit/log_keys.h"
#include "audit/note.h"
#include "audit/open_calls.h"
#include "audit/retention.h"

namespace claviger::audit {

// The writer's work without its thread: takes events from the lanes, writes, syncs, checkpoints; begins new segments and prunes old
// ones. A step that failed is what the next turn() begins with. What was taken stays in the lanes until it is synced; after
// any failure all of it is written again, since neither a failed write nor a failed sync says how much of it is there.
//
// What only keeps house (a new segment, pruning) stops nothing when it fails: it is tried again, and upkeep_failure() says
// why.
//
// Threads: one at a time, but for what is said to be any thread's.
class LogWriter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `disk`, `signer`, `pressure` and `clock` outlive it. `signer` has the current one of `keys`.
  LogWriter(Disk& disk, LogFiles files, LogKeys keys, const LogOptions& options, Signer& signer,
            Pressure& pressure, const Clock& clock);

  // One look at the lanes and whatever is due at `now`. Says whether there was anything to do.
  Result<bool> turn(std::span<LaneQueue* const> lanes, Time now);
  // Takes, syncs and checkpoints all that is in the lanes.
  Result<void> finish(std::span<LaneQueue* const> lanes, Time now);

  // The turns from now on hand the log over to the key of `next`, which outlives it: goes on with it where `keys` say that a
  // handover was begun. Requires: !is_rotating_key().
  void begin_key_rotation(Signer& next);
  bool is_rotating_key() const noexcept { return key_rotation_.has_value(); }
  const LogKeys& keys() const noexcept { return keys_; }

  // A call that began before, and whose end will come from `lane`.
  void expect_end(const Lane& lane, std::uint64_t id, const LogPlace& began) {
    open_calls_.note(lane, {id, CallMark::Kind::kStarted}, began);
  }

  // It puts off a sync that calls wait for, so that more come together: is to be turned again after this time, whoever rings.
  std::optional<Time::duration> gathers() const noexcept {
    return is_gathering_ ? std::optional(gathering_.step()) : std::nullopt;
  }
  const std::string& upkeep_failure() const noexcept { return upkeep_failure_; }

  // Any thread's.
  std::uint64_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  std::uint64_t checkpointed() const noexcept { return checkpointed_.load(std::memory_order_relaxed); }
  std::uint64_t first_event() const noexcept { return first_event_.load(std::memory_order_relaxed); }
  std::uint64_t segments() const noexcept { return segments_.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t free_bytes() const noexcept { return free_bytes_.load(std::memory_order_relaxed); }

 private:
  bool take(std::span<LaneQueue* const> lanes, Time now);
  bool take_piece(LaneQueue& lane);
  void note_calls(const LaneQueue::Piece& piece);
  void add_leaves(const LaneQueue::Piece& piece);
  void noticed(std::uint64_t before, Time now);
  Result<void> write();
  Result<void> sync();
  Result<void> checkpoint();
  Result<void> write_leaves();
  Result<void> write_checkpoint();
  Result<void> write_state();
  bool is_sync_due(Time now) const noexcept;
  bool is_checkpoint_due(Time now) const noexcept;

  void look_at_space(Time now);
  Result<void> keep_house(Time now);
  bool is_segment_full() const noexcept;
  bool is_segment_old(Time now) const noexcept;
  Result<void> rotate(Time now);
  Result<void> undo_rotation(Time now);
  Result<void> prune(Time now);
  Result<void> carry_out();
  void tell(std::string_view event, Time now, std::uint64_t outbox = 0);
  Result<void> rotate_key(Time now);
  bool went_well(const Result<void>& done);
  void publish() noexcept;

  Disk& disk_;
  LogFiles files_;
  LogKeys keys_;
  const LogOptions options_;
  Signer* signer_;
  Pressure& pressure_;
  const Clock& clock_;

  std::vector<LaneQueue::Piece> pieces_;  // taken and not synced, in the log's order
  std::size_t written_pieces_ = 0;  // of them in the file
  std::uint64_t written_bytes_ = 0;
  std::uint64_t taken_bytes_ = 0;
  Time taken_at_{};  // the oldest of them
  std::vector<std::string_view> parts_;
  std::vector<crypto::Sha256Digest> leaves_;  // taken and not in the file of leaves
  std::uint64_t leaves_written_;  // of the segment
  Time uncheckpointed_at_{};
  bool has_uncheckpointed_ = false;
  bool state_due_ = false;
  bool is_failing_ = false;
  OpenCalls open_calls_;  // as of what was taken
  Gathering gathering_;
  std::size_t begun_ = 0;  // calls, among what is taken and not synced
  std::size_t back_ = 0;  // of them, those that had not waited for the sync before
  bool is_gathering_ = false;

  // A pruning that was told of, and has to be carried out.
  struct PendingPrune {
    crypto::MerkleTree tree;  // of what goes
    std::uint64_t needs_size = 0;  // not before a checkpoint of so many events
  };
  bool is_keeping_house() const noexcept {
    return upkeep_failure_.empty() && (retention_.is_busy() || pending_);
  }

  LaneQueue own_;  // events of the log about itself
  Retention retention_;
  std::optional<PendingPrune> pending_;
  std::optional<KeyRotation> key_rotation_;
  std::optional<WallTime> segment_began_;  // the time of its first event
  Time segment_seen_{};  // since when it is known here
  Time keep_house_at_{};
  bool is_next_half_made_ = false;
  Time look_at_space_at_{};
  bool is_low_on_space_ = false;
  std::string upkeep_failure_;

  std::atomic<std::uint64_t> size_;
  std::atomic<std::uint64_t> checkpointed_;
  std::atomic<std::uint64_t> first_event_{0};
  std::atomic<std::uint64_t> segments_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> free_bytes_{0};
};

}  // namespace claviger::audit
