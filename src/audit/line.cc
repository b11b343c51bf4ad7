// SPDX-License-Identifier: Apache-2.0
#include "audit/line.h"

#include <charconv>
#include <cstring>

#include "base/check.h"
#include "base/parse.h"
#include "crypto/merkle.h"

namespace claviger::audit {
namespace {
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

std::optional<WallTime> event_time(std::string_view line) {
  constexpr std::string_view kName = R"("time":")";
  constexpr std::size_t kWithin = 64;
  const std::size_t at = line.substr(0, kWithin).find(kName);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view value = line.substr(at + kName.size());
  const auto time = base::parse_rfc3339(value.substr(0, std::min(value.find('"'), value.size())));
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
  last_ = {.text = {buffer_.get() + begin_, std::min(end - begin_, kMaxLine)}, .offset = base_ + begin_};
  if (end - begin_ > kMaxLine) {
    last_.kind = Line::Kind::kTooLong;
  } else if (found == nullptr) {
    last_.kind = Line::Kind::kTorn;
  } else {
    begin_ = looked_ = end + 1;
    return std::optional(last_);
  }
  begin_ = looked_ = end_;
  at_end_ = true;
  return std::optional(last_);
}

crypto::Sha256Digest LineScanner::leaf() noexcept {
  while (hashed_next_ < hashed_count_ && hashed_[hashed_next_].offset < last_.offset) ++hashed_next_;
  if (hashed_next_ == hashed_count_ || hashed_[hashed_next_].offset != last_.offset) hash_ahead();
  return hashed_[hashed_next_].leaf;
}

// The last line, and as many of those behind it as are in the buffer already.
void LineScanner::hash_ahead() noexcept {
  std::array<std::string_view, kHashAhead> texts{last_.text};
  std::array<crypto::Sha256Digest, kHashAhead> leaves;
  hashed_[0].offset = last_.offset;
  hashed_count_ = 1;
  hashed_next_ = 0;
  for (std::size_t at = begin_; hashed_count_ < kHashAhead; ++hashed_count_) {
    const char* const start = buffer_.get() + at;
    const auto* const end = static_cast<const char*>(std::memchr(start, '\n', end_ - at));
    if (end == nullptr || static_cast<std::size_t>(end - start) > kMaxLine) break;
    texts[hashed_count_] = {start, end};
    hashed_[hashed_count_].offset = base_ + at;
    at += texts[hashed_count_].size() + 1;
  }
  crypto::merkle_leaves(std::span(texts).first(hashed_count_), std::span(leaves).first(hashed_count_));
  for (std::size_t i = 0; i < hashed_count_; ++i) hashed_[i].leaf = leaves[i];
}

}  // namespace claviger::audit
