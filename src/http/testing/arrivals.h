// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/body.h"
#include "http/parser.h"
#include "http/testing/reference_parser.h"

namespace claviger::http::testing {

// Where an input is cut into pieces, as offsets in ascending order. All of it may have come at once: no cuts.
using Cuts = std::vector<std::size_t>;
Cuts cut_every(std::size_t size, std::size_t piece);
// A few cuts that only `seed` decides on.
Cuts cut_somewhere(std::size_t size, std::uint32_t seed);

// What a connection has received and not read yet. Each look at it is in memory of exactly its size: a
// sanitizer sees a parser that looks past it.
class Arrivals {
 public:
  Arrivals(std::string_view input, const Cuts& cuts) : input_(input), cuts_(cuts) { arrive(); }

  std::size_t consumed() const noexcept { return at_; }
  bool is_over() const noexcept { return at_ == input_.size() && !has_more(); }

  // The next head, as scan() finds it; empty when the input ends before it does.
  Result<std::string_view> take_head(const HeadLimits& limits, Blame blame);
  // The whole of a body. kIncomplete when the input ends before it does; kUntilClose ends with the input.
  Result<Verdict> take_body(BodyReader& body, std::string& into);

 private:
  bool has_more() const noexcept { return arrived_ < input_.size(); }
  void arrive() noexcept;
  std::string_view look();

  std::string_view input_;
  const Cuts& cuts_;
  std::size_t next_cut_ = 0;
  std::size_t arrived_ = 0;
  std::size_t at_ = 0;
  std::vector<char> exact_;  // what is looked at
};

}  // namespace claviger::http::testing
