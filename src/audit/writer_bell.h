// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <semaphore.h>

#include <atomic>
#include <chrono>

namespace claviger::audit {

// What the writer sleeps on. A sleep costs one system call; of a condition variable it would be two. Ringing costs one only where
// the writer is asleep.
//
// Threads: ring() and stop() from any, all else the writer's.
class WriterBell {
 public:
  using Duration = std::chrono::steady_clock::duration;

  WriterBell();
  ~WriterBell();
  WriterBell(const WriterBell&) = delete;
  WriterBell& operator=(const WriterBell&) = delete;

  // Ends a sleep, the one under way or the next. What was done before it is seen by whoever wakes.
  void ring() noexcept {
    if (state_.exchange(State::kRung) == State::kAsleep) ::sem_post(&wake_);
  }
  // Ends every sleep and every rest from now on.
  void stop() noexcept;

  // Until it rings, or for `time`. False when it is to stop.
  bool sleep(Duration time) noexcept;
  // The same, whoever rings.
  bool rest(Duration time) noexcept;

 private:
  enum class State : std::uint8_t { kAwake, kRung, kAsleep };
  void wait(std::chrono::steady_clock::time_point until) noexcept;

  std::atomic<State> state_{State::kAwake};
  std::atomic<bool> stopped_{false};
  sem_t wake_;
};

}  // namespace claviger::audit
