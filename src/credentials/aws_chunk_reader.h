// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace claviger::credentials {

// Takes the chunks of a body apart that an SDK has signed (STREAMING-AWS4-HMAC-SHA256-PAYLOAD):
//   hex size ";chunk-signature=" 64 hex digits CRLF data CRLF, the last one with no data.
// The signatures are with keys that the caller should not have, and nobody looks at them.
// Threads: one.
class AwsChunkReader {
 public:
  // The next piece of data in `input`, `most` bytes of it at most, off whose front it is taken; empty where `input` has no more of
  // it, and is used up. Requires: most > 0.
  // kBadRequest, blame caller: it is not of this form.
  Result<std::string_view> next(std::string_view& input, std::size_t most);
  bool is_done() const noexcept { return state_ == State::kDone; }

 private:
  enum class State : std::uint8_t { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kDone };
  bool take_framing(char c) noexcept;
  bool take_size(char c) noexcept;

  State state_ = State::kSize;
  bool is_last_ = false;
  std::uint8_t digits_ = 0;
  std::uint8_t extension_ = 0;
  std::uint64_t left_ = 0;
};

}  // namespace claviger::credentials
