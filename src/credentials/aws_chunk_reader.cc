// SPDX-License-Identifier: Apache-2.0
#include "credentials/aws_chunk_reader.h"

#include <algorithm>

namespace claviger::credentials {
namespace {

constexpr std::uint8_t kMaxDigits = 10;  // a terabyte
constexpr std::string_view kExtension = ";chunk-signature=";
constexpr std::uint8_t kSignature = 64;

constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

Result<std::string_view> AwsChunkReader::next(std::string_view& input, std::size_t most) {
  while (!input.empty()) {
    if (state_ == State::kData) {
      const std::string_view data = input.substr(0, std::min<std::uint64_t>(left_, most));
      input.remove_prefix(data.size());
      left_ -= data.size();
      if (left_ == 0) state_ = State::kDataCr;
      return data;
    }
    if (!take_framing(input.front()))
      return Error(Code::kBadRequest, Blame::kCaller,
                   "the body is not in signed chunks, as x-amz-content-sha256 says");
    input.remove_prefix(1);
  }
  return std::string_view();
}

bool AwsChunkReader::take_size(char c) noexcept {
  const int digit = hex_value(c);
  if (digit < 0) {
    state_ = State::kExtension;
    extension_ = 1;
    return digits_ > 0 && c == kExtension.front();
  }
  left_ = left_ << 4 | static_cast<unsigned>(digit);
  return ++digits_ <= kMaxDigits;
}

bool AwsChunkReader::take_framing(char c) noexcept {
  switch (state_) {
    case State::kSize:
      return take_size(c);
    case State::kExtension:
      if (extension_ < kExtension.size()) return c == kExtension[extension_++];
      if (extension_ < kExtension.size() + kSignature) {
        ++extension_;
        return hex_value(c) >= 0;
      }
      state_ = State::kSizeLf;
      return c == '\r';
    case State::kSizeLf:
      is_last_ = left_ == 0;
      state_ = is_last_ ? State::kDataCr : State::kData;
      return c == '\n';
    case State::kDataCr:
      state_ = State::kDataLf;
      return c == '\r';
    case State::kDataLf:
      state_ = is_last_ ? State::kDone : State::kSize;
      digits_ = 0;
      return c == '\n';
    case State::kData:
    case State::kDone:
      break;
  }
  return false;
}

}  // namespace claviger::credentials
