// SPDX-License-Identifier: Apache-2.0
#include "registry/stored_registry.h"

#include <malloc.h>

#include <algorithm>
#include <set>

#include "audit/event.h"
#include "base/json.h"
#include "base/parse.h"
#include "gateway/external_secrets.h"
#include "identity/api_key.h"
#include "policy/draft.h"
#include "policy/grant_names.h"
#include "registry/outbox_event.h"

namespace claviger::registry {
namespace {

using policy::Kind;

std::string event_of(const Actor& actor, const PlannedWrite& write, WallTime time) {
  audit::Event event(time, write.event);
  event.add("actor", actor.principal).add("key_id", actor.key_id).add("address", actor.address);
  event.add("request_id", actor.request_id);
  event.add("kind", write.record.kind).add("name", write.record.name).add("revision", write.record.revision);
  if (!write.before.empty()) event.add_json("before", write.before);
  if (!write.after.empty()) event.add_json("after", write.after);
  return std::move(event).text();
}

// What is wrong with a document of a caller's is the caller's to mend, whoever found it.
Error of_caller(const Error& error) {
  if (error.code() != Code::kInvalid) return error;
  return Error::formatted(Code::kInvalid, Blame::kCaller, std::string(error.what()));
}

Error with_number(const Error& error, std::size_t number, std::size_t of) {
  return of > 1 ? error.within("#" + std::to_string(number)) : error;
}

// Grants need not be named. Such a one is called after whom and what it is for, and the second of these in one apply
// ":2": so the same documents mean the same grants each time. No written name holds a ':'.
Result<void> name_grant(Change& change, std::map<std::string, int>& counts) {
  if (change.kind != Kind::kGrant || !change.name.empty()) return ok();
  const auto grant = std::get<policy::GrantResource>(CLV_TRY(policy::read_resource(change.document)));
  change.name = policy::made_up_name(grant);
  if (const int count = ++counts[change.name]; count > 1) change.name += ":" + std::to_string(count);
  std::erase_if(change.document.entries, [](const auto& entry) { return entry.first == "name"; });
  change.document.entries.push_back({"name", text_node(change.name)});
  return ok();
}

Result<void> name_and_label(std::vector<Change>& changes) {
  std::map<std::string, int> counts;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (auto named = name_grant(changes[i], counts); !named.has_value())
      return with_number(named.error(), i + 1, changes.size());
    label_places(changes[i].document, label_of(changes[i].kind, changes[i].name));
  }
  return ok();
}

// What was found out about all of them together is said of one, by its label: of which?
Error with_number_of_label(const Error& error, const std::vector<RecordKey>& keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string label = label_of(keys[i].first, keys[i].second);
    if (error.what().starts_with(label)) return with_number(error, i + 1, keys.size());
  }
  return error;
}

}  // namespace

// A change, made ready: what is left to do is to write it down and to publish it.
struct StoredRegistry::Prepared {
  std::vector<PlannedWrite> writes;
  store::Batch batch;
  std::shared_ptr<const gateway::World> world;
  std::vector<gateway::UnusableCredential> unusable;
  std::map<std::string, std::optional<StoredSecret>, std::less<>> secrets;
};

StoredRegistry::StoredRegistry(RegistryParts parts)
    : parts_(parts),
      guard_(parts.keys),
      drain_(parts.control, parts.store_thread, parts.store, parts.keys, parts.lane, parts.outbox_in_log,
             parts.log),
      turnstile_(parts.control) {}

StoredRegistry::~StoredRegistry() = default;

// --- Start ---------------------------------------------------------------------------------------

// What the store holds, as far as it can be believed.
struct StoredRegistry::Everything {
  store::Revision head = 0;
  std::vector<store::Record> records;
  std::vector<vault::RecordFault> faults;
};

Result<StoredRegistry::Everything> StoredRegistry::read_everything() {
  Everything all;
  all.head = CLV_TRY(parts_.store.head());
  const auto keep = [&](store::Record record) -> Result<void> {
    if (!record.deleted) all.records.push_back(std::move(record));
    return ok();
  };
  all.faults = CLV_TRY(guard_.load(parts_.store, keep));
  return all;
}

Result<void> StoredRegistry::assemble(Everything all) {
  std::vector<Notice> refused;
  StoredSecrets stored;
  policy::Draft draft(policy::Snapshot::empty());
  std::vector<policy::CredentialResource> external;
  for (store::Record& record : all.records) {
    auto loaded = load_record(record);
    if (!loaded.has_value()) {
      refused.push_back({record.kind, record.name, std::string(loaded.error().what())});
      continue;
    }
    if (record.kind == policy::kind_name(Kind::kCredential) && !record.sealed.empty())
      stored[record.name] = {record.id, loaded->status.version, loaded->status.bound_to,
                             std::move(record.sealed)};
    if (const auto* credential = std::get_if<policy::CredentialResource>(&loaded->resource);
        credential != nullptr && !credential->from.empty())
      external.push_back(*credential);
    draft.put(std::move(loaded->resource));
  }
  settle(std::move(external), draft);
  for (vault::RecordFault& fault : all.faults)
    refused.push_back({std::move(fault.kind), std::move(fault.name), std::move(fault.what)});
  std::vector<policy::Dropped> dropped;
  auto snapshot = draft.finish_with_what_is_right(all.head, dropped);
  for (policy::Dropped& each : dropped)
    refused.push_back(
        {std::string(policy::kind_name(each.kind)), std::move(each.name), "is left out: " + each.why});
  VaultSecrets secrets(parts_.keys, stored, settings_.external);
  std::vector<gateway::UnusableCredential> unusable;
  world_ = CLV_TRY(
      gateway::build_world(std::move(snapshot), nullptr, settings_, parts_.process_key, secrets, &unusable));
  head_ = all.head;
  faults_ = std::move(refused);
  secrets_ = std::move(stored);
  unusable_ = std::move(unusable);
  return ok();
}

Result<void> StoredRegistry::load(gateway::WorldSettings settings) {
  settings_ = std::move(settings);
  if (settings_.lives == nullptr) settings_.lives = &own_lives_;
  era_ = CLV_TRY(read_era(parts_.keys, parts_.store));
  CLV_TRY_VOID(take_up_rekey());
  Everything all = CLV_TRY(read_everything());
  CLV_TRY_VOID(assemble(std::move(all)));
  ::malloc_trim(0);  // a hundred thousand documents came and went
  for (const Notice& fault : faults_) {
    parts_.log.error("record_refused", {{"kind", fault.kind}, {"name", fault.name}, {"reason", fault.what}});
    parts_.lane.append(audit::Event(parts_.clock.wall(), "record.refused")
                           .add("kind", fault.kind)
                           .add("name", fault.name)
                           .add("reason", fault.what)
                           .text());
  }
  for (const auto& each : unusable_) {
    parts_.log.warning("credential_unusable", {{"credential", each.name}, {"reason", each.why}});
    parts_.lane.append(audit::Event(parts_.clock.wall(), "credential.unusable")
                           .add("credential", each.name)
                           .add("reason", each.why)
                           .text());
  }
  return ok();
}

void StoredRegistry::start(Publish publish) {
  publish_ = std::move(publish);
  drain_.kick(last_event());  // what a crash left
  is_rotating_audit_key_ = parts_.audit_log != nullptr && parts_.keys.next_signing_key().has_value();
  if (is_rotating_audit_key_) net::spawn(finish_key_rotation());
  if (rekeying_.state) net::spawn(run_rekey());
}

net::Task<Result<void>> StoredRegistry::refresh() {
  const Turnstile::Pass pass = co_await turnstile_.enter();
  VaultSecrets secrets(parts_.keys, secrets_, settings_.external);
  std::vector<gateway::UnusableCredential> unusable;
  auto world = CLV_CO_TRY(
      gateway::build_world(world_->policy, nullptr, settings_, parts_.process_key, secrets, &unusable));
  unusable_ = std::move(unusable);
  world_ = world;
  co_await publish(std::move(world));
  co_return ok();
}

// --- Changing ------------------------------------------------------------------------------------

net::Task<CurrentRecords> StoredRegistry::read_current(std::vector<RecordKey> keys, Result<void>& outcome) {
  co_return co_await parts_.store_thread.run([&] {
    CurrentRecords all;
    for (const RecordKey& key : keys) {
      auto record = parts_.store.find(policy::kind_name(key.first), key.second);
      if (!record.has_value()) {
        outcome = record.error();
        return all;
      }
      Current& current = all[key];
      current.record = *std::move(record);
      const auto fault = current.record
                             ? guard_.check(parts_.store, *current.record)
                             : guard_.check_absent(parts_.store, policy::kind_name(key.first), key.second);
      if (!fault.has_value()) outcome = fault.error();
      else if (*fault) current.fault = (*fault)->what;
    }
    return all;
  });
}

// Once more, now that it is this change's turn: reading its body and waiting may have taken a while, and the key may
// have been revoked since.
Result<void> StoredRegistry::check_right(const Actor& actor) const {
  if (actor.key_id.empty()) return ok();  // the gateway itself
  const policy::Snapshot& policy = *world_->policy;
  const policy::ApiKey* key = policy.find_key(actor.key_id);
  if (key != nullptr && (!key->expires || *key->expires > parts_.clock.wall())) {
    const policy::Principal& principal = policy.principal(key->principal);
    if (!principal.disabled && principal.management == policy::Management::kAdmin) return ok();
  }
  return Error(Code::kUnauthenticated, Blame::kCaller,
               "the API key was revoked, or lost its rights, meanwhile");
}

Result<StoredRegistry::Prepared> StoredRegistry::prepare(const Actor& actor, std::vector<Change> changes,
                                                         CurrentRecords current) {
  CLV_TRY_VOID(check_right(actor));
  VaultSecrets secrets(parts_.keys, secrets_, settings_.external);
  const WallTime time = parts_.clock.wall();
  Plan plan(*world_->policy, std::move(current), secrets, parts_.keys, head_, time);
  std::set<std::string> set_now;
  const std::size_t count = changes.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (changes[i].verb == Verb::kSetSecret) set_now.insert(changes[i].name);
    if (auto added = plan.add(std::move(changes[i])); !added.has_value())
      return with_number(added.error(), i + 1, count);
  }
  CLV_TRY_VOID(plan.bind_credentials());

  Prepared prepared;
  std::vector<std::string> events;
  prepared.writes = std::move(plan.writes());
  prepared.batch.base = head_;
  policy::Draft draft(world_->policy);
  std::vector<policy::CredentialResource> external;
  for (PlannedWrite& write : prepared.writes) {
    if (write.effect == Effect::kUnchanged) continue;
    if (write.resource) {
      CLV_TRY_VOID(gateway::check_resource(*write.resource));
      if (const auto* credential = std::get_if<policy::CredentialResource>(&*write.resource);
          credential != nullptr && !credential->from.empty())
        external.push_back(*credential);
      draft.put(std::move(*write.resource));
    } else if (auto removed = draft.remove(write.key.first, write.key.second);
               !removed.has_value() && write.before.empty()) {
      // It was left out when the store was loaded, so there is nothing to take out of the draft.
    } else {
      CLV_TRY_VOID(removed);
    }
    events.push_back(event_of(actor, write, time));
    prepared.batch.writes.push_back({.record = write.record, .replaces = write.replaces});
  }
  if (prepared.batch.writes.empty()) return prepared;
  seal_events(parts_.keys, {.era = era_, .revision = prepared.batch.revision(), .index = 0}, events,
              prepared.batch.outbox);
  auto snapshot = CLV_TRY(draft.finish(prepared.batch.revision()));
  CLV_TRY_VOID(check_allowed(external, *snapshot));
  if (!external.empty()) {
    settle(std::move(external), draft);
    snapshot = CLV_TRY(draft.finish(prepared.batch.revision()));
  }
  prepared.world = CLV_TRY(gateway::build_world(std::move(snapshot), world_.get(), settings_,
                                                parts_.process_key, secrets, &prepared.unusable));
  for (const auto& each : prepared.unusable)
    if (set_now.contains(each.name))
      return Error::formatted(Code::kInvalid, Blame::kCaller, "credential '" + each.name + "': " + each.why);
  prepared.secrets = secrets.take_changes();
  return prepared;
}

net::Task<Result<store::Revision>> StoredRegistry::commit(store::Batch& batch) {
  co_return co_await parts_.store_thread.run([&]() -> Result<store::Revision> {
    CLV_TRY_VOID(guard_.protect(parts_.store, batch));
    return parts_.store.commit(batch);
  });
}

net::Task<void> StoredRegistry::publish(std::shared_ptr<const gateway::World> world) {
  struct Everywhere {
    const Publish& publish;
    std::shared_ptr<const gateway::World> world;
    bool await_ready() const noexcept { return !publish; }
    void await_suspend(std::coroutine_handle<> handle) const {
      publish(world, [handle] { handle.resume(); });
    }
    void await_resume() const noexcept {}
  };
  co_await Everywhere{publish_, std::move(world)};
}

// What is committed is what is: nothing in here can fail.
void StoredRegistry::adopt(Prepared& prepared) {
  unusable_ = std::move(prepared.unusable);  // of all upstreams, those that did not change included
  for (auto& [name, secret] : prepared.secrets) {
    if (secret) secrets_[name] = *std::move(secret);
    else secrets_.erase(name);
  }
  head_ = prepared.batch.revision();
  world_ = prepared.world;
  if (settings_.external != nullptr) settings_.external->keep_only(*world_);
}

// Whether a record that was refused has been written anew. Then whatever was left out for its sake may be right again.
bool StoredRegistry::heals(const std::vector<PlannedWrite>& writes) const {
  return std::ranges::any_of(writes, [&](const PlannedWrite& write) {
    return write.effect != Effect::kUnchanged && std::ranges::any_of(faults_, [&](const Notice& fault) {
             return fault.kind == write.record.kind && fault.name == write.record.name;
           });
  });
}

net::Task<Result<void>> StoredRegistry::load_again() {
  auto all = co_await parts_.store_thread.run([this] { return read_everything(); });
  if (!all.has_value()) co_return all.error();
  if (all->head != head_)
    co_return Error(Code::kInternal, Blame::kOperator, "somebody else wrote to the store meanwhile");
  const auto assembled = assemble(*std::move(all));
  ::malloc_trim(0);
  co_return assembled;
}

std::vector<Outcome> StoredRegistry::outcomes(const Prepared& prepared) const {
  std::vector<Outcome> all;
  for (const PlannedWrite& write : prepared.writes) {
    Outcome outcome{write.key.first, write.key.second, write.effect, write.record.revision, write.warnings};
    for (const auto& each : prepared.unusable)
      if (write.key == RecordKey{Kind::kCredential, each.name} && write.warnings.empty())
        outcome.warnings.push_back("credential '" + each.name + "' " + each.why);
    all.push_back(std::move(outcome));
  }
  return all;
}

net::Task<Result<std::vector<Outcome>>> StoredRegistry::change(Actor actor, std::vector<Change> changes,
                                                               bool dry_run) {
  if (const auto named = name_and_label(changes); !named.has_value()) co_return of_caller(named.error());
  std::vector<RecordKey> keys, enabled;
  for (const Change& change : changes) {
    keys.emplace_back(change.kind, change.name);
    if (change.verb == Verb::kEnable && change.kind == Kind::kCredential) enabled.push_back(keys.back());
  }
  const Turnstile::Pass pass = co_await turnstile_.enter();
  Result<void> read = ok();
  auto current = co_await read_current(Plan::needed(*world_->policy, changes), read);
  if (!read.has_value()) co_return read.error();
  auto prepared = prepare(actor, std::move(changes), std::move(current));
  if (!prepared.has_value()) co_return with_number_of_label(of_caller(prepared.error()), keys);
  if (dry_run) co_return outcomes(*prepared);
  believe(actor, enabled);
  if (prepared->batch.writes.empty()) co_return outcomes(*prepared);
  const auto committed = co_await commit(prepared->batch);
  if (!committed.has_value()) co_return committed.error();
  auto done = outcomes(*prepared);
  const bool healed = heals(prepared->writes);
  adopt(*prepared);
  if (healed) {
    if (const auto again = co_await load_again(); !again.has_value())
      parts_.log.error("store_not_read_again",
                       {{"reason", again.error().what()}, {"detail", "restart to have all of it"}});
  }
  drain_.kick(last_event());
  co_await publish(world_);
  co_return done;
}

net::Task<Result<CreatedKey>> StoredRegistry::create_key(Actor actor, KeyRequest request) {
  auto key = identity::generate_api_key(parts_.process_key.arena());
  if (!key.has_value()) co_return key.error();
  std::string json = "{\"kind\":\"api_key\",\"name\":\"" + key->id + "\",\"principal\":";
  base::append_json_string(json, request.principal);
  json += ",\"hash\":\"" + identity::format_key_hash(key->hash) + "\"";
  if (request.expires) json += ",\"expires\":\"" + base::format_rfc3339(*request.expires) + "\"";
  if (!request.cidrs.empty()) {
    json += ",\"cidrs\":[";
    for (std::size_t i = 0; i < request.cidrs.size(); ++i) {
      if (i > 0) json += ',';
      base::append_json_string(json, request.cidrs[i]);
    }
    json += ']';
  }
  json += '}';
  std::vector<Change> changes(1);
  changes[0].verb = Verb::kCreate;
  changes[0].kind = Kind::kApiKey;
  changes[0].name = key->id;
  auto document = base::parse_json(json, "key");
  if (!document.has_value()) co_return document.error();
  changes[0].document = *std::move(document);
  auto outcome = co_await change(std::move(actor), std::move(changes), false);
  if (!outcome.has_value()) co_return outcome.error();
  auto view = co_await find(Kind::kApiKey, key->id);
  if (!view.has_value()) co_return view.error();
  co_return CreatedKey{std::move(key->text), *std::move(view)};
}

}  // namespace claviger::registry
