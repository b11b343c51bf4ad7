// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "audit/lane.h"
#include "base/clock.h"
#include "base/result.h"

namespace claviger::audit {

// The longest line, without its line end: an event and the mark of its outbox entry.
inline constexpr std::size_t kMaxLine = Lane::kMaxEvent + 32;

// Whether `text` can be a line of the log, as far as a look at its bytes says: a JSON object of at least one
// member, not too long, with no control characters (which JSON has escaped).
bool is_line(std::string_view text) noexcept;

// The mark of an outbox entry: the last member of the line's object. Nothing else can end a line like
// that: inside a string the quotes would be escaped, inside another object there would be one more brace.
//   {"v":1,...,"outbox":17}
std::size_t append_outbox(std::span<char> line, std::size_t size, std::uint64_t outbox) noexcept;
std::uint64_t find_outbox(std::string_view line) noexcept;  // 0 when there is none

// How every event begins: {"v":1,"time":"2027-01-01T00:00:00.000Z","type":"call.finished". Its time and its type, empty where a
// line begins otherwise. At no cost.
std::string_view leading_time(std::string_view line) noexcept;
std::string_view leading_type(std::string_view line) noexcept;
std::optional<WallTime> event_time(std::string_view line);  // the same as a time
inline constexpr std::size_t kTimeSize = 24;
// Whether it has that form. Times of that form are in the order of their texts.
bool is_canonical_time(std::string_view text) noexcept;

// Cuts a stream of bytes into lines, in bounded memory.
class LineScanner {
 public:
  struct Line {
    std::string_view text;  // without the line end; valid until the next next()
    std::uint64_t offset = 0;  // where it begins
    enum class Kind : std::uint8_t {
      kWhole,
      kTorn,  // the stream ended before the line did
      kTooLong,  // than kMaxLine: this is its beginning, and nothing comes after it
    } kind = Kind::kWhole;
  };
  using Read = std::function<Result<std::size_t>(std::uint64_t offset, std::span<char> into)>;

  // `read` fills its span but at the end.
  LineScanner(Read read, std::uint64_t from, std::size_t block = std::size_t{1} << 20);

  // Nothing at the end.
  Result<std::optional<Line>> next();

 private:
  Result<bool> fill();

  Read read_;
  std::size_t block_;
  std::unique_ptr<char[]> buffer_;
  std::uint64_t base_;  // the stream's offset of buffer_[0]
  std::size_t begin_ = 0;  // of what is not given out yet
  std::size_t end_ = 0;  // of what is there
  std::size_t looked_ = 0;  // no line end in [begin_, looked_)
  bool at_end_ = false;
};

}  // namespace claviger::audit
