// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/json.h"
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"
#include "doors/admin/changes.h"
#include "doors/admin/conditions.h"
#include "doors/admin/request_body.h"
#include "doors/admin/routes.h"
#include "doors/admin/secrets.h"

namespace claviger::doors::admin {
namespace {

using registry::Verb;

constexpr std::uint64_t kMostItems = 1000;
constexpr std::uint64_t kItems = 100;
constexpr std::size_t kLongestCursor = 256;

}  // namespace

Answered list_resources(Context& context, AdminCall& call) {
  const auto limit = CLV_CO_TRY(call.query.take_number("limit", 1, kMostItems));
  std::string cursor = call.query.take("cursor").value_or("");
  CLV_CO_TRY_VOID(call.query.finish());
  if (cursor.size() > kLongestCursor) co_return bad_request("query parameter 'cursor': take it from `next`");
  const registry::Registry::Page page = CLV_CO_TRY(co_await call.registry_of(context).list(
      call.kind, std::move(cursor), static_cast<std::size_t>(limit.value_or(kItems))));
  std::vector<std::string_view> pieces = {R"({"items":[)"};
  for (const registry::ResourceView& item : page.items) {
    if (pieces.size() > 1) pieces.emplace_back(",");
    pieces.emplace_back(item.json);
  }
  std::string end = "]";
  if (!page.next.empty()) {
    end += R"(,"next":)";
    base::append_json_string(end, page.next);
  }
  end += "}\n";
  pieces.emplace_back(end);
  co_return co_await write_answer(call, {}, std::move(pieces));
}

Answered show_resource(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  auto view = CLV_CO_TRY(co_await call.registry_of(context).find(call.kind, call.name));
  co_return co_await write_resource(call, std::move(view), nullptr);
}

Answered create_resource(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  CLV_CO_TRY_VOID(refuse_conditions(call.head->fields));
  base::Document document = CLV_CO_TRY(co_await read_json(context, call, kMaxBody, base::kMaxJsonNodes));
  if (call.kind == policy::Kind::kApiKey && find_field(document, "hash") == nullptr)
    co_return co_await create_key(context, call, std::move(document));
  auto change = CLV_CO_TRY(change_of(std::move(document), Verb::kCreate, call.kind, ""));
  co_return co_await make_change(context, call, std::move(change));
}

Answered put_resource(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  const Conditions conditions = CLV_CO_TRY(read_conditions(call.head->fields));
  base::Document document = CLV_CO_TRY(co_await read_json(context, call, kMaxBody, base::kMaxJsonNodes));
  const Verb verb = conditions.must_not_exist                      ? Verb::kCreate
                    : conditions.must_exist || conditions.if_match ? Verb::kReplace
                                                                   : Verb::kApply;
  auto change = CLV_CO_TRY(change_of(std::move(document), verb, call.kind, call.name));
  change.if_match = conditions.if_match;
  co_return co_await make_change(context, call, std::move(change));
}

// Deletions and acts: nothing but a name and a condition.
Answered act_on_resource(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  registry::Change change;
  change.if_match = CLV_CO_TRY(read_if_match(call.head->fields));
  change.verb = call.route->verb;
  change.kind = call.kind;
  change.name = call.name;
  co_return co_await make_change(context, call, std::move(change));
}

}  // namespace claviger::doors::admin
