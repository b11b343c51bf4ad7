// SPDX-License-Identifier: Apache-2.0
#include "answer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "arguments.h"

namespace bench {
namespace {

std::uint64_t number(std::string_view text, int base) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

}  // namespace

void AnswerReader::reset() {
  state_ = State::kHead;
  text_.clear();
}

void AnswerReader::take(std::string_view data) {
  while (!data.empty() && state_ != State::kDone) {
    if (state_ == State::kBody || state_ == State::kChunk) {
      data = take_body(data);
      continue;
    }
    text_ += data.front();
    data.remove_prefix(1);
    if (text_.back() != '\n') continue;
    if (state_ == State::kHead) {
      if (text_.ends_with("\r\n\r\n")) take_head();
    } else {
      const std::string line = std::exchange(text_, {});
      take_line(std::string_view(line).substr(0, line.size() - 2));
    }
  }
}

void AnswerReader::take_head() {
  std::ranges::transform(text_, text_.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const std::string head = std::exchange(text_, {});
  status_ = head.size() > 12 ? static_cast<int>(number(std::string_view(head).substr(9, 3), 10)) : 0;
  static constexpr std::string_view kLength = "\r\ncontent-length: ";
  if (head.find("\r\ntransfer-encoding: chunked") != std::string::npos) {
    state_ = State::kChunkLine;
  } else if (const auto at = head.find(kLength); at != std::string::npos) {
    left_ = number(std::string_view(head).substr(at + kLength.size()), 10);
    state_ = left_ > 0 ? State::kBody : State::kDone;
  } else {
    die("an answer without a length");
  }
}

void AnswerReader::take_line(std::string_view line) {
  if (state_ == State::kChunkLine) {
    left_ = number(line, 16);
    state_ = left_ > 0 ? State::kChunk : State::kLastLine;
  } else if (state_ == State::kChunkEnd) {
    state_ = State::kChunkLine;
  } else if (line.empty()) {
    state_ = State::kDone;  // after trailers, if any
  }
}

std::string_view AnswerReader::take_body(std::string_view data) {
  const std::size_t here = static_cast<std::size_t>(std::min<std::uint64_t>(left_, data.size()));
  if (body_) body_(data.substr(0, here));
  left_ -= here;
  if (left_ == 0) state_ = state_ == State::kChunk ? State::kChunkEnd : State::kDone;
  return data.substr(here);
}

}  // namespace bench
