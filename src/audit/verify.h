// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace claviger::audit {

struct VerifyOptions {
  std::string directory;    // of the log, or of a copy
  std::string against;      // a file with a checkpoint saved earlier; empty: none
  // A verifier key that is known to be the log's, any one of those that it was signed with; empty: those in the directory
  // (which proves less, and the report says so).
  std::string key;
  std::function<void(std::uint64_t bytes, std::uint64_t of)> progress;  // may be null
};

struct VerifyReport {
  std::uint64_t first_event = 0;  // that is kept; what came before was pruned
  std::uint64_t events = 0;  // of the whole log, those that were pruned among them
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t beyond_checkpoint = 0;  // events behind the last checkpoint: nothing vouches for them yet
  std::uint64_t against = 0;  // events that the checkpoint from elsewhere vouches for as well
  std::uint64_t unfinished_bytes = 0;  // of a last line that is being written, or was when the power went
  bool has_leaves = false;  // false: a copy without them
  std::vector<std::string>
      keys;  // that signed what is kept, one after the other; those of the directory when nothing is signed
  bool key_was_given = false;
  std::string last_checkpoint;  // the signed note
};

// Reads the log once from front to end, in constant memory. kInvalid names the first thing that is wrong and its place
// (file, line, event number, checkpoint). A log of which no checkpoint vouches for anything is wrong too, unless
// it is empty; so is one whose beginning is missing without an event of the log's that says what was pruned. Works offline, and
// on a log that is being written, rotated and pruned: it is seen as it was at one moment. Threads: any; blocks.
Result<VerifyReport> verify_log(const VerifyOptions& options);

}  // namespace claviger::audit
