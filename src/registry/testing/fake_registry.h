// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret_arena.h"
#include "registry/registry.h"

namespace claviger::registry::testing {

// A registry in memory, for tests of what stands in front of one: resources are checked and compiled as the real one
// does it, nothing is sealed, recorded or written. Secrets are kept as they are: they are the tests' own.
class FakeRegistry final : public Registry {
 public:
  // What was asked of change().
  struct Seen {
    Actor actor;
    Verb verb;
    policy::Kind kind;
    std::string name;
    std::optional<store::Revision> if_match;
    bool dry_run;
  };

  explicit FakeRegistry(base::SecretArena& arena);

  // Applies a resource written as JSON. Requires: it is right.
  void put(std::string_view json);
  // The next list(), find(), change() or create_key() ends like this.
  void fail_next(Error error) { failure_ = std::move(error); }

  net::Task<Result<Page>> list(policy::Kind kind, std::string after, std::size_t limit) override;
  net::Task<Result<ResourceView>> find(policy::Kind kind, std::string name) override;
  net::Task<Result<std::vector<Outcome>>> change(Actor actor, std::vector<Change> changes,
                                                 bool dry_run) override;
  net::Task<Result<CreatedKey>> create_key(Actor actor, KeyRequest request) override;
  net::Task<Result<AuditKeyRotation>> rotate_audit_key(Actor actor) override;
  net::Task<Result<RekeyState>> rekey(Actor actor, RekeyRequest request) override;
  std::optional<RekeyState> rekey_state() const override { return shown_rekey; }
  std::shared_ptr<const gateway::World> world() const override { return world_; }
  std::vector<Notice> notices() const override { return shown_notices; }

  std::vector<Seen> seen;
  std::map<std::string, std::string> secrets;  // by credential
  std::vector<Notice> shown_notices;
  std::vector<std::string> warnings;  // of every outcome
  AuditKeyRotation rotation{"claviger/test+0000fake+AAAA", "claviger/test+0001fake+BBBB", true};
  std::vector<Actor> rotated_by;
  std::optional<RekeyState> shown_rekey;
  std::vector<std::pair<Actor, RekeyRequest>> rekeys;

 private:
  struct Item {
    base::Document document;
    store::Revision revision = 0;
    bool disabled = false;
    bool revoked = false;
    std::uint32_t version = 0;
  };
  using Items = std::map<std::pair<policy::Kind, std::string>, Item>;

  Result<void> take_failure();
  Result<Outcome> make(Items& items, Change& change) const;
  Result<std::shared_ptr<const gateway::World>> compile(const Items& items, store::Revision revision) const;
  ResourceView view(const Items::value_type& item) const;

  base::SecretArena& arena_;
  Items items_;
  store::Revision revision_ = 0;
  std::shared_ptr<const gateway::World> world_;
  std::optional<Error> failure_;
};

}  // namespace claviger::registry::testing
