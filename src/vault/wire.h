// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace claviger::vault {

// Numbers big-endian, texts after their length: what the formats of the vault are made of, and what is bound or
// authenticated, so that no two different things have the same bytes.

// Requires: out.size() is that of the number.
template <class Number>
void store_number(Number number, std::span<std::byte> out) noexcept {
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    out[i] = static_cast<std::byte>(number >> 8 * (sizeof(Number) - 1 - i) & 0xff);
}

class WireWriter {
 public:
  template <class Number>
  void number(Number value) {
    bytes_.resize(bytes_.size() + sizeof(Number));
    store_number(value, std::span(bytes_).last(sizeof(Number)));
  }
  void octets(std::span<const std::byte> data) { bytes_.insert(bytes_.end(), data.begin(), data.end()); }
  // Its length as 4 bytes first. Requires: under 4 GiB.
  void text(std::string_view data) {
    number(static_cast<std::uint32_t>(data.size()));
    octets(std::as_bytes(std::span(data)));
  }
  std::vector<std::byte> take() && noexcept { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

// Nothing where the bytes end too early; and from then on.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  std::optional<std::span<const std::byte>> octets(std::size_t size) noexcept {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return std::nullopt;
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  template <class Number>
  std::optional<Number> number() noexcept {
    const auto bytes = octets(sizeof(Number));
    if (!bytes) return std::nullopt;
    std::uint64_t value = 0;
    for (const std::byte octet : *bytes) value = value << 8 | std::to_integer<std::uint64_t>(octet);
    return static_cast<Number>(value);
  }
  std::optional<std::string_view> text() noexcept {
    const auto size = number<std::uint32_t>();
    const auto data = size ? octets(*size) : std::nullopt;
    if (!data) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(data->data()), data->size());
  }
  bool at_end() const noexcept { return !failed_ && rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  bool failed_ = false;
};

}  // namespace claviger::vault
