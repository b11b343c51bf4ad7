// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/search.h"
#include "base/result.h"
#include "cli/command.h"
#include "cli/log_directory.h"

namespace claviger::cli {

// What is asked of a log, as the flags said it: names and values as audit::Filter::add() takes them.
struct EventQuery {
  std::vector<std::pair<std::string, std::string>> terms;
  audit::Order order = audit::Order::kNewestFirst;
  std::optional<audit::LogPlace> at;
  std::size_t most = 100;
  bool use_index = true;
};

// Where `audit search` and `audit tail` look: a running gateway, or the files of a log.
class EventSource {
 public:
  // A directory where one was given; else the gateway of the environment. `log` may be empty.
  static Result<std::unique_ptr<EventSource>> open(const LogDirectory& log);
  virtual ~EventSource() = default;

  // Behind the last event.
  virtual Result<audit::LogPlace> end() = 0;
  // One page; a full rate limit is waited for. With `patiently`, so is whatever else may pass by itself.
  virtual Result<audit::SearchPage> search(const EventQuery& query, bool patiently) = 0;
  // How long to wait before one looks for news.
  virtual unsigned poll_seconds() const noexcept = 0;
};

// The flags that say which events are meant.
class EventFilterFlags {
 public:
  void declare(Flags& flags, bool with_times);
  // For EventQuery::terms. A usage error for what cannot be searched for.
  Result<std::vector<std::pair<std::string, std::string>>> read(WallTime now) const;

 private:
  std::array<std::string, audit::kFilterNames.size()> values_;
};

// Lines of the log as `-o` wants them: "json", as they stand there, or "text", one line for people each.
std::string show_events(std::string_view lines, std::string_view format);

}  // namespace claviger::cli
