// SPDX-License-Identifier: Apache-2.0
#include "http/testing/reference_path.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace claviger::http::testing {
namespace {

const std::string kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const std::string kUnreserved = kLetters + "0123456789-._~";
const std::string kReserved = "!$&'()*+,;=:@/";  // those that may stand in a path as they are

int hex(char c) {
  const std::size_t digit = std::string("0123456789ABCDEF").find(c);
  const std::size_t lower = std::string("0123456789abcdef").find(c);
  if (digit != std::string::npos) return static_cast<int>(digit);
  return lower != std::string::npos ? static_cast<int>(lower) : -1;
}

// Percent-decoding; nothing when some '%' has no two hex digits after it.
std::optional<std::string> decode(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
    result += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
    i += 2;
  }
  return result;
}

// Code point by code point, as the table of RFC 3629 section 3 has it.
bool is_utf8(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xC0 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF8 ? 4
                                           : 0;
    if (size == 0 || i + size > text.size()) return false;
    unsigned code = size == 1 ? lead : lead & (0x7FU >> size);
    for (std::size_t k = 1; k < size; ++k) {
      const unsigned next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 0x3F);
    }
    const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    i += size;
  }
  return true;
}

std::vector<std::string> segments(const std::string& path) {
  std::vector<std::string> result{""};
  for (const char c : path) {
    if (c == '/') {
      result.emplace_back();
    } else {
      result.back() += c;
    }
  }
  return result;
}

std::string without_parameters(const std::string& segment) { return segment.substr(0, segment.find(';')); }

// Reserved characters may stand as they are or encoded (the two differ); all others have one form.
std::string encode_as(const std::string& decoded, const std::string& original) {
  std::string result;
  for (const char c : decoded) {
    const std::size_t at = result.size();
    const bool as_is = kUnreserved.find(c) != std::string::npos ||
                       (kReserved.find(c) != std::string::npos && at < original.size() && original[at] == c);
    if (as_is) {
      result += c;
      continue;
    }
    const unsigned octet = static_cast<unsigned char>(c);
    result += '%';
    result += "0123456789ABCDEF"[octet / 16];
    result += "0123456789ABCDEF"[octet % 16];
  }
  return result;
}

}  // namespace

bool reference_is_canonical_path(const std::string& path) {
  if (path.empty() || path[0] != '/') return false;
  const std::optional<std::string> decoded = decode(path);
  if (!decoded || !is_utf8(*decoded) || encode_as(*decoded, path) != path) return false;
  for (const char c : *decoded) {
    if (c == '\\' || (c >= 0 && c < 0x20) || c == 0x7F) return false;
  }
  // Nothing is left to decode a second time.
  for (std::size_t i = 0; i + 2 < decoded->size(); ++i) {
    const bool second = (*decoded)[i] == '%' && hex((*decoded)[i + 1]) >= 0 && hex((*decoded)[i + 2]) >= 0;
    if (second) return false;
  }
  for (const std::string& segment : segments(decoded->substr(1))) {
    if (without_parameters(segment) == "." || without_parameters(segment) == "..") return false;
  }
  // Between slashes that were slashes all along nothing is empty but the end.
  const std::vector<std::string> raw = segments(path.substr(1));
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const std::string seen = *decode(raw[i]);
    if (raw[i].empty() && i + 1 < raw.size()) return false;
    if (!seen.empty() && without_parameters(seen).empty()) return false;
  }
  return true;
}

}  // namespace claviger::http::testing
