// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "store/sqlite/database.h"

namespace claviger::store {

// A step from one version of the schema to the next. Runs inside of a transaction.
using Migration = Result<void> (*)(Database&);

// The steps so far: [n] leads from version n to n + 1. A step that was released never changes again.
std::span<const Migration> migrations() noexcept;

// Brings a database to the last version, all steps in one transaction: a failing one leaves the file as it
// was. An empty one is made a store if `create` says so. kInvalid when it belongs to something else, or to a
// newer Claviger.
Result<void> migrate(Database& database, std::span<const Migration> steps, bool create);

// "Clv1": for file(1), and so that no other application's file is taken.
inline constexpr std::int64_t kApplicationId = 0x436c7631;

}  // namespace claviger::store
