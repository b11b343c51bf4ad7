// SPDX-License-Identifier: Apache-2.0
#include "registry/testing/fake_registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "base/parse.h"
#include "identity/api_key.h"
#include "policy/snapshot.h"

namespace claviger::registry::testing {
namespace {

using policy::Kind;

Error refuse(Code code, std::string_view what, Kind kind, std::string_view name) {
  return Error::formatted(code, Blame::kCaller,
                          fmt::format("{} '{}' {}", policy::kind_name(kind), name, what));
}

Error blame_caller(const Error& error) {
  return Error::formatted(error.code(), Blame::kCaller, std::string(error.what()));
}

void apply_status(bool disabled, bool revoked, policy::Resource& resource) {
  if (auto* principal = std::get_if<policy::PrincipalResource>(&resource)) principal->disabled |= disabled;
  if (auto* key = std::get_if<policy::ApiKeyResource>(&resource)) key->revoked |= revoked;
}

}  // namespace

FakeRegistry::FakeRegistry(base::SecretArena& arena) : arena_(arena), world_(*compile({}, 0)) {}

void FakeRegistry::put(std::string_view json) {
  Change change;
  change.document = *base::parse_json(json, "");
  change.kind = policy::kind_of(*policy::read_resource(change.document));
  CLV_CHECK(make(items_, change).has_value());
  world_ = *compile(items_, ++revision_);
}

Result<void> FakeRegistry::take_failure() {
  if (!failure_) return ok();
  return *std::exchange(failure_, std::nullopt);
}

Result<std::shared_ptr<const gateway::World>> FakeRegistry::compile(const Items& items,
                                                                    store::Revision revision) const {
  policy::Resources resources;
  for (const auto& [key, item] : items) {
    policy::Resource resource = CLV_TRY(policy::read_resource(item.document));
    apply_status(item.disabled, item.revoked, resource);
    if (auto* upstream = std::get_if<policy::UpstreamResource>(&resource))
      resources.upstreams.push_back(*upstream);
    if (auto* credential = std::get_if<policy::CredentialResource>(&resource))
      resources.credentials.push_back(*credential);
    if (auto* principal = std::get_if<policy::PrincipalResource>(&resource))
      resources.principals.push_back(*principal);
    if (auto* grant = std::get_if<policy::GrantResource>(&resource)) resources.grants.push_back(*grant);
    auto* api_key = std::get_if<policy::ApiKeyResource>(&resource);
    if (api_key != nullptr && !api_key->revoked) resources.api_keys.push_back(*api_key);
  }
  auto world = std::make_shared<gateway::World>();
  world->policy = CLV_TRY(policy::Snapshot::compile(std::move(resources), revision));
  return std::shared_ptr<const gateway::World>(std::move(world));
}

ResourceView FakeRegistry::view(const Items::value_type& item) const {
  const auto& [kind, name] = item.first;
  base::Document document = item.second.document;
  std::erase_if(document.entries, [](const base::DocumentEntry& entry) { return entry.first == "hash"; });
  ResourceView shown{std::string(policy::kind_name(kind)), name, item.second.revision, ""};
  base::append_json(shown.json, document);
  shown.json.back() = ',';
  shown.json += fmt::format(R"("status":{{"disabled":{},"revoked":{},"version":{}}},"revision":{}}})",
                            item.second.disabled, item.second.revoked, item.second.version, shown.revision);
  return shown;
}

Result<Outcome> FakeRegistry::make(Items& items, Change& change) const {
  const bool documented = change.document.type == base::Document::Type::kMap;
  if (documented) {
    const auto resource = policy::read_resource(change.document);
    if (!resource.has_value()) return blame_caller(resource.error());
    change.name = policy::name_of(*resource);
  }
  const std::pair key(change.kind, change.name);
  const bool is_there = items.contains(key);
  if (change.verb == Verb::kCreate && is_there)
    return refuse(Code::kConflict, "is already there", change.kind, change.name);
  if (!is_there && change.verb != Verb::kCreate && change.verb != Verb::kApply)
    return refuse(Code::kNoResource, "is not there", change.kind, change.name);
  if (change.if_match && (!is_there || items[key].revision != *change.if_match))
    return refuse(Code::kConflict, "is at another revision", change.kind, change.name);
  Outcome outcome{change.kind, change.name, is_there ? Effect::kChanged : Effect::kCreated, revision_ + 1,
                  warnings};
  if (change.verb == Verb::kDelete) {
    items.erase(key);
    outcome.effect = Effect::kDeleted;
    return outcome;
  }
  Item& item = items[key];
  item.revision = revision_ + 1;
  if (documented) item.document = std::move(change.document);
  if (change.verb == Verb::kDisable || change.verb == Verb::kEnable)
    item.disabled = change.verb == Verb::kDisable;
  if (change.verb == Verb::kRevoke) item.revoked = true;
  if (change.verb == Verb::kSetSecret) ++item.version;
  return outcome;
}

net::Task<Result<Registry::Page>> FakeRegistry::list(Kind kind, std::string after, std::size_t limit) {
  CLV_CO_TRY_VOID(take_failure());
  Page page;
  for (auto at = items_.upper_bound({kind, after}); at != items_.end() && at->first.first == kind; ++at) {
    if (page.items.size() == limit) {
      page.next = page.items.back().name;
      break;
    }
    page.items.push_back(view(*at));
  }
  co_return page;
}

net::Task<Result<ResourceView>> FakeRegistry::find(Kind kind, std::string name) {
  CLV_CO_TRY_VOID(take_failure());
  const auto found = items_.find({kind, name});
  if (found == items_.end()) co_return refuse(Code::kNoResource, "is not there", kind, name);
  co_return view(*found);
}

net::Task<Result<std::vector<Outcome>>> FakeRegistry::change(Actor actor, std::vector<Change> changes,
                                                             bool dry_run) {
  CLV_CO_TRY_VOID(take_failure());
  Items items = items_;
  std::vector<Outcome> outcomes;
  for (Change& each : changes) {
    seen.push_back({actor, each.verb, each.kind, each.name, each.if_match, dry_run});
    auto outcome = make(items, each);
    if (!outcome.has_value()) {
      if (changes.size() == 1) co_return outcome.error();
      co_return outcome.error().within(fmt::format("#{}", outcomes.size() + 1));
    }
    outcomes.push_back(*std::move(outcome));
  }
  auto world = compile(items, revision_ + 1);
  if (!world.has_value()) {
    const bool deletes = changes.size() == 1 && changes.front().verb == Verb::kDelete;
    co_return deletes
        ? refuse(Code::kConflict, "is needed by others", changes.front().kind, changes.front().name)
        : blame_caller(world.error());
  }
  if (dry_run) co_return outcomes;
  for (const Change& each : changes)
    if (each.verb == Verb::kSetSecret) secrets[each.name] = each.secret.reveal_text();
  items_ = std::move(items);
  world_ = *std::move(world);
  ++revision_;
  co_return outcomes;
}

net::Task<Result<AuditKeyRotation>> FakeRegistry::rotate_audit_key(Actor actor) {
  CLV_CO_TRY_VOID(take_failure());
  rotated_by.push_back(std::move(actor));
  co_return rotation;
}

net::Task<Result<RekeyState>> FakeRegistry::rekey(Actor actor, RekeyRequest request) {
  CLV_CO_TRY_VOID(take_failure());
  rekeys.emplace_back(std::move(actor), std::move(request));
  shown_rekey = RekeyState{.from = "00000000000fake1", .to = "00000000000fake2", .done = 0, .total = 3};
  co_return *shown_rekey;
}

net::Task<Result<CreatedKey>> FakeRegistry::create_key(Actor actor, KeyRequest request) {
  CLV_CO_TRY_VOID(take_failure());
  identity::NewApiKey made = CLV_CO_TRY(identity::generate_api_key(arena_));
  std::string json = R"({"kind":"api_key","name":)";
  base::append_json_string(json, made.id);
  json += R"(,"principal":)";
  base::append_json_string(json, request.principal);
  json += R"(,"hash":)";
  base::append_json_string(json, identity::format_key_hash(made.hash));
  if (request.expires) json += fmt::format(R"(,"expires":"{}")", base::format_rfc3339(*request.expires));
  json += R"(,"cidrs":[)";
  for (const std::string& cidr : request.cidrs) {
    if (&cidr != &request.cidrs.front()) json += ',';
    base::append_json_string(json, cidr);
  }
  std::vector<Change> changes(1);
  changes[0].verb = Verb::kCreate;
  changes[0].kind = Kind::kApiKey;
  changes[0].document = *base::parse_json(json + "]}", "");
  (void)CLV_CO_TRY(co_await change(std::move(actor), std::move(changes), false));
  co_return CreatedKey{std::move(made.text), view(*items_.find({Kind::kApiKey, made.id}))};
}

}  // namespace claviger::registry::testing
