// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/authenticate.h"

#include <algorithm>

#include "base/parse.h"
#include "gateway/key_check.h"
#include "gateway/world.h"
#include "http/cross_site.h"
#include "identity/presented.h"

namespace claviger::doors::admin {
namespace {

using http::FieldName;

Error no_key() {
  return Error(Code::kUnauthenticated, Blame::kCaller,
               "no API key: send one as 'Authorization: Bearer' or in X-API-Key");
}

// Of those that callers' keys come in, and keys of operators do not.
bool is_for_callers(const http::Field& field) noexcept {
  if (field.known != FieldName::kAuthorization) return field.known == FieldName::kXGoogApiKey;
  const std::string_view scheme = field.value.substr(0, field.value.find(' '));
  return base::equals_ignore_case(scheme, "Basic") || base::equals_ignore_case(scheme, "AWS4-HMAC-SHA256");
}

// A view into the head.
Result<std::string_view> find_key_text(const http::Fields& fields) {
  for (const http::Field& field : fields) {
    if (is_for_callers(field))
      return Error(
          Code::kUnauthenticated, Blame::kCaller,
          "management takes API keys as 'Authorization: Bearer' or in X-API-Key, and in no other field");
  }
  identity::BasicScratch scratch;  // stays empty: there is no Basic
  const auto presented = identity::find_presented_key(fields, scratch);
  if (presented.has_value()) return presented->text;
  if (presented.error().code() == Code::kUnauthenticated) return no_key();
  return presented.error();
}

Result<void> find_caller(Context& context, AdminCall& call) {
  call.rule = identity::presents_anything(call.head->fields) ? "key_form" : "no_key";
  const std::string_view text = CLV_TRY(find_key_text(call.head->fields));
  const auto world = context.services.registry->world();
  policy::KeyId presented;
  const auto key = gateway::check_key(text, call.caller.peer().address, *world->policy, call.wall,
                                      context.sha256, presented, &call.rule);
  if (presented.chars[0] != 0) call.actor.key_id = std::string_view(presented);
  if (!key.has_value()) return key.error();
  const policy::Principal& principal = world->policy->principal((*key)->principal);
  if (principal.management == policy::Management::kNone) call.rule = "no_management";
  if (principal.management == policy::Management::kNone)
    return Error(Code::kDenied, Blame::kCaller,
                 "this principal has no rights on the management API: give it `management: read` or `admin`");
  call.actor.principal = principal.name;
  call.right = principal.management;
  return ok();
}

}  // namespace

Result<void> take_rate(Context& context, AdminCall& call, int cost) {
  std::uint64_t key = context.limit_keys.of(call.caller.peer().address);
  if (!call.actor.principal.empty()) key = context.limit_keys.of(key, call.actor.principal);
  for (int i = 0; i < cost; ++i) {
    const policy::LimitDecision taken = context.cells.take(key, context.services.rate, call.began);
    if (i == 0) call.limit = taken;
  }
  if (call.limit.allowed) return ok();
  return Error(Code::kLimited, Blame::kCaller,
               "too many calls from this address; Retry-After says when it is worth another try");
}

Result<void> authenticate(Context& context, AdminCall& call) { return find_caller(context, call); }

Result<void> check_origin(const http::Fields& fields) {
  if (!http::is_fetched_for_another_site(fields)) return ok();
  return Error(Code::kDenied, Blame::kCaller, "a page of another site sent this; nobody else calls for you");
}

}  // namespace claviger::doors::admin
