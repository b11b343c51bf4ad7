// SPDX-License-Identifier: Apache-2.0
#include "audit/writer_bell.h"

#include <cerrno>
#include <ctime>

namespace claviger::audit {

using Steady = std::chrono::steady_clock;

WriterBell::WriterBell() { ::sem_init(&wake_, 0, 0); }
WriterBell::~WriterBell() { ::sem_destroy(&wake_); }

void WriterBell::stop() noexcept {
  stopped_.store(true);
  ::sem_post(&wake_);
}

bool WriterBell::sleep(Duration time) noexcept {
  State awake = State::kAwake;
  if (state_.compare_exchange_strong(awake, State::kAsleep) && !stopped_.load()) wait(Steady::now() + time);
  state_.exchange(
      State::kAwake);  // an exchange, not a store: what was done before the ring is seen from here on
  return !stopped_.load();
}

// Nobody finds it asleep, so nobody posts but stop(), or somebody who was late for the sleep before.
bool WriterBell::rest(Duration time) noexcept {
  for (const auto until = Steady::now() + time; !stopped_.load() && Steady::now() < until;) wait(until);
  state_.exchange(State::kAwake);
  return !stopped_.load();
}

void WriterBell::wait(Steady::time_point until) noexcept {
  const auto since_boot = until.time_since_epoch();
  const auto whole = std::chrono::floor<std::chrono::seconds>(since_boot);
  const timespec at{.tv_sec = whole.count(), .tv_nsec = std::chrono::nanoseconds(since_boot - whole).count()};
  while (::sem_clockwait(&wake_, CLOCK_MONOTONIC, &at) != 0 && errno == EINTR) {
  }
}

}  // namespace claviger::audit
