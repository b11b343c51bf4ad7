// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"

namespace claviger::doors::admin {
namespace {

constexpr std::uint64_t kMostLines = 1000;
constexpr std::uint64_t kLines = 100;

Result<audit::SearchRequest> read_request(Query& query) {
  audit::SearchRequest request;
  for (const std::string_view name : audit::kFilterNames) {
    const auto text = query.take(name);
    if (!text) continue;
    const auto added = request.filter.add(name, *text);
    if (!added.has_value()) return bad_request("query parameter " + std::string(added.error().what()));
  }
  const std::string order = query.take("order").value_or("newest");
  if (order != "newest" && order != "oldest")
    return bad_request("query parameter 'order' is newest or oldest");
  request.order = order == "newest" ? audit::Order::kNewestFirst : audit::Order::kOldestFirst;
  if (const auto at = query.take("at")) {
    const auto place = audit::parse_log_place(*at);
    if (!place.has_value()) return bad_request("'at' is an X-Claviger-Next of an earlier answer");
    request.at = *place;
  }
  const auto limit = CLV_TRY(query.take_number("limit", 1, kMostLines));
  request.most = static_cast<std::size_t>(limit.value_or(kLines));
  const std::string index = query.take("index").value_or("true");
  if (index != "true" && index != "false") return bad_request("query parameter 'index' is true or false");
  request.use_index = index == "true";
  CLV_TRY_VOID(query.finish());
  return request;
}

}  // namespace

// One page. A search that takes longer says how far it came, so that nobody keeps the reading thread to themselves.
Answered search_events(Context& context, AdminCall& call) {
  const audit::SearchRequest request = CLV_CO_TRY(read_request(call.query));
  AdminAudit* const audit = &*context.services.audit;
  const auto page = co_await audit->thread.run([audit, &request] { return audit->search(request); });
  if (!page.has_value()) co_return log_refusal(page.error());
  Answer answer{.type = "application/x-ndjson"};
  answer.fields.emplace_back("X-Claviger-Next", page->next.text());
  answer.fields.emplace_back("X-Claviger-Remaining", std::to_string(page->remaining));
  if (page->unreadable > 0)
    answer.fields.emplace_back("X-Claviger-Unreadable", std::to_string(page->unreadable));
  co_return co_await write_answer(call, std::move(answer), {page->lines});
}

}  // namespace claviger::doors::admin
