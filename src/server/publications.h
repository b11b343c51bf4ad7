// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "base/clock.h"

namespace claviger::server {

// Worlds that were handed to the workers, until each of them decides by it. A worker that does not take one over goes on
// letting through what may have been revoked, so whoever watches stops the process.
//
// Threads: the control thread's; what begin() gives is called on the workers'.
class Publications {
 public:
  static constexpr std::chrono::seconds kMostAdoption{5};

  explicit Publications(const Clock& clock) : clock_(clock) {}

  // A world goes to `workers` of them, one at least, now. Each calls what comes back once it decides by it; that is true
  // for the last one.
  std::function<bool()> begin(std::size_t workers);

  // Whether a worker has had a world for kMostAdoption and does not decide by it. Now and then, such as once a second.
  bool is_stuck();

 private:
  struct Publication {
    Monotonic since;
    std::atomic<std::size_t> waiting;
  };

  const Clock& clock_;
  // Workers take worlds over in this order, so the first is the one that waits longest.
  std::deque<std::shared_ptr<Publication>> publications_;
};

}  // namespace claviger::server
