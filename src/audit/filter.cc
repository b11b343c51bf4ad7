// SPDX-License-Identifier: Apache-2.0
#include "audit/filter.h"

#include <fmt/format.h>
#include <string.h>  // NOLINT(modernize-deprecated-headers): memmem and memrchr are there alone

#include <algorithm>

#include "audit/line.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

constexpr std::size_t kMostValues = 32;
constexpr std::size_t kLongestValue = 256;
constexpr std::uint32_t kMostStatus = 999;

Error wrong(std::string_view name, std::string_view what) {
  return Error::formatted(Code::kInvalid, Blame::kCaller, fmt::format("'{}' {}", name, what));
}

// What JSON never escapes, so that it stands in the log as it is given.
bool is_value(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestValue &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

bool is_prefix(std::string_view value) noexcept { return value.ends_with('*'); }

// Takes the piece before the next comma off `text`.
std::string_view take_piece(std::string_view& text) noexcept {
  const std::size_t comma = text.find(',');
  const std::string_view piece = text.substr(0, comma);
  text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  return piece;
}

std::optional<Filter::Statuses> parse_statuses(std::string_view text) noexcept {
  if (text.size() == 3 && text.ends_with("xx") && text[0] >= '1' && text[0] <= '9') {
    const auto hundreds = static_cast<std::uint32_t>(text[0] - '0') * 100;
    return Filter::Statuses{hundreds, hundreds + 99};
  }
  const std::size_t dash = text.find('-');
  const auto least = base::parse_decimal(text.substr(0, dash), kMostStatus);
  const auto most =
      dash == std::string_view::npos ? least : base::parse_decimal(text.substr(dash + 1), kMostStatus);
  if (!least.has_value() || !most.has_value() || *most < *least) return std::nullopt;
  return Filter::Statuses{static_cast<std::uint32_t>(*least), static_cast<std::uint32_t>(*most)};
}

}  // namespace

Result<void> Filter::add_time(std::string_view name, std::string_view text) {
  const auto time = base::parse_rfc3339(text);
  if (!time.has_value()) return wrong(name, "is a time in UTC such as 2027-01-01T00:00:00Z");
  // Events have milliseconds: none lies between the bound and the next of them.
  std::string bound = base::format_rfc3339(std::chrono::ceil<std::chrono::milliseconds>(*time));
  if (!is_canonical_time(bound)) return wrong(name, "is too far away");
  (name == "from" ? from_ : to_) = std::move(bound);
  return ok();
}

Result<void> Filter::add_statuses(std::string_view text) {
  while (!text.empty()) {
    const auto parsed = parse_statuses(take_piece(text));
    if (!parsed) return wrong("status", "is a status such as 200, 4xx or 500-599, or several with commas");
    if (statuses_.size() == kMostValues) return wrong("status", "has too many values");
    statuses_.push_back(*parsed);
  }
  return ok();
}

Result<void> Filter::add(std::string_view name, std::string_view text) {
  if (text.empty() || text.ends_with(',')) return wrong(name, "has an empty value");
  if (name == "from" || name == "to") return add_time(name, text);
  std::size_t term = 0;
  while (term < kTermCount && term_name(static_cast<Term>(term)) != name) ++term;
  if (term == kTermCount) return wrong(name, "cannot be searched for");
  terms_ |= 1U << term;
  if (static_cast<Term>(term) == Term::kStatus) return add_statuses(text);
  while (!text.empty()) {
    const std::string_view value = take_piece(text);
    if (!is_value(value))
      return wrong(name, "is one value, or several with commas, without spaces, quotes and backslashes");
    if (values_[term].size() == kMostValues) return wrong(name, "has too many values");
    values_[term].emplace_back(value);
  }
  return ok();
}

bool Filter::is_empty() const noexcept { return terms_ == 0 && from_.empty() && to_.empty(); }

bool Filter::wants(Term term, std::string_view value) const noexcept {
  if (term == Term::kStatus) {
    const auto status = base::parse_decimal(value, kMostStatus);
    return status.has_value() && std::ranges::any_of(statuses_, [&](const Statuses& wanted) {
             return *status >= wanted.least && *status <= wanted.most;
           });
  }
  return std::ranges::any_of(values(term), [&](std::string_view wanted) {
    if (term == Term::kType && is_prefix(wanted))
      return value.starts_with(wanted.substr(0, wanted.size() - 1));
    return value == wanted;
  });
}

bool Filter::matches(const EventFields& event) const noexcept {
  if (!has_time(event[Field::kTime])) return false;
  std::uint32_t missing = terms_;
  if (missing != 0)
    for_each_term(event, [&](Term term, std::string_view value) {
      const std::uint32_t bit = 1U << static_cast<unsigned>(term);
      if ((missing & bit) != 0 && wants(term, value)) missing &= ~bit;
    });
  return missing == 0;
}

Result<WallTime> parse_when(std::string_view text, WallTime now) {
  constexpr std::size_t kDateSize = 10;
  const auto ago = base::parse_duration(text);
  if (ago.has_value() && *ago <= std::chrono::days(365'000)) return now - *ago;
  const auto time =
      base::parse_rfc3339(text.size() == kDateSize ? std::string(text) + "T00:00:00Z" : std::string(text));
  if (time.has_value()) return *time;
  return Error(
      Code::kInvalid, Blame::kCaller,
      "not a time: give one in UTC such as 2027-01-01T00:00:00Z or 2027-01-01, or how long ago, such as 2h");
}

// --- LineFinder

namespace {

// What stands in every line that has this value: a member's beginning, or, where more than one member would do, the value in
// its quotes.
std::string needle_of(Term term, std::string_view value) {
  switch (term) {
    case Term::kPrincipal:
    case Term::kUpstream:
    case Term::kCredential:
    case Term::kKeyId:
      return fmt::format(R"(:"{}")", value);
    case Term::kType:
      if (is_prefix(value)) return fmt::format(R"("type":"{})", value.substr(0, value.size() - 1));
      break;
    default:
      break;
  }
  return fmt::format(R"("{}":"{}")", term_name(term), value);
}

std::string needle_of(const Filter::Statuses& statuses) {
  if (statuses.least == statuses.most) return fmt::format(R"("status":{})", statuses.least);
  if (statuses.least >= 100 && statuses.least % 100 == 0 && statuses.most == statuses.least + 99)
    return fmt::format(R"("status":{})", statuses.least / 100);
  return {};
}

// The smaller, the fewer lines are likely to have it.
int commonness(Term term, std::string_view needle) noexcept {
  switch (term) {
    case Term::kRequestId:
    case Term::kTraceId:
      return 0;
    case Term::kKeyId:
    case Term::kAddress:
      return 2;
    case Term::kStatus:
      return needle.ends_with('2') ? 7 : 3;
    case Term::kDecision:
      return needle.contains("allowed") ? 8 : 1;
    case Term::kType:
      return needle.contains("\"call.") ? 9 : 1;
    case Term::kCredential:
    case Term::kPrincipal:
      return 5;
    case Term::kUpstream:
      break;
  }
  return 6;
}

// The one that fewest lines are likely to have, of those that all lines that match have.
std::string choose_needle(const Filter& filter) {
  std::string best;
  int least = 100;
  for (std::size_t i = 0; i < kTermCount; ++i) {
    const Term term = static_cast<Term>(i);
    std::string needle;
    if (term == Term::kStatus && filter.statuses().size() == 1) needle = needle_of(filter.statuses().front());
    else if (filter.values(term).size() == 1) needle = needle_of(term, filter.values(term).front());
    if (needle.empty() || commonness(term, needle) >= least) continue;
    least = commonness(term, needle);
    best = std::move(needle);
  }
  return best;
}

// The line of `text` that begins at `begin`, without its end; it may lack that at the end of the text.
std::string_view line_at(std::string_view text, std::size_t begin) noexcept {
  const void* const end = ::memchr(text.data() + begin, '\n', text.size() - begin);
  if (end == nullptr) return text.substr(begin);
  return text.substr(begin, static_cast<std::size_t>(static_cast<const char*>(end) - text.data()) - begin);
}

}  // namespace

LineFinder::LineFinder(const Filter& filter) : filter_(filter), needle_(choose_needle(filter)) {}

bool LineFinder::matches(std::string_view line, std::uint64_t& unreadable) const noexcept {
  if (filter_.is_empty()) return true;
  const std::string_view time = leading_time(line);
  if (!time.empty() && !filter_.has_time(time)) return false;
  if (!time.empty() && filter_.terms() == 0) return true;
  EventFields fields;
  if (scan_fields(line, fields)) return filter_.matches(fields);
  ++unreadable;
  return false;
}

void LineFinder::find(std::string_view text, std::vector<std::string_view>& found,
                      std::uint64_t& unreadable) const {
  for (std::size_t begin = 0; begin < text.size();) {
    if (!needle_.empty()) {
      const void* const hit =
          ::memmem(text.data() + begin, text.size() - begin, needle_.data(), needle_.size());
      if (hit == nullptr) return;
      const auto at = static_cast<std::size_t>(static_cast<const char*>(hit) - text.data());
      const void* const before = ::memrchr(text.data() + begin, '\n', at - begin);
      if (before != nullptr)
        begin = static_cast<std::size_t>(static_cast<const char*>(before) - text.data()) + 1;
    }
    const std::string_view line = line_at(text, begin);
    if (matches(line, unreadable)) found.push_back(line);
    begin += line.size() + 1;
  }
}

}  // namespace claviger::audit
