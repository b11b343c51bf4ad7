// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"

namespace claviger::doors::admin {
namespace {

constexpr std::uint64_t kMostLines = 1000;
constexpr std::uint64_t kLines = 100;
constexpr std::size_t kPieceSize = std::size_t{1} << 20;

}  // namespace

Answered show_events(Context& context, AdminCall& call) {
  const auto last = CLV_CO_TRY(call.query.take_number("last", 1, kMostLines));
  const auto from_text = call.query.take("from");
  CLV_CO_TRY_VOID(call.query.finish());
  if (last && from_text) co_return bad_request("'last' and 'from' are two different questions: ask one");
  std::optional<audit::LogPlace> from;
  if (from_text) {
    const auto place = audit::parse_log_place(*from_text);
    if (!place.has_value()) co_return bad_request("'from' is an X-Claviger-Next of an earlier answer");
    from = *place;
  }
  AdminAudit* const audit = &*context.services.audit;
  const auto piece = co_await audit->thread.run([audit, last, from] {
    return from ? audit->lines_from(*from, kPieceSize)
                : audit->last_lines(static_cast<std::size_t>(last.value_or(kLines)));
  });
  if (!piece.has_value()) co_return log_refusal(piece.error());
  Answer answer{.type = "application/x-ndjson"};
  answer.fields.emplace_back("X-Claviger-Next", piece->next.text());
  co_return co_await write_answer(call, std::move(answer), {piece->lines});
}

Answered show_checkpoint(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  AdminAudit* const audit = &*context.services.audit;
  const auto checkpoint =
      CLV_CO_TRY(co_await audit->thread.run([audit] { return audit->last_checkpoint(); }));
  if (!checkpoint)
    co_return Error(Code::kNoResource, Blame::kCaller,
                    "there is no checkpoint yet: the first follows within seconds of the first event");
  Answer answer{.type = "text/plain; charset=utf-8"};
  answer.fields.emplace_back("X-Claviger-Key", audit->verifier_key());
  co_return co_await write_answer(call, std::move(answer), {*checkpoint});
}

// 202 where it is recorded and begun, and the log cannot be written meanwhile.
Answered rotate_audit_key(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  const registry::AuditKeyRotation rotation =
      CLV_CO_TRY(co_await call.registry_of(context).rotate_audit_key(call.actor));
  std::string body = R"({"from":)";
  base::append_json_string(body, rotation.from);
  base::append_json_string(body += R"(,"to":)", rotation.to);
  body += rotation.is_finished ? ",\"finished\":true}\n" : ",\"finished\":false}\n";
  co_return co_await write_answer(call, {.status = rotation.is_finished ? 200U : 202U}, {body});
}

// Whoever asks learns who is behind what the log says of the address, so it is recorded that they did.
Answered show_pseudonym(Context& context, AdminCall& call) {
  const std::string text = CLV_CO_TRY(call.query.take_required("address"));
  CLV_CO_TRY_VOID(call.query.finish());
  const auto address = base::parse_ip(text);
  if (!address.has_value()) co_return bad_request("query parameter 'address' is an IP address");
  const std::string pseudonym = context.services.audit->pseudonym(*address);
  if (context.services.append)
    context.services.append(audit::Event(call.wall, "audit.pseudonym_shown")
                                .add("actor", call.actor.principal)
                                .add("key_id", call.actor.key_id)
                                .add("address", call.actor.address)
                                .add("request_id", call.id())
                                .add("pseudonym", pseudonym));
  const std::string body =
      R"({"address":")" + base::format_ip(*address) + R"(","pseudonym":")" + pseudonym + "\"}\n";
  co_return co_await write_answer(call, {}, {body});
}

}  // namespace claviger::doors::admin
