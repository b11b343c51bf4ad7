// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "doors/admin/answers.h"
#include "doors/admin/routes.h"

namespace claviger::doors::admin {
namespace {

using base::Document;

constexpr std::array<std::string_view, 3> kOfAnswers = {"status", "revision", "updated_at"};

// Holds a field to what is known already; puts it in where it is absent.
Result<void> settle(Document& document, std::string_view field, std::string_view known) {
  const Document* const found = find_field(document, field);
  if (found == nullptr) {
    Document node{.type = Document::Type::kScalar,
                  .place = document.place,
                  .scalar = std::string(known),
                  .quoted = true};
    document.entries.emplace(document.entries.begin(), std::string(field), std::move(node));
    return ok();
  }
  if (found->type == Document::Type::kScalar && found->scalar == known) return ok();
  return bad_request(
      std::string(base::invalid_at(found->place, fmt::format("{}: '{}' expected", field, known)).what()));
}

constexpr std::size_t kMostWarnings = 8;
constexpr std::size_t kLongestWarning = 256;

}  // namespace

const Document* find_field(const Document& document, std::string_view name) noexcept {
  const auto found = std::ranges::find(document.entries, name, &base::DocumentEntry::first);
  return found == document.entries.end() ? nullptr : &found->second;
}

Result<registry::Change> change_of(Document document, registry::Verb verb, policy::Kind kind,
                                   std::string_view name) {
  if (document.type != Document::Type::kMap) return bad_request("a resource is a JSON object");
  std::erase_if(document.entries, [](const base::DocumentEntry& entry) {
    return std::ranges::find(kOfAnswers, entry.first) != kOfAnswers.end();
  });
  if (!name.empty()) CLV_TRY_VOID(settle(document, "name", name));
  CLV_TRY_VOID(settle(document, "kind", policy::kind_name(kind)));
  registry::Change change;
  change.verb = verb;
  change.kind = kind;
  if (const Document* const own = find_field(document, "name")) change.name = own->scalar;
  change.document = std::move(document);
  return change;
}

net::Task<Result<void>> make_change(Context& context, AdminCall& call, registry::Change change) {
  registry::Registry& registry = call.registry_of(context);
  const bool deletes = change.verb == registry::Verb::kDelete;
  std::vector<registry::Change> changes;
  changes.push_back(std::move(change));
  const auto outcomes = CLV_CO_TRY(co_await registry.change(call.actor, std::move(changes), false));
  if (outcomes.empty()) co_return Error(Code::kInternal, Blame::kGateway, "a change without an outcome");
  if (deletes) co_return co_await write_answer(call, {.status = 204}, {});
  const registry::Outcome& outcome = outcomes.front();
  auto view = co_await registry.find(outcome.kind, outcome.name);
  if (!view.has_value() && view.error().code() == Code::kNoResource)
    co_return Error(Code::kConflict, Blame::kCaller,
                    "done; and somebody else has deleted the resource since");
  co_return co_await write_resource(call, CLV_CO_TRY(std::move(view)), &outcome);
}

net::Task<Result<void>> write_resource(AdminCall& call, registry::ResourceView view,
                                       const registry::Outcome* made) {
  Answer answer;
  answer.fields.emplace_back("ETag", fmt::format("\"{}\"", view.revision));
  if (made != nullptr && made->effect == registry::Effect::kCreated) {
    answer.status = 201;
    answer.fields.emplace_back("Location",
                               fmt::format("/api/v1/{}/{}", policy::plural_name(made->kind), made->name));
  }
  if (made != nullptr) {
    for (std::size_t i = 0; i < std::min(made->warnings.size(), kMostWarnings); ++i)
      answer.fields.emplace_back("X-Claviger-Warning", made->warnings[i].substr(0, kLongestWarning));
  }
  co_return co_await write_answer(call, std::move(answer), {view.json, "\n"});
}

std::string_view effect_name(registry::Effect effect) noexcept {
  switch (effect) {
    case registry::Effect::kCreated:
      return "created";
    case registry::Effect::kChanged:
      return "changed";
    case registry::Effect::kUnchanged:
      return "unchanged";
    case registry::Effect::kDeleted:
      return "deleted";
  }
  return "unchanged";
}

}  // namespace claviger::doors::admin
