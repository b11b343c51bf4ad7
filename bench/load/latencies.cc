// SPDX-License-Identifier: Apache-2.0
#include "latencies.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace bench {

std::string Latencies::json() {
  std::ranges::sort(values_);
  const auto at = [this](std::size_t percent) {
    if (values_.empty()) return 0.0;
    return static_cast<double>(values_[std::min(values_.size() - 1, values_.size() * percent / 100)]) / 1000;
  };
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), "\"count\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f",
                values_.size(), at(50), at(99), at(100));
  return text.data();
}

}  // namespace bench
