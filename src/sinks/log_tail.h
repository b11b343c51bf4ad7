// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "audit/reader.h"
#include "base/clock.h"
#include "base/result.h"
#include "sinks/outlet.h"
#include "sinks/position.h"

namespace claviger::sinks {

// How much of the log may be sent.
struct LogExtent {
  std::uint64_t synced = 0;        // events
  std::uint64_t checkpointed = 0;  // of them under the last checkpoint
};

// What is sent at once.
struct Batch {
  std::string records;  // as the outlet writes them; empty: there is nothing new
  std::uint64_t events = 0;
  Position next;  // behind it
  std::optional<WallTime> oldest;  // the first event's time
};

// Events that were pruned before the sink had them.
struct Gap {
  std::uint64_t first = 0;
  std::uint64_t end = 0;  // the first that is kept
};

// Reads the log from a place on: whole records, events and checkpoints in order, of what is synced.
//
// Threads: one at a time; it reads files. Memory: a batch, twice for a moment, and a few checkpoints.
class LogTail {
 public:
  // `outlet` writes the records and outlives it. `extent`: any thread's.
  LogTail(std::string directory, const Outlet& outlet, std::function<LogExtent()> extent, std::size_t batch);

  // Goes on from there, by the event's number where no line begins at the place; from the first event that is kept when nothing
  // is said, or the log has no such event. Whether it is that event.
  Result<bool> begin_at(const std::optional<Position>& position);
  void go_back_to(const Position& position);
  const Position& position() const noexcept { return position_; }

  // What comes next, without going on. kNotFound when it was pruned: skip_gap() then.
  Result<Batch> read();
  void go_on(const Batch& batch);
  // Goes on to what is kept. Nothing when there is no gap.
  Result<std::optional<Gap>> skip_gap();

  // Events that may be sent and were not.
  std::uint64_t behind() const;

 private:
  Result<audit::LogPiece> read_piece(std::uint64_t synced) const;
  Result<void> write_checkpoints(Batch& batch, const LogExtent& extent);
  Result<const audit::SignedCheckpoint*> checkpoint_after(std::uint64_t size, std::uint64_t most);
  Result<bool> has_place(const audit::LogPlace& place) const;

  const std::string directory_;
  const Outlet& outlet_;
  const std::function<LogExtent()> extent_;
  const std::size_t batch_;
  Position position_;
  std::deque<audit::SignedCheckpoint> ahead_;  // read and not sent, ascending
  std::uint64_t looked_up_to_ = 0;  // all of up to so many events were sent or are in ahead_
};

}  // namespace claviger::sinks
