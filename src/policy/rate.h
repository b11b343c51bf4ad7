// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"

namespace claviger::policy {

// "600/min", "10/s", "5000/h", "100000/d": so many calls in a window, all of which may come at once.
struct Rate {
  std::uint32_t calls = 0;             // 1 to 1,000,000
  std::chrono::seconds window{0};
  friend bool operator==(const Rate&, const Rate&) = default;
};
Result<Rate> parse_rate(std::string_view text);

struct LimitDecision {
  bool allowed;
  std::uint32_t remaining;      // calls that would be let through now
  std::uint32_t reset_seconds;  // until the next call is let through (refused), or until all are back
};

// The counters of all limits: a fixed table of atomic cells, shared by all workers, that never allocates
// after its construction. Each cell holds the theoretical arrival time of the generic cell rate
// algorithm (ITU-T I.371), so a decision is one compare-and-swap and a cell whose time has passed is as good
// as empty. When a key finds no free cell among its neighbours it shares one: limits may then bite early,
// never late. Limits that strangers can fill (of addresses) therefore get a table of their own.
//
// Threads: any. A key that has its cell meets no lock; one that takes a cell holds a spin lock over the eight
// neighbours for those few instructions.
class LimitCells {
 public:
  explicit LimitCells(std::size_t cells = std::size_t{1} << 16);  // a power of two, at least 8; 16 bytes each
  ~LimitCells();

  // Takes one call off `key`'s limit. Keys are hashes of what is limited (grant and principal, address).
  // Requires: rate.calls > 0.
  LimitDecision take(std::uint64_t key, const Rate& rate, Monotonic now) noexcept;
  // What take() would say, without taking.
  LimitDecision peek(std::uint64_t key, const Rate& rate, Monotonic now) const noexcept;

 private:
  struct Cell;
  struct Group;
  LimitDecision take_new(Group& group, std::uint64_t tag, const Rate& rate, std::int64_t now) noexcept;

  std::size_t mask_;  // of group numbers
  std::unique_ptr<Group[]> groups_;
  std::unique_ptr<std::atomic_flag[]> locks_;  // one for each group
};

// A 64-bit hash of two numbers or of text for take(), keyed for each process so that nobody outside can aim
// for somebody else's cell.
class LimitKeys {
 public:
  LimitKeys();  // random
  std::uint64_t of(std::uint64_t domain, std::string_view text) const noexcept;
  // Of whoever has the address (base::network_of).
  std::uint64_t of(const base::IpAddress& address) const noexcept;
  std::uint64_t of(std::uint64_t domain, std::uint64_t a, std::uint64_t b) const noexcept;

 private:
  std::uint64_t k0_, k1_;
};

}  // namespace claviger::policy
