// SPDX-License-Identifier: Apache-2.0
// After an incident: which credentials need another secret.
#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/parse.h"
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"
#include "doors/admin/changes.h"
#include "doors/admin/conditions.h"
#include "doors/admin/request_body.h"

namespace claviger::doors::admin {
namespace {

using registry::Change;
using registry::Verb;

constexpr std::size_t kLongestReason = 256;

struct Wanted {
  std::string reason;  // empty: of those that need one already
  std::set<std::string, std::less<>> upstreams;  // empty: all
  bool disables = false;
};

bool is_plain(std::string_view text) noexcept {
  return base::is_utf8(text) &&
         std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

Result<Wanted> read_wanted(const base::Document& document) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(document, "body"));
  Wanted wanted;
  wanted.reason = CLV_TRY(reader.optional_string("reason")).value_or("");
  for (std::string& name : CLV_TRY(reader.strings_or_empty("upstreams")))
    wanted.upstreams.insert(std::move(name));
  wanted.disables = CLV_TRY(reader.boolean_or("disable", false));
  CLV_TRY_VOID(reader.finish());
  if (wanted.reason.size() > kLongestReason || !is_plain(wanted.reason))
    return bad_request("reason: one line of at most 256 bytes expected");
  if (wanted.reason.empty() && !wanted.disables)
    return bad_request(
        "say why they need another secret (reason), or that those which do are to be disabled (disable)");
  return wanted;
}

bool is_wanted(const policy::CredentialResource& credential, const Wanted& wanted) {
  using enum policy::CredentialState;
  if (credential.state == kRevoked || credential.state == kMissing || credential.state == kUnbound)
    return false;
  if (!credential.from.empty()) return false;  // its secret is not kept here
  return !wanted.reason.empty() || credential.rotation_required != WallTime();
}

Result<std::vector<Change>> changes_of(const policy::Snapshot& policy, const Wanted& wanted) {
  for (const std::string& name : wanted.upstreams)
    if (!policy.find_upstream(name)) return bad_request("upstreams: there is no upstream '" + name + "'");
  std::vector<Change> changes;
  for (const auto& upstream : policy.upstreams()) {
    if (!upstream || (!wanted.upstreams.empty() && !wanted.upstreams.contains(upstream->resource.name)))
      continue;
    for (const policy::CredentialResource& credential : upstream->credentials) {
      if (!is_wanted(credential, wanted)) continue;
      Change change;
      change.verb = Verb::kRequireRotation;
      change.kind = policy::Kind::kCredential;
      change.name = credential.name;
      change.reason = wanted.reason;
      change.disables = wanted.disables;
      changes.push_back(std::move(change));
    }
  }
  return changes;
}

}  // namespace

// One change for all of them: an incident is one.
Answered require_rotation(Context& context, AdminCall& call) {
  const bool dry_run = CLV_CO_TRY(call.query.take_flag("dry_run"));
  CLV_CO_TRY_VOID(call.query.finish());
  CLV_CO_TRY_VOID(refuse_conditions(call.head->fields));
  const base::Document document =
      CLV_CO_TRY(co_await read_json(context, call, kMaxBody, base::kMaxJsonNodes));
  const auto wanted = read_wanted(document);
  if (!wanted.has_value()) co_return bad_request(std::string(wanted.error().what()));
  registry::Registry& registry = call.registry_of(context);
  auto changes = CLV_CO_TRY(changes_of(*registry.world()->policy, *wanted));
  std::string body = R"({"items":[)";
  if (!changes.empty()) {
    const auto outcomes = CLV_CO_TRY(co_await registry.change(call.actor, std::move(changes), dry_run));
    for (const registry::Outcome& outcome : outcomes) {
      if (&outcome != &outcomes.front()) body += ',';
      body += R"({"name":)";
      base::append_json_string(body, outcome.name);
      body.append(R"(,"effect":")").append(effect_name(outcome.effect)).append("\"}");
    }
  }
  body += "]}\n";
  co_return co_await write_answer(call, {}, {body});
}

}  // namespace claviger::doors::admin
