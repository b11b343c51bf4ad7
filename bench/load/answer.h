// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bench {

// Reads answers of the gateways under test, which are well formed; no more than needed for that.
class AnswerReader {
 public:
  using Body = std::function<void(std::string_view)>;
  explicit AnswerReader(Body body = {}) : body_(std::move(body)) {}

  void take(std::string_view data);
  bool complete() const { return state_ == State::kDone; }
  bool has_head() const { return state_ != State::kHead; }
  int status() const { return status_; }
  void reset();

 private:
  enum class State : std::uint8_t { kHead, kBody, kChunkLine, kChunk, kChunkEnd, kLastLine, kDone };

  void take_head();
  void take_line(std::string_view line);
  std::string_view take_body(std::string_view data);

  Body body_;
  State state_ = State::kHead;
  int status_ = 0;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  std::string text_;        // of the head, or of a line of the chunked coding
};

}  // namespace bench
