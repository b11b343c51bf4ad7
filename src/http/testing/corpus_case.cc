// SPDX-License-Identifier: Apache-2.0
#include "http/testing/corpus_case.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace claviger::http::testing {
namespace {

// What the placeholders stand for where no gateway runs.
std::string placeholder(const std::string& name) {
  if (name == "key") return "fake-key-of-a-caller";
  if (name == "secret") return "fake-secret-of-an-upstream";
  if (name == "upstream") return "upstream.test";
  if (name == "id") return "fake-request-id";
  throw std::runtime_error("no such placeholder: " + name);
}

class Unescape {
 public:
  explicit Unescape(std::string_view text) : rest_(text) {}

  std::string run() {
    std::string bytes;
    while (!rest_.empty()) bytes += take();
    return bytes;
  }

 private:
  char take_char() {
    if (rest_.empty()) throw std::runtime_error("an escape is cut short");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string take() {
    const char c = take_char();
    if (c != '\\') return {c};
    switch (const char escape = take_char()) {
      case 'r':
        return "\r";
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case '0':
        return {'\0'};
      case '\\':
        return "\\";
      case 'x': {
        const std::string digits{take_char(), take_char()};
        return {static_cast<char>(std::stoi(digits, nullptr, 16))};
      }
      case '{':
        return take_braces();
      default:
        throw std::runtime_error(std::string("no such escape: ") + escape);
    }
  }

  // \{name} or \{count*text}
  std::string take_braces() {
    const std::size_t end = rest_.find('}');
    if (end == std::string_view::npos) throw std::runtime_error("a brace is not closed");
    const std::string inner(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    const std::size_t star = inner.find('*');
    if (star == std::string::npos) return placeholder(inner);
    const std::string text = Unescape(inner.substr(star + 1)).run();
    std::string repeated;
    for (int left = std::stoi(inner.substr(0, star)); left > 0; --left) repeated += text;
    return repeated;
  }

  std::string_view rest_;
};

// Blanks at the ends of a line are not to be seen: they are written \x20 and \t.
void check_line(const std::string& line) {
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F; };
  if (!std::ranges::all_of(line, is_plain)) throw std::runtime_error("a byte that is not escaped");
  if (line.starts_with(' ') || line.ends_with(' ')) throw std::runtime_error("a blank at the end of a line");
}

CorpusCase read_case(const std::filesystem::path& file) {
  CorpusCase made;
  std::ifstream stream(file, std::ios::binary);
  for (std::string line; std::getline(stream, line);) {
    check_line(line);
    if (line.starts_with("=== ")) {
      made.sections.emplace_back(line.substr(4), "");
    } else if (!made.sections.empty()) {
      made.sections.back().second += Unescape(line).run();
    } else {
      const std::size_t colon = line.find(": ");
      if (colon == std::string::npos) throw std::runtime_error("neither 'key: value' nor a section: " + line);
      made.lines.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
  }
  return made;
}

std::vector<std::string> values(const std::vector<std::pair<std::string, std::string>>& pairs,
                                std::string_view name) {
  std::vector<std::string> found;
  for (const auto& [key, value] : pairs) {
    if (key == name) found.push_back(value);
  }
  return found;
}

}  // namespace

std::vector<std::string> CorpusCase::all(std::string_view key) const { return values(lines, key); }

std::string CorpusCase::one(std::string_view key) const {
  const std::vector<std::string> found = all(key);
  return found.empty() ? "" : found.front();
}

std::vector<std::string> CorpusCase::sections_of(std::string_view title) const {
  return values(sections, title);
}

std::vector<CorpusCase> read_corpus_cases(const std::string& directory) {
  std::vector<CorpusCase> cases;
  if (!std::filesystem::exists(directory)) return cases;  // tests are listed elsewhere, too
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.path().extension() != ".case") continue;
    const std::string name = entry.path().lexically_relative(directory).replace_extension().string();
    try {
      cases.push_back(read_case(entry.path()));
    } catch (const std::exception& error) {
      throw std::runtime_error(name + ": " + error.what());
    }
    cases.back().name = name;
  }
  std::ranges::sort(cases, {}, &CorpusCase::name);
  return cases;
}

}  // namespace claviger::http::testing
