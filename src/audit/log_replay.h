// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "audit/disk.h"
#include "audit/line.h"
#include "audit/log_keys.h"
#include "audit/note.h"
#include "audit/saved_state.h"

namespace claviger::audit {

// kInvalid that tells an operator what to do about it.
Error altered_log(const Disk& disk, std::string_view what);

// The lines of a file from an offset on. `file` outlives it.
LineScanner lines_of(DiskFile& file, std::uint64_t from);

// Hashes the log behind a state, over as many segments as there are, and holds it to the last checkpoint. What lies behind that is
// signed from now on, whoever wrote it: it names no key that this gateway did not choose.
class Replay {
 public:
  // `segments`: their first events; from.segment is one of them. All references outlive it.
  Replay(Disk& disk, const LogKeys& keys, const std::vector<std::uint64_t>& segments, SavedState from,
         const Checkpoint& last)
      : disk_(disk), keys_(keys), segments_(segments), at_(std::move(from)), last_(last) {}

  // What a crash left torn at the end is passed over: at().bytes ends before it. kInvalid, naming the place, for anything else.
  Result<void> run();

  const SavedState& at() const noexcept { return at_; }

 private:
  Result<void> read_segment(bool is_last);
  Result<void> compare() const;
  Result<void> check_handover(std::string_view line) const;
  void take(const LineScanner::Line& line);
  bool is_crash_damage(std::string_view line) const;

  Disk& disk_;
  const LogKeys& keys_;
  const std::vector<std::uint64_t>& segments_;
  SavedState at_;
  const Checkpoint last_;
};

}  // namespace claviger::audit
