// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "audit/lane.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/hash.h"

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

// The time of an event; nothing when the line does not say it as events do.
std::optional<WallTime> event_time(std::string_view line);

// Cuts a stream of bytes into lines, in bounded memory.
class LineScanner {
 public:
  struct Line {
    std::string_view text;     // without the line end; valid until the next next()
    std::uint64_t offset = 0;  // where it begins
    enum class Kind : std::uint8_t {
      kWhole,
      kTorn,     // the stream ended before the line did
      kTooLong,  // than kMaxLine: this is its beginning, and nothing comes after it
    } kind = Kind::kWhole;
  };
  using Read = std::function<Result<std::size_t>(std::uint64_t offset, std::span<char> into)>;

  // `read` fills its span but at the end.
  LineScanner(Read read, std::uint64_t from, std::size_t block = std::size_t{1} << 20);

  // Nothing at the end.
  Result<std::optional<Line>> next();

  // The leaf of the line that next() gave last. It is hashed together with those that follow (crypto::merkle_leaves), so this is for
  // whoever asks it of each line.
  crypto::Sha256Digest leaf() noexcept;

 private:
  static constexpr std::size_t kHashAhead = 16;
  struct Hashed {
    std::uint64_t offset;  // of the line
    crypto::Sha256Digest leaf;
  };

  Result<bool> fill();
  void hash_ahead() noexcept;

  Read read_;
  std::size_t block_;
  std::unique_ptr<char[]> buffer_;
  std::uint64_t base_;  // the stream's offset of buffer_[0]
  std::size_t begin_ = 0;  // of what is not given out yet
  std::size_t end_ = 0;  // of what is there
  std::size_t looked_ = 0;  // no line end in [begin_, looked_)
  bool at_end_ = false;
  Line last_;  // that next() gave
  std::array<Hashed, kHashAhead> hashed_;
  std::size_t hashed_count_ = 0;
  std::size_t hashed_next_ = 0;  // of these, the first that may be asked for
};

}  // namespace claviger::audit
