// SPDX-License-Identifier: Apache-2.0
#include "http/codec_rule.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "http/body.h"
#include "http/parser.h"
#include "http/path.h"

namespace claviger::http {
namespace {

using Rule = telemetry::CodecRule;

Rule rule_of(const std::string& what) {
  return codec_rule(Error::formatted(Code::kBadRequest, Blame::kCaller, what));
}

std::string read_file(const std::string& name) {
  std::ifstream file(name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What a source of the codec refuses messages with.
std::set<std::string> refusals_in(const std::string& source) {
  static const std::regex kRefusal(
      R"re((?:refuse|refuse_size|malformed|reject)\(\s*(?:\w+,\s*)?"((?:[^"\\]|\\.)*)")re");
  const std::string text = read_file(source);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), kRefusal), end; at != end; ++at)
    found.insert((*at)[1]);
  return found;
}

// Runs in the root of the tree, as all tests do.
TEST(CodecRule, KnowsAllThatTheCodecRefusesMessagesWith) {
  std::set<Rule> seen;
  std::size_t refusals = 0;
  for (const char* const source :
       {"src/http/parser_scanner.cc", "src/http/parser_request.cc", "src/http/parser_response.cc",
        "src/http/parser_fields.cc", "src/http/body.cc", "src/http/path.cc"}) {
    for (const std::string& what : refusals_in(source)) {
      EXPECT_NE(rule_of(what), Rule::kOther) << source << ": " << what;
      seen.insert(rule_of(what));
      ++refusals;
    }
  }
  EXPECT_GT(refusals, 70U);
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(Rule::kOther)) << "there is a rule that nothing breaks";
}

TEST(CodecRule, IsOtherForWhatTheCodecNeverSays) {
  EXPECT_EQ(rule_of(""), Rule::kOther);
  EXPECT_EQ(rule_of("the caller broke its TLS"), Rule::kOther);
}

Rule rule_of_request(std::string_view head) {
  RequestHead out;
  const auto parsed = parse_request_head(head, HeadLimits(), out);
  return parsed.has_value() ? Rule::kCount : codec_rule(parsed.error());
}

TEST(CodecRule, TellsHeadsApartByWhatIsWrongWithThem) {
  const std::string host = "Host: a.example\r\n";
  EXPECT_EQ(rule_of_request("GET / HTTP/1.1\r\n" + host + "\r\n"), Rule::kCount);
  EXPECT_EQ(rule_of_request("GET / HTTP/1.1\r\n\r\n"), Rule::kHost);
  EXPECT_EQ(rule_of_request("GET / HTTP/3.0\r\n" + host + "\r\n"), Rule::kVersion);
  EXPECT_EQ(rule_of_request("GET * HTTP/1.1\r\n" + host + "\r\n"), Rule::kTarget);
  EXPECT_EQ(rule_of_request("GET / HTTP/1.1\r\n" + host + "A : b\r\n\r\n"), Rule::kFieldLine);
  EXPECT_EQ(rule_of_request("POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            Rule::kContentLength);
  EXPECT_EQ(rule_of_request("POST / HTTP/1.1\r\n" + host +
                            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Rule::kTwoFramings);
  EXPECT_EQ(rule_of_request("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n"),
            Rule::kTransferEncoding);
}

TEST(CodecRule, TellsBodiesAndPathsApart) {
  BodyReader chunked(Framing::kChunked, 0, Blame::kUpstream);
  EXPECT_EQ(codec_rule(chunked.next("zz\r\n").error()), Rule::kChunk);
  BodyReader cut(Framing::kLength, 5, Blame::kUpstream);
  EXPECT_EQ(codec_rule(cut.end_of_input().error()), Rule::kTruncated);
  EXPECT_EQ(codec_rule(check_canonical_path("/a/../b").error()), Rule::kPath);
}

}  // namespace
}  // namespace claviger::http
