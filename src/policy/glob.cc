// SPDX-License-Identifier: Apache-2.0
#include "policy/glob.h"

#include <array>
#include <cstdint>

#include "http/path.h"

namespace claviger::policy {
namespace {

template <std::size_t kWords>
using States = std::array<std::uint64_t, kWords>;

// The part of a pattern behind its literal prefix as a nondeterministic automaton, its states the bits
// of a few words: bit i is "token i comes next", where a token is a byte or a star, and the bit behind
// the last token is acceptance. All states step at once (shift-and), so a byte of path costs kWords
// operations, whatever the pattern.
template <std::size_t kWords>
class Automaton {
 public:
  explicit Automaton(std::string_view pattern) noexcept {
    for (std::size_t at = 0; at < pattern.size(); ++at, ++tokens_) {
      if (pattern[at] != '*') {
        set(literals_[static_cast<unsigned char>(pattern[at])], tokens_);
      } else if (at + 1 < pattern.size() && pattern[at + 1] == '*') {
        set(any_, tokens_);
        ++at;
      } else {
        set(within_, tokens_);
      }
    }
  }

  bool accepts(std::string_view path) const noexcept {
    States<kWords> states{};
    set(states, 0);
    skip_stars(states);
    for (const char c : path) {
      if (!step(states, static_cast<unsigned char>(c))) return false;
    }
    return (states[tokens_ / 64] >> (tokens_ % 64) & 1) != 0;
  }

 private:
  static void set(States<kWords>& states, std::size_t bit) noexcept {
    states[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }

  // A star may stand for nothing. No star follows another (parse() sees to it), so one shift is enough.
  void skip_stars(States<kWords>& states) const noexcept {
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < kWords; ++w) {
      const std::uint64_t stars = states[w] & (within_[w] | any_[w]);
      states[w] |= stars << 1 | carry;
      carry = stars >> 63;
    }
  }

  // False when no state is left.
  bool step(States<kWords>& states, unsigned char c) const noexcept {
    const States<kWords>* literal = c < literals_.size() ? &literals_[c] : nullptr;
    std::uint64_t carry = 0;
    std::uint64_t alive = 0;
    for (std::size_t w = 0; w < kWords; ++w) {
      const std::uint64_t taken = literal == nullptr ? 0 : states[w] & (*literal)[w];
      const std::uint64_t stay = states[w] & (c == '/' ? any_[w] : within_[w] | any_[w]);
      states[w] = taken << 1 | carry | stay;
      carry = taken >> 63;
      alive |= states[w];
    }
    skip_stars(states);
    return alive != 0;
  }

  std::array<States<kWords>, 128> literals_{};  // where each byte is what comes next
  States<kWords> within_{};                     // where `*` does
  States<kWords> any_{};                        // where `**` does
  std::size_t tokens_ = 0;
};

Error invalid(std::string_view why) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::string("a path pattern ").append(why));
}

// The pattern with each run of stars replaced by a letter: whether any canonical path looks like it.
std::string example_of(std::string_view pattern) {
  std::string example;
  for (const char c : pattern) {
    if (c != '*') {
      example += c;
    } else if (!example.ends_with('x')) {
      example += 'x';
    }
  }
  return example;
}

}  // namespace

Result<Glob> Glob::parse(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > kMaxSize) return invalid("has 1 to 512 bytes");
  for (const char c : pattern) {
    if (c <= ' ' || c > '~') return invalid("is of visible ASCII; percent-encode the rest");
    if (c == '?' || c == '#') return invalid("holds no '?' or '#'; it is matched against the path alone");
  }
  if (pattern.find("***") != std::string_view::npos) return invalid("has '*' or '**', never three in a row");
  if (pattern.front() != '/' && pattern != "**") return invalid("begins with '/', or is \"**\"");
  if (pattern != "**") {
    const Result<http::PathTraits> canonical = http::check_canonical_path(example_of(pattern));
    if (!canonical.has_value()) {
      return invalid(
          std::string("must be one that a canonical path can match: ").append(canonical.error().what()));
    }
  }
  Glob glob;
  glob.text_ = pattern;
  glob.literal_prefix_ = std::min(pattern.find('*'), pattern.size());
  return glob;
}

bool Glob::matches(std::string_view path) const noexcept {
  const std::string_view pattern = text_;
  if (!path.starts_with(pattern.substr(0, literal_prefix_))) return false;
  const std::string_view stars = pattern.substr(literal_prefix_);
  const std::string_view rest = path.substr(literal_prefix_);
  if (stars.empty()) return rest.empty();
  if (stars == "**") return true;
  if (stars == "*") return rest.find('/') == std::string_view::npos;
  if (stars.size() < 64) return Automaton<1>(stars).accepts(rest);
  return Automaton<8>(stars).accepts(rest);
}

}  // namespace claviger::policy
