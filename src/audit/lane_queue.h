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
#include "base/clock.h"

namespace claviger::audit {

// What the writer tells the lanes: since when something waits to be made durable.
class Pressure {
 public:
  Pressure(const Clock& clock, std::chrono::milliseconds stalled_after) noexcept
      : clock_(clock), stalled_after_(stalled_after) {}

  // Writer's.
  void waits() noexcept {
    if (since_.load(std::memory_order_relaxed) == kNever) since_.store(now(), std::memory_order_relaxed);
  }
  void settled() noexcept { since_.store(kNever, std::memory_order_relaxed); }

  // Any thread's.
  std::chrono::milliseconds lag() const noexcept;
  bool is_stalled() const noexcept { return lag() > stalled_after_; }

 private:
  static constexpr std::int64_t kNever = INT64_MIN;
  std::int64_t now() const noexcept { return clock_.monotonic().time_since_epoch().count(); }

  const Clock& clock_;
  const std::chrono::milliseconds stalled_after_;
  std::atomic<std::int64_t> since_{kNever};
};

// A lane as a chain of chunks. The producer fills the last one, the writer takes from the first, and gives it back when all in
// it is durable: until then the text stays where it is, so that it can be written again.
//
// Publication is the release store of the count of events; nothing else is waited for by either side.
// Chunks come back over a stack of which each side takes all or nothing, so that it has no ABA problem.
class LaneQueue final : public Lane {
 public:
  LaneQueue(const Pressure& pressure, std::size_t limit);
  ~LaneQueue() override;
  LaneQueue(const LaneQueue&) = delete;
  LaneQueue& operator=(const LaneQueue&) = delete;

  // The producer's.
  bool has_room() const noexcept override;
  std::span<char> room() noexcept override;
  void added(std::size_t size, std::uint64_t outbox) noexcept override;

  std::uint64_t appended() const noexcept override { return appended_.load(std::memory_order_acquire); }
  std::uint64_t synced() const noexcept override { return synced_.load(std::memory_order_acquire); }

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
    const crypto::Sha256Digest& leaf(std::uint32_t event) const noexcept;
    std::uint64_t outbox(std::uint32_t event) const noexcept;
  };
  bool has_events() const noexcept { return taken_ < appended(); }
  // The next events, at most about `bytes` of them and of one chunk; they stay valid until durable() is told of them.
  std::optional<Piece> take(std::size_t bytes) noexcept;
  // In the order of take().
  void durable(const Piece& piece) noexcept;
  // Gives memory back that was not needed since the last trim().
  void trim() noexcept;

 private:
  Chunk* fresh_chunk();
  void put_back(Chunk* first) noexcept;

  const Pressure& pressure_;
  const std::size_t limit_;

  // The producer's.
  alignas(64) Chunk* filling_;
  std::uint64_t appended_bytes_ = 0;

  alignas(64) std::atomic<std::uint64_t> appended_{0};

  // The writer's.
  alignas(64) Chunk* taking_;
  std::uint64_t taken_ = 0;
  std::uint32_t taken_of_chunk_ = 0;
  std::size_t used_ = 1;  // chunks between the writer's oldest and its newest
  std::size_t most_used_ = 1;

  alignas(64) std::atomic<std::uint64_t> synced_{0};
  std::atomic<std::uint64_t> synced_bytes_{0};
  std::atomic<Chunk*> spare_{nullptr};
  Chunk* oldest_;  // the writer's: the first that is not given back
};

}  // namespace claviger::audit
