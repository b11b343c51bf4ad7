// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace claviger::base::testing {

// What a test allows for time is multiplied with. The thread sanitizer makes everything ten times slower, and is run where other
// things run as well.
#if __has_feature(thread_sanitizer)
inline constexpr int kSlowdown = 20;
#else
inline constexpr int kSlowdown = 1;
#endif

}  // namespace claviger::base::testing
