// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "gateway/world.h"
#include "net/task.h"
#include "policy/explain.h"
#include "policy/resources.h"
#include "store/store.h"

namespace claviger::registry {

// Who asks, for the audit log.
struct Actor {
  std::string principal;
  std::string key_id;
  std::string address;
  std::string request_id;
};

// A resource as management shows it.
struct ResourceView {
  std::string kind;
  std::string name;
  store::Revision revision = 0;
  // {"kind":...,"name":...,<as it was written>,"status":{...},"revision":N,"updated_at":"..."}; no secret, ever. An API key's
  // hash is left out; a document that leaves it out, too, keeps it.
  std::string json;
};

enum class Verb : std::uint8_t {
  kApply,  // create or replace; what is the same already is left as it is
  kCreate,  // kConflict when it is there
  kReplace,  // kNoResource when it is not there
  kDelete,
  kRevoke,  // api_key, credential: for good
  kDisable,  // principal, credential
  kEnable,
  kSetSecret,  // credential: a new version
  kRequireRotation,  // credential: it needs a new version, for a reason
};

struct Change {
  Verb verb = Verb::kApply;
  policy::Kind kind = policy::Kind::kUpstream;
  std::string name;  // empty with kApply and kCreate: the document's
  base::Document document;  // kApply, kCreate, kReplace
  std::optional<store::Revision> if_match;  // kConflict when the resource is at another revision
  base::SecretBytes secret;  // kSetSecret
  // kSetSecret: it takes the place of that one, got from where that was sent; kConflict when the credential has another by now. What the
  // credential's state is stays as it is.
  struct Replaced {
    std::uint32_t version = 0;
    std::string destination;  // gateway::destination_digest()
  };
  std::optional<Replaced> replaces;
  std::string reason;  // kRequireRotation; empty: of what needs one already
  bool disables = false;  // kRequireRotation: until the new version is set
};

enum class Effect : std::uint8_t { kCreated, kChanged, kUnchanged, kDeleted };

struct Outcome {
  policy::Kind kind;
  std::string name;
  Effect effect;
  store::Revision revision;
  std::vector<std::string> warnings;  // "credential 'openai-main' is unbound: set its secret again"
};

struct KeyRequest {
  std::string principal;
  std::optional<WallTime> expires;
  std::vector<std::string> cidrs;
};
struct CreatedKey {
  base::SecretBytes text;  // shown once
  ResourceView view;
};

// The audit log's key, handed over from one to the next: both as verifiers know them.
struct AuditKeyRotation {
  std::string from;
  std::string to;
  bool is_finished = false;  // false: the log cannot be written at the moment; it goes on by itself
};

// Another master key for the vault.
struct RekeyRequest {
  std::string source;  // as master_key.from; empty: drawn anew, and kept where the one in use is
  bool remove_old = false;  // what the old key is made of goes in the end; else it is kept under another name
};
struct RekeyState {
  enum class Phase : std::uint8_t { kRewrapping, kSettling, kFinished };
  Phase phase = Phase::kRewrapping;
  std::string from;  // ids
  std::string to;
  std::uint64_t done = 0;  // envelopes under the new key
  std::uint64_t total = 0;
  std::string failure;  // why it does not go on at the moment; it is tried again by itself
  std::string outcome;  // once it is finished: what became of the old key
};

// What is wrong or worth knowing, for `claviger status`.
struct Notice {
  std::string kind;
  std::string name;
  std::string what;
};

// The resources of a gateway with a store: checked, sealed, recorded, committed with their audit events, and published
// to all workers, in this order. A change that was acknowledged is durable, and every worker decides by it.
//
// Changes are taken one after the other; each is a single transaction: all of it or nothing.
// Threads: the control thread's. What blocks is done by the store's thread.
class Registry {
 public:
  virtual ~Registry() = default;

  struct Page {
    std::vector<ResourceView> items;
    std::string next;  // cursor; empty at the end
  };
  virtual net::Task<Result<Page>> list(policy::Kind kind, std::string after, std::size_t limit) = 0;
  // kNoResource.
  virtual net::Task<Result<ResourceView>> find(policy::Kind kind, std::string name) = 0;

  // Outcomes in the order of the changes, then those of what follows from them (a credential that is unbound). With `dry_run` nothing is written, and everything else is checked.
  // Errors: kInvalid and kConflict blame the caller and say which resource; "#3: ..." names the change by its number (from 1) when there are several.
  virtual net::Task<Result<std::vector<Outcome>>> change(Actor actor, std::vector<Change> changes,
                                                         bool dry_run) = 0;
  virtual net::Task<Result<CreatedKey>> create_key(Actor actor, KeyRequest request) = 0;

  // From now on another key signs the audit log's checkpoints. Committed, with who asked for it, before the log begins
  // with it; goes on by itself after that, over a restart as well. kConflict while one is under way, kUnavailable while the
  // log cannot be written.
  virtual net::Task<Result<AuditKeyRotation>> rotate_audit_key(Actor actor) = 0;

  // From now on another master key seals, and whatever the one in use has sealed is sealed anew, while everything goes on. Begun
  // and recorded when it returns; goes on by itself after that, over a restart as well, until the old key opens nothing.
  // kConflict while one is under way, for the key that is in use, and while a credential's record is not to be trusted.
  virtual net::Task<Result<RekeyState>> rekey(Actor actor, RekeyRequest request) = 0;
  // The one that is under way, or the last of this process. Nothing: there was none.
  virtual std::optional<RekeyState> rekey_state() const = 0;

  // What requests are decided on now.
  virtual std::shared_ptr<const gateway::World> world() const = 0;
  // Records that were refused, credentials that cannot be used.
  virtual std::vector<Notice> notices() const = 0;
};

}  // namespace claviger::registry
