// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace claviger::policy::testing {

// The meaning of a path pattern, written down as plainly as possible: what Glob is held to.
class SlowGlob {
 public:
  SlowGlob(std::string_view pattern, std::string_view path)
      : pattern_(pattern), path_(path), memo_((pattern.size() + 1) * (path.size() + 1), Memo::kUnknown) {}

  bool matches() { return matches_from(0, 0); }

 private:
  enum class Memo : char { kUnknown, kNo, kYes };

  bool matches_from(std::size_t p, std::size_t s) {
    Memo& memo = memo_[p * (path_.size() + 1) + s];
    if (memo == Memo::kUnknown) memo = decide(p, s) ? Memo::kYes : Memo::kNo;
    return memo == Memo::kYes;
  }

  bool decide(std::size_t p, std::size_t s) {
    if (p == pattern_.size()) return s == path_.size();
    if (pattern_.substr(p, 2) == "**") {
      return matches_from(p + 2, s) || (s < path_.size() && matches_from(p, s + 1));
    }
    if (pattern_[p] == '*') {
      return matches_from(p + 1, s) || (s < path_.size() && path_[s] != '/' && matches_from(p, s + 1));
    }
    return s < path_.size() && path_[s] == pattern_[p] && matches_from(p + 1, s + 1);
  }

  std::string_view pattern_;
  std::string_view path_;
  std::vector<Memo> memo_;
};

}  // namespace claviger::policy::testing
