// SPDX-License-Identifier: Apache-2.0
// The corpora under fuzz/corpus say by name what becomes of each input: ok_* is accepted, bad_* refused.
// The test runs in the root of the source tree.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "http/body.h"
#include "http/path.h"
#include "http/testing/request_stream.h"

namespace claviger::http {
namespace {

using testing::Verdict;

// Calls `is_accepted` with each file of a corpus and holds it to the file's name.
void check_corpus(const std::string& name, std::size_t at_least,
                  const std::function<bool(const std::string& input)>& is_accepted) {
  std::size_t ok = 0;
  std::size_t bad = 0;
  for (const auto& entry : std::filesystem::directory_iterator("fuzz/corpus/" + name)) {
    const std::string file = entry.path().filename().string();
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    if (file.starts_with("ok_")) {
      ++ok;
      EXPECT_TRUE(is_accepted(input)) << name << "/" << file;
    } else if (file.starts_with("bad_")) {
      ++bad;
      EXPECT_FALSE(is_accepted(input)) << name << "/" << file;
    } else {
      ADD_FAILURE() << name << "/" << file << " says neither ok_ nor bad_";
    }
  }
  EXPECT_GE(ok + bad, at_least);
  EXPECT_GT(ok, 0U);
  EXPECT_GT(bad, 0U);
}

// Interim answers, the final one, and its body as far as it is there.
bool is_accepted_response(std::string_view input) {
  static ResponseHead head;
  do {
    HeadScanner scanner;
    const auto size = scanner.scan(input, {}, Blame::kUpstream);
    if (!size.has_value() || *size == 0) return false;
    if (!parse_response_head(input.substr(0, *size), {}, Method::kGet, head).has_value()) return false;
    input.remove_prefix(*size);
  } while (head.status < 200 && !input.empty());
  BodyReader body(head.framing, head.content_length, Blame::kUpstream);
  while (!body.is_done() && !input.empty()) {
    const auto step = body.next(input);
    if (!step.has_value()) return false;
    input.remove_prefix(step->consumed);
  }
  return body.end_of_input().has_value();
}

bool is_accepted_chunked_body(std::string_view input) {
  BodyReader body(Framing::kChunked, 0, Blame::kCaller);
  while (!body.is_done() && !input.empty()) {
    const auto step = body.next(input);
    if (!step.has_value()) return false;
    input.remove_prefix(step->consumed);
  }
  return body.is_done();
}

TEST(Corpus, OfRequestsIsReadAsItsNamesSay) {
  check_corpus("http_request", 120, [](const std::string& input) {
    const Verdict verdict = testing::read_requests(input, {}).verdict;
    EXPECT_NE(verdict, Verdict::kIncomplete);
    return verdict == Verdict::kAccepted;
  });
}

TEST(Corpus, OfResponsesIsReadAsItsNamesSay) { check_corpus("http_response", 40, is_accepted_response); }

TEST(Corpus, OfChunkedBodiesIsReadAsItsNamesSay) {
  check_corpus("chunked_body", 40, is_accepted_chunked_body);
}

TEST(Corpus, OfPathsIsReadAsItsNamesSay) {
  check_corpus("path", 50, [](const std::string& path) { return check_canonical_path(path).has_value(); });
}

}  // namespace
}  // namespace claviger::http
