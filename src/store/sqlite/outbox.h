// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/sqlite/database.h"
#include "store/store.h"

namespace claviger::store {

// The audit events that wait for the log. Store says what each call means.
class Outbox {
 public:
  explicit Outbox(Database& database) noexcept : database_(database) {}

  Result<std::vector<OutboxEntry>> first(std::size_t limit);
  Result<void> forget(std::span<const std::uint64_t> numbers);
  Result<std::uint64_t> last();
  Result<void> number_above(std::uint64_t number);

  // Inside of a transaction.
  Result<void> add(std::span<const std::string> events);

 private:
  Result<std::uint64_t> highest();
  Database& database_;
};

}  // namespace claviger::store
