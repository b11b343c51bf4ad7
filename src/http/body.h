// SPDX-License-Identifier: Apache-2.0
#pragma once

// Bodies of HTTP/1.x messages, sans-I/O: framing taken off on the way in and put on again on the way
// out, never copied through, so that nothing of a peer's framing (chunk extensions, trailers, odd chunk
// sizes) reaches the other side.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace claviger::http {

// Takes a body apart. Trailers are read, bounded (8 KiB) and dropped. Chunk sizes are hex digits alone, at
// most 15 of them; extensions are bounded (256 bytes a chunk), held to their grammar (RFC 9112 section 7.1.1: some
// reader may look for the line's end behind a quote that is not closed) and dropped; bare LF is refused.
// Errors: kBadRequest (blame caller) or kUpstreamFailed (blame upstream), by `from`.
class BodyReader {
 public:
  BodyReader() noexcept = default;  // no body: is_done() from the start
  BodyReader(Framing framing, std::uint64_t content_length, Blame from) noexcept;

  // Looks at the front of `input`. Takes `consumed` bytes off it (0 only when input is empty or is_done()),
  // of which `data` (possibly empty, a view into input) belongs to the body. Call again with the rest.
  // After an error the reader is of no further use.
  struct Step {
    std::size_t consumed = 0;
    std::string_view data;
  };
  Result<Step> next(std::string_view input) noexcept;

  // The peer has closed: fine for kUntilClose, an error for a body that was to be longer.
  Result<void> end_of_input() noexcept;

  bool is_done() const noexcept { return state_ == State::kDone; }
  // Bytes of body seen so far.
  std::uint64_t total() const noexcept { return total_; }
  Framing framing() const noexcept { return framing_; }
  // With kLength: bytes still to come.
  std::uint64_t remaining() const noexcept { return remaining_; }

 private:
  enum class State : std::uint8_t {
    kDone,
    kLength,
    kUntilClose,
    kChunkSize,
    kChunkExtension,
    kChunkSizeLf,
    kChunkData,
    kChunkDataCr,
    kChunkDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailer,
    kTrailerLf,
    kFinalLf,
  };
  // Within ";name=value": what has been read of it.
  enum class Extension : std::uint8_t {
    kNone,  // ';', and white space perhaps
    kName,
    kAfterName,  // white space behind the name
    kEquals,  // '=', and white space perhaps
    kToken,
    kQuoted,  // within quotes
    kEscaped,  // behind a backslash there
    kClosed,
    kAfterValue,  // white space behind the value
  };
  std::string_view take_data(std::string_view input) noexcept;
  Result<void> take_framing(char c) noexcept;
  Result<void> take_size(char c) noexcept;
  Result<void> take_extension(char c) noexcept;
  static std::optional<Extension> after_extension_byte(Extension at, char c) noexcept;
  Result<void> take_trailer(char c) noexcept;
  Result<void> expect(char c, char wanted, State then) noexcept;

  State state_ = State::kDone;
  Extension extension_ = Extension::kNone;
  Framing framing_ = Framing::kNone;
  Blame from_ = Blame::kCaller;
  std::uint8_t size_digits_ = 0;
  std::uint16_t extra_bytes_ = 0;  // of the current extension, or of all trailers
  std::uint64_t remaining_ = 0;
  std::uint64_t total_ = 0;
};

// Puts chunked framing on: writes the size line for `size` bytes ("1a2b\r\n") to `out`, which has
// kChunkHeadSize bytes; returns its length. After the data comes kChunkTail, after the last chunk kLastChunk.
inline constexpr std::size_t kChunkHeadSize = 18;
std::size_t write_chunk_head(std::uint64_t size, std::span<char, kChunkHeadSize> out) noexcept;
inline constexpr std::string_view kChunkTail = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace claviger::http
