// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/sqlite/database.h"
#include "store/store.h"

namespace claviger::store {

// The leases of hot counters. Store says what each call means.
class Counters {
 public:
  explicit Counters(Database& database) noexcept : database_(database) {}

  Result<std::vector<Counter>> all();
  Result<void> save(std::span<const Counter> counters);
  Result<void> forget(std::span<const std::string> names);

 private:
  Database& database_;
};

}  // namespace claviger::store
