// SPDX-License-Identifier: Apache-2.0
#include "policy/quota.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace claviger::policy {
namespace {

constexpr std::size_t kChunk = 256;  // cells

// `word`: the epoch above, what is left below. An odd epoch is that of a closed cell.
constexpr std::uint64_t kEpoch = std::uint64_t{1} << 32;
std::uint32_t left_of(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word); }
std::uint64_t epoch_of(std::uint64_t word) noexcept { return word & ~(kEpoch - 1); }
bool is_closed(std::uint64_t word) noexcept { return (word & kEpoch) != 0; }

std::int64_t seconds_of(WallTime time) noexcept {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

constexpr QuotaDecision kNeedsLease{QuotaDecision::Kind::kNeedsLease, 0, 1, false};

}  // namespace

std::int64_t window_start(const Quota& quota, WallTime now) noexcept {
  const std::int64_t seconds = std::max<std::int64_t>(seconds_of(now), 0);
  return seconds - seconds % quota.window.count();
}

std::int64_t window_end(const Quota& quota, std::int64_t start) noexcept {
  return start - start % quota.window.count() + quota.window.count();
}

std::uint32_t seconds_until_end(const Quota& quota, std::int64_t start, WallTime now) noexcept {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(window_end(quota, start) - seconds_of(now), 1, UINT32_MAX));
}

std::uint64_t lease_block(const Quota& quota) noexcept {
  return std::clamp<std::uint64_t>(quota.calls / 100, 1, 10'000);
}

struct alignas(64) QuotaCells::Cell {
  std::atomic<std::uint64_t> word{kEpoch};  // closed
  std::atomic<std::uint64_t> key{0};
  std::atomic<std::int64_t> window{0};
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> beyond{0};
  std::atomic<Cell*> next{nullptr};  // of its bucket, or of those that are free
};

QuotaCells::QuotaCells(std::size_t most)
    : most_(most),
      mask_(std::bit_ceil(std::max<std::size_t>(most / 4, 1)) - 1),
      buckets_(std::make_unique<std::atomic<Cell*>[]>(mask_ + 1)) {}

QuotaCells::~QuotaCells() = default;

std::atomic<QuotaCells::Cell*>& QuotaCells::bucket(std::uint64_t key) const noexcept {
  return buckets_[key & mask_];
}

// May miss one while control takes another out of the chain (its `next` leads elsewhere then): the caller asks for
// a lease that is there already, and comes back.
QuotaCells::Cell* QuotaCells::find(std::uint64_t key) const noexcept {
  Cell* cell = bucket(key).load(std::memory_order_acquire);
  while (cell != nullptr && cell->key.load(std::memory_order_acquire) != key)
    cell = cell->next.load(std::memory_order_acquire);
  return cell;
}

QuotaDecision QuotaCells::take(std::uint64_t key, const Quota& quota, WallTime now) noexcept {
  using Kind = QuotaDecision::Kind;
  Cell* const cell = find(key);
  if (cell == nullptr) return kNeedsLease;
  const std::int64_t start = window_start(quota, now);
  std::uint64_t word = cell->word.load(std::memory_order_acquire);
  while (true) {
    const std::int64_t window = cell->window.load(std::memory_order_acquire);
    const std::uint64_t beyond = cell->beyond.load(std::memory_order_acquire);
    // A quota that is another by now was leased by other rules: the desk works out what it has left.
    if (is_closed(word) || cell->key.load(std::memory_order_acquire) != key || window < start ||
        cell->calls.load(std::memory_order_acquire) != quota.calls)
      return kNeedsLease;
    const std::uint32_t reset = seconds_until_end(quota, window, now);
    if (left_of(word) == 0) {
      const std::uint64_t again = cell->word.load(std::memory_order_acquire);
      if (again == word && beyond == 0) return {Kind::kExhausted, 0, reset, false};
      if (again == word) return kNeedsLease;
      word = again;
      continue;
    }
    if (!cell->word.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel,
                                          std::memory_order_acquire))
      continue;
    const std::uint64_t left = left_of(word) - 1;
    // On the way down each number is passed once: one call of a block asks for the next.
    return {Kind::kTaken, left + beyond, reset, beyond > 0 && left == lease_block(quota) / 2};
  }
}

QuotaCells::Cell* QuotaCells::add(std::uint64_t key) {
  Cell* cell = free_;
  if (cell != nullptr) {
    free_ = cell->next.load(std::memory_order_relaxed);
  } else {
    if (made_ == most_) return nullptr;
    if (made_ % kChunk == 0) chunks_.push_back(std::make_unique<Cell[]>(kChunk));
    cell = &chunks_.back()[made_++ % kChunk];
  }
  ++size_;
  std::atomic<Cell*>& first = bucket(key);
  cell->key.store(key, std::memory_order_release);
  cell->next.store(first.load(std::memory_order_relaxed), std::memory_order_release);
  first.store(cell, std::memory_order_release);
  return cell;
}

std::uint32_t QuotaCells::close(Cell& cell) noexcept {
  std::uint64_t word = cell.word.load(std::memory_order_relaxed);
  if (is_closed(word)) return 0;
  while (!cell.word.compare_exchange_weak(word, epoch_of(word) + kEpoch, std::memory_order_acq_rel)) {
  }
  return left_of(word);
}

void QuotaCells::open(Cell& cell, const Lease& lease) noexcept {
  const std::uint64_t word = cell.word.load(std::memory_order_relaxed);
  CLV_CHECK(is_closed(word));
  cell.window.store(lease.window, std::memory_order_release);
  cell.calls.store(lease.calls, std::memory_order_release);
  cell.beyond.store(lease.beyond, std::memory_order_release);
  cell.word.store((epoch_of(word) + kEpoch) | lease.left, std::memory_order_release);
}

std::uint32_t QuotaCells::left(const Cell& cell) const noexcept {
  return left_of(cell.word.load(std::memory_order_acquire));
}

void QuotaCells::drop(Cell& cell) noexcept {
  close(cell);
  std::atomic<Cell*>* link = &bucket(cell.key.load(std::memory_order_relaxed));
  while (link->load(std::memory_order_relaxed) != &cell) link = &link->load(std::memory_order_relaxed)->next;
  link->store(cell.next.load(std::memory_order_relaxed), std::memory_order_release);
  cell.next.store(free_, std::memory_order_release);
  free_ = &cell;
  --size_;
}

}  // namespace claviger::policy
