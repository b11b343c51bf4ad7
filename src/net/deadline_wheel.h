// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace claviger::net {

class DeadlineWheel;

// A point in time after which somebody has waited long enough. Sits in a wheel while one is set.
//
// Owns: nothing; unlinks itself when destroyed.
// Threads: its loop's.
class Deadline {
 public:
  Deadline() noexcept = default;
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  static constexpr Monotonic kNever = Monotonic::max();
  Monotonic at() const noexcept { return at_; }

 protected:
  virtual ~Deadline();
  // Has passed; it is unlinked already and may be set anew, or destroyed, in here.
  virtual void on_deadline() noexcept = 0;

 private:
  friend class DeadlineWheel;
  Monotonic at_ = kNever;
  DeadlineWheel* wheel_ = nullptr;  // while linked
  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
  std::int64_t tick_ = 0;  // of the bucket it is linked in
};

// One coarse sweep for all deadlines of a loop. Moving a deadline further away, which every read and
// write does, is a single store: the bucket it was in finds it not yet due and passes it on. A
// deadline fires up to one tick late, never early.
//
// Cost: O(1) for set; the sweep touches a deadline at most once a turn of the wheel (about 100 s) plus when due.
class DeadlineWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{50};

  explicit DeadlineWheel(Monotonic now) noexcept;
  ~DeadlineWheel();

  void set(Deadline& deadline, Monotonic at) noexcept;
  void clear(Deadline& deadline) noexcept;
  // Fires what is due.
  void sweep(Monotonic now) noexcept;
  bool is_empty() const noexcept { return linked_ == 0; }
  // When sweep() wants to be called next, at the latest.
  Monotonic next_tick() const noexcept { return Monotonic(kTick * (swept_ + 1)); }

 private:
  friend class Deadline;
  static constexpr std::size_t kBuckets = 2048;
  static std::int64_t tick_after(Monotonic at) noexcept;
  void link(Deadline& deadline, std::int64_t tick) noexcept;
  void unlink(Deadline& deadline) noexcept;
  void sweep_bucket(std::int64_t tick, Monotonic now) noexcept;

  struct Anchor final : Deadline {
    void on_deadline() noexcept override {}
  };
  std::array<Anchor, kBuckets> buckets_;
  std::int64_t swept_;  // the last tick whose bucket was emptied
  std::size_t linked_ = 0;
};

}  // namespace claviger::net
