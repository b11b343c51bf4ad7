// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "audit/event.h"
#include "base/clock.h"
#include "policy/rate.h"

namespace claviger::gateway {

// Of how many refused calls of one principal each has an event of its own, whichever worker they came to: a key is no leave to
// fill the log. One principal's are none of another's.
inline constexpr policy::Rate kPrincipalRefusals{100, std::chrono::seconds(100)};

// Refusals on their way into the audit log, that are counted and told once a minute in one event, since too many come for an event
// each. Of those whom nobody knows it says from where they came, and a few are let have an event: so whoever has no key
// cannot fill the log with more than one event in ten seconds and one in a minute, however much is sent. Of principals
// it says who they are; kPrincipalRefusals says which are counted.
//
// Memory: what it is, whoever calls. Threads: its owner's.
class Refusals {
 public:
  static constexpr std::uint32_t kBurst = 100;
  static constexpr std::chrono::seconds kRefill{10};  // for one more
  static constexpr std::chrono::seconds kReport{60};
  static constexpr std::size_t kAddresses = 16;
  static constexpr std::size_t kPrincipals = 64;
  static constexpr std::size_t kCodes = 16;

  enum class Of : std::uint8_t { kStrangers, kPrincipals };

  // `type` of its events: a literal.
  explicit Refusals(std::string_view type, Of of = Of::kStrangers) noexcept : type_(type), of_(of) {}

  // Whether one of a stranger's that comes now has an event of its own. Else it is to be counted.
  bool take(Monotonic now) noexcept;
  // `code` is a literal; `source` the address as it is recorded, or the principal's name, cut at 64 bytes.
  void count(std::string_view code, std::string_view source, Monotonic now, WallTime when) noexcept;
  std::uint64_t counted() const noexcept { return total_; }

  // Something was counted, the first of it a minute ago.
  bool is_due(Monotonic now) const noexcept { return total_ > 0 && now - since_ >= kReport; }
  // The event that tells of what was counted, which is forgotten by that. Requires: counted() > 0.
  audit::Event take_event(WallTime now);

 private:
  struct Source {
    std::array<char, 64> text;
    std::uint8_t size;
    std::uint64_t count;
    std::string_view view() const noexcept { return {text.data(), size}; }
  };
  struct CodeCount {
    std::string_view code;
    std::uint64_t count;
  };
  void count_source(std::string_view source) noexcept;

  std::string_view type_;
  Of of_;
  std::uint32_t tokens_ = kBurst;
  Monotonic refilled_{};
  std::uint64_t total_ = 0;
  Monotonic since_{};
  WallTime first_{}, last_{};
  std::array<CodeCount, kCodes> codes_{};  // the last takes what does not fit
  std::size_t code_count_ = 0;
  std::array<Source, kPrincipals> sources_{};  // of strangers not all
  std::size_t source_count_ = 0;
  std::uint64_t others_ = 0;  // of other sources
};

}  // namespace claviger::gateway
