// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/result.h"

namespace claviger::policy {

// Paths of an upstream that are refused to everybody, whatever a grant says (`deny_paths`): those at which it makes new
// credentials, above all, with which a caller could walk away.
//
// A pattern is for the whole path below the mount. A segment of it is literal, with at most one `*` in it for any run of bytes
// within the segment, or it is `**`, once in a pattern, for any number of segments, none included.
//
// Who is refused by a rule looks for another spelling of it. So what an upstream may take for the same path is the same one here:
// ASCII letters match in either case, percent-encoded bytes what they encode, a slash at the end makes no difference, nor what follows
// a ';' in a segment, and %2F is tried as a byte of a segment and as a separator.
//
// Cost: the patterns lie in one tree by their segments, of which a path visits each node at most once, and most paths leave at the
// first or second; no allocation. Threads: any; immutable.
class DeniedPaths {
 public:
  static constexpr std::size_t kMaxPatterns = 64;
  static constexpr std::size_t kMaxSegments = 16;
  static constexpr std::size_t kMaxSize = 512;  // of a pattern

  DeniedPaths() = default;
  // The list behind `deny_paths:`. kInvalid names file, line, and what is wrong.
  static Result<DeniedPaths> read(const base::Document& node);

  bool is_empty() const noexcept { return patterns_.empty(); }
  // As they were written.
  const std::vector<std::string>& patterns() const noexcept { return patterns_; }
  // The pattern that refuses a canonical path below the mount ("" or "/..."); nullptr when none does.
  const std::string* find(std::string_view path) const noexcept;

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  static constexpr char kAnyFirst = '\0';
  // Of a pattern; what `star` says stands between the two.
  struct Segment {
    std::string before, behind;  // in lower case
    bool has_star = false;
    bool matches(std::string_view segment) const noexcept;
    char first() const noexcept { return before.empty() ? kAnyFirst : before[0]; }
    friend bool operator==(const Segment&, const Segment&) = default;
  };
  struct Edge {
    Segment segment;
    std::size_t to;
  };
  // `**` and what stands behind it.
  struct Tail {
    char first;  // of its last segment
    std::vector<Segment> segments;
    std::size_t pattern;
  };
  struct Node {
    std::size_t pattern = kNone;  // that ends here
    std::string firsts;  // with which byte each edge's segment begins; kAnyFirst: with any
    std::vector<Edge> edges;
    std::vector<Tail> tails;
  };
  class Walk;

  static bool may_begin(std::string_view segment, char first) noexcept;
  static Result<Segment> parse_segment(std::string_view text);
  static Result<std::vector<Segment>> parse(std::string_view text, std::size_t& star);
  Result<void> add(std::string_view text);
  std::size_t step(std::size_t from, const Segment& segment);

  std::vector<std::string> patterns_;
  std::vector<Node> nodes_;  // the first is the root
};

}  // namespace claviger::policy
