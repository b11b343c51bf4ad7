// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "policy/resources.h"

namespace claviger::gateway {

// What is counted of each upstream.
enum class UpstreamCount : std::uint8_t {
  kCalls,
  kAnswers2xx,
  kAnswers3xx,
  kAnswers4xx,
  kAnswers5xx,
  kFailedConnect,   // name, guard or TCP
  kFailedTls,
  kFailedTimeout,   // of an answer, or within one
  kFailedClosed,    // before a byte of an answer came
  kFailedProtocol,  // an answer that was cut short, or is none
  kRetries,
  kCount,
};

using UpstreamCounts = std::array<std::uint64_t, static_cast<std::size_t>(UpstreamCount::kCount)>;

class UpstreamBook;
class UpstreamStats;

// Of one upstream, in the book.
struct UpstreamPage {
  UpstreamCounts gone{};  // counted by pools that are no more
  std::vector<const UpstreamStats*> pools;
};

// The counts of one worker's pool for one upstream, which are in the book for as long as the pool lives.
//
// Cost: a plain increment. Threads: written by its worker only; the book reads.
class alignas(64) UpstreamStats {
 public:
  // Requires: `book` (null: nobody wants to know) outlives it; at most policy::kMaxBaseUrls endpoints.
  UpstreamStats(UpstreamBook* book, const std::string& upstream, std::vector<std::string> endpoints);
  ~UpstreamStats();
  UpstreamStats(const UpstreamStats&) = delete;
  UpstreamStats& operator=(const UpstreamStats&) = delete;

  void add(UpstreamCount what) noexcept {
    increase<std::uint64_t>(counts_[static_cast<std::size_t>(what)], 1);
  }
  void add_in_use(std::int64_t by) noexcept { increase(in_use_, by); }
  void add_idle(std::int64_t by) noexcept { increase(idle_, by); }
  void set_up(std::size_t endpoint, bool is_up) noexcept {
    down_[endpoint].store(!is_up, std::memory_order_relaxed);
  }
  // Its upstream is not there any more, or another: the state of its endpoints is nobody's concern.
  void retire() noexcept { retired_.store(true, std::memory_order_relaxed); }

  std::uint64_t value(UpstreamCount what) const noexcept {
    return counts_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  }

 private:
  friend class UpstreamBook;
  template <class Number>
  static void increase(std::atomic<Number>& cell, Number by) noexcept {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  UpstreamBook* book_;
  UpstreamPage* page_ = nullptr;  // the book's
  const std::vector<std::string> endpoints_;
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(UpstreamCount::kCount)> counts_{};
  std::atomic<std::int64_t> in_use_{0};
  std::atomic<std::int64_t> idle_{0};
  std::array<std::atomic<bool>, policy::kMaxBaseUrls> down_{};
  std::atomic<bool> retired_{false};
};

// One address of an upstream, as all of those workers see it that call it.
struct EndpointState {
  std::string upstream;
  std::string endpoint;
  bool is_up = true;
};

// What all workers count of upstreams, by the upstreams' names. A hundred at most have one of their own; the rest is summed up
// under "(other)", which no upstream can be called.
//
// Threads: any; the lock is taken when pools come and go, and by whoever looks.
class UpstreamBook {
 public:
  static constexpr std::size_t kMaxNames = 100;

  // Prometheus text: families of their own, behind others'.
  std::string expose() const;
  // Of those that have been called; of those under "(other)" nothing.
  std::vector<EndpointState> endpoints() const;

 private:
  friend class UpstreamStats;
  struct Sample;

  void enter(UpstreamStats& stats, const std::string& upstream);
  void leave(UpstreamStats& stats) noexcept;
  UpstreamPage& page_of(const std::string& upstream);
  static Sample sample_of(const UpstreamPage& page);
  std::map<std::string, Sample> samples() const;

  mutable std::mutex mutex_;
  std::map<std::string, UpstreamPage> pages_;
  UpstreamPage other_;
};

}  // namespace claviger::gateway
