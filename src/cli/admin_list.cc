// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/admin_failure.h"
#include "cli/document_fields.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

constexpr unsigned kLongestRetry = 120;  // seconds; whoever wants more to pass has something else in mind
constexpr std::size_t kPage = 500;
constexpr std::size_t kMaxPageNodes = 4'000'000;  // grants may have long lists

}  // namespace

// A page, after waiting for a rate limit where one is in the way: asking is harmless.
Result<base::Document> AdminClient::page(const std::string& target) {
  for (;;) {
    const AdminAnswer answer = CLV_TRY(exchange({.target = target}));
    if (answer.status == 429 && answer.retry_after_seconds > 0 &&
        answer.retry_after_seconds <= kLongestRetry) {
      remark(fmt::format("the gateway takes no more requests for {} s; waiting", answer.retry_after_seconds));
      ::sleep(answer.retry_after_seconds);
      continue;
    }
    if (answer.status >= 300)
      return refusal(answer.status, answer.body, answer.request_id, answer.retry_after_seconds, address_);
    return base::parse_json(answer.body, "the gateway's answer", kMaxPageNodes);
  }
}

Result<void> AdminClient::for_each(std::string target,
                                   const std::function<Result<void>(const base::Document&)>& each) {
  std::string cursor;
  do {
    std::string query = target + "?limit=" + std::to_string(kPage);
    if (!cursor.empty()) query += "&cursor=" + encode_query(cursor);
    const base::Document answer = CLV_TRY(page(query));
    const base::Document* items = member(answer, "items");
    if (items == nullptr)
      return Error::formatted(Code::kInvalid, Blame::kOperator,
                              address_.text +
                                  " answered with something that is no list: is it the admin "
                                  "listener of the gateway?");
    for (const base::Document& item : items->items) CLV_TRY_VOID(each(item));
    std::string next(text_member(answer, "next"));
    // The same cursor twice, or one behind an empty page, would lead round in circles.
    if (!next.empty() && (next == cursor || items->items.empty()))
      return Error(Code::kInvalid, Blame::kOperator, "the gateway's list does not end");
    cursor = std::move(next);
  } while (!cursor.empty());
  return ok();
}

std::string encode_query(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                               c == '-' || c == '.' || c == '_' || c == '~';
    if (is_unreserved) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace claviger::cli
