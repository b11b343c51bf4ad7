// SPDX-License-Identifier: Apache-2.0
// tests/corpus against parser and reference: public cases of request smuggling, and answers that upstreams
// should not give. tests/e2e sends the same bytes to a gateway. The test runs in the root of the source tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "http/path.h"
#include "http/testing/answer_stream.h"
#include "http/testing/corpus_case.h"
#include "http/testing/request_stream.h"

namespace claviger::http {
namespace {

using testing::CorpusCase;
using testing::PlainRequest;
using testing::RequestReading;
using testing::Verdict;

constexpr std::string_view kMount = "/raw";

const std::vector<CorpusCase>& requests() {
  static const std::vector<CorpusCase> cases = testing::read_corpus_cases("tests/corpus/smuggling");
  return cases;
}
const std::vector<CorpusCase>& answers() {
  static const std::vector<CorpusCase> cases = testing::read_corpus_cases("tests/corpus/answers");
  return cases;
}

std::string name_of(const std::string& name) {
  std::string made = name;
  std::ranges::replace_if(made, [](char c) { return c == '/' || c == '.' || c == '-'; }, '_');
  return made;
}

class SmugglingCorpus : public ::testing::TestWithParam<std::size_t> {};

// What reached the upstream is what the parser read: target, body, and no field that it did not see.
void expect_passed_on(const PlainRequest& request, const std::string& upstream_gets) {
  const std::size_t end = upstream_gets.find("\r\n\r\n");
  ASSERT_NE(end, std::string::npos);
  const std::string line = upstream_gets.substr(0, upstream_gets.find("\r\n"));
  ASSERT_TRUE(request.target.starts_with(kMount));
  EXPECT_EQ(line, request.method + " " + request.target.substr(kMount.size()) + " HTTP/1.1");
  EXPECT_EQ(upstream_gets.substr(end + 4), request.body);
  for (const std::string& field :
       testing::grammar::split(upstream_gets.substr(line.size(), end - line.size()), "\r\n")) {
    const std::size_t colon = field.find(": ");
    const std::string name = testing::grammar::lower(field.substr(0, colon));
    if (field.empty() || name == "host" || name == "x-request-id" || name == "authorization") continue;
    const auto values = testing::grammar::values_of(request.fields, name);
    const std::string value = field.substr(colon + 2);
    const bool framing = name == "transfer-encoding" || name == "expect";  // written in the one form
    EXPECT_TRUE(framing ? !values.empty() : std::ranges::find(values, value) != values.end()) << field;
  }
}

void expect_outcomes(const CorpusCase& of, const RequestReading& seen) {
  const std::vector<std::string> outcomes = of.all("expect");
  const std::vector<std::string> gets = of.sections_of("upstream gets");
  std::size_t passed = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    SCOPED_TRACE("request " + std::to_string(i) + ": " + outcomes[i]);
    const bool by_codec = outcomes[i].ends_with(" codec") || outcomes[i].ends_with(" body");
    if (by_codec) {
      EXPECT_EQ(seen.verdict, Verdict::kRefused);
      EXPECT_EQ(seen.requests.size(), i);
      EXPECT_EQ(seen.code, outcomes[i].starts_with("431") ? Code::kHeadTooLarge : Code::kBadRequest);
      EXPECT_EQ(i + 1, outcomes.size()) << "nothing is read behind it";
      return;
    }
    if (outcomes[i].ends_with(" gateway") && i == seen.requests.size()) {
      continue;  // by its head alone; the body never came, or was nonsense
    }
    ASSERT_LT(i, seen.requests.size()) << seen.why;
    const bool canonical = check_canonical_path(seen.requests[i].path).has_value();
    EXPECT_EQ(canonical, !outcomes[i].ends_with(" path")) << seen.requests[i].path;
    if (outcomes[i] != "passed") continue;
    ASSERT_LT(passed, gets.size());
    expect_passed_on(seen.requests[i], gets[passed++]);
  }
  EXPECT_EQ(passed, gets.size());
  if (of.one("then") == "open") {
    EXPECT_EQ(seen.verdict, Verdict::kAccepted) << seen.why;
    EXPECT_EQ(seen.requests.size(), outcomes.size());
    EXPECT_TRUE(seen.requests.back().keep_alive);
  }
  if (of.one("then") == "waits") EXPECT_EQ(seen.verdict, Verdict::kIncomplete) << seen.why;
}

TEST_P(SmugglingCorpus, IsReadInOneWay) {
  const CorpusCase& of = requests()[GetParam()];
  SCOPED_TRACE(of.name + ": " + of.one("why"));
  const std::string input = of.sections_of("caller sends").at(0);

  EXPECT_EQ(testing::find_difference(input, {}), "");
  if (input.size() < 1500) EXPECT_EQ(testing::find_difference_when_split(input, {}), "");
  expect_outcomes(of, testing::read_requests(input, {}));
}

INSTANTIATE_TEST_SUITE_P(Every, SmugglingCorpus, ::testing::Range(std::size_t{0}, requests().size()),
                         [](const auto& info) { return name_of(requests()[info.param].name); });

TEST(SmugglingCorpus, SaysOfEachCaseWhyAndWhereItIsFrom) {
  EXPECT_GE(requests().size(), 500U);
  for (const CorpusCase& each : requests()) {
    EXPECT_NE(each.one("why"), "") << each.name;
    EXPECT_NE(each.one("source"), "") << each.name;
    const std::string then = each.one("then");
    EXPECT_TRUE(then == "open" || then == "close" || then == "waits") << each.name;
  }
}

class AnswerCorpus : public ::testing::TestWithParam<std::size_t> {};

TEST_P(AnswerCorpus, IsReadInOneWay) {
  const CorpusCase& of = answers()[GetParam()];
  SCOPED_TRACE(of.name + ": " + of.one("why"));
  const std::string input = of.sections_of("upstream sends").at(0);
  const std::string method = of.one("request");

  EXPECT_EQ(testing::find_answer_difference(input, {}, method), "");
  if (input.size() < 1500) EXPECT_EQ(testing::find_answer_difference_when_split(input, {}, method), "");

  const testing::AnswerReading seen = testing::read_answers(input, {}, method_of(method));
  if (of.one("refused-by") == "gateway") return;  // it reads well, and is refused for what it says
  const std::string expected = of.one("expect");
  EXPECT_EQ(seen.verdict == Verdict::kAccepted, expected == "passed") << seen.why;
  const bool head_was_read = !seen.answers.empty() && seen.answers.back().status >= 200;
  if (expected == "502") EXPECT_FALSE(head_was_read);
  if (expected != "passed") return;
  const bool kept = seen.answers.back().keep_alive && seen.consumed == input.size();
  EXPECT_EQ(kept, of.one("connection") == "kept");
}

INSTANTIATE_TEST_SUITE_P(Every, AnswerCorpus, ::testing::Range(std::size_t{0}, answers().size()),
                         [](const auto& info) { return name_of(answers()[info.param].name); });

}  // namespace
}  // namespace claviger::http
