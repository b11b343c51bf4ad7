// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

class Latencies {
 public:
  void add(std::uint64_t ns) { values_.push_back(ns); }
  void clear() { values_.clear(); }
  std::size_t count() const { return values_.size(); }
  // "count":..,"p50_us":..,"p99_us":..,"max_us":.. of what was added; zeros of nothing.
  std::string json();

 private:
  std::vector<std::uint64_t> values_;
};

}  // namespace bench
