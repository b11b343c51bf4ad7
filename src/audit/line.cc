// SPDX-License-Identifier: Apache-2.0
#include "audit/line.h"

#include <charconv>
#include <cstring>

#include "base/check.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {
constexpr std::string_view kBeforeTime = R"({"v":1,"time":")";
constexpr std::string_view kBeforeType = R"(","type":")";
constexpr std::string_view kOutbox = ",\"outbox\":";
constexpr std::size_t kShortest = sizeof(R"({"a":0})") - 1;
}  // namespace

bool is_line(std::string_view text) noexcept {
  if (text.size() < kShortest || text.size() > kMaxLine || !text.starts_with("{\"") || text.back() != '}')
    return false;
  bool has_control = false;  // no early end: so that it is done sixteen bytes at a time
  for (const char c : text) has_control |= static_cast<unsigned char>(c) < 0x20;
  return !has_control;
}

std::size_t append_outbox(std::span<char> line, std::size_t size, std::uint64_t outbox) noexcept {
  CLV_CHECK(size > 0 && line[size - 1] == '}' && line.size() >= size + kOutbox.size() + 20);
  char* at = std::copy(kOutbox.begin(), kOutbox.end(), line.data() + size - 1);
  at = std::to_chars(at, line.data() + line.size(), outbox).ptr;
  *at++ = '}';
  return static_cast<std::size_t>(at - line.data());
}

std::uint64_t find_outbox(std::string_view line) noexcept {
  if (!line.ends_with('}')) return 0;
  line.remove_suffix(1);
  const std::size_t digits = line.size() - std::min(line.find_last_not_of("0123456789") + 1, line.size());
  const std::string_view number = line.substr(line.size() - digits);
  line.remove_suffix(digits);
  if (digits == 0 || digits > 20 || !line.ends_with(kOutbox)) return 0;
  const auto parsed = base::parse_decimal(number);
  return parsed.has_value() ? *parsed : 0;
}

bool is_canonical_time(std::string_view text) noexcept {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd.dddZ";
  static_assert(kShape.size() == kTimeSize);
  if (text.size() != kTimeSize) return false;
  bool differs = false;
  for (std::size_t i = 0; i < kTimeSize; ++i)
    differs |= kShape[i] == 'd' ? static_cast<unsigned char>(text[i] - '0') > 9 : text[i] != kShape[i];
  return !differs;
}

std::string_view leading_time(std::string_view line) noexcept {
  if (!line.starts_with(kBeforeTime) || line.size() <= kBeforeTime.size() + kTimeSize) return {};
  const std::string_view time = line.substr(kBeforeTime.size(), kTimeSize);
  return line[kBeforeTime.size() + kTimeSize] == '"' && is_canonical_time(time) ? time : std::string_view();
}

std::string_view leading_type(std::string_view line) noexcept {
  if (leading_time(line).empty()) return {};
  line.remove_prefix(kBeforeTime.size() + kTimeSize);
  if (!line.starts_with(kBeforeType)) return {};
  line.remove_prefix(kBeforeType.size());
  const std::size_t end = line.find('"');
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

std::optional<WallTime> event_time(std::string_view line) {
  const auto time = base::parse_rfc3339(leading_time(line));
  return time.has_value() ? std::optional(*time) : std::nullopt;
}

LineScanner::LineScanner(Read read, std::uint64_t from, std::size_t block)
    : read_(std::move(read)),
      block_(block),
      buffer_(std::make_unique_for_overwrite<char[]>(block + kMaxLine + 1)),
      base_(from) {}

// Moves what is left to the front and reads behind it. False at the end.
Result<bool> LineScanner::fill() {
  if (at_end_) return false;
  std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  base_ += begin_;
  end_ -= begin_;
  looked_ -= begin_;
  begin_ = 0;
  const std::size_t count = CLV_TRY(read_(base_ + end_, std::span(buffer_.get() + end_, block_)));
  at_end_ = count < block_;
  end_ += count;
  return count > 0;
}

Result<std::optional<LineScanner::Line>> LineScanner::next() {
  const char* found = nullptr;
  for (;;) {
    found = static_cast<const char*>(std::memchr(buffer_.get() + looked_, '\n', end_ - looked_));
    if (found != nullptr) break;
    looked_ = end_;
    if (end_ - begin_ > kMaxLine || !CLV_TRY(fill())) break;
  }
  const std::size_t end = found == nullptr ? end_ : static_cast<std::size_t>(found - buffer_.get());
  if (found == nullptr && begin_ == end_) return std::optional<Line>();
  Line line{.text = {buffer_.get() + begin_, std::min(end - begin_, kMaxLine)}, .offset = base_ + begin_};
  if (end - begin_ > kMaxLine) {
    line.kind = Line::Kind::kTooLong;
  } else if (found == nullptr) {
    line.kind = Line::Kind::kTorn;
  } else {
    begin_ = looked_ = end + 1;
    return std::optional(line);
  }
  begin_ = looked_ = end_;
  at_end_ = true;
  return std::optional(line);
}

}  // namespace claviger::audit
