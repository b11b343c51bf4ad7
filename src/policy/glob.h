// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::policy {

// A path pattern of a grant: `*` is any run of bytes within a segment (maybe none), `**` any run across
// segments; everything else stands for itself, byte for byte, case-sensitively. It matches whole paths.
//
// Cost: linear in the path for every pattern (states are followed side by side, there is no backtracking).
class Glob {
 public:
  static constexpr std::size_t kMaxSize = 512;

  // kInvalid: must begin with '/' (or be "**"), be of visible ASCII, hold no '?' or '#', be at most kMaxSize
  // bytes, and be such that a canonical path (http/path.h) can match it at all.
  static Result<Glob> parse(std::string_view pattern);

  bool matches(std::string_view path) const noexcept;
  std::string_view text() const noexcept { return text_; }

 private:
  std::string text_;
  std::size_t literal_prefix_ = 0;  // bytes before the first star
};

}  // namespace claviger::policy
