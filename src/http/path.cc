// SPDX-License-Identifier: Apache-2.0
#include "http/path.h"

#include <cstdint>

#include "http/octets.h"

namespace claviger::http {
namespace {

template <std::size_t N>
[[gnu::cold]] Error refuse(const char (&what)[N]) noexcept {
  return Error(Code::kBadRequest, Blame::kCaller, what);
}

// One byte out of "%XX", upper case; -1 for anything else.
int decode_triplet(std::string_view at) noexcept {
  if (at.size() < 3 || at[0] != '%') return -1;
  const std::uint8_t high = hex_value(at[1]);
  const std::uint8_t low = hex_value(at[2]);
  if (high > 15 || low > 15 || at[1] >= 'a' || at[2] >= 'a') return -1;
  return high * 16 + low;
}

// UTF-8 as RFC 3629 has it, octet by octet: no overlong forms, no surrogates, nothing over U+10FFFF.
class Utf8Run {
 public:
  bool is_whole() const noexcept { return missing_ == 0; }
  // False when `octet` cannot stand here.
  bool take(int octet) noexcept {
    if (missing_ > 0) {
      const bool fits = octet >= low_ && octet <= high_;
      low_ = 0x80;
      high_ = 0xBF;
      --missing_;
      return fits;
    }
    if (octet < 0x80) return true;
    if (octet < 0xC2 || octet > 0xF4) return false;
    missing_ = octet < 0xE0 ? 1 : octet < 0xF0 ? 2 : 3;
    if (octet == 0xE0) low_ = 0xA0;
    if (octet == 0xED) high_ = 0x9F;
    if (octet == 0xF0) low_ = 0x90;
    if (octet == 0xF4) high_ = 0x8F;
    return true;
  }

 private:
  int missing_ = 0;  // continuation octets still to come
  int low_ = 0x80;   // what the next one may be
  int high_ = 0xBF;
};

// Whether a segment that begins here is "." or "..", as a server sees it that decodes slashes or takes
// path parameters off before it resolves dots.
bool is_dot_segment(std::string_view rest) noexcept {
  std::size_t dots = 0;
  while (dots < rest.size() && rest[dots] == '.') ++dots;
  if (dots == 0 || dots > 2) return false;
  rest.remove_prefix(dots);
  return rest.empty() || rest[0] == '/' || rest[0] == ';' || rest.starts_with("%2F") ||
         rest.starts_with("%3B");
}

class PathCheck {
 public:
  explicit PathCheck(std::string_view path) noexcept : rest_(path) {}

  Result<PathTraits> run() noexcept {
    if (!rest_.starts_with('/')) return refuse("the path does not begin with a slash");
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '/') {
        rest_.remove_prefix(1);
        CLV_TRY_VOID(begin_segment());
      } else if (c == '%') {
        CLV_TRY_VOID(take_encoded_run());
      } else if (c == '\\') {
        return refuse("a backslash in the path");
      } else if (!is_octet(c, kIsPathChar)) {
        return refuse("a byte in the path that must be percent-encoded");
      } else {
        take_plain();
      }
    }
    return traits_;
  }

 private:
  void take_plain() noexcept {
    std::size_t size = 0;
    while (size < rest_.size() && rest_[size] != '/' && is_octet(rest_[size], kIsPathChar)) ++size;
    rest_.remove_prefix(size);
  }

  Result<void> begin_segment() const noexcept {
    if (rest_.starts_with('/')) return refuse("an empty segment in the path");
    if (rest_.starts_with(';') || rest_.starts_with("%3B")) {
      return refuse("a segment of the path is empty but for parameters");
    }
    if (is_dot_segment(rest_)) return refuse("a dot segment in the path");
    return ok();
  }

  Result<void> take_encoded_run() noexcept {
    Utf8Run utf8;
    while (rest_.starts_with('%')) {
      const int octet = decode_triplet(rest_);
      if (octet < 0) return refuse("percent-encoding that is malformed or in lower case");
      rest_.remove_prefix(3);
      if (!utf8.take(octet)) return refuse("percent-encoding that is not UTF-8");
      if (octet < 0x80) CLV_TRY_VOID(check_ascii(octet));
    }
    if (!utf8.is_whole()) return refuse("percent-encoding that is not UTF-8");
    return ok();
  }

  // `octet` was encoded just before rest_.
  Result<void> check_ascii(int octet) noexcept {
    const char c = static_cast<char>(octet);
    if (c < 0x20 || c == 0x7F) return refuse("an encoded control character in the path");
    if (c == '\\') return refuse("an encoded backslash in the path");
    if (is_octet(c, kIsUnreserved)) return refuse("a character in the path that must not be percent-encoded");
    if (c == '%' && rest_.size() >= 2 && hex_value(rest_[0]) < 16 && hex_value(rest_[1]) < 16) {
      return refuse("a second layer of percent-encoding in the path");
    }
    if (c == '/') {
      traits_.has_encoded_slash = true;
      if (is_dot_segment(rest_)) return refuse("a dot segment in the path");
    }
    return ok();
  }

  std::string_view rest_;
  PathTraits traits_;
};

char fold(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

Result<PathTraits> check_canonical_path(std::string_view path) noexcept { return PathCheck(path).run(); }

bool is_query_parameter(std::string_view name, std::string_view wanted) noexcept {
  while (!name.empty() && !wanted.empty()) {
    char c = name.front();
    std::size_t size = 1;
    if (c == '+') {
      c = ' ';
    } else if (c == '%' && name.size() >= 3 && hex_value(name[1]) < 16 && hex_value(name[2]) < 16) {
      c = static_cast<char>(hex_value(name[1]) * 16 + hex_value(name[2]));
      size = 3;
    }
    if (fold(c) != fold(wanted.front())) return false;
    name.remove_prefix(size);
    wanted.remove_prefix(1);
  }
  return name.empty() && wanted.empty();
}

}  // namespace claviger::http
