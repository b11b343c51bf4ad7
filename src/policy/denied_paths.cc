// SPDX-License-Identifier: Apache-2.0
#include "policy/denied_paths.h"

#include <algorithm>

#include "base/parse.h"
#include "http/path.h"
#include "policy/field_readers.h"

namespace claviger::policy {
namespace {

constexpr std::string_view kEncodedSlash = "%2F";

template <std::size_t N>
Error invalid(const char (&what)[N]) {
  return Error(Code::kInvalid, Blame::kOperator, what);
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

int hex_digit(char c) noexcept { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

// Takes one byte off the front of a segment of a canonical path, decoded and in lower case. Requires: it is not empty.
char take_first(std::string_view& segment) noexcept {
  if (segment[0] != '%' || segment.size() < 3) {
    const char c = segment[0];
    segment.remove_prefix(1);
    return lower(c);
  }
  const char c = static_cast<char>(hex_digit(segment[1]) << 4 | hex_digit(segment[2]));
  segment.remove_prefix(3);
  return lower(c);
}

// The same at its end: a '%' begins three bytes that stand for one, and stands for nothing else.
char take_last(std::string_view& segment) noexcept {
  const std::size_t encoded = segment.size() - std::min<std::size_t>(segment.size(), 3);
  if (segment.size() < 3 || segment[encoded] != '%') {
    const char c = segment.back();
    segment.remove_suffix(1);
    return lower(c);
  }
  std::string_view last = segment.substr(encoded);
  segment.remove_suffix(3);
  return take_first(last);
}

bool take_prefix(std::string_view& segment, std::string_view text) noexcept {
  for (const char c : text)
    if (segment.empty() || take_first(segment) != c) return false;
  return true;
}

bool take_suffix(std::string_view& segment, std::string_view text) noexcept {
  for (; !text.empty(); text.remove_suffix(1))
    if (segment.empty() || take_last(segment) != text.back()) return false;
  return true;
}

// At the end, where %2F is one.
void drop_separators(std::string_view& path) noexcept {
  while (path.ends_with('/') || path.ends_with(kEncodedSlash))
    path.remove_suffix(path.ends_with('/') ? 1 : kEncodedSlash.size());
}

// What follows a segment's name (RFC 3986 section 3.3), and some servers leave aside.
bool is_parameter(std::string_view rest) noexcept { return rest.starts_with(';') || rest.starts_with("%3B"); }

}  // namespace

// --- Read ----------------------------------------------------------------------------------------

Result<DeniedPaths::Segment> DeniedPaths::parse_segment(std::string_view text) {
  if (std::ranges::count(text, '*') > 1)
    return invalid("a segment has at most one '*', or is '**'; and '**' stands once in a pattern");
  // They would never match: paths are compared decoded, and up to a ';'.
  if (text.find_first_of("%;?#") != std::string_view::npos)
    return invalid("a pattern of deny_paths is not percent-encoded, and holds no ';', '?' or '#'");
  std::string folded(text);
  std::ranges::transform(folded, folded.begin(), lower);
  const std::size_t star = folded.find('*');
  if (star == std::string::npos) return Segment{.before = std::move(folded), .behind = {}};
  return Segment{.before = folded.substr(0, star), .behind = folded.substr(star + 1), .has_star = true};
}

// `star`: how many segments stand before `**`; kNone when there is none.
Result<std::vector<DeniedPaths::Segment>> DeniedPaths::parse(std::string_view text, std::size_t& star) {
  const bool is_visible = std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
  if (!text.starts_with('/') || text.size() > kMaxSize || !is_visible)
    return invalid("a pattern begins with '/' and has at most 512 visible characters");
  std::string example(text);  // a path that it matches
  std::ranges::replace(example, '*', 'x');
  if (!http::check_canonical_path(example).has_value())
    return invalid("no path can match this: paths are canonical (no empty segments, no '.' or '..')");
  std::vector<Segment> segments;
  star = kNone;
  if (text.ends_with('/')) text.remove_suffix(1);
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::size_t end = std::min(text.find('/'), text.size());
    const std::string_view segment = text.substr(0, end);
    text.remove_prefix(end);
    if (segment == "**" && star == kNone) star = segments.size();
    else segments.push_back(CLV_TRY(parse_segment(segment)));
  }
  if (segments.size() > kMaxSegments) return invalid("a pattern has at most 16 segments");
  return segments;
}

std::size_t DeniedPaths::step(std::size_t from, const Segment& segment) {
  for (const Edge& edge : nodes_[from].edges)
    if (edge.segment == segment) return edge.to;
  nodes_[from].firsts += segment.first();
  nodes_[from].edges.push_back({.segment = segment, .to = nodes_.size()});
  nodes_.emplace_back();
  return nodes_.size() - 1;
}

Result<void> DeniedPaths::add(std::string_view text) {
  std::size_t star = kNone;
  std::vector<Segment> segments = CLV_TRY(parse(text, star));
  const std::size_t pattern = patterns_.size();
  patterns_.emplace_back(text);
  const auto behind = segments.begin() + static_cast<std::ptrdiff_t>(std::min(star, segments.size()));
  std::size_t at = 0;
  for (auto each = segments.begin(); each != behind; ++each) at = step(at, *each);
  if (star == kNone) {
    nodes_[at].pattern = pattern;
    return ok();
  }
  const char first = behind == segments.end() ? kAnyFirst : segments.back().first();
  nodes_[at].tails.push_back({.first = first, .segments = {behind, segments.end()}, .pattern = pattern});
  return ok();
}

Result<DeniedPaths> DeniedPaths::read(const base::Document& node) {
  const auto texts = CLV_TRY(list_of<std::string>(
      node, "deny_paths", [](std::string_view text) { return Result<std::string>(text); }));
  if (texts.size() > kMaxPatterns) return base::invalid_at(node.place, "deny_paths has at most 64 patterns");
  DeniedPaths denied;
  denied.nodes_.emplace_back();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto added = denied.add(texts[i]);
    if (!added.has_value())
      return base::invalid_at(node.items[i].place, "deny_paths: " + std::string(added.error().what()));
  }
  return denied;
}

// --- Match ---------------------------------------------------------------------------------------

bool DeniedPaths::Segment::matches(std::string_view segment) const noexcept {
  if (!take_prefix(segment, before)) return false;
  if (!has_star) return segment.empty() || is_parameter(segment);
  if (behind.empty()) return true;
  return take_suffix(segment = segment.substr(0, std::min(segment.find(';'), segment.find("%3B"))), behind);
}

// Whether it is worth a closer look.
bool DeniedPaths::may_begin(std::string_view segment, char first) noexcept {
  return first == kAnyFirst || (!segment.empty() && (lower(segment[0]) == first || segment[0] == '%'));
}

// One reading of a path: with %2F as a separator, or without.
class DeniedPaths::Walk {
 public:
  Walk(const DeniedPaths& denied, bool splits_encoded) noexcept
      : denied_(denied), splits_encoded_(splits_encoded) {}

  // What refuses a path that got to the node `at`; `rest` is "", or begins with a separator.
  std::size_t look(std::size_t at, std::string_view rest) const noexcept {
    const Node& node = denied_.nodes_[at];
    if (rest.empty() && node.pattern != kNone) return node.pattern;
    if (!node.tails.empty()) {
      if (const std::size_t found = look_behind(node, rest); found != kNone) return found;
    }
    if (rest.empty()) return kNone;
    const std::string_view segment = take_front(rest);
    for (std::size_t i = 0; i < node.edges.size(); ++i) {
      if (!may_begin(segment, node.firsts[i]) || !node.edges[i].segment.matches(segment)) continue;
      if (const std::size_t found = look(node.edges[i].to, rest); found != kNone) return found;
    }
    return kNone;
  }

 private:
  // The first segment. Where %2F separates, several separators in a row are one, as servers have it that decode before they merge.
  std::string_view take_front(std::string_view& rest) const noexcept {
    do rest.remove_prefix(rest[0] == '/' ? 1 : kEncodedSlash.size());
    while (splits_encoded_ && (rest.starts_with('/') || rest.starts_with(kEncodedSlash)));
    std::size_t end = std::min(rest.find('/'), rest.size());
    if (splits_encoded_) end = std::min(end, rest.substr(0, end).find(kEncodedSlash));
    const std::string_view segment = rest.substr(0, end);
    rest.remove_prefix(end);
    return segment;
  }

  std::string_view take_back(std::string_view& rest) const noexcept {
    const std::size_t slash = rest.rfind('/');
    const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    const std::size_t encoded =
        splits_encoded_ ? rest.substr(begin).rfind(kEncodedSlash) : std::string_view::npos;
    const bool is_encoded = encoded != std::string_view::npos;
    const std::string_view segment = rest.substr(is_encoded ? begin + encoded + kEncodedSlash.size() : begin);
    rest = rest.substr(0, is_encoded ? begin + encoded : slash);
    if (splits_encoded_) drop_separators(rest);
    return segment;
  }

  std::size_t look_behind(const Node& node, std::string_view rest) const noexcept {
    std::string_view before = rest;
    const std::string_view last = rest.empty() ? rest : take_back(before);
    for (const Tail& tail : node.tails)
      if (may_begin(last, tail.first) && ends_with(rest, tail.segments)) return tail.pattern;
    return kNone;
  }

  bool ends_with(std::string_view rest, const std::vector<Segment>& segments) const noexcept {
    for (auto each = segments.rbegin(); each != segments.rend(); ++each)
      if (rest.empty() || !each->matches(take_back(rest))) return false;
    return true;
  }

  const DeniedPaths& denied_;
  bool splits_encoded_;
};

const std::string* DeniedPaths::find(std::string_view path) const noexcept {
  if (is_empty()) return nullptr;
  if (path.ends_with('/')) path.remove_suffix(1);
  std::size_t found = Walk(*this, false).look(0, path);
  if (found == kNone && path.find(kEncodedSlash) != std::string_view::npos) {
    drop_separators(path);
    found = Walk(*this, true).look(0, path);
  }
  return found == kNone ? nullptr : &patterns_[found];
}

}  // namespace claviger::policy
