// SPDX-License-Identifier: Apache-2.0
#pragma once

// The cases under tests/corpus: what somebody sends, byte for byte, and what is to become of it. The format is
// described in docs/testing.md; tests/e2e/support/corpus.py reads the same files.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace claviger::http::testing {

struct CorpusCase {
  std::string name;  // path below the corpus, without ".case"
  std::vector<std::pair<std::string, std::string>> lines;  // "key: value", in order
  std::vector<std::pair<std::string, std::string>> sections;  // title and bytes

  std::vector<std::string> all(std::string_view key) const;
  std::string one(std::string_view key) const;  // "" when there is none
  std::vector<std::string> sections_of(std::string_view title) const;
};

// Every case below `directory`, by name. Throws std::runtime_error, which names the file, at what is malformed.
std::vector<CorpusCase> read_corpus_cases(const std::string& directory);

}  // namespace claviger::http::testing
