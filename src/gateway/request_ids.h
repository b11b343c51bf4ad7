// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gateway/call.h"

namespace claviger::gateway {

// Request ids: 128 bits that are not repeated within or across processes. A random start for each
// worker, then a counter, spread by a bijection, so that neighbours do not look alike. They are names,
// not secrets.
// Threads: one worker's.
class RequestIds {
 public:
  RequestIds() noexcept;
  RequestId next() noexcept;

 private:
  std::uint64_t high_;
  std::uint64_t low_;
};

}  // namespace claviger::gateway
