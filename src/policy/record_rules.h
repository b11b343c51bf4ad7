// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/result.h"

namespace claviger::policy {

// What the audit log and the access log say of the paths and queries of an upstream's calls:
//
//   record:
//     hide_path: ["/bot{*}", "/services/*/*/{*}", "/hooks/{**}"]
//     show_query: [page, limit]
//
// A path is shown but for what the patterns of `hide_path` mark; a query shows its parameters' names, and no value but those of
// `show_query`. Where there are no such rules nothing is asked of this class for a path.
//
// A pattern is compared with the beginning of the path below the mount, segment by segment; ASCII letters in either case,
// since some servers ignore it. A segment is literal, `*` (any one, shown), or marked: `{*}`, maybe behind literal text, hides
// the rest of this segment, `{**}` in the last hides all that follows as well. What several patterns mark is hidden, whichever
// of them does. From the first segment on that holds a %2F everything is hidden: upstreams may take it for a '/'.
//
// Cost: one pass over the path, all patterns side by side; no allocation. Threads: any; immutable.
class RecordRules {
 public:
  static constexpr std::size_t kMaxPatterns = 32;
  static constexpr std::size_t kMaxSegments = 16;
  static constexpr std::size_t kMaxShown = 64;  // names of parameters
  static constexpr std::string_view kHidden = "*";

  // The map behind `record:`. kInvalid names file, line, and what is wrong.
  static Result<RecordRules> read(const base::Document& node);

  bool hides_paths() const noexcept { return !patterns_.empty(); }
  // Writes what is shown of a path below the mount ("" or "/..."). Returns its size: never more than out has.
  std::size_t write_path(std::string_view path, std::span<char> out) const noexcept;
  // In order. Names stand as callers write them, byte for byte.
  const std::vector<std::string>& shown_queries() const noexcept { return shown_; }

 private:
  struct Segment {
    enum class Mark : std::uint8_t { kNone, kRest, kAllThatFollows };
    std::string literal;  // what a marked one begins with
    bool is_any = false;
    Mark mark = Mark::kNone;
    bool matches(std::string_view segment) const noexcept;
  };
  using Pattern = std::vector<Segment>;
  struct Shown;

  static Result<Pattern> parse_pattern(std::string_view text);
  static Result<Segment> parse_segment(std::string_view text);
  Shown look_at(std::string_view segment, std::size_t level, std::uint32_t& live) const noexcept;

  std::vector<Pattern> patterns_;
  std::vector<std::string> shown_;
};

}  // namespace claviger::policy
