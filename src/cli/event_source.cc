// SPDX-License-Identifier: Apache-2.0
#include "cli/event_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/parse.h"
#include "cli/admin_client.h"
#include "cli/admin_failure.h"
#include "cli/event_line.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "gateway/call.h"

namespace claviger::cli {
namespace {

constexpr unsigned kLongestRetry = 120;  // seconds
constexpr unsigned kGatewayPoll = 2;
constexpr unsigned kFilePoll = 1;

// --- a running gateway

class GatewayEvents final : public EventSource {
 public:
  explicit GatewayEvents(std::unique_ptr<AdminClient> client) : client_(std::move(client)) {}

  Result<audit::LogPlace> end() override {
    const AdminAnswer answer = CLV_TRY(client_->call({.target = "/api/v1/audit/events?last=1"}));
    return place_of(answer);
  }

  Result<audit::SearchPage> search(const EventQuery& query, bool patiently) override {
    const std::string target = target_of(query);
    for (bool is_away = false;;) {
      const auto answer = client_->exchange({.target = target});
      if (answer.has_value() && answer->status < 300) return page_of(*answer);
      const bool is_limited = answer.has_value() && answer->status == 429 &&
                              answer->retry_after_seconds > 0 && answer->retry_after_seconds <= kLongestRetry;
      const bool may_pass = !answer.has_value() || answer->status == 429 || answer->status >= 500;
      if (!is_limited && !(patiently && may_pass))
        return answer.has_value() ? reason(*answer) : answer.error();
      if (!is_away) remark((answer.has_value() ? reason(*answer) : answer.error()).what());
      is_away = !is_limited;
      ::sleep(answer.has_value() ? std::max(answer->retry_after_seconds, kGatewayPoll) : kGatewayPoll);
    }
  }

  unsigned poll_seconds() const noexcept override { return kGatewayPoll; }

 private:
  static std::string target_of(const EventQuery& query) {
    std::string target =
        fmt::format("/api/v1/audit/search?order={}&limit={}",
                    query.order == audit::Order::kNewestFirst ? "newest" : "oldest", query.most);
    for (const auto& [name, value] : query.terms) target += "&" + name + "=" + encode_query(value);
    if (query.at) target += "&at=" + encode_query(query.at->text());
    if (!query.use_index) target += "&index=false";
    return target;
  }

  static Result<audit::LogPlace> place_of(const AdminAnswer& answer) {
    const auto place = audit::parse_log_place(answer.next);
    if (place.has_value()) return *place;
    return Error(Code::kInvalid, Blame::kOperator, "the gateway does not say where the log goes on");
  }

  static Result<audit::SearchPage> page_of(const AdminAnswer& answer) {
    audit::SearchPage page;
    page.next = CLV_TRY(place_of(answer));
    const auto remaining = base::parse_decimal(answer.remaining);
    if (!remaining.has_value())
      return Error(Code::kInvalid, Blame::kOperator,
                   "the gateway does not say whether there is more of the log");
    page.remaining = *remaining;
    const auto unreadable = base::parse_decimal(answer.unreadable);
    page.unreadable = unreadable.has_value() ? *unreadable : 0;
    page.lines = answer.body;
    page.events = static_cast<std::uint64_t>(std::ranges::count(page.lines, '\n'));
    return page;
  }

  Error reason(const AdminAnswer& answer) const {
    return refusal(answer.status, answer.body, answer.request_id, answer.retry_after_seconds,
                   client_->address());
  }

  std::unique_ptr<AdminClient> client_;
};

// --- files

class FileEvents final : public EventSource {
 public:
  explicit FileEvents(std::string directory)
      : directory_(std::move(directory)), searcher_(directory_, clock_) {}

  Result<audit::LogPlace> end() override { return audit::log_end(directory_); }

  Result<audit::SearchPage> search(const EventQuery& query, bool) override {
    audit::SearchRequest request{
        .order = query.order, .at = query.at, .most = query.most, .use_index = query.use_index};
    for (const auto& [name, value] : query.terms) CLV_TRY_VOID(request.filter.add(name, value));
    return searcher_.search(request);
  }

  unsigned poll_seconds() const noexcept override { return kFilePoll; }

 private:
  SystemClock clock_;
  std::string directory_;
  audit::Searcher searcher_;
};

// --- flags

struct About {
  std::string_view flag, value, help;
};
// In the order of audit::kFilterNames.
constexpr std::array<About, audit::kFilterNames.size()> kAbout = {{
    {"--from", "TIME", "From then on: 2027-01-01T00:00:00Z, 2027-01-01, or how long ago, such as 2h"},
    {"--to", "TIME", "Until then, which is not part of it"},
    {"--principal", "NAME", "Calls and changes by it, and changes of it"},
    {"--upstream", "NAME", "Calls to it, and changes of it"},
    {"--decision", "WORD", "Calls of which that was decided: allowed, denied, limited, ..."},
    {"--status", "STATUS", "Calls that ended with 403, 4xx, 500-599"},
    {"--type", "TYPE", "Events of a type, such as call.finished or credential.*"},
    {"--key-id", "ID", "What an API key was presented for, and changes of it; ID is the one in clv_ID_..."},
    {"--credential", "NAME", "Calls that it was attached to, and changes of it"},
    {"--request-id", "ID", "The events of one request (X-Request-Id)"},
    {"--trace-id", "ID", "The calls of one trace (traceparent)"},
    {"--address", "ADDRESS", "From there, as the log has it: `audit pseudonym` says how"},
}};

// The words that the log has, so that a slip of the pen is not an empty answer.
Result<void> check_decisions(std::string_view text) {
  std::string known;
  for (auto i = static_cast<unsigned>(gateway::Decision::kRefused);
       i <= static_cast<unsigned>(gateway::Decision::kUnavailable); ++i)
    known.append(known.empty() ? "" : ", ").append(decision_name(static_cast<gateway::Decision>(i)));
  const std::string words = ", " + known + ", ";
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!words.contains(", " + std::string(word) + ", ")) return usage_error("--decision takes " + known);
  }
  return ok();
}

}  // namespace

Result<std::unique_ptr<EventSource>> EventSource::open(const LogDirectory& log) {
  if (log.is_given()) return std::make_unique<FileEvents>(CLV_TRY(log.path()));
  return std::make_unique<GatewayEvents>(CLV_TRY(AdminClient::create()));
}

void EventFilterFlags::declare(Flags& flags, bool with_times) {
  for (std::size_t i = 0; i < kAbout.size(); ++i) {
    const bool is_time = kAbout[i].value == "TIME";
    if (with_times || !is_time) flags.option(kAbout[i].flag, kAbout[i].value, values_[i], kAbout[i].help);
  }
}

Result<std::vector<std::pair<std::string, std::string>>> EventFilterFlags::read(WallTime now) const {
  std::vector<std::pair<std::string, std::string>> terms;
  audit::Filter filter;
  for (std::size_t i = 0; i < kAbout.size(); ++i) {
    if (values_[i].empty()) continue;
    const std::string_view name = audit::kFilterNames[i], flag = kAbout[i].flag;
    std::string value = values_[i];
    if (name == "key_id" && value.contains("clv_"))
      return usage_error("--key-id takes the id alone, what stands between clv_ and the next _ of the key");
    if (name == "decision") CLV_TRY_VOID(check_decisions(value));
    if (kAbout[i].value == "TIME") {
      const auto time = audit::parse_when(value, now);
      if (!time.has_value()) return usage_error(fmt::format("{}: {}", flag, time.error().what()));
      value = base::format_rfc3339(std::chrono::ceil<std::chrono::milliseconds>(*time));
    }
    const auto added = filter.add(name, value);
    if (!added.has_value()) return usage_error(fmt::format("{}: {}", flag, added.error().what()));
    terms.emplace_back(name, std::move(value));
  }
  if (!filter.from().empty() && !filter.to().empty() && filter.from() >= filter.to())
    return usage_error("--from is not before --to");
  return terms;
}

std::string show_events(std::string_view lines, std::string_view format) {
  if (format == "json") return printable_json(lines);
  std::string out;
  for (std::size_t end = 0; !lines.empty(); lines.remove_prefix(std::min(end + 1, lines.size()))) {
    end = std::min(lines.find('\n'), lines.size());
    if (end > 0) out += format_event(lines.substr(0, end)) + "\n";
  }
  return out;
}

}  // namespace claviger::cli
