// SPDX-License-Identifier: Apache-2.0
#pragma once

// What request and response heads have in common: field lines and the fields that decide on framing and
// on the connection. Internal to the parser.

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "http/parser.h"

namespace claviger::http {

// The error for a head of `blame`'s that breaks a rule. Out of line: the hot path never gets here.
template <std::size_t N>
[[gnu::cold, gnu::noinline]] Error refuse(Blame blame, const char (&what)[N]) noexcept {
  return Error(blame == Blame::kCaller ? Code::kBadRequest : Code::kUpstreamFailed, blame, what);
}
template <std::size_t N>
[[gnu::cold, gnu::noinline]] Error refuse_size(Blame blame, const char (&what)[N]) noexcept {
  return Error(blame == Blame::kCaller ? Code::kHeadTooLarge : Code::kUpstreamFailed, blame, what);
}

// Reads field lines and the empty line after them, which must be the end of `lines`.
Result<void> read_fields(std::string_view lines, std::size_t max_fields, Blame blame, Fields& out) noexcept;

// What the fields say about the body and the connection, of a message in either direction.
struct FramingFields {
  const Field* host = nullptr;
  bool chunked = false;
  bool has_length = false;
  std::uint64_t length = 0;
  bool expects_continue = false;
  bool close = false;
  bool keep_alive = false;
};

// Refuses whatever could be read in two ways: repeated Content-Length, Transfer-Encoding or Host, both of
// the first two, any coding but chunked, a Transfer-Encoding in HTTP/1.0, Connection options that are no
// tokens or name one of these fields.
Result<FramingFields> read_framing_fields(const Fields& fields, std::uint8_t minor, Blame blame) noexcept;

}  // namespace claviger::http
