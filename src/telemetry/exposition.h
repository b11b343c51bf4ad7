// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "telemetry/histogram.h"

namespace claviger::telemetry {

// `name="value"`, the value escaped.
std::string label(std::string_view name, std::string_view value);

// Writes the Prometheus text format, version 0.0.4: a family, then all of its samples, then the next.
class Exposition {
 public:
  // `type`: "counter", "gauge" or "histogram".
  void family(std::string_view name, std::string_view type, std::string_view help);

  // `labels` as they stand between the braces; see label().
  template <class Number>
  void sample(std::string_view name, std::string_view labels, Number value) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    line(name, labels, {digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  // Its buckets, sum and count. `labels` is not empty.
  void histogram(std::string_view name, std::string_view labels, const Histogram& histogram);

  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view name, std::string_view labels, std::string_view value);
  void append(std::initializer_list<std::string_view> parts);

  std::string text_;
};

}  // namespace claviger::telemetry
