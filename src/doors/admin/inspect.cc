// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"
#include "gateway/world.h"
#include "identity/api_key.h"
#include "policy/explain.h"

namespace claviger::doors::admin {
namespace {

constexpr std::size_t kLongestMethod = 32;

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out += fmt::format(",\"{}\":", name);
  base::append_json_string(out, value);
}

void append_notices(std::string& out, const std::vector<registry::Notice>& notices) {
  out += R"(,"notices":[)";
  for (const registry::Notice& notice : notices) {
    if (&notice != &notices.front()) out += ',';
    out += R"({"kind":)";
    base::append_json_string(out, notice.kind);
    append_member(out, "name", notice.name);
    append_member(out, "what", notice.what);
    out += '}';
  }
  out += ']';
}

void append_audit(std::string& out, const audit::LogState& state) {
  out += fmt::format(R"(,"audit":{{"size":{},"checkpointed":{},"queued":{},"lag_ms":{},"failing":{})",
                     state.size, state.checkpointed, state.queued, state.lag.count(), state.failing);
  append_member(out, "failure", state.failure);
  out += fmt::format(R"(,"first_event":{},"segments":{},"bytes":{},"free_bytes":{},"low_on_space":{})",
                     state.first_event, state.segments, state.bytes, state.free_bytes, state.is_low_on_space);
  append_member(out, "upkeep_failure", state.upkeep_failure);
  out += '}';
}

bool is_method(std::string_view text) noexcept {
  return text.size() <= kLongestMethod && std::ranges::all_of(text, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_';
         });
}

}  // namespace

Answered explain_decision(Context& context, AdminCall& call) {
  const std::string principal = CLV_CO_TRY(call.query.take_required("principal"));
  const std::string method = CLV_CO_TRY(call.query.take_required("method"));
  const std::string url = CLV_CO_TRY(call.query.take_required("url"));
  CLV_CO_TRY_VOID(call.query.finish());
  if (!is_method(method)) co_return bad_request("query parameter 'method' is an HTTP method, such as POST");
  if (identity::contains_api_key(url))
    co_return bad_request("an API key stands in 'url': leave it out, and replace it");
  const auto world = call.registry_of(context).world();
  const policy::Explanation found = policy::explain(*world->policy, principal, method, url, call.wall);
  std::string body = found.allowed ? R"({"allowed":true)" : R"({"allowed":false)";
  append_member(body, "upstream", found.upstream);
  append_member(body, "grant", found.grant);
  append_member(body, "reason", found.reason);
  body += "}\n";
  co_return co_await write_answer(call, {}, {body});
}

Answered show_status(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  const AdminServices& services = context.services;
  const Readiness readiness = services.readiness();
  std::string body = R"({"version":)";
  base::append_json_string(body, services.version);
  body += fmt::format(R"(,"revision":{},"ready":{})", services.registry->world()->policy->revision(),
                      readiness.is_ready);
  if (!readiness.is_ready) append_member(body, "why_not", readiness.why_not);
  append_notices(body, services.registry->notices());
  append_audit(body, services.audit->state());
  if (services.audit->sinks) body += R"(,"sinks":)" + services.audit->sinks();
  append_member(body, "master_key_id", services.master_key_id());
  body += "}\n";
  co_return co_await write_answer(call, {}, {body});
}

}  // namespace claviger::doors::admin
