// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "policy/resources.h"

namespace claviger::policy {

// Seconds since 1970 at which the window that `now` lies in began; not before 1970.
std::int64_t window_start(const Quota& quota, WallTime now) noexcept;
// When the window that began at `start` ends. `start` may be that of another quota's window (the quota was changed): the
// end is then the next multiple of this one's.
std::int64_t window_end(const Quota& quota, std::int64_t start) noexcept;
// From `now` until that, at least 1.
std::uint32_t seconds_until_end(const Quota& quota, std::int64_t start, WallTime now) noexcept;
// How many calls are leased at a time: a hundredth of the quota, 1 to 10,000. A crash forfeits less than two of them.
std::uint64_t lease_block(const Quota& quota) noexcept;

struct QuotaDecision {
  enum class Kind : std::uint8_t {
    kTaken,  // the call counts, and may be made
    kExhausted,  // the quota of this window is used up
    kNeedsLease,  // neither: LeaseDesk takes the call, and decides
  };
  Kind kind;
  std::uint64_t remaining;  // calls of the quota in this window after this one
  std::uint32_t reset_seconds;  // until the window ends, at least 1
  bool ask_now;  // kTaken: the lease runs out; ask for more, and do not wait
};

// The counters of quotas, one for each grant and principal that uses it: a call is let through only against a
// lease, a number of calls that LeaseDesk has recorded as made before it handed them out. So whatever stops when,
// no window ever sees more calls than its quota; a crash forfeits what was left of a lease.
//
// A counter knows the newest window that it was leased for. A wall clock that is set back does not open an
// older one again: calls go on counting in the newest until the clock has caught up.
//
// How a cell is read without a lock: `word` holds what is left of the lease, and an epoch that the control thread raises
// with every change. Whoever reads `word`, then the rest, then swaps `word` from what it was has taken one call
// from exactly the counter, window and quota that it read, or nothing.
//
// Owns: its cells; none is freed before the table, so that whoever still looks at a dropped one finds a cell.
// Threads: take() from any, and never waits; the rest is the control thread's.
class QuotaCells {
 public:
  explicit QuotaCells(std::size_t most = std::size_t{1}
                                         << 18);  // cells, made as they are needed; 64 bytes each
  ~QuotaCells();
  QuotaCells(const QuotaCells&) = delete;
  QuotaCells& operator=(const QuotaCells&) = delete;

  // Takes one call. `key`: LimitKeys::of the grant and the principal. Allocates nothing.
  // Requires: quota.calls > 0, quota.window > 0.
  QuotaDecision take(std::uint64_t key, const Quota& quota, WallTime now) noexcept;

  // --- LeaseDesk's ---
  struct Cell;
  struct Lease {
    std::int64_t window = 0;  // its start
    std::uint64_t calls = 0;  // of the quota that it was made for
    std::uint64_t beyond = 0;  // what the quota still has besides this lease
    std::uint32_t left = 0;  // calls that may be taken
  };
  // A closed cell of that key, or nullptr when there are `most`.
  // Requires: the key has none.
  Cell* add(std::uint64_t key);
  // Nothing can be taken until it is opened again; what was left.
  std::uint32_t close(Cell& cell) noexcept;
  void open(Cell& cell, const Lease& lease) noexcept;
  std::uint32_t left(const Cell& cell) const noexcept;
  void drop(Cell& cell) noexcept;
  std::size_t size() const noexcept { return size_; }

 private:
  std::atomic<Cell*>& bucket(std::uint64_t key) const noexcept;
  Cell* find(std::uint64_t key) const noexcept;

  std::size_t most_;
  std::size_t mask_;  // of bucket numbers
  std::unique_ptr<std::atomic<Cell*>[]> buckets_;
  std::vector<std::unique_ptr<Cell[]>> chunks_;
  std::size_t made_ = 0;
  std::size_t size_ = 0;
  Cell* free_ = nullptr;
};

}  // namespace claviger::policy
