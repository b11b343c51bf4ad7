// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "audit/lane.h"
#include "audit/line.h"
#include "audit/writer_bell.h"
#include "base/clock.h"

namespace claviger::audit {

// What the writer tells the lanes: since when something waits to be made durable, whether the disk does as it is told, and whether
// there is enough of it.
class Pressure {
 public:
  Pressure(const Clock& clock, std::chrono::milliseconds stalled_after) noexcept
      : clock_(clock), stalled_after_(stalled_after) {}

  // Writer's.
  void waits() noexcept {
    if (since_.load(std::memory_order_relaxed) == kNever)
      since_.store(clock_.monotonic().time_since_epoch().count(), std::memory_order_relaxed);
  }
  void settled() noexcept { since_.store(kNever, std::memory_order_relaxed); }
  void set_failing(bool failing) noexcept { failing_.store(failing); }
  void set_low_on_space(bool low) noexcept { low_on_space_.store(low, std::memory_order_relaxed); }

  // Any thread's.
  std::chrono::milliseconds lag(Monotonic now) const noexcept;
  std::chrono::milliseconds lag() const noexcept { return lag(clock_.monotonic()); }
  bool is_stalled(Monotonic now) const noexcept { return lag(now) > stalled_after_; }
  bool is_stalled() const noexcept { return lag() > stalled_after_; }
  bool is_failing() const noexcept { return failing_.load(); }
  bool is_low_on_space() const noexcept { return low_on_space_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::int64_t kNever = INT64_MIN;

  const Clock& clock_;
  const std::chrono::milliseconds stalled_after_;
  std::atomic<std::int64_t> since_{kNever};
  std::atomic<bool> failing_{false};
  std::atomic<bool> low_on_space_{false};
};

// A lane as a chain of chunks. The producer fills the last one, the writer takes from the first, and gives it back when all in
// it is durable: until then the text stays where it is, so that it can be written again.
//
// Publication is the release store of the count of events; nothing else is waited for by either side.
// Nobody misses news: who waits writes how far it wants to be, and then reads how far the disk is; the writer the other way round, both in
// the one order of all sequentially consistent operations, so that one of the two sees what the other did.
// Chunks come back over a stack of which each side takes all or nothing, so that it has no ABA problem.
class LaneQueue final : public Lane {
 public:
  // `pressure` and `bell` outlive it. Without a bell, whoever turns the writer looks by itself.
  LaneQueue(const Pressure& pressure, std::size_t limit, LaneOptions options = {},
            WriterBell* bell = nullptr);
  ~LaneQueue() override;
  LaneQueue(const LaneQueue&) = delete;
  LaneQueue& operator=(const LaneQueue&) = delete;

  // The producer's.
  bool has_room(Monotonic now) const noexcept override;
  std::span<char> room() noexcept override;
  void added(std::size_t size, std::uint64_t outbox, CallMark mark) noexcept override;
  void hurry() noexcept override;

  std::uint64_t appended() const noexcept override { return appended_.load(std::memory_order_acquire); }
  std::uint64_t synced() const noexcept override { return synced_.load(); }
  bool is_failing() const noexcept override { return pressure_.is_failing() || is_short_of_space(); }

  // The writer's.
  struct Chunk;
  // Lines that lie one behind the other, line ends included.
  struct Piece {
    LaneQueue* lane = nullptr;
    Chunk* chunk = nullptr;
    std::string_view text;
    std::uint32_t first = 0;  // of the events, in the chunk
    std::uint32_t events = 0;
    bool ends_chunk = false;  // nothing of the chunk is left behind it
    std::string_view line(std::uint32_t event) const noexcept;  // without its end
    std::uint64_t outbox(std::uint32_t event) const noexcept;
    CallMark mark(std::uint32_t event) const noexcept;
    std::uint32_t begin(std::uint32_t event) const noexcept;  // of its line, in `text`
  };
  bool has_events() const noexcept { return taken_ < appended(); }
  // The next events, at most about `bytes` of them and of one chunk; they stay valid until durable() is told of them.
  std::optional<Piece> take(std::size_t bytes) noexcept;
  // In the order of take().
  void durable(const Piece& piece) noexcept;
  // Something that is not durable yet is wanted at once.
  bool is_hurried() const noexcept { return wanted_.load() > synced_.load(std::memory_order_relaxed); }
  // There is news, good or bad: says so where somebody waits for it.
  void tell();
  // Gives memory back that was not needed since the last trim().
  void trim() noexcept;

 private:
  bool is_short_of_space() const noexcept { return options_.for_calls && pressure_.is_low_on_space(); }
  Chunk* fresh_chunk();
  void put_back(Chunk* first) noexcept;

  const Pressure& pressure_;
  const std::size_t limit_;
  const LaneOptions options_;
  WriterBell* const bell_;

  // The producer's.
  alignas(64) Chunk* filling_;
  std::uint64_t appended_bytes_ = 0;

  alignas(64) std::atomic<std::uint64_t> appended_{0};
  std::atomic<std::uint64_t> wanted_{0};  // so many of them at once

  // The writer's.
  alignas(64) Chunk* taking_;
  std::uint64_t taken_ = 0;
  std::uint32_t taken_of_chunk_ = 0;
  std::size_t used_ = 1;  // chunks between the writer's oldest and its newest
  std::size_t most_used_ = 1;
  std::uint64_t told_ = 0;  // of `wanted_`: whoever wanted so many knows

  alignas(64) std::atomic<std::uint64_t> synced_{0};
  std::atomic<std::uint64_t> synced_bytes_{0};
  std::atomic<Chunk*> spare_{nullptr};
  Chunk* oldest_;  // the writer's: the first that is not given back
};

}  // namespace claviger::audit
