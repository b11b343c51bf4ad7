// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/record_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstddef>
#include <span>
#include <utility>

#include "base/parse.h"
#include "crypto/encode.h"

namespace claviger::doors::externaldns {
namespace {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }

// What the escape at `at` stands for; `at` moves past it.
char take_escape(std::string_view text, std::size_t& at) noexcept {
  const std::string_view rest = text.substr(at + 1);
  if (rest.empty()) {
    ++at;
    return '\\';
  }
  if (!is_digit(rest[0])) {
    at += 2;
    return rest[0];
  }
  if (rest.size() >= 3 && is_digit(rest[1]) && is_digit(rest[2])) {
    const int value = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
    if (value <= 255) {
      at += 4;
      return static_cast<char>(value);
    }
  }
  ++at;
  return '\\';
}

}  // namespace

Error is_bad_record(std::string what) {
  return Error::formatted(Code::kBadRequest, Blame::kCaller, std::move(what));
}

Result<std::vector<Token>> parse_tokens(std::string_view text) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (true) {
    while (at < text.size() && is_space(text[at])) ++at;
    if (at == text.size()) return tokens;
    Token token{.text = {}, .is_quoted = text[at] == '"'};
    bool is_in_quotes = false;
    while (at < text.size() && (is_in_quotes || !is_space(text[at]))) {
      if (text[at] == '\\') {
        token.text += take_escape(text, at);
      } else if (text[at] != '"') {
        token.text += text[at++];
      } else {
        ++at;
        is_in_quotes = !is_in_quotes;
        const bool is_over = token.is_quoted && !is_in_quotes;
        if (is_over && at < text.size() && !is_space(text[at]))
          return is_bad_record("no space after a quoted text");
      }
    }
    if (is_in_quotes) return is_bad_record("a quote that is not closed");
    tokens.push_back(std::move(token));
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += fmt::format("\\{:03}", static_cast<unsigned char>(c));
    }
  }
  out += '"';
}

Result<std::string> parse_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const crypto::Decoded decoded = crypto::base64_decode(text, std::as_writable_bytes(std::span(bytes)));
  if (!decoded.valid) return is_bad_record("no base64");
  bytes.resize(decoded.size);
  return bytes;
}

void append_base64(std::string& out, std::string_view bytes) {
  const std::size_t before = out.size();
  out.resize(before + crypto::base64_size(bytes.size()));
  crypto::base64_encode(std::as_bytes(std::span(bytes)), std::span(out).subspan(before));
}

Result<std::string> parse_hex_bytes(std::string_view text) {
  std::string digits;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_between = digits.size() % 2 == 0 && at > 0 && at + 1 < text.size() && text[at - 1] != ':';
    if (text[at] != ':' || !is_between) digits += text[at];
  }
  std::string bytes(digits.size() / 2, '\0');
  if (bytes.empty() || !base::parse_hex(digits, std::as_writable_bytes(std::span(bytes))).has_value())
    return is_bad_record("no pairs of hex digits");
  return bytes;
}

void append_hex_bytes(std::string& out, std::string_view bytes, bool with_colons) {
  const std::span octets(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  out += fmt::format("{:02X}", fmt::join(octets, with_colons ? ":" : ""));
}

}  // namespace claviger::doors::externaldns
