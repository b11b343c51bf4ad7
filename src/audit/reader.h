// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace claviger::audit {

// A piece of the log's text: whole lines.
struct LogPiece {
  std::string lines;
  std::uint64_t next = 0;  // where the piece behind it begins: an offset in bytes, opaque to callers
};

// Both read the log while it is written. A line that is being written is not seen. Threads: any; they block.
// Errors: kNotFound when there is no log, kIo, kInvalid (blame: caller) when no line begins at `from`.

// The last `count` lines. Memory: `count` lines of at most 8 KiB.
Result<LogPiece> read_last_lines(const std::string& directory, std::size_t count);
// Lines from `from` (a LogPiece's next) on, as many as fit `bytes` and at least one; none when there is nothing new.
Result<LogPiece> read_lines_from(const std::string& directory, std::uint64_t from, std::size_t bytes);
// The last whole checkpoint, as it was signed; nothing when there is none yet.
Result<std::optional<std::string>> read_last_checkpoint(const std::string& directory);

}  // namespace claviger::audit
