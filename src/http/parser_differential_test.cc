// SPDX-License-Identifier: Apache-2.0
// The parser against the reference: over the corpora, and over what becomes of them when they are mutilated,
// from a fixed seed. Fuzz targets ask the same question of inputs nobody thought of.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "http/path.h"
#include "http/testing/answer_stream.h"
#include "http/testing/corpus_case.h"
#include "http/testing/reference_path.h"
#include "http/testing/request_stream.h"

namespace claviger::http {
namespace {

using std::string_literals::operator""s;

std::vector<std::string> read_corpus(const std::string& name) {
  std::vector<std::string> inputs;
  for (const auto& entry : std::filesystem::directory_iterator("fuzz/corpus/" + name)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  std::ranges::sort(inputs);  // the directory has no order to rely on
  return inputs;
}

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}

  std::string mutate(std::string input) {
    for (std::size_t rounds = 1 + below(3); rounds > 0; --rounds) {
      const std::size_t at = below(input.size() + 1);
      switch (below(5)) {
        case 0:
          if (at < input.size()) input[at] = static_cast<char>(below(256));
          break;
        case 1:
          input.insert(at, pieces_[below(pieces_.size())]);
          break;
        case 2:
          input.erase(at, 1 + below(8));
          break;
        case 3:
          input.insert(at, input.substr(below(input.size() + 1), below(40)));
          break;
        default:
          input.replace(at, 1, pieces_[below(pieces_.size())]);
          break;
      }
    }
    return input;
  }
  std::size_t below(std::size_t limit) { return random_() % limit; }

 private:
  std::mt19937 random_{20240229};  // NOLINT: the same inputs on every run
  std::vector<std::string> pieces_;
};

void show_mismatch(const std::string& input, const std::string& difference) {
  ADD_FAILURE() << difference << "\n" << ::testing::PrintToString(input);
}

TEST(Differential, ParserAndReferenceAgreeOnTheCorpus) {
  for (const std::string& input : read_corpus("http_request")) {
    const std::string difference = testing::find_difference(input, {});
    if (!difference.empty()) show_mismatch(input, difference);
  }
}

// What decides on framing, in many wrong clothes.
const std::vector<std::string>& pieces() {
  static const std::vector<std::string> all{"\r\n",
                                            "\n",
                                            "\r",
                                            " ",
                                            "\t",
                                            ":",
                                            ",",
                                            ";",
                                            "=",
                                            "\"",
                                            "\\",
                                            "\0"s,
                                            "/",
                                            "http://h/",
                                            "?",
                                            "#",
                                            "%",
                                            "[::1]",
                                            "0",
                                            "5",
                                            "\r\n\r\n",
                                            "Host: h\r\n",
                                            "Content-Length: 3\r\n",
                                            "Transfer-Encoding: chunked\r\n",
                                            "chunked",
                                            "Connection: close, x\r\n",
                                            "Expect: 100-continue\r\n",
                                            "HTTP/1.0",
                                            "HTTP/1.1",
                                            " 204",
                                            " 304",
                                            "0\r\n\r\n",
                                            "\x7F",
                                            "\x80",
                                            "HTTP/1.1 100 Continue\r\n\r\n",
                                            "GET / HTTP/1.1\r\nHost: h\r\n\r\n"};
  return all;
}

// The corpus of the fuzz target, and what `title` holds in the cases under tests/corpus.
std::vector<std::string> all_of(const std::string& fuzz, const std::string& cases, const std::string& title) {
  std::vector<std::string> inputs = read_corpus(fuzz);
  for (const testing::CorpusCase& each : testing::read_corpus_cases("tests/corpus/" + cases)) {
    for (const std::string& input : each.sections_of(title)) {
      if (input.size() < 600) inputs.push_back(input);
    }
  }
  return inputs;
}

TEST(Differential, ParserAndReferenceAgreeOnMutilatedRequests) {
  const std::vector<std::string> corpus = all_of("http_request", "smuggling", "caller sends");
  Mutator mutator(pieces());
  const HeadLimits limits{.bytes = 600, .fields = 8, .target = 60};
  for (int i = 0; i < 6000 && !::testing::Test::HasFailure(); ++i) {
    const std::string input = mutator.mutate(corpus[mutator.below(corpus.size())]);
    const std::string difference = testing::find_difference(input, limits);
    if (!difference.empty()) show_mismatch(input, difference);
  }
}

TEST(Differential, ParserAndReferenceAgreeOnMutilatedAnswers) {
  const std::vector<std::string> corpus = all_of("http_response", "answers", "upstream sends");
  Mutator mutator(pieces());
  const HeadLimits limits{.bytes = 600, .fields = 8};
  for (int i = 0; i < 6000 && !::testing::Test::HasFailure(); ++i) {
    const std::string input = mutator.mutate(corpus[mutator.below(corpus.size())]);
    const std::string difference =
        testing::find_answer_difference(input, limits, i % 4 == 0 ? "HEAD" : "GET");
    if (!difference.empty()) show_mismatch(input, difference);
  }
}

TEST(Differential, CanonicalPathsAreTheSameToBothReadings) {
  const std::vector<std::string> corpus = read_corpus("path");
  Mutator mutator({"/",      ".",      "..",  "%2F", "%2E", "%",  "%25",          "%5C",    "\\", ";", "%3B",
                   "%C3%A9", "%E2%82", "%00", "%41", "a",   "//", "%F0%90%80%80", "%C0%AF", "2",  "F"});
  int accepted = 0;
  for (int i = 0; i < 50000 && !::testing::Test::HasFailure(); ++i) {
    const std::string path = mutator.mutate(corpus[mutator.below(corpus.size())]);
    const bool canonical = check_canonical_path(path).has_value();
    accepted += canonical ? 1 : 0;
    EXPECT_EQ(canonical, testing::reference_is_canonical_path(path)) << ::testing::PrintToString(path);
  }
  EXPECT_GT(accepted, 1000) << "mutations leave something to agree on";
}

}  // namespace
}  // namespace claviger::http
