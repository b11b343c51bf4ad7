// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace claviger::cli {

// Rows under a heading, in columns as wide as their widest cell. Cells are made printable, cut to a bearable length, and
// "-" when empty.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) { add(std::move(heading)); }
  void add(std::vector<std::string> cells);
  std::string text() const;
  bool is_empty() const noexcept { return rows_.size() == 1; }

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "12s", "5m", "3h", "41d", "2y"; "0s" for what lies ahead.
std::string format_age(WallTime then, WallTime now);
// The same of an RFC 3339 time; "" when it is none.
std::string format_age(std::string_view then, WallTime now);
// "in 3h", "5m ago"; "" when it is no time.
std::string format_distance(std::string_view when, WallTime now);

}  // namespace claviger::cli
