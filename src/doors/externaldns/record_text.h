// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pieces of records' text, as RFC 1035 (5.1) writes them.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace claviger::doors::externaldns {

// "kBadRequest: <what>", the caller's to mend.
Error is_bad_record(std::string what);

// One token, its quotes and escapes taken off.
struct Token {
  std::string text;
  bool is_quoted = false;
};

// White space separates tokens, but not in quotes, which may begin within a word (`alpn="h2,h3"`); `\"`, `\\` and `\DDD`
// stand for a byte, and a backslash before a digit that is no such number stands for itself. kBadRequest for a quote that
// is not closed, and for what follows one without a space.
Result<std::vector<Token>> parse_tokens(std::string_view text);

// In quotes, which it may need; bytes that are not printable ASCII as `\DDD`.
void append_quoted(std::string& out, std::string_view text);

// RFC 4648.
Result<std::string> parse_base64(std::string_view text);
void append_base64(std::string& out, std::string_view bytes);
// Pairs of hex digits, with colons between them or not.
Result<std::string> parse_hex_bytes(std::string_view text);
void append_hex_bytes(std::string& out, std::string_view bytes, bool with_colons);

}  // namespace claviger::doors::externaldns
