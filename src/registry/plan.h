// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "policy/snapshot.h"
#include "registry/record_body.h"
#include "registry/registry.h"
#include "registry/vault_secrets.h"
#include "store/store.h"

namespace claviger::registry {

// A record as the store has it now. Nothing of one that was tampered with is believed.
struct Current {
  std::optional<store::Record> record;
  std::string fault;  // what is wrong with it; empty when it is good
  bool is_live() const noexcept { return record && !record->deleted; }
};
using RecordKey = std::pair<policy::Kind, std::string>;
using CurrentRecords = std::map<RecordKey, Current>;

// What a change comes down to.
struct PlannedWrite {
  RecordKey key;
  Effect effect = Effect::kUnchanged;  // kUnchanged: nothing is written
  store::Record record;                // MAC and, for the draft, resource apart
  store::Revision replaces = 0;
  std::optional<policy::Resource> resource;  // as it will be; nothing: it is removed
  std::string event;                         // "grant.created"
  std::string before;                        // as the audit log shows it, or empty
  std::string after;
  std::vector<std::string> warnings;
};

// From changes to the records that they write: one transaction's worth. Knows nothing of threads and disks.
//
// Threads: one. Secrets: sealed as soon as they come.
class Plan {
 public:
  Plan(const policy::Snapshot& now, CurrentRecords current, VaultSecrets& secrets, vault::KeyHolder& keys,
       store::Revision base, WallTime time)
      : now_(now), current_(std::move(current)), secrets_(secrets), keys_(keys), base_(base), time_(time) {}

  // The records that a list of changes needs to see.
  static std::vector<RecordKey> needed(const policy::Snapshot& now, const std::vector<Change>& changes);

  // Takes a change in. kInvalid, kConflict, kNoResource.
  Result<void> add(Change change);
  // Once all are in: unbinds credentials whose destination is not what their secret was set for.
  Result<void> bind_credentials();

  std::vector<PlannedWrite>& writes() noexcept { return writes_; }

 private:
  Result<void> add_document(Change& change, PlannedWrite& write);
  Result<void> add_status(const Change& change, PlannedWrite& write);
  Result<void> add_deletion(PlannedWrite& write);
  void move_secret(const policy::CredentialResource& credential, PlannedWrite& write);
  Result<void> require_rotation(const Change& change, const RecordKey& key, Status& status) const;
  Result<void> add_secret(Change& change, PlannedWrite& write);
  Result<void> check_match(const Change& change, const Current& current) const;
  const policy::UpstreamResource* upstream_of(const policy::CredentialResource& credential) const;
  Result<void> bind(PlannedWrite& write);
  Result<void> unbind_those_of(const std::string& upstream);
  Status& status_of(PlannedWrite& write) { return after_[write.key].status; }
  Result<void> begin_with(const store::Record& record, PlannedWrite& write);
  Result<void> begin_anew(policy::Kind kind, PlannedWrite& write);
  void keep(PlannedWrite write);
  Result<void> check_transition(const PlannedWrite& write);
  void finish(PlannedWrite& write);

  const policy::Snapshot& now_;
  CurrentRecords current_;
  VaultSecrets& secrets_;
  vault::KeyHolder& keys_;
  store::Revision base_;
  WallTime time_;
  std::vector<PlannedWrite> writes_;
  std::map<RecordKey, std::size_t> positions_;  // in writes_
  std::map<RecordKey, Body> before_;     // of those that are live and good
  std::map<RecordKey, Body> after_;   // what each write makes of it
};

}  // namespace claviger::registry
