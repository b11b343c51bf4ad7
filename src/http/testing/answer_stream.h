// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything that an upstream sends in answer to one request before it closes, read twice, as
// request_stream.h does it for the other direction.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "http/testing/arrivals.h"
#include "http/testing/reference_parser.h"

namespace claviger::http::testing {

struct AnswerReading {
  // kAccepted when there is a final answer, whole. What follows it is not looked at: it is never read.
  Verdict verdict = Verdict::kIncomplete;
  std::vector<PlainAnswer> answers;  // interim ones, then the final one
  std::size_t consumed = 0;          // bytes of those
  std::string why;
};

AnswerReading read_answers(std::string_view input, const HeadLimits& limits, Method request_method,
                           const Cuts& cuts = {});
AnswerReading read_answers_with_reference(const std::string& input, const HeadLimits& limits,
                                          const std::string& request_method);

// As find_difference() and find_difference_when_split(). `request_method` is GET, HEAD or POST.
std::string find_answer_difference(std::string_view input, const HeadLimits& limits,
                                   const std::string& request_method);
std::string find_answer_difference_when_split(std::string_view input, const HeadLimits& limits,
                                              const std::string& request_method);

}  // namespace claviger::http::testing
