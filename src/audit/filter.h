// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event_fields.h"
#include "base/clock.h"
#include "base/result.h"

namespace claviger::audit {

// What is searched for. Of each term that is asked for, an event has to have one of the values; of times, `from` is the
// first and `to` the first that is too late, both to the millisecond, as events have them. Nothing asked for: every line.
class Filter {
 public:
  struct Statuses {
    std::uint32_t least = 0, most = 0;
    bool operator==(const Statuses&) const = default;
  };

  // `name`: "from", "to" (RFC 3339), or a term's. `text`: one value, or several with commas between them; printable
  // ASCII without quotes, backslashes and spaces, as no name, id or word in the log needs any. A type may end in '*'; a
  // status is 200, 4xx, or 500-599. kInvalid (blame: caller) says what is wrong.
  Result<void> add(std::string_view name, std::string_view text);

  bool is_empty() const noexcept;
  // "2027-01-01T00:00:00.000Z"; empty: no bound.
  const std::string& from() const noexcept { return from_; }
  const std::string& to() const noexcept { return to_; }
  // Of all terms but kStatus.
  const std::vector<std::string>& values(Term term) const noexcept {
    return values_[static_cast<std::size_t>(term)];
  }
  const std::vector<Statuses>& statuses() const noexcept { return statuses_; }

  // Whether a time of the log's form lies within the bounds.
  bool has_time(std::string_view time) const noexcept {
    return (from_.empty() || time >= from_) && (to_.empty() || time < to_);
  }
  bool matches(const EventFields& event) const noexcept;
  // Whether a value of `term` would do, of which that is asked for.
  bool wants(Term term, std::string_view value) const noexcept;
  // The terms that are asked for, one bit each.
  std::uint32_t terms() const noexcept { return terms_; }

 private:
  Result<void> add_time(std::string_view name, std::string_view text);
  Result<void> add_statuses(std::string_view text);

  std::string from_, to_;
  std::array<std::vector<std::string>, kTermCount> values_;
  std::vector<Statuses> statuses_;
  std::uint32_t terms_ = 0;
};

// The names that Filter::add() takes, in the order in which they are best shown.
inline constexpr std::array<std::string_view, kTermCount + 2> kFilterNames = {
    "from", "to",     "principal",  "upstream",   "decision", "status",
    "type", "key_id", "credential", "request_id", "trace_id", "address"};

// A time as people give one: RFC 3339 in UTC, a date, or how long ago ("90m", "2h", "7d"). kInvalid (blame: caller).
Result<WallTime> parse_when(std::string_view text, WallTime now);

// Finds lines in text of the log that a filter matches.
class LineFinder {
 public:
  // `filter` outlives it.
  explicit LineFinder(const Filter& filter);

  // Appends the lines of `text`, which are whole, that match, in their order, without their ends. Lines that may match and
  // are no events as the gateway writes them (see scan_fields()) are counted.
  void find(std::string_view text, std::vector<std::string_view>& found, std::uint64_t& unreadable) const;

 private:
  bool matches(std::string_view line, std::uint64_t& unreadable) const noexcept;

  const Filter& filter_;
  std::string needle_;  // that every line that matches holds; empty: none is known
};

}  // namespace claviger::audit
