// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/json.h"
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"
#include "doors/admin/request_body.h"

namespace claviger::doors::admin {
namespace {

constexpr std::size_t kMostNodes = 16;
constexpr std::size_t kLongestSource = 4096;

std::string_view phase_name(registry::RekeyState::Phase phase) noexcept {
  switch (phase) {
    case registry::RekeyState::Phase::kRewrapping:
      return "rewrapping";
    case registry::RekeyState::Phase::kSettling:
      return "settling";
    case registry::RekeyState::Phase::kFinished:
      break;
  }
  return "finished";
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out += fmt::format(R"(,"{}":)", name);
  base::append_json_string(out, value);
}

std::string to_json(const registry::RekeyState& state) {
  std::string body =
      fmt::format(R"({{"phase":"{}","done":{},"total":{})", phase_name(state.phase), state.done, state.total);
  append_member(body, "from", state.from);
  append_member(body, "to", state.to);
  append_member(body, "failure", state.failure);
  append_member(body, "old_key", state.outcome);
  return body + "}\n";
}

Result<registry::RekeyRequest> read_request(const base::Document& document) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(document, "body"));
  registry::RekeyRequest request;
  if (auto source = CLV_TRY(reader.optional_string("to"))) request.source = *std::move(source);
  request.remove_old = CLV_TRY(reader.boolean_or("remove_old", false));
  CLV_TRY_VOID(reader.finish());
  if (request.source.size() > kLongestSource)
    return base::invalid_at(reader.place(), "body.to: longer than any source");
  return request;
}

}  // namespace

// 202: it goes on by itself, however long it takes.
Answered rekey_vault(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  const base::Document document = CLV_CO_TRY(co_await read_json(context, call, kMaxBody, kMostNodes));
  auto request = read_request(document);
  if (!request.has_value()) co_return bad_request(std::string(request.error().what()));
  const registry::RekeyState state =
      CLV_CO_TRY(co_await call.registry_of(context).rekey(call.actor, *std::move(request)));
  const std::string body = to_json(state);
  co_return co_await write_answer(call, {.status = 202}, {body});
}

Answered show_rekey(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  const auto state = call.registry_of(context).rekey_state();
  const std::string body = state ? to_json(*state) : "{\"phase\":\"none\"}\n";
  co_return co_await write_answer(call, {}, {body});
}

}  // namespace claviger::doors::admin
