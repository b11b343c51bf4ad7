// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "store/store.h"

namespace claviger::store {

// Records in an SQLite file: WAL, synchronous=FULL, secure_delete (docs/formats/store.md). Other processes
// may open it beside this one, to take a backup; that only one gateway does is not seen to here.
//
// The schema has a version (PRAGMA user_version); an older file is migrated forward in one transaction, a
// newer one is refused. kInvalid when the file is no store of ours, or others may write it; kUnavailable when
// it cannot be opened.
struct SqliteOptions {
  bool create = false;  // make the file (0600) when it is not there; else kNotFound
  std::chrono::milliseconds patience{5000};  // with another process that is writing; then kUnavailable
};
Result<std::unique_ptr<Store>> open_sqlite(const std::string& file, const SqliteOptions& options);

}  // namespace claviger::store
