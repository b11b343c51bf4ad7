// SPDX-License-Identifier: Apache-2.0
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
  const auto from = CLV_CO_TRY(call.query.take_number("from", 0, UINT64_MAX));
  CLV_CO_TRY_VOID(call.query.finish());
  if (last && from) co_return bad_request("'last' and 'from' are two different questions: ask one");
  AdminAudit* const audit = &*context.services.audit;
  const audit::LogPiece piece = CLV_CO_TRY(co_await audit->thread.run([audit, last, from] {
    return from ? audit->lines_from(*from, kPieceSize)
                : audit->last_lines(static_cast<std::size_t>(last.value_or(kLines)));
  }));
  Answer answer{.type = "application/x-ndjson"};
  answer.fields.emplace_back("X-Claviger-Next", std::to_string(piece.next));
  co_return co_await write_answer(call, std::move(answer), {piece.lines});
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
  answer.fields.emplace_back("X-Claviger-Key", audit->verifier_key);
  co_return co_await write_answer(call, std::move(answer), {*checkpoint});
}

}  // namespace claviger::doors::admin
