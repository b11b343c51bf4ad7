// SPDX-License-Identifier: Apache-2.0
#include "http/body.h"

#include <algorithm>

#include "http/octets.h"

namespace claviger::http {
namespace {

constexpr unsigned kMaxSizeDigits = 15;  // of hex: sizes stay below 2^60
constexpr unsigned kMaxExtensionBytes = 256;
constexpr unsigned kMaxTrailerBytes = 8192;

template <std::size_t N>
[[gnu::cold]] Error malformed(Blame from, const char (&what)[N]) noexcept {
  return Error(from == Blame::kUpstream ? Code::kUpstreamFailed : Code::kBadRequest, from, what);
}

}  // namespace

BodyReader::BodyReader(Framing framing, std::uint64_t content_length, Blame from) noexcept
    : framing_(framing), from_(from) {
  switch (framing) {
    case Framing::kNone:
      break;
    case Framing::kLength:
      remaining_ = content_length;
      state_ = content_length == 0 ? State::kDone : State::kLength;
      break;
    case Framing::kChunked:
      state_ = State::kChunkSize;
      break;
    case Framing::kUntilClose:
      state_ = State::kUntilClose;
      break;
  }
}

Result<BodyReader::Step> BodyReader::next(std::string_view input) noexcept {
  std::size_t used = 0;
  while (used < input.size() && state_ != State::kDone) {
    if (state_ == State::kLength || state_ == State::kChunkData || state_ == State::kUntilClose) {
      const std::string_view data = take_data(input.substr(used));
      return Step{used + data.size(), data};
    }
    CLV_TRY_VOID(take_framing(input[used]));
    ++used;
  }
  return Step{used, {}};
}

std::string_view BodyReader::take_data(std::string_view input) noexcept {
  if (state_ != State::kUntilClose) {
    input = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size())));
    remaining_ -= input.size();
    if (remaining_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kChunkDataCr;
  }
  total_ += input.size();
  return input;
}

Result<void> BodyReader::take_framing(char c) noexcept {
  switch (state_) {
    case State::kChunkSize:
      return take_size(c);
    case State::kChunkExtension:
      return take_extension(c);
    case State::kChunkSizeLf:
      extra_bytes_ = 0;
      return expect(c, '\n', remaining_ == 0 ? State::kTrailerStart : State::kChunkData);
    case State::kChunkDataCr:
      return expect(c, '\r', State::kChunkDataLf);
    case State::kChunkDataLf:
      size_digits_ = 0;
      return expect(c, '\n', State::kChunkSize);
    case State::kTrailerStart:
    case State::kTrailerName:
    case State::kTrailer:
    case State::kTrailerLf:
    case State::kFinalLf:
      return take_trailer(c);
    case State::kDone:
    case State::kLength:
    case State::kUntilClose:
    case State::kChunkData:
      break;
  }
  return ok();
}

Result<void> BodyReader::take_size(char c) noexcept {
  const std::uint8_t digit = hex_value(c);
  if (digit < 16) {
    if (++size_digits_ > kMaxSizeDigits) return malformed(from_, "a chunk size is too large");
    remaining_ = remaining_ * 16 + digit;
    return ok();
  }
  if (size_digits_ == 0) return malformed(from_, "a chunk size is missing");
  if (c == '\r') return expect(c, '\r', State::kChunkSizeLf);
  if (c == ';') {
    extension_ = Extension::kNone;
    return expect(c, ';', State::kChunkExtension);
  }
  return malformed(from_, "a chunk size is no hex number");
}

Result<void> BodyReader::take_extension(char c) noexcept {
  const bool may_end =
      extension_ == Extension::kName || extension_ == Extension::kToken || extension_ == Extension::kClosed;
  if (c == '\r' && may_end) return expect(c, '\r', State::kChunkSizeLf);
  if (!is_octet(c, kIsText)) return malformed(from_, "a chunk extension ends too early, or not with CR LF");
  if (++extra_bytes_ > kMaxExtensionBytes) return malformed(from_, "a chunk extension is too long");
  const auto next = after_extension_byte(extension_, c);
  if (!next.has_value()) return malformed(from_, "a chunk extension is malformed");
  extension_ = *next;
  return ok();
}

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ), behind its first ';'.
std::optional<BodyReader::Extension> BodyReader::after_extension_byte(Extension at, char c) noexcept {
  const bool space = c == ' ' || c == '\t';
  const bool token = is_octet(c, kIsToken);
  switch (at) {
    case Extension::kNone:
      if (space) return at;
      if (token) return Extension::kName;
      break;
    case Extension::kName:
      if (token) return at;
      [[fallthrough]];
    case Extension::kAfterName:
      if (space) return Extension::kAfterName;
      if (c == '=') return Extension::kEquals;
      if (c == ';') return Extension::kNone;
      break;
    case Extension::kEquals:
      if (space) return at;
      if (c == '"') return Extension::kQuoted;
      if (token) return Extension::kToken;
      break;
    case Extension::kQuoted:
      if (c == '"') return Extension::kClosed;
      return c == '\\' ? Extension::kEscaped : at;
    case Extension::kEscaped:
      return Extension::kQuoted;
    case Extension::kToken:
      if (token) return at;
      [[fallthrough]];
    case Extension::kClosed:
    case Extension::kAfterValue:
      if (space) return Extension::kAfterValue;
      if (c == ';') return Extension::kNone;
      break;
  }
  return std::nullopt;
}

Result<void> BodyReader::take_trailer(char c) noexcept {
  if (state_ == State::kFinalLf) return expect(c, '\n', State::kDone);
  if (state_ == State::kTrailerStart && c == '\r') return expect(c, '\r', State::kFinalLf);
  if (++extra_bytes_ > kMaxTrailerBytes) return malformed(from_, "the trailers are too large");
  if (state_ == State::kTrailerLf) return expect(c, '\n', State::kTrailerStart);
  if (state_ == State::kTrailer) {
    if (c == '\r') return expect(c, '\r', State::kTrailerLf);
    if (!is_octet(c, kIsText)) return malformed(from_, "a control byte or bare LF in a trailer");
    return ok();
  }
  // A name: were it not checked, a request could stand here that some other reader takes for the next one.
  if (state_ == State::kTrailerName && c == ':') return expect(c, ':', State::kTrailer);
  if (!is_octet(c, kIsToken)) return malformed(from_, "a trailer is no field line");
  state_ = State::kTrailerName;
  return ok();
}

Result<void> BodyReader::expect(char c, char wanted, State then) noexcept {
  if (c != wanted) return malformed(from_, "a chunk or its size does not end with CR LF");
  state_ = then;
  return ok();
}

Result<void> BodyReader::end_of_input() noexcept {
  if (state_ == State::kUntilClose) state_ = State::kDone;
  if (state_ != State::kDone) return malformed(from_, "the connection closed before the body was whole");
  return ok();
}

std::size_t write_chunk_head(std::uint64_t size, std::span<char, kChunkHeadSize> out) noexcept {
  std::size_t digits = 1;
  while (digits < 16 && (size >> (4 * digits)) != 0) ++digits;
  for (std::size_t i = 0; i < digits; ++i) out[i] = "0123456789abcdef"[(size >> (4 * (digits - 1 - i))) & 15];
  out[digits] = '\r';
  out[digits + 1] = '\n';
  return digits + 2;
}

}  // namespace claviger::http
