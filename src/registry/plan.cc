// SPDX-License-Identifier: Apache-2.0
#include "registry/plan.h"

#include <set>

#include "base/parse.h"

namespace claviger::registry {
namespace {

using policy::Kind;

Error refuse(Code code, std::string what) { return Error::formatted(code, Blame::kCaller, std::move(what)); }

std::string label(const RecordKey& key) { return label_of(key.first, key.second); }

bool takes_document(Verb verb) noexcept {
  return verb == Verb::kApply || verb == Verb::kCreate || verb == Verb::kReplace;
}

// What a verb can be said of.
bool fits(Verb verb, Kind kind) noexcept {
  switch (verb) {
    case Verb::kRevoke:
      return kind == Kind::kApiKey || kind == Kind::kCredential;
    case Verb::kDisable:
    case Verb::kEnable:
      return kind == Kind::kPrincipal || kind == Kind::kCredential;
    case Verb::kSetSecret:
    case Verb::kRequireRotation:
      return kind == Kind::kCredential;
    case Verb::kApply:
    case Verb::kCreate:
    case Verb::kReplace:
    case Verb::kDelete:
      return true;
  }
  return false;
}

std::string_view past_of(Verb verb) noexcept {
  switch (verb) {
    case Verb::kRevoke:
      return "revoked";
    case Verb::kDisable:
      return "disabled";
    case Verb::kEnable:
      return "enabled";
    case Verb::kSetSecret:
      return "secret_set";
    case Verb::kRequireRotation:
      return "rotation_required";
    case Verb::kApply:
    case Verb::kCreate:
    case Verb::kReplace:
    case Verb::kDelete:
      break;
  }
  return "changed";
}

}  // namespace

std::vector<RecordKey> Plan::needed(const policy::Snapshot& now, const std::vector<Change>& changes) {
  std::set<RecordKey> keys;
  for (const Change& change : changes) {
    keys.emplace(change.kind, change.name);
    if (change.kind != Kind::kUpstream) continue;
    // Where an upstream goes elsewhere, its credentials are unbound.
    if (const auto at = now.find_upstream(change.name))
      for (const auto& credential : now.upstreams()[*at]->credentials)
        keys.emplace(Kind::kCredential, credential.name);
  }
  return {keys.begin(), keys.end()};
}

Result<void> Plan::check_match(const Change& change, const Current& current) const {
  const store::Revision revision = current.is_live() ? current.record->revision : 0;
  if (change.if_match && *change.if_match != revision)
    return refuse(Code::kConflict,
                  label({change.kind, change.name}) +
                      (revision == 0 ? " is not there" : " is at revision " + std::to_string(revision)) +
                      ", and If-Match says " + std::to_string(*change.if_match) +
                      ": get it again, and decide anew");
  if (change.verb == Verb::kCreate && current.is_live())
    return refuse(Code::kConflict, label({change.kind, change.name}) + " is already there");
  const bool needs_one = change.verb != Verb::kApply && change.verb != Verb::kCreate;
  if (needs_one && !current.is_live() && current.fault.empty())
    return refuse(Code::kNoResource, "there is no " + label({change.kind, change.name}));
  return ok();
}

Result<void> Plan::add(Change change) {
  PlannedWrite write;
  write.key = {change.kind, change.name};
  if (!fits(change.verb, change.kind))
    return refuse(Code::kInvalid,
                  "that cannot be done to a resource of kind " + std::string(policy::kind_name(change.kind)));
  if (positions_.contains(write.key)) return refuse(Code::kInvalid, label(write.key) + " is there twice");
  const Current& current = current_[write.key];
  CLV_TRY_VOID(check_match(change, current));
  if (current.record) write.replaces = current.record->revision;
  if (current.is_live() && current.fault.empty()) {
    CLV_TRY_VOID(begin_with(*current.record, write));
  } else if (!current.fault.empty() && !takes_document(change.verb) && change.verb != Verb::kDelete) {
    return refuse(Code::kConflict,
                  label(write.key) + " " + current.fault +
                      " behind the gateway's back, so it is not trusted: write it anew, or delete it");
  } else {
    // A new one, even where a row with that name is left: of a deleted one, or of one that was tampered with.
    if (!current.fault.empty() && change.verb != Verb::kDelete) CLV_TRY_VOID(begin_anew(change.kind, write));
    write.record = {};
    write.record.kind = policy::kind_name(change.kind);
    write.record.name = change.name;
  }
  if (takes_document(change.verb)) CLV_TRY_VOID(add_document(change, write));
  else if (change.verb == Verb::kDelete) CLV_TRY_VOID(add_deletion(write));
  else if (change.verb == Verb::kSetSecret) CLV_TRY_VOID(add_secret(change, write));
  else CLV_TRY_VOID(add_status(change, write));
  keep(std::move(write));
  return ok();
}

// From a record as it is: good, and live.
Result<void> Plan::begin_with(const store::Record& record, PlannedWrite& write) {
  Body body = CLV_TRY(read_body(record.body));
  write.record = record;
  write.before = shown_body(write.key.first, body);
  before_[write.key] = body;
  after_[write.key] = std::move(body);
  return ok();
}

// Instead of a record that was tampered with, or taken away. What its status was is not known any more, so the worst is
// assumed: nobody who was shut out comes back with the next apply.
Result<void> Plan::begin_anew(Kind kind, PlannedWrite& write) {
  const std::string& fault = current_[write.key].fault;
  if (kind == Kind::kApiKey)
    return refuse(Code::kConflict,
                  label(write.key) + " " + fault +
                      " behind the gateway's back, and may have been revoked: delete it, and create "
                      "another key");
  if (kind == Kind::kPrincipal) {
    status_of(write).disabled = true;
    write.warnings.push_back(label(write.key) + " " + fault +
                             " behind the gateway's back: it stays disabled until "
                             "`claviger principal enable " +
                             write.key.second + "`");
  }
  return ok();
}

void Plan::keep(PlannedWrite write) {
  positions_.emplace(write.key, writes_.size());
  writes_.push_back(std::move(write));
}

Result<void> Plan::add_document(Change& change, PlannedWrite& write) {
  const Current& current = current_[write.key];
  const bool is_new = !before_.contains(write.key);
  if (change.kind == Kind::kApiKey && current.record && current.record->deleted)
    return refuse(Code::kConflict,
                  label(write.key) + " was deleted, and the id of an API key is never used again");
  if (change.kind == Kind::kApiKey && !is_new)
    change.document = CLV_TRY(with_hash_of(before_[write.key], std::move(change.document)));
  auto resource = CLV_TRY(policy::read_resource(change.document));
  if (const auto* credential = std::get_if<policy::CredentialResource>(&resource))
    move_secret(*credential, write);
  std::string spec = write_spec(change.document);
  if (!is_new && spec == before_[write.key].spec) {
    // It may yet be unbound, where its upstream changes along with it.
    if (change.kind == Kind::kCredential) write.resource = std::move(resource);
    write.event = "unbound";
    return ok();
  }
  if (status_of(write).revoked && change.kind == Kind::kApiKey)
    return refuse(Code::kConflict, label(write.key) + " is revoked for good: create another one");
  after_[write.key].spec = std::move(spec);
  write.resource = std::move(resource);
  write.effect = is_new ? Effect::kCreated : Effect::kChanged;
  write.event = is_new ? "created" : "changed";
  return ok();
}

// A credential that says `from` has nothing in the vault, and one that says so no more has no secret until it is set.
void Plan::move_secret(const policy::CredentialResource& credential, PlannedWrite& write) {
  Status& status = status_of(write);
  const bool is_external = !credential.from.empty();
  if (is_external == status.external || status.revoked) return;
  const bool is_new = !before_.contains(write.key);
  status.external = is_external;
  status.unbound = !is_external && !is_new;
  status.bound_to.clear();
  write.record.sealed.clear();
  secrets_.lay_over(credential.name, std::nullopt);
  if (status.unbound)
    write.warnings.push_back("credential '" + credential.name +
                             "' has no secret until it is set with `claviger credential set " +
                             credential.name + "`");
}

Result<void> Plan::add_deletion(PlannedWrite& write) {
  write.record.deleted = true;
  write.record.body.clear();
  write.record.sealed.clear();
  if (write.key.first == Kind::kCredential) secrets_.lay_over(write.key.second, std::nullopt);
  write.effect = Effect::kDeleted;
  write.event = "deleted";
  return ok();
}

Result<void> Plan::add_status(const Change& change, PlannedWrite& write) {
  Status& status = status_of(write);
  const Status before = status;
  if (change.verb == Verb::kRequireRotation) {
    CLV_TRY_VOID(require_rotation(change, write.key, status));
  } else if (change.verb == Verb::kRevoke) {
    if (!status.revoked) status.revoked_at = base::format_rfc3339(time_);
    status.revoked = true;
    status.bound_to.clear();
    write.record.sealed.clear();
    if (write.key.first == Kind::kCredential) secrets_.lay_over(write.key.second, std::nullopt);
  } else {
    if (status.revoked) return refuse(Code::kConflict, label(write.key) + " is revoked for good");
    status.disabled = change.verb == Verb::kDisable;
    status.rotation_disabled = false;
  }
  write.effect = status == before ? Effect::kUnchanged : Effect::kChanged;
  write.event = past_of(change.verb);
  store::Record as_written = *current_[write.key].record;
  as_written.body = write_body({after_[write.key].spec, {}});
  policy::Resource resource = CLV_TRY(load_record(as_written)).resource;
  const auto* principal = std::get_if<policy::PrincipalResource>(&resource);
  if (change.verb == Verb::kEnable && principal != nullptr && principal->disabled)
    return refuse(Code::kConflict,
                  label(write.key) + " is disabled by its own document: apply it without `disabled: true`");
  apply_status(status, resource);
  write.resource = std::move(resource);
  return ok();
}

// From an incident to the next secret. That it was required before stays as it is, so that to ask twice does no harm.
Result<void> Plan::require_rotation(const Change& change, const RecordKey& key, Status& status) const {
  if (status.revoked || status.version == 0)
    return refuse(Code::kConflict,
                  label(key) + (status.revoked ? " is revoked for good" : " has no secret yet"));
  if (status.rotation_required.empty()) {
    if (change.reason.empty())
      return refuse(Code::kInvalid, label(key) + ": say why it needs another secret (`reason`)");
    status.rotation_required = base::format_rfc3339(time_);
    status.rotation_reason = change.reason;
  }
  if (change.disables && !status.disabled) status.disabled = status.rotation_disabled = true;
  return ok();
}

Result<void> Plan::add_secret(Change& change, PlannedWrite& write) {
  Status& status = status_of(write);
  if (status.revoked)
    return refuse(Code::kConflict, label(write.key) + " is revoked for good: delete it and make another one");
  auto loaded = CLV_TRY(load_record(*current_[write.key].record));
  const auto& credential = std::get<policy::CredentialResource>(loaded.resource);
  if (!credential.from.empty())
    return refuse(Code::kConflict, label(write.key) +
                                       " has its secret from elsewhere (`from`): change it there, or "
                                       "leave `from` out of its document");
  const policy::UpstreamResource* upstream = upstream_of(credential);
  if (upstream == nullptr)
    return refuse(Code::kConflict,
                  label(write.key) + ": its upstream '" + credential.upstream + "' is not there");
  if (change.replaces && (change.replaces->version != status.version || status.unbound ||
                          change.replaces->destination != status.bound_to))
    return refuse(Code::kConflict, label(write.key) + " has another secret by now, or goes elsewhere");
  ++status.version;
  status.unbound = false;
  status.set_at = base::format_rfc3339(time_);
  if (!change.replaces) {
    status.rotation_required.clear();
    status.rotation_reason.clear();
    // What was disabled for the old secret's sake alone.
    if (status.rotation_disabled) status.disabled = status.rotation_disabled = false;
  }
  status.bound_to = CLV_TRY(gateway::destination_digest(*upstream, credential));
  auto sealed = CLV_TRY(seal_secret(keys_, change.secret.reveal(), credential.name, write.record.id,
                                    status.version, status.bound_to));
  write.record.sealed = sealed.envelope;
  secrets_.lay_over(credential.name, std::move(sealed));
  apply_status(status, loaded.resource);
  write.resource = std::move(loaded.resource);
  write.effect = Effect::kChanged;
  write.event = past_of(Verb::kSetSecret);
  if (change.replaces) write.event = "secret_replaced";
  return ok();
}

// --- Where secrets go ----------------------------------------------------------------------------

const policy::UpstreamResource* Plan::upstream_of(const policy::CredentialResource& credential) const {
  const auto planned = positions_.find({Kind::kUpstream, credential.upstream});
  if (planned != positions_.end() && writes_[planned->second].resource)
    return &std::get<policy::UpstreamResource>(*writes_[planned->second].resource);
  const auto at = now_.find_upstream(credential.upstream);
  return at ? &now_.upstreams()[*at]->resource : nullptr;
}

// Drops the secret of a credential that would go elsewhere than where it was set for.
Result<void> Plan::bind(PlannedWrite& write) {
  Status& status = status_of(write);
  auto& credential = std::get<policy::CredentialResource>(*write.resource);
  if (const policy::UpstreamResource* upstream = upstream_of(credential);
      upstream != nullptr && status.version > 0 && !status.external) {
    const std::string digest = CLV_TRY(gateway::destination_digest(*upstream, credential));
    if (!status.bound_to.empty() && digest != status.bound_to) {
      status.unbound = true;
      status.bound_to.clear();
      write.record.sealed.clear();
      write.effect = write.effect == Effect::kUnchanged ? Effect::kChanged : write.effect;
      secrets_.lay_over(credential.name, std::nullopt);
      write.warnings.push_back(
          "credential '" + credential.name +
          "' is unbound, since it would go elsewhere than it was set for: set its secret again with "
          "`claviger credential set " +
          credential.name + "`");
    }
  }
  credential.state = credential_state(status);
  credential.version = status.version;
  return ok();
}

Result<void> Plan::unbind_those_of(const std::string& upstream) {
  const auto at = now_.find_upstream(upstream);
  if (!at) return ok();
  for (const auto& credential : now_.upstreams()[*at]->credentials) {
    const RecordKey key{Kind::kCredential, credential.name};
    if (positions_.contains(key)) continue;
    const Current& current = current_[key];
    if (!current.is_live() || !current.fault.empty()) continue;
    PlannedWrite write;
    write.key = key;
    write.event = "unbound";
    write.replaces = current.record->revision;
    CLV_TRY_VOID(begin_with(*current.record, write));
    write.resource = CLV_TRY(load_record(*current.record)).resource;
    CLV_TRY_VOID(bind(write));
    if (write.effect != Effect::kUnchanged) keep(std::move(write));
  }
  return ok();
}

Result<void> Plan::bind_credentials() {
  for (std::size_t i = 0; i < writes_.size(); ++i) {
    PlannedWrite& write = writes_[i];
    if (!write.resource) continue;
    if (write.key.first == Kind::kCredential) {
      CLV_TRY_VOID(bind(write));
    } else if (write.key.first == Kind::kUpstream) {
      const std::string name = write.key.second;
      CLV_TRY_VOID(unbind_those_of(name));  // may move writes_
    }
  }
  std::size_t written = 0;
  for (PlannedWrite& write : writes_) {
    if (write.effect == Effect::kUnchanged) continue;
    CLV_TRY_VOID(check_transition(write));
    if (write.record.id == 0) write.record.id = store::Batch{.base = base_}.new_id(written);
    ++written;
    finish(write);
  }
  return ok();
}

// Whatever led to it: a credential does not come from one state to another that is not meant to follow.
Result<void> Plan::check_transition(const PlannedWrite& write) {
  const auto before = before_.find(write.key);
  if (write.key.first != Kind::kCredential || before == before_.end() || write.record.deleted) return ok();
  const auto from = credential_state(before->second.status);
  const auto to = credential_state(after_[write.key].status);
  if (from == to || policy::may_become(from, to)) return ok();
  return refuse(Code::kConflict, label(write.key) + " is " + std::string(policy::state_name(from)) +
                                     ", and cannot become " + std::string(policy::state_name(to)));
}

void Plan::finish(PlannedWrite& write) {
  write.record.revision = base_ + 1;
  write.record.updated_at = time_;
  write.record.mac.clear();
  if (!write.record.deleted) {
    const Body& body = after_[write.key];
    write.record.body = write_body(body);
    write.after = shown_body(write.key.first, body);
  }
  write.event = std::string(policy::kind_name(write.key.first)) + "." + write.event;
  if (!write.resource) return;
  apply_status(status_of(write), *write.resource);
  if (auto* credential = std::get_if<policy::CredentialResource>(&*write.resource))
    credential->id = write.record.id;
}

}  // namespace claviger::registry
