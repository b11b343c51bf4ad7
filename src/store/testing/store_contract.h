// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "store/store.h"

namespace claviger::store::testing {

// Where a backend keeps its records for the length of one test.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  // The first call makes an empty store; a later one, after the one before is gone, finds what that has left.
  virtual Result<std::unique_ptr<Store>> open() = 0;
  // A store of what back_up() has left there.
  virtual Result<std::unique_ptr<Store>> open_backup(const std::string& file) = 0;
};

// What every backend has to do:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract,
//                            ::testing::Values([] { return std::make_unique<SqlitePlace>(); }));
class StoreContract : public ::testing::TestWithParam<std::function<std::unique_ptr<StorePlace>()>> {
 protected:
  StoreContract();
  ~StoreContract() override;

  void reopen();
  // Commits, and fails the test if it cannot.
  void commit(const Batch& batch);
  void forget(const std::vector<std::uint64_t>& numbers);
  Batch next_batch();
  Record at(std::string_view kind, std::string_view name);  // that has to be there
  std::string new_file();  // that is not there, in a directory of the test's

  std::unique_ptr<StorePlace> place_;
  std::unique_ptr<Store> store_;
  std::string directory_;
};

Bytes bytes_of(std::string_view text);
// Adds to a batch the creation of a record, the replacement of one that was read, and its end.
void add_new(Batch& batch, std::string kind, std::string name, std::string body = "{}");
void add_changed(Batch& batch, Record record, std::string body);
void add_deleted(Batch& batch, Record record);

}  // namespace claviger::store::testing
