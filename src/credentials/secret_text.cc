// SPDX-License-Identifier: Apache-2.0
#include "credentials/secret_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "crypto/encode.h"

namespace claviger::credentials {
namespace {

constexpr std::size_t kFirst = 512;
constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_unreserved(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

std::span<char> SecretText::grow(std::size_t size) noexcept {
  if (failed_) return {};
  if (size > held_.size() - size_) {
    const std::size_t wanted = std::max({kFirst, 2 * held_.size(), size_ + size});
    auto larger = base::SecretBytes::allocate(arena_, wanted);
    if (!larger.has_value()) {
      failed_ = true;
      return {};
    }
    if (size_ > 0) std::memcpy(larger->reveal().data(), held_.reveal().data(), size_);
    held_ = *std::move(larger);
  }
  char* const start = reinterpret_cast<char*>(held_.reveal().data()) + size_;
  size_ += size;
  return {start, size};
}

SecretText& SecretText::append(std::string_view text) noexcept {
  if (const std::span<char> room = grow(text.size()); !room.empty())
    std::memcpy(room.data(), text.data(), text.size());
  return *this;
}

SecretText& SecretText::append_number(std::uint64_t number) noexcept {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  return append({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

SecretText& SecretText::append_form(std::string_view text) noexcept {
  const auto plain = static_cast<std::size_t>(std::ranges::count_if(text, is_unreserved));
  const std::span<char> room = grow(plain + 3 * (text.size() - plain));
  if (room.empty()) return *this;
  auto out = room.begin();
  for (const char c : text) {
    if (is_unreserved(c)) {
      *out++ = c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    *out++ = '%';
    *out++ = kHex[octet >> 4];
    *out++ = kHex[octet & 15];
  }
  return *this;
}

SecretText& SecretText::append_pair(std::string_view name, std::string_view value) noexcept {
  if (size_ > 0) append("&");
  return append_form(name).append("=").append_form(value);
}

SecretText& SecretText::append_json(std::string_view text) noexcept {
  append("\"");
  for (const char& c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      append("\\").append({&c, 1});
    } else if (octet < 0x20 || octet == 0x7f) {
      append("\\u00").append(kHex.substr(octet >> 4, 1)).append(kHex.substr(octet & 15, 1));
    } else {
      append({&c, 1});
    }
  }
  return append("\"");
}

SecretText& SecretText::append_base64(std::span<const std::byte> data) noexcept {
  if (const std::span<char> room = grow(crypto::base64_size(data.size())); !room.empty())
    crypto::base64_encode(data, room);
  return *this;
}

SecretText& SecretText::append_base64url(std::span<const std::byte> data) noexcept {
  const std::span<char> room = grow(crypto::base64_size(data.size()));
  if (room.empty()) return *this;
  crypto::base64_encode(data, room);
  for (char& c : room) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  size_ -= static_cast<std::size_t>(std::ranges::count(room, '='));
  return *this;
}

Result<base::SecretBytes> SecretText::take() && {
  if (failed_)
    return Error(Code::kUnavailable, Blame::kOperator,
                 "the memory for secrets is used up (raise RLIMIT_MEMLOCK)");
  held_.shrink(size_);
  size_ = 0;
  return std::move(held_);
}

}  // namespace claviger::credentials
