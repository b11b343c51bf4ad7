// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "doors/externaldns/provider.h"
#include "telemetry/histogram.h"

namespace claviger::doors::externaldns {

// What ExternalDNS asks for.
enum class WebhookCall : std::uint8_t { kNegotiate, kRecords, kAdjust, kApply };
inline constexpr std::size_t kWebhookCalls = 4;
std::string_view call_name(WebhookCall call) noexcept;  // "negotiate", "records", "adjust", "apply"

struct NamedDoor;

// What one door counts, and how it is.
//
// Threads: written on the door's, read on any.
class DoorStats {
 public:
  void answered(WebhookCall call, bool is_good, std::chrono::nanoseconds took, WallTime now) noexcept;
  // Besides: why not.
  void refused(WebhookCall call, Code why) noexcept {
    add(calls_[static_cast<std::size_t>(call)].why[static_cast<std::size_t>(why)]);
  }
  void changed(Outcome outcome) noexcept { add(changes_[static_cast<std::size_t>(outcome)]); }
  void refused_stranger() noexcept { add(strangers_); }

  // The door's thread turns over.
  void beat(Monotonic now) noexcept {
    beat_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  bool is_alive(Monotonic now) const noexcept;

  // Whether DNS can be read, as far as was seen last; `why_not` empty: it can.
  void reached(std::string why_not);
  std::string why_not_ready() const;

 private:
  friend std::string expose(std::span<const NamedDoor> doors);
  static constexpr std::size_t kCodes = static_cast<std::size_t>(Code::kInternal) + 1;
  static constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::kLeft) + 1;

  static void add(std::atomic<std::uint64_t>& cell) noexcept {
    cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  struct PerCall {
    std::atomic<std::uint64_t> good{0}, refused{0};
    std::array<std::atomic<std::uint64_t>, kCodes> why{};
    std::atomic<std::int64_t> last_good{0};  // seconds since 1970; 0: never
    telemetry::Histogram took;
  };
  std::array<PerCall, kWebhookCalls> calls_;
  std::array<std::atomic<std::uint64_t>, kOutcomes> changes_{};
  std::atomic<std::uint64_t> strangers_{0};
  std::atomic<Monotonic::rep> beat_{0};
  mutable std::mutex mutex_;
  std::string why_not_ = "no node has been asked yet";
};

// For /metrics: all doors, each under its name. Empty where there are none.
struct NamedDoor {
  std::string_view name;
  const DoorStats* stats;
};
std::string expose(std::span<const NamedDoor> doors);

}  // namespace claviger::doors::externaldns
