// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "cli/catalog.h"
#include "cli/event_source.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

constexpr std::size_t kMostAtOnce = 1000;  // that the API gives

class AuditSearch final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit search"; }
  std::string_view summary() const noexcept override {
    return "Find events in the audit log: by time, principal, key, upstream, status and more";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit search --key-id 7f3k9x2m --from 7d       what a key did in the last week\n"
           "  claviger audit search --decision denied,unauthenticated --from 1h\n"
           "  claviger audit search --upstream openai --status 5xx --from 2027-01-01 --to 2027-01-02 "
           "--oldest-first\n"
           "  claviger audit search --type 'credential.*' -o json --limit all\n"
           "  claviger audit search --request-id 3f1c... --log ./copy-of-audit      offline\n\n"
           "Several flags: all of them have to be so. Several values of one, with commas between them: one "
           "of them.\n"
           "A search is a convenience and proves nothing: that no event was taken out says `claviger audit "
           "verify`.";
  }
  void declare(Flags& flags) override {
    filter_.declare(flags, true);
    flags.option("--limit", "N", limit_, "How many, or all (default: 100)");
    flags.flag("--oldest-first", oldest_first_, "Begin with the oldest instead of the newest");
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
    flags.flag("--no-index", no_index_,
               "Read everything: an index that somebody forged cannot hide what is there");
    log_.declare(flags);
  }

  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    std::uint64_t left = UINT64_MAX;
    if (limit_ != "all") {
      const auto limit = base::parse_decimal(limit_);
      if (!limit.has_value() || *limit == 0) return usage_error("--limit takes a number above 0, or all");
      left = *limit;
    }
    EventQuery query{.terms = CLV_TRY(filter_.read(SystemClock().wall())),
                     .order = oldest_first_ ? audit::Order::kOldestFirst : audit::Order::kNewestFirst,
                     .use_index = !no_index_};
    const auto source = CLV_TRY(EventSource::open(log_));
    return search(*source, std::move(query), left);
  }

 private:
  Result<void> search(EventSource& source, EventQuery query, std::uint64_t left) const {
    std::optional<ProgressLine> progress;
    std::uint64_t unreadable = 0, all = 0, found = 0;
    for (;;) {
      query.most = static_cast<std::size_t>(std::min<std::uint64_t>(left, kMostAtOnce));
      const audit::SearchPage page = CLV_TRY(source.search(query, false));
      if (!page.lines.empty()) {
        progress.reset();
        CLV_TRY_VOID(print(show_events(page.lines, format_)));
      }
      unreadable += page.unreadable;
      found += page.events;
      left -= std::min(left, page.events);
      if (page.remaining == 0 || left == 0) {
        progress.reset();
        if (page.remaining > 0) remark("that are as many as --limit lets through; there may be more");
        break;
      }
      query.at = page.next;
      all = std::max(all, page.remaining);
      if (!progress) progress.emplace();
      if (const auto report = progress->report()) report(all - page.remaining, all);
    }
    if (found == 0) remark("no event is like that");
    if (unreadable > 0)
      remark(fmt::format(
          "{} lines could not be read as events: `claviger audit verify` says whether the log was altered",
          unreadable));
    return ok();
  }

  EventFilterFlags filter_;
  LogDirectory log_;
  std::string limit_ = "100", format_ = "text";
  bool oldest_first_ = false, no_index_ = false;
};

}  // namespace

std::unique_ptr<Command> make_audit_search() { return std::make_unique<AuditSearch>(); }

}  // namespace claviger::cli
