// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "audit/line.h"
#include "audit/log_copy.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace claviger::audit {

// A line of a segment: "00000000000000000000.jsonl:17 (event 16)".
struct TextPlace {
  std::string file;
  std::uint64_t first_event = 0;  // of the file
  std::uint64_t line = 0;         // 1, 2, ...

  std::uint64_t event() const noexcept { return first_event + line - 1; }
  std::string text() const;
};

// What was done to the log at the first line that is not the one its leaves say: changed, inserted, repeated, moved, or
// lines before it removed. `leaf` is the line's own, `behind` gives the lines after it.
Result<std::string> name_wrong_line(const TextPlace& place, const crypto::Sha256Digest& leaf,
                                    LineScanner& behind, Leaves& leaves);

}  // namespace claviger::audit
