// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "store/sqlite/database.h"

namespace claviger::store {

// A consistent copy as one file that did not exist before, 0600 and durable. Writers go on beside it. What
// fails leaves no file.
Result<void> back_up_database(Database& database, const std::string& file);

}  // namespace claviger::store
