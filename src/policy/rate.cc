// SPDX-License-Identifier: Apache-2.0
#include "policy/rate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <thread>

#include "base/check.h"
#include "base/parse.h"
#include "crypto/random.h"
#include "policy/siphash.h"

namespace claviger::policy {
namespace {

constexpr std::size_t kNeighbours = 8;
constexpr std::uint32_t kMaxCalls = 1'000'000;

// Values of Cell::time that are no time.
constexpr std::int64_t kClaiming = INT64_MIN;  // about to become another key's
constexpr std::int64_t kEmpty = INT64_MIN + 1;

// A tag is a key with these two bits put in: a taken cell is never 0.
constexpr std::uint64_t kTaken = 1;
constexpr std::uint64_t kShared = 2;  // other keys are counted here, too

std::uint64_t tag_of(std::uint64_t key) noexcept { return (key & ~kShared) | kTaken; }
std::size_t home_of(std::uint64_t tag) noexcept { return (tag >> 32) % kNeighbours; }
bool is_same(std::uint64_t a, std::uint64_t b) noexcept { return ((a ^ b) & ~kShared) == 0; }

struct Step {
  LimitDecision decision;
  std::int64_t next;  // the cell's time once the call is taken
};

std::uint32_t whole_seconds(std::int64_t ns) noexcept {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>((ns + 999'999'999) / 1'000'000'000, 1, UINT32_MAX));
}

// The generic cell rate algorithm. The interval is rounded up, so that never more than `calls` fit.
Step decide(std::int64_t time, const Rate& rate, std::int64_t now) noexcept {
  const std::int64_t calls = rate.calls;
  const std::int64_t window = std::chrono::nanoseconds(rate.window).count();
  const std::int64_t interval = (window + calls - 1) / calls;
  const std::int64_t capacity = interval * calls;
  const std::int64_t next = std::max(time, now) + interval;
  const std::int64_t ahead = next - now;
  if (ahead > capacity) {
    return {.decision = {.allowed = false, .remaining = 0, .reset_seconds = whole_seconds(ahead - capacity)},
            .next = next};
  }
  const auto remaining = static_cast<std::uint32_t>((capacity - ahead) / interval);
  return {.decision = {.allowed = true, .remaining = remaining, .reset_seconds = whole_seconds(ahead)},
          .next = next};
}

class SpinLock {
 public:
  explicit SpinLock(std::atomic_flag& flag) noexcept : flag_(flag) {
    for (int tries = 0; flag_.test_and_set(std::memory_order_acquire); ++tries) {
      if (tries > 100) std::this_thread::yield();
    }
  }
  ~SpinLock() { flag_.clear(std::memory_order_release); }
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

 private:
  std::atomic_flag& flag_;
};

std::int64_t nanoseconds(Monotonic now) noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
}

}  // namespace

Result<Rate> parse_rate(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view unit = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  Rate rate;
  if (unit == "s") rate.window = std::chrono::seconds(1);
  if (unit == "min") rate.window = std::chrono::minutes(1);
  if (unit == "h") rate.window = std::chrono::hours(1);
  if (unit == "d") rate.window = std::chrono::hours(24);
  const auto calls = base::parse_decimal(text.substr(0, slash), kMaxCalls);
  if (rate.window.count() == 0 || !calls.has_value() || *calls == 0) {
    return Error(Code::kInvalid, Blame::kOperator,
                 "a rate is '<calls>/<unit>', such as 600/min: 1 to 1000000 calls, unit s, min, h or d");
  }
  rate.calls = static_cast<std::uint32_t>(*calls);
  return rate;
}

// How a cell is read and changed without a lock: every change of owner passes `time` through kClaiming to a
// later value than before. So whoever reads `time`, then `tag`, then swaps `time` from what it was has
// changed the cell of that tag, or nothing.
struct LimitCells::Cell {
  std::atomic<std::uint64_t> tag{0};
  std::atomic<std::int64_t> time{kEmpty};

  struct Seen {
    std::int64_t time;
    bool is_ours;
  };
  Seen look(std::uint64_t ours) const noexcept {
    const std::int64_t seen = time.load(std::memory_order_acquire);
    return {.time = seen, .is_ours = seen != kClaiming && is_same(tag.load(std::memory_order_relaxed), ours)};
  }

  // False when the cell has changed its owner meanwhile.
  bool try_take(std::uint64_t ours, const Rate& rate, std::int64_t now, LimitDecision& decision) noexcept {
    while (true) {
      const Seen seen = look(ours);
      if (!seen.is_ours) return false;
      std::int64_t expected = seen.time;
      const Step step = decide(expected, rate, now);
      decision = step.decision;
      if (!decision.allowed) return true;
      if (time.compare_exchange_weak(expected, step.next, std::memory_order_acq_rel)) return true;
    }
  }
};

struct alignas(64) LimitCells::Group {
  std::array<Cell, kNeighbours> cells;

  Cell* find(std::uint64_t tag) noexcept {
    for (Cell& cell : cells) {
      if (is_same(cell.tag.load(std::memory_order_relaxed), tag)) return &cell;
    }
    return nullptr;
  }

  // Where a key that has no cell starts: behind whatever it was counted with while it had to share.
  std::int64_t start_of(std::uint64_t tag, std::int64_t now) const noexcept {
    const Cell& home = cells[home_of(tag)];
    const std::int64_t time = home.time.load(std::memory_order_acquire);
    const bool is_shared = (home.tag.load(std::memory_order_relaxed) & kShared) != 0;
    return is_shared && time > now ? time : kEmpty;
  }
};

LimitCells::LimitCells(std::size_t cells) {
  CLV_CHECK(cells >= kNeighbours && std::has_single_bit(cells));
  const std::size_t groups = cells / kNeighbours;
  mask_ = groups - 1;
  groups_ = std::make_unique<Group[]>(groups);
  locks_ = std::make_unique<std::atomic_flag[]>(groups);
}

LimitCells::~LimitCells() = default;

LimitDecision LimitCells::take(std::uint64_t key, const Rate& rate, Monotonic now) noexcept {
  const std::uint64_t tag = tag_of(key);
  const std::int64_t now_ns = nanoseconds(now);
  Group& group = groups_[(key >> 3) & mask_];
  LimitDecision decision{};
  Cell* const cell = group.find(tag);
  if (cell != nullptr && cell->try_take(tag, rate, now_ns, decision)) return decision;
  const SpinLock lock(locks_[(key >> 3) & mask_]);
  return take_new(group, tag, rate, now_ns);
}

// Under the group's lock, so that no key ends up with two cells.
LimitDecision LimitCells::take_new(Group& group, std::uint64_t tag, const Rate& rate,
                                   std::int64_t now) noexcept {
  LimitDecision decision{};
  Cell* const found = group.find(tag);
  if (found != nullptr && found->try_take(tag, rate, now, decision)) return decision;

  const Step step = decide(group.start_of(tag, now), rate, now);
  if (!step.decision.allowed) return step.decision;
  for (Cell& cell : group.cells) {
    std::int64_t passed = cell.time.load(std::memory_order_relaxed);
    if (passed > now || !cell.time.compare_exchange_strong(passed, kClaiming, std::memory_order_acq_rel))
      continue;
    cell.tag.store(tag, std::memory_order_relaxed);
    cell.time.store(step.next, std::memory_order_release);
    return step.decision;
  }

  Cell& home = group.cells[home_of(tag)];
  const std::uint64_t owner = home.tag.fetch_or(kShared, std::memory_order_relaxed);
  const bool taken = home.try_take(owner, rate, now, decision);
  CLV_CHECK(taken);  // owners change under the lock only
  return decision;
}

LimitDecision LimitCells::peek(std::uint64_t key, const Rate& rate, Monotonic now) const noexcept {
  const std::uint64_t tag = tag_of(key);
  const std::int64_t now_ns = nanoseconds(now);
  Group& group = groups_[(key >> 3) & mask_];
  if (const Cell* cell = group.find(tag); cell != nullptr) {
    const Cell::Seen seen = cell->look(tag);
    if (seen.is_ours) return decide(seen.time, rate, now_ns).decision;
  }
  for (const Cell& cell : group.cells) {
    if (cell.time.load(std::memory_order_relaxed) <= now_ns) {
      return decide(group.start_of(tag, now_ns), rate, now_ns).decision;
    }
  }
  return decide(group.cells[home_of(tag)].time.load(std::memory_order_relaxed), rate, now_ns).decision;
}

LimitKeys::LimitKeys() {
  std::array<std::uint64_t, 2> key{};
  crypto::random_bytes(std::as_writable_bytes(std::span(key)));
  k0_ = key[0];
  k1_ = key[1];
}

std::uint64_t LimitKeys::of(std::uint64_t domain, std::string_view text) const noexcept {
  return SipHash(k0_, k1_).add_word(domain).finish(text);
}

std::uint64_t LimitKeys::of(const base::IpAddress& address) const noexcept {
  const auto network = base::network_of(address);
  return of(address.v6 ? 6 : 4, {reinterpret_cast<const char*>(network.data()), network.size()});
}

std::uint64_t LimitKeys::of(std::uint64_t domain, std::uint64_t a, std::uint64_t b) const noexcept {
  return SipHash(k0_, k1_).add_word(domain).add_word(a).add_word(b).finish({});
}

}  // namespace claviger::policy
