// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace claviger::telemetry {

// How long things took, in steps as far apart as answers are: from a cache nearby to a model that thinks for minutes.
//
// Threads: add() from one, the rest from any; what another reads may lack what was added last.
class Histogram {
 public:
  struct Step {
    std::chrono::milliseconds up_to;  // included
    std::string_view le;  // in seconds, as the exposition has it
  };
  static constexpr auto kSteps = [] {
    using std::chrono::milliseconds;
    return std::to_array<Step>({{milliseconds(1), "0.001"},
                                {milliseconds(2), "0.002"},
                                {milliseconds(5), "0.005"},
                                {milliseconds(10), "0.01"},
                                {milliseconds(25), "0.025"},
                                {milliseconds(50), "0.05"},
                                {milliseconds(100), "0.1"},
                                {milliseconds(250), "0.25"},
                                {milliseconds(500), "0.5"},
                                {milliseconds(1000), "1"},
                                {milliseconds(2500), "2.5"},
                                {milliseconds(5000), "5"},
                                {milliseconds(10'000), "10"},
                                {milliseconds(30'000), "30"},
                                {milliseconds(60'000), "60"},
                                {milliseconds(300'000), "300"}});
  }();

  void add(std::chrono::nanoseconds took) noexcept {
    std::size_t step = 0;
    while (step < kSteps.size() && took > kSteps[step].up_to) ++step;
    increase(counts_[step], 1);
    increase(nanoseconds_, took.count() > 0 ? static_cast<std::uint64_t>(took.count()) : 0);
  }

  // Of one step alone, not of those below it; of kSteps.size(), what took longer than all of them.
  std::uint64_t count(std::size_t step) const noexcept {
    return counts_[step].load(std::memory_order_relaxed);
  }
  std::chrono::nanoseconds sum() const noexcept {
    return std::chrono::nanoseconds(nanoseconds_.load(std::memory_order_relaxed));
  }

 private:
  static void increase(std::atomic<std::uint64_t>& cell, std::uint64_t by) noexcept {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::array<std::atomic<std::uint64_t>, kSteps.size() + 1> counts_{};
  std::atomic<std::uint64_t> nanoseconds_{0};
};

}  // namespace claviger::telemetry
