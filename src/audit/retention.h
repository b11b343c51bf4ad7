// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/disk.h"
#include "audit/line.h"
#include "audit/log.h"
#include "audit/log_files.h"
#include "audit/pruned.h"
#include "base/clock.h"
#include "crypto/merkle.h"

namespace claviger::audit {

// Hashes segments that have ended, from their leaves or, when those are not to be had or are wrong, from their text. A
// slice at a time: whoever writes the log must not be kept from it.
class SegmentHasher {
 public:
  // `from`: the tree of all before the first of `segments`. The last one ends before the event `end`.
  SegmentHasher(Disk& disk, crypto::MerkleTree from, std::vector<std::uint64_t> segments, std::uint64_t end,
                bool from_text);

  // True when it is done.
  Result<bool> step();
  const crypto::MerkleTree& tree() const noexcept { return tree_; }

 private:
  Result<void> open_next();
  Result<void> take_leaves();
  Result<void> take_lines();
  std::uint64_t segment_end() const noexcept;

  Disk& disk_;
  crypto::MerkleTree tree_;
  const std::vector<std::uint64_t> segments_;
  const std::uint64_t end_;
  const bool from_text_;
  std::size_t at_ = 0;  // of segments_: the next to open
  std::unique_ptr<DiskFile> file_;
  std::uint64_t offset_ = 0;  // of the leaves
  std::optional<LineScanner> scanner_;  // of the text
};

// What is kept no longer, and its removal.
//
// A segment is pruned when its last event is older than LogOptions::retain_age, or while the log takes more than
// retain_bytes; the oldest first, and never the one that is written. By age only once the wall clock has gone along with the
// steady one for a while: a clock that was set wrong must not cost a year of evidence.
class Retention {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // All outlive it.
  Retention(Disk& disk, const LogOptions& options, const Clock& clock) noexcept
      : disk_(disk), options_(options), clock_(clock) {}

  struct Decision {
    crypto::MerkleTree tree;  // of what goes
    std::string event;  // to be told first
  };
  // Looks what is due, and works on it a slice at a time: call again soon while is_busy(). The decision when all is
  // hashed and is what was checkpointed; kInvalid when it is not, and then nothing goes. That is looked into again a good
  // while later only, since it costs, and said meanwhile.
  Result<std::optional<Decision>> turn(const LogFiles& files, const LogKeys& keys, Time now);
  bool is_busy() const noexcept { return work_.has_value(); }

 private:
  struct Plan {
    std::vector<std::uint64_t> segments;
    std::uint64_t end = 0;
    PruneReason reason = PruneReason::kAge;
  };
  struct Work {
    Plan plan;
    SegmentHasher hasher;
    bool from_text = false;
  };
  Result<Plan> plan(const LogFiles& files, Time now);
  std::size_t too_many(const LogFiles& files) const noexcept;
  Result<std::size_t> too_old(const LogFiles& files, Time now);
  Result<std::optional<Decision>> work(const LogFiles& files, const LogKeys& keys);
  bool is_clock_steady(Time now);
  Result<std::optional<WallTime>> last_time(const ClosedSegment& segment);
  void begin(Plan plan, const LogFiles& files, bool from_text);

  Disk& disk_;
  const LogOptions& options_;
  const Clock& clock_;
  std::optional<Work> work_;
  std::optional<Error> altered_;  // until `look_again_at_`
  Time look_again_at_{};
  std::chrono::microseconds clock_offset_{INT64_MIN};  // of the wall clock to the steady one
  Time steady_since_{};
  std::optional<std::pair<std::uint64_t, std::optional<WallTime>>>
      last_time_;  // of the segment asked for last
};

}  // namespace claviger::audit
