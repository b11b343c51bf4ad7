// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "audit/event.h"
#include "base/clock.h"

namespace claviger::gateway {

// Refusals of those whom nobody knows, on their way into the audit log: a few have an event each; what comes faster is counted,
// and told once a minute in one event. So whoever has no key cannot fill the log: of each of these, one event in ten
// seconds and one in a minute, however much is sent.
//
// Memory: what it is, whoever calls. Threads: its owner's.
class Refusals {
 public:
  static constexpr std::uint32_t kBurst = 100;
  static constexpr std::chrono::seconds kRefill{10};  // for one more
  static constexpr std::chrono::seconds kReport{60};
  static constexpr std::size_t kAddresses = 16;
  static constexpr std::size_t kCodes = 16;

  // `type` of its events: a literal.
  explicit Refusals(std::string_view type) noexcept : type_(type) {}

  // Whether one that comes now has an event of its own. Else it is to be counted.
  bool take(Monotonic now) noexcept;
  // `code` is a literal; `address` as it is recorded, cut at 64 bytes.
  void count(std::string_view code, std::string_view address, Monotonic now, WallTime when) noexcept;
  std::uint64_t counted() const noexcept { return total_; }

  // Something was counted, the first of it a minute ago.
  bool is_due(Monotonic now) const noexcept { return total_ > 0 && now - since_ >= kReport; }
  // The event that tells of what was counted, which is forgotten by that. Requires: counted() > 0.
  audit::Event take_event(WallTime now);

 private:
  struct Address {
    std::array<char, 64> text;
    std::uint8_t size;
    std::uint64_t count;
    std::string_view view() const noexcept { return {text.data(), size}; }
  };
  struct CodeCount {
    std::string_view code;
    std::uint64_t count;
  };
  void count_address(std::string_view address) noexcept;

  std::string_view type_;
  std::uint32_t tokens_ = kBurst;
  Monotonic refilled_{};
  std::uint64_t total_ = 0;
  Monotonic since_{};
  WallTime first_{}, last_{};
  std::array<CodeCount, kCodes> codes_{};  // the last takes what does not fit
  std::size_t code_count_ = 0;
  std::array<Address, kAddresses> addresses_{};
  std::size_t address_count_ = 0;
  std::uint64_t elsewhere_ = 0;  // from other addresses
};

}  // namespace claviger::gateway
