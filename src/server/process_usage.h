// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "server/overload.h"

namespace claviger::server {

// What this process uses, asked of the kernel: cheap enough for ten times a second.
//
// Owns: a descriptor of /proc/self/statm. Threads: one.
class ProcessUsage {
 public:
  explicit ProcessUsage(const Clock& clock) noexcept;
  ~ProcessUsage();
  ProcessUsage(const ProcessUsage&) = delete;
  ProcessUsage& operator=(const ProcessUsage&) = delete;

  // A number that cannot be had is 0: nothing is shed for it.
  Overload::Usage measure() noexcept;

 private:
  std::uint64_t resident_bytes() const noexcept;
  std::size_t open_descriptors() noexcept;

  const Clock& clock_;
  int statm_;
  std::size_t counted_ = 0;  // descriptors, by hand
  Monotonic counted_at_ = Monotonic::min();
};

// Bytes that this process may have: the least of the machine's and of what its cgroups, v2 or v1, allow. `root` for tests.
std::uint64_t memory_limit(const std::string& root = "");

}  // namespace claviger::server
