// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"
#include "doors/admin/changes.h"
#include "doors/admin/conditions.h"
#include "doors/admin/request_body.h"

namespace claviger::doors::admin {
namespace {

constexpr std::size_t kMostResources = 10'000;

Result<policy::Kind> kind_in(const base::Document& resource) {
  const base::Document* const found = find_field(resource, "kind");
  if (found == nullptr) return bad_request("'kind' is missing");
  const auto kind = policy::parse_kind(found->scalar);
  // The plural is for paths.
  if (!kind || policy::kind_name(*kind) != found->scalar)
    return bad_request("kind: one of upstream, credential, principal, api_key and grant expected");
  return *kind;
}

Result<std::vector<registry::Change>> read_changes(base::Document document) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(document, "body"));
  const base::Document* const list = CLV_TRY(reader.required("resources"));
  CLV_TRY_VOID(reader.finish());
  if (list->type != base::Document::Type::kList || list->items.size() > kMostResources)
    return bad_request("body.resources: a list of at most 10000 resources expected");
  // The reader reads, and the list is taken apart.
  base::Document taken =
      std::move(*std::ranges::find(document.entries, "resources", &base::DocumentEntry::first)).second;
  std::vector<registry::Change> changes;
  changes.reserve(taken.items.size());
  for (base::Document& item : taken.items) {
    const std::string number = fmt::format("#{}", changes.size() + 1);
    const auto kind = kind_in(item);
    if (!kind.has_value()) return kind.error().within(number);
    auto change = change_of(std::move(item), registry::Verb::kApply, *kind, "");
    if (!change.has_value()) return change.error().within(number);
    changes.push_back(*std::move(change));
  }
  return changes;
}

void append_outcome(std::string& out, const registry::Outcome& outcome) {
  out += R"({"kind":")";
  out += policy::kind_name(outcome.kind);
  out += R"(","name":)";
  base::append_json_string(out, outcome.name);
  out += R"(,"effect":")";
  out += effect_name(outcome.effect);
  out += fmt::format(R"(","revision":{},"warnings":[)", outcome.revision);
  for (const std::string& warning : outcome.warnings) {
    if (&warning != &outcome.warnings.front()) out += ',';
    base::append_json_string(out, warning);
  }
  out += "]}";
}

}  // namespace

Answered apply_resources(Context& context, AdminCall& call) {
  const bool dry_run = CLV_CO_TRY(call.query.take_flag("dry_run"));
  CLV_CO_TRY_VOID(call.query.finish());
  CLV_CO_TRY_VOID(refuse_conditions(call.head->fields));
  base::Document document = CLV_CO_TRY(co_await read_json(context, call, kMaxApplyBody, kMaxApplyNodes));
  auto changes = read_changes(std::move(document));
  if (!changes.has_value()) co_return bad_request(std::string(changes.error().what()));
  const auto outcomes =
      CLV_CO_TRY(co_await call.registry_of(context).change(call.actor, *std::move(changes), dry_run));
  std::string body = R"({"results":[)";
  for (const registry::Outcome& outcome : outcomes) {
    if (&outcome != &outcomes.front()) body += ',';
    append_outcome(body, outcome);
  }
  body += "]}\n";
  co_return co_await write_answer(call, {}, {body});
}

}  // namespace claviger::doors::admin
