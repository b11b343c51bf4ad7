// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace claviger::server {

// How many of so many descriptors callers and upstreams may have: the rest is kept for management and files.
std::size_t descriptors_for_calls(std::size_t limit) noexcept;

// Says when memory or file descriptors run short, so that calls are shed (503, Retry-After) while management still answers:
// better to serve fewer than to fail all.
//
// *Tight* it is above 19 twentieths of a mark, and no longer than that: new connections wait in the kernel, and callers that are
// not known yet are let go (Connections::pause()), so that they alone never make it come to shedding. Shedding begins above the mark
// and ends a tenth below it: each call is answered on its connection's way out, so that memory and descriptors come back.
// OverloadWatch does that.
// Threads: look() and use() on the control thread; is_shedding() and flag() from any.
class Overload {
 public:
  struct Limits {
    std::uint64_t memory = 0;  // bytes resident; 0: nine tenths of what the machine or the cgroup has
    std::size_t descriptors =
        0;  // open at once; 0: the process's limit, less a reserve for management and files
  };
  // What is measured: injected, so that a test can run short.
  struct Usage {
    std::uint64_t memory = 0;
    std::size_t descriptors = 0;
  };
  Overload(Limits limits, std::function<Usage()> measure);

  enum class Level : std::uint8_t { kEnough, kTight, kShedding };

  // Takes a sample. True when the level has changed with it.
  bool look();
  // New limits, from the next look() on.
  void use(Limits limits);
  Level level() const noexcept { return level_; }
  bool is_shedding() const noexcept { return shedding_.load(std::memory_order_relaxed); }
  const std::atomic<bool>& flag() const noexcept {
    return shedding_;
  }  // is_shedding(), for those who know no more of this
  // Why calls are shed: "memory", "descriptors" or "", for the log.
  std::string_view reason() const noexcept { return reason_; }
  const Usage& usage() const noexcept { return usage_; }
  const Limits& limits() const noexcept { return limits_; }  // with defaults filled in

 private:
  std::string_view find_reason() const noexcept;
  void trim(bool is_memory_tight) noexcept;

  Limits limits_;
  std::function<Usage()> measure_;
  Usage usage_;
  std::string_view reason_;
  Level level_ = Level::kEnough;
  std::atomic<bool> shedding_{false};
  unsigned looks_ = 0;  // while memory is tight
};

}  // namespace claviger::server
