// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "base/parse.h"
#include "cli/catalog.h"
#include "cli/event_source.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

constexpr std::size_t kMostEvents = 1000;  // that the API gives at once

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
    return "  claviger audit tail                                    the last 20\n"
           "  claviger audit tail -n 200 -f                          and whatever comes, until Ctrl-C\n"
           "  claviger audit tail -f --upstream openai --status 5xx  of those alone\n"
           "  claviger audit tail -f --data-dir /var/lib/claviger    from the files, whether the gateway "
           "runs or not\n"
           "  claviger audit tail -n 1000 -o json --type api_key.revoked\n\n"
           "-o json prints the log's lines as they are. To prove that none was altered: `claviger audit "
           "verify`.";
  }
  void declare(Flags& flags) override {
    flags.option("-n,--lines,--last", "N", count_, "How many of the last ones, up to 1000 (default: 20)");
    flags.flag("-f,--follow", follow_, "Go on with what comes; asks every 2 s");
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
    filter_.declare(flags, false);
    log_.declare(flags);
  }

  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    const auto count = base::parse_decimal(count_, kMostEvents);
    if (!count.has_value() || *count == 0) return usage_error("--last takes a number from 1 to 1000");
    EventQuery query{.terms = CLV_TRY(filter_.read(SystemClock().wall()))};
    const auto source = CLV_TRY(EventSource::open(log_));
    const audit::LogPlace end = CLV_TRY(source->end());
    query.at = end;
    query.most = static_cast<std::size_t>(*count);
    const auto lines = CLV_TRY(last_lines(*source, query));
    CLV_TRY_VOID(print(show_events(lines, format_)));
    query.at = end;
    query.most = kMostEvents;
    query.order = audit::Order::kOldestFirst;
    return follow_ ? follow(*source, std::move(query)) : ok();
  }

 private:
  // Those before query.at, oldest first. Few may match, and those may lie far back.
  static Result<std::string> last_lines(EventSource& source, EventQuery query) {
    const ProgressLine progress;
    std::vector<std::string> pages;
    for (std::uint64_t all = 0;;) {
      audit::SearchPage page = CLV_TRY(source.search(query, false));
      pages.push_back(std::move(page.lines));
      query.most -= static_cast<std::size_t>(std::min<std::uint64_t>(query.most, page.events));
      if (page.remaining == 0 || query.most == 0) break;
      query.at = page.next;
      all = std::max(all, page.remaining);
      if (const auto report = progress.report()) report(all - page.remaining, all);
    }
    std::string lines;
    for (const std::string& page : std::views::reverse(pages))
      for (std::size_t end = page.size(); end > 0;) {
        const std::size_t begin = end < 2 ? 0 : page.rfind('\n', end - 2) + 1;
        lines.append(page, begin, end - begin);
        end = begin;
      }
    return lines;
  }

  // For ever: a gateway that restarts is waited for. A refusal that only the user can mend ends it.
  Result<void> follow(EventSource& source, EventQuery query) const {
    const CleanInterrupt interrupt;
    for (;;) {
      const audit::SearchPage page = CLV_TRY(source.search(query, true));
      if (!page.lines.empty()) {
        interrupt.hold();
        CLV_TRY_VOID(print(show_events(page.lines, format_)));
        interrupt.allow();
      }
      query.at = page.next;
      if (page.remaining == 0) ::sleep(source.poll_seconds());
    }
  }

  EventFilterFlags filter_;
  LogDirectory log_;
  std::string count_ = "20", format_ = "text";
  bool follow_ = false;
};

}  // namespace

std::unique_ptr<Command> make_audit_tail() { return std::make_unique<AuditTail>(); }

}  // namespace claviger::cli
