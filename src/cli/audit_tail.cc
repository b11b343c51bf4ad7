// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "base/parse.h"
#include "cli/admin_client.h"
#include "cli/admin_failure.h"
#include "cli/catalog.h"
#include "cli/event_line.h"
#include "cli/output.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

constexpr unsigned kPollSeconds = 2;
constexpr std::size_t kMostEvents = 1000;  // that the API gives at once
constexpr std::string_view kEvents = "/api/v1/audit/events";

// While it lives, an interrupt ends the process with 0, but not in the middle of a line.
class CleanInterrupt {
 public:
  CleanInterrupt() {
    struct sigaction action{};
    action.sa_handler = [](int) { ::_exit(0); };
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    ::sigaddset(&signals_, SIGTERM);
  }
  // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
  void hold() const noexcept { ::sigprocmask(SIG_BLOCK, &signals_, nullptr); }
  void allow() const noexcept { ::sigprocmask(SIG_UNBLOCK, &signals_, nullptr); }
  // NOLINTEND(concurrency-mt-unsafe)

 private:
  sigset_t signals_{};
};

class AuditTail final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit tail"; }
  std::string_view summary() const noexcept override {
    return "Show the last events of the audit log, and what follows";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit tail                       the last 20\n"
           "  claviger audit tail -n 200 -f             and whatever comes, until Ctrl-C\n"
           "  claviger audit tail -n 1000 -o json | jq 'select(.type == \"api_key.revoked\")'\n\n"
           "-o json prints the log's lines as they are. To prove that none was altered: `claviger audit "
           "verify`.";
  }
  void declare(Flags& flags) override {
    flags.option("-n,--lines", "N", count_, "How many of the last ones, up to 1000 (default: 20)");
    flags.flag("-f,--follow", follow_, "Go on with what comes; asks every 2 s");
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
  }

  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    const auto count = base::parse_decimal(count_, kMostEvents);
    if (!count.has_value() || *count == 0) return usage_error("-n takes a number from 1 to 1000");
    const auto client = CLV_TRY(AdminClient::create());
    AdminAnswer answer =
        CLV_TRY(client->call({.target = std::string(kEvents) + "?last=" + std::to_string(*count)}));
    CLV_TRY_VOID(show(answer.body));
    return follow_ ? follow(*client, std::move(answer.next)) : ok();
  }

 private:
  Result<void> show(std::string_view lines) const {
    if (lines.empty()) return ok();
    std::string out;
    if (format_ == "json") out = printable_json(lines);
    else
      for (std::size_t end = 0; !lines.empty(); lines.remove_prefix(std::min(end + 1, lines.size()))) {
        end = std::min(lines.find('\n'), lines.size());
        if (end > 0) out += format_event(lines.substr(0, end)) + "\n";
      }
    return print(out);
  }

  // For ever: a gateway that restarts is waited for. A refusal that only the user can mend ends it.
  Result<void> follow(AdminClient& client, std::string next) const {
    const CleanInterrupt interrupt;
    bool is_away = false;
    for (;;) {
      if (next.empty())
        return Error(Code::kInvalid, Blame::kOperator, "the gateway does not say where the log goes on");
      const auto answer = client.exchange({.target = std::string(kEvents) + "?from=" + encode_query(next)});
      const bool may_pass = !answer.has_value() || answer->status == 429 || answer->status >= 500;
      if (may_pass) {
        if (!is_away) remark((answer.has_value() ? reason(client, *answer) : answer.error()).what());
        is_away = true;
        ::sleep(answer.has_value() ? std::max(answer->retry_after_seconds, kPollSeconds) : kPollSeconds);
        continue;
      }
      if (answer->status >= 300) return reason(client, *answer);
      is_away = false;
      interrupt.hold();
      CLV_TRY_VOID(show(answer->body));
      interrupt.allow();
      next = answer->next;
      if (answer->body.empty()) ::sleep(kPollSeconds);
    }
  }

  static Error reason(const AdminClient& client, const AdminAnswer& answer) {
    return refusal(answer.status, answer.body, answer.request_id, answer.retry_after_seconds,
                   client.address());
  }

  std::string count_ = "20", format_ = "text";
  bool follow_ = false;
};

}  // namespace

std::unique_ptr<Command> make_audit_tail() { return std::make_unique<AuditTail>(); }

}  // namespace claviger::cli
