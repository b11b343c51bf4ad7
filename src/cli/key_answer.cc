// SPDX-License-Identifier: Apache-2.0
#include "cli/key_answer.h"

#include <optional>

#include "identity/api_key.h"

namespace claviger::cli {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

Error no_key() {
  return {Code::kInvalid, Blame::kOperator,
          "the gateway's answer holds no API key in the form that is expected; if one was made, `claviger "
          "key list` "
          "shows its id: revoke it"};
}

// Walks over JSON without understanding more of it than where strings are and how deep it stands.
class Walker {
 public:
  explicit Walker(std::string_view text) noexcept : text_(text) {}

  // The string value of the outermost object's member `name`.
  std::optional<std::string_view> find_member(std::string_view name) noexcept {
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        const std::string_view string = take_string();
        if (depth == 1 && string == name && take(':')) {
          if (at_ < text_.size() && text_[at_] == '"') return take_string();
          return std::nullopt;
        }
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    }
    return std::nullopt;
  }

 private:
  std::string_view take_string() noexcept {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) return {};
    return text_.substr(begin, at_++ - begin);
  }
  bool take(char wanted) noexcept {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    skip_space();
    return true;
  }
  void skip_space() noexcept {
    while (at_ < text_.size() && kSpace.contains(text_[at_])) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<KeyAnswer> find_key(std::string_view answer) {
  const auto value = Walker(answer).find_member("key");
  // Its form has no character that JSON would escape.
  if (!value.has_value() || !identity::parse_api_key(*value).has_value()) return no_key();
  const auto begin = static_cast<std::size_t>(value->data() - answer.data());
  const KeyAnswer found{*value, answer.substr(0, begin), answer.substr(begin + value->size())};
  if (identity::contains_api_key(found.before) || identity::contains_api_key(found.after)) return no_key();
  return found;
}

}  // namespace claviger::cli
