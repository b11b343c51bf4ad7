// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/log_place.h"
#include "base/result.h"

namespace claviger::audit {

// Reads a log, or a copy of one, also while it is written, rotated and pruned. Nothing is verified, locked or mended. A
// line that is being written is not seen; one that is written and not synced is, and a power cut may take it back:
// who must not see those compares with LogState::size.
//
// Threads: any; everything blocks. Memory: what is asked for, and a block or two.
// Errors: kNotFound when there is no log, or the place was pruned (the text says from where on it is kept); kIo;
// kInvalid (blame: caller) when no line begins at the place.

// A piece of the log's text: whole lines.
struct LogPiece {
  std::string lines;
  std::uint64_t first_event = 0;  // number of the first of them
  std::uint64_t events = 0;
  LogPlace next;  // where the piece behind it begins
};

// Before the first event that is kept, and behind the last.
Result<LogPlace> log_begin(const std::string& directory);
Result<LogPlace> log_end(const std::string& directory);
// Before the event of that number; the end for the one that comes next. Reads up to one segment.
Result<LogPlace> find_event(const std::string& directory, std::uint64_t number);

// The last `count` lines, fewer where there are fewer. Memory: `count` lines of at most 8 KiB.
Result<LogPiece> read_last_lines(const std::string& directory, std::size_t count);
// Lines from `from` (a LogPiece's next) on, as many as fit `bytes` and at least one; none when there is nothing new. Goes over to
// the next segment by itself; a piece has lines of one segment only.
Result<LogPiece> read_lines_from(const std::string& directory, LogPlace from, std::size_t bytes);

struct SignedCheckpoint {
  std::uint64_t size = 0;
  std::string note;  // as it was signed; unverified here
};
// The checkpoints of more than `size` events, ascending, the first `most` of them.
Result<std::vector<SignedCheckpoint>> read_checkpoints_after(const std::string& directory, std::uint64_t size,
                                                             std::size_t most);
// The last whole checkpoint, as it was signed; nothing when there is none yet.
Result<std::optional<std::string>> read_last_checkpoint(const std::string& directory);

}  // namespace claviger::audit
