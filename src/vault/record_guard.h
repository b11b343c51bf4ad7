// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"
#include "vault/key_holder.h"

namespace claviger::vault {

// A record that is not what the gateway wrote last.
struct RecordFault {
  std::string kind;
  std::string name;  // "" where a whole part of the register is meant
  std::string
      what;  // "was altered", "is an older version, put back", "was removed", "was not written by this gateway"
};

// Keeps whoever can write the database from changing what the gateway believes.
//
// Every record carries a MAC over all its fields. A register says which records there are, at which revision and with
// which MAC: 256 parts, by keyed hash of kind and name, each with a MAC, and a head that has the revision of the store
// and the MAC of each part; all in the store's meta, updated in the same batch as the records. So an edited row fails its
// MAC, and an inserted, removed or rolled-back one is not what the register says. What remains is rolling back the
// whole database, which only a checkpoint held outside can show.
//
// Writing does not heal. A fault stays one until its record is written again: entries of other records are carried over as
// they are, and a part that is not what the head says is begun anew and marked in the head as distrusted, so that
// only what was written since counts. docs/formats/vault.md has the reasoning.
//
// Threads: the store's.
class RecordGuard {
 public:
  explicit RecordGuard(KeyHolder& keys) noexcept : keys_(keys) {}

  // For the first batch of a new store (base 0), instead of protect(): begins the register.
  Result<void> protect_first(store::Batch& batch);
  // Fills in the MAC of each record that the batch writes, and adds the register's new state to its meta. To be called
  // last, right before commit(), and for every batch, one without records too: the register names the store's revision.
  // kConflict when the store is not at the batch's base any more; kInternal as load().
  // A record that was read from the store is checked before it becomes the base of another.
  Result<void> protect(store::Store& store, store::Batch& batch);

  // Everything: hands over each good record (tombstones included, in the order of ids), and returns what is wrong with
  // the others; at most 10,000 of them, and then how many more.
  // kInternal when the register's own head was altered, is missing, or is an older one: then nothing can be believed,
  // whatever was handed over already. kConflict when somebody wrote meanwhile.
  Result<std::vector<RecordFault>> load(store::Store& store,
                                        const std::function<Result<void>(store::Record)>& each);
  // One record that was read by itself. Nothing: it is good.
  Result<std::optional<RecordFault>> check(store::Store& store, const store::Record& record);
  // The same where no row was found. Nothing: there never was one. What was deleted in earnest has left a tombstone.
  Result<std::optional<RecordFault>> check_absent(store::Store& store, std::string_view kind,
                                                  std::string_view name);

 private:
  KeyHolder& keys_;
};

}  // namespace claviger::vault
