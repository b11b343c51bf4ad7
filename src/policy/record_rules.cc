// SPDX-License-Identifier: Apache-2.0
#include "policy/record_rules.h"

#include <algorithm>

#include "base/parse.h"
#include "http/path.h"
#include "policy/field_readers.h"

namespace claviger::policy {
namespace {

constexpr std::size_t kMaxPatternSize = 512;
constexpr std::size_t kMaxNameSize = 64;

template <std::size_t N>
Error invalid(const char (&what)[N]) {
  return Error(Code::kInvalid, Blame::kOperator, what);
}

bool is_visible(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// Names as they stand in a query: what ends one cannot be part of it.
Result<std::string> parse_parameter(std::string_view text) {
  const bool is_good = !text.empty() && text.size() <= kMaxNameSize && is_visible(text) &&
                       text.find_first_of("&;=#?") == std::string_view::npos;
  if (is_good) return std::string(text);
  return invalid("the name of a query parameter has 1 to 64 visible characters, and none of & ; = # ?");
}

bool take_suffix(std::string_view& text, std::string_view suffix) noexcept {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

// Puts text at `at`, as far as there is room.
void put(std::string_view text, std::span<char> out, std::size_t& at) noexcept {
  const std::size_t size = std::min(text.size(), out.size() - at);
  std::copy_n(text.data(), size, out.data() + at);
  at += size;
}

}  // namespace

// --- Read ----------------------------------------------------------------------------------------

Result<RecordRules::Segment> RecordRules::parse_segment(std::string_view text) {
  Segment segment;
  if (take_suffix(text, "{**}")) segment.mark = Segment::Mark::kAllThatFollows;
  else if (take_suffix(text, "{*}")) segment.mark = Segment::Mark::kRest;
  segment.is_any = segment.mark == Segment::Mark::kNone && text == "*";
  if (segment.is_any) return segment;
  if (text.find_first_of("{}*?#") != std::string_view::npos)
    return invalid("a segment is literal, '*', or ends in what is hidden: '{*}' or, in the last, '{**}'");
  segment.literal = text;
  return segment;
}

Result<RecordRules::Pattern> RecordRules::parse_pattern(std::string_view text) {
  if (!text.starts_with('/') || text.size() > kMaxPatternSize || !is_visible(text))
    return invalid("a pattern begins with '/' and has at most 512 visible characters");
  Pattern pattern;
  std::string example;  // a path that it matches
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::size_t end = std::min(text.find('/'), text.size());
    pattern.push_back(CLV_TRY(parse_segment(text.substr(0, end))));
    const Segment& segment = pattern.back();
    text.remove_prefix(end);
    example.append("/").append(segment.literal).append(segment.mark != Segment::Mark::kNone ? "x" : "");
    if (segment.is_any) example += 'x';
    if (segment.mark == Segment::Mark::kAllThatFollows && !text.empty())
      return invalid("nothing stands behind '{**}', which hides all that follows");
  }
  if (pattern.size() > kMaxSegments) return invalid("a pattern has at most 16 segments");
  if (std::ranges::all_of(pattern, [](const Segment& s) { return s.mark == Segment::Mark::kNone; }))
    return invalid(
        "a pattern marks what it hides: '{*}' a segment, or the rest of one; '{**}' all that follows");
  if (!http::check_canonical_path(example).has_value())
    return invalid("no path can match this: paths are canonical (no empty segments, no '.' or '..')");
  return pattern;
}

Result<RecordRules> RecordRules::read(const base::Document& node) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(node, "record"));
  RecordRules rules;
  rules.patterns_ = CLV_TRY(optional_list<Pattern>(reader, "hide_path", &RecordRules::parse_pattern));
  rules.shown_ = CLV_TRY(optional_list<std::string>(reader, "show_query", &parse_parameter));
  CLV_TRY_VOID(reader.finish());
  if (rules.patterns_.size() > kMaxPatterns)
    return base::invalid_at(node.place, "record.hide_path has at most 32 patterns");
  if (rules.shown_.size() > kMaxShown)
    return base::invalid_at(node.place, "record.show_query has at most 64 names");
  std::ranges::sort(rules.shown_);
  return rules;
}

// --- Write ---------------------------------------------------------------------------------------

// Of one segment of a path.
struct RecordRules::Shown {
  std::size_t size;  // of its beginning
  bool hides_what_follows;
};

bool RecordRules::Segment::matches(std::string_view segment) const noexcept {
  if (is_any) return true;
  if (mark == Mark::kNone) return base::equals_ignore_case(segment, literal);
  return segment.size() >= literal.size() &&
         base::equals_ignore_case(segment.substr(0, literal.size()), literal);
}

// Takes the patterns off `live` that do not match, and those that end here.
RecordRules::Shown RecordRules::look_at(std::string_view segment, std::size_t level,
                                        std::uint32_t& live) const noexcept {
  if (segment.find("%2F") != std::string_view::npos) return {0, true};
  Shown shown{segment.size(), false};
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    if ((live >> i & 1) == 0) continue;
    const Pattern& pattern = patterns_[i];
    const bool is_match = pattern[level].matches(segment);
    if (!is_match || level + 1 == pattern.size()) live &= ~(1U << i);
    if (!is_match || pattern[level].mark == Segment::Mark::kNone) continue;
    shown.size = std::min(shown.size, pattern[level].literal.size());
    shown.hides_what_follows |= pattern[level].mark == Segment::Mark::kAllThatFollows;
  }
  return shown;
}

std::size_t RecordRules::write_path(std::string_view path, std::span<char> out) const noexcept {
  std::size_t written = 0;
  auto live = static_cast<std::uint32_t>((std::uint64_t{1} << patterns_.size()) - 1);
  for (std::size_t level = 0; !path.empty() && live != 0; ++level) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(1, end - 1);
    const Shown shown = look_at(segment, level, live);
    put("/", out, written);
    put(segment.substr(0, shown.size), out, written);
    path.remove_prefix(end);
    const bool hides_rest = shown.hides_what_follows && !path.empty();
    if (shown.size < segment.size() || hides_rest) put(kHidden, out, written);
    if (shown.hides_what_follows) return written;
  }
  // No pattern goes on: but for an encoded slash, what is left is shown.
  const std::size_t slash = path.find("%2F");
  const std::string_view rest =
      path.substr(0, slash == std::string_view::npos ? slash : path.rfind('/', slash) + 1);
  put(rest, out, written);
  if (rest.size() < path.size()) put(kHidden, out, written);
  return written;
}

}  // namespace claviger::policy
