// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "policy/snapshot.h"

namespace claviger::policy {

struct Explanation {
  bool allowed = false;
  std::string upstream;     // that the path leads to; empty: none
  std::string grant;        // that lets the call through
  std::string
      reason;  // one sentence: "grant 'ci:openai' lets POST through", or why not and which grant comes nearest
};

// What the pipeline would decide for a call of `principal`: `target` is the path (and query) at the gateway, or a whole
// URL, whose host is left aside. Decides by the very functions that requests are decided by.
Explanation explain(const Snapshot& snapshot, std::string_view principal, std::string_view method,
                    std::string_view target, WallTime now);

}  // namespace claviger::policy
