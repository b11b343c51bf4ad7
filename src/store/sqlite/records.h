// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/sqlite/database.h"
#include "store/store.h"

namespace claviger::store {

// The table of records. Store says what each call means.
class Records {
 public:
  explicit Records(Database& database) noexcept : database_(database) {}

  Result<std::optional<Record>> find(std::string_view kind, std::string_view name);
  Result<std::vector<Record>> list(std::string_view kind, std::string_view after, std::size_t limit);
  Result<void> for_each(const std::function<Result<void>(Record)>& each);
  Result<std::vector<Record>> changes_since(Revision revision, std::size_t limit);

  // One write of a batch that becomes `revision`. Inside of a transaction.
  Result<void> write(const Batch::Write& write, Revision revision);

 private:
  Database& database_;
};

}  // namespace claviger::store
