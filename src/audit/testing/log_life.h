// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/lane_queue.h"
#include "audit/log_writer.h"
#include "audit/testing/memory_disk.h"
#include "audit/testing/test_signer.h"
#include "base/testing/fake_clock.h"

namespace claviger::audit::testing {

// "claviger/test", and who signs for it.
TestSigner& life_signer();
const VerifierKey& life_key();
// A window of 40 ms, and a checkpoint after 20 events or 200 ms.
LogOptions life_options();

// A log with one lane, as a process has it while it lives, without its thread.
class LogLife {
 public:
  static std::unique_ptr<LogLife> begin(MemoryDisk& disk, const LogOptions& options = life_options());

  bool is_open() const { return writer_.has_value(); }
  const std::string& error() const { return error_; }  // why not
  std::uint64_t found() const { return found_; }       // events, at the opening
  std::uint64_t outbox() const { return outbox_; }
  LaneQueue& lane() { return lane_; }
  LogWriter& writer() { return *writer_; }
  const Pressure& pressure() const { return pressure_; }

  // All clocks go on by `after` before it.
  Result<bool> turn(std::chrono::milliseconds after = std::chrono::milliseconds(10));
  Result<void> finish();
  Monotonic now() const { return clock_.monotonic(); }
  // The wall clock alone.
  void step_clock(std::chrono::microseconds by) { clock_.set_wall(clock_.wall() + by); }

 private:
  explicit LogLife(const LogOptions& options) : options_(options) {}

  const LogOptions options_;
  base::testing::FakeClock clock_;
  Pressure pressure_{clock_, std::chrono::milliseconds(1000)};
  LaneQueue lane_{pressure_, 1 << 20, {.for_calls = true}};
  std::unique_ptr<Disk> disk_;
  std::optional<LogWriter> writer_;
  std::string error_;
  std::uint64_t found_ = 0, outbox_ = 0;
  LogWriter::Time now_ = std::chrono::steady_clock::now();
};

// The lines of all segments that are kept: of a log that was pruned, those of what is left.
std::vector<std::string> kept_lines(const MemoryDisk& disk);
// What is wrong with a log, empty when nothing is: that its segments lie one behind the other and what was pruned,
// that its leaves are those of its lines, that its checkpoints ascend, lie where they should and are right.
std::string find_fault(const MemoryDisk& disk);

}  // namespace claviger::audit::testing
