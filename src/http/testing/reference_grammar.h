// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rules of RFC 9110 and 9112 that both directions share, spelled out on std::string: what the reference
// readings are made of. Slow; shares no code with the parser.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace claviger::http::testing::grammar {

// Names and values, in order.
using PlainFields = std::vector<std::pair<std::string, std::string>>;

inline const std::string kDigits = "0123456789";
inline const std::string kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool contains_only(const std::string& text, const std::string& allowed);
bool is_token(const std::string& text);
bool is_field_text(const std::string& text);  // field-vchar / SP / HTAB, obs-text included
std::string trim(const std::string& text);    // of SP and HTAB
std::string lower(const std::string& text);
std::vector<std::string> split(const std::string& text, const std::string& separator);

// Content-Length = 1*DIGIT, here without leading zeros and at most 2^63-1.
std::optional<std::uint64_t> read_length(const std::string& text);
bool read_field_line(const std::string& line, PlainFields& out);
std::vector<std::string> values_of(const PlainFields& fields, const std::string& name);

// What Connection says; `tokens` tells whether each option is one.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool tokens = true;
  bool names_framing = false;  // Content-Length, Transfer-Encoding or Host
};
ConnectionOptions read_connection(const PlainFields& fields);

// The one Content-Length or Transfer-Encoding that a message may have; nothing when it breaks a rule.
struct SaidFraming {
  bool chunked = false;
  std::optional<std::uint64_t> length;
};
std::optional<SaidFraming> read_framing(const PlainFields& fields, int minor);

}  // namespace claviger::http::testing::grammar
