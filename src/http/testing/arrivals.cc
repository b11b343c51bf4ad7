// SPDX-License-Identifier: Apache-2.0
#include "http/testing/arrivals.h"

#include <algorithm>
#include <random>

#include "base/check.h"

namespace claviger::http::testing {

Cuts cut_every(std::size_t size, std::size_t piece) {
  Cuts cuts;
  for (std::size_t at = piece; at < size; at += piece) cuts.push_back(at);
  return cuts;
}

Cuts cut_somewhere(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);  // NOLINT: the same cuts on every run
  Cuts cuts;
  for (std::size_t left = 1 + random() % 8; left > 0 && size > 0; --left) cuts.push_back(random() % size);
  std::ranges::sort(cuts);
  return cuts;
}

void Arrivals::arrive() noexcept {
  while (next_cut_ < cuts_.size() && cuts_[next_cut_] <= arrived_) ++next_cut_;
  arrived_ = next_cut_ < cuts_.size() ? cuts_[next_cut_] : input_.size();
}

std::string_view Arrivals::look() {
  const std::string_view seen = input_.substr(at_, arrived_ - at_);
  exact_ = std::vector<char>(seen.begin(), seen.end());
  return {exact_.data(), exact_.size()};
}

Result<std::string_view> Arrivals::take_head(const HeadLimits& limits, Blame blame) {
  HeadScanner scanner;
  for (;; arrive()) {
    const std::size_t size = at_ == arrived_ ? 0 : CLV_TRY(scanner.scan(look(), limits, blame));
    if (size > 0) {
      CLV_CHECK(size <= exact_.size());
      at_ += size;
      exact_ = std::vector<char>(exact_.begin(), exact_.begin() + static_cast<std::ptrdiff_t>(size));
      return std::string_view(exact_.data(), exact_.size());
    }
    if (!has_more()) return std::string_view();
  }
}

Result<Verdict> Arrivals::take_body(BodyReader& body, std::string& into) {
  while (!body.is_done()) {
    if (at_ == arrived_) {
      if (!has_more()) break;
      arrive();
      continue;
    }
    const std::string_view seen = look();
    const BodyReader::Step step = CLV_TRY(body.next(seen));
    CLV_CHECK(step.consumed > 0 && step.consumed <= seen.size());
    CLV_CHECK(step.data.size() <= step.consumed);
    into += step.data;
    at_ += step.consumed;
  }
  CLV_CHECK(body.total() == into.size());
  if (!body.is_done() && !body.end_of_input().has_value()) return Verdict::kIncomplete;
  return Verdict::kAccepted;
}

}  // namespace claviger::http::testing
