// SPDX-License-Identifier: Apache-2.0
#include "cli/env_file.h"

#include <algorithm>

#include "base/parse.h"

namespace claviger::cli {
namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

bool is_variable_name(std::string_view text) noexcept {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !text.empty() && text.size() <= 256 && is_letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

class EnvReader {
 public:
  EnvReader(std::string_view text, std::string_view file, EnvNames names, base::SecretArena& arena)
      : text_(text), file_(file), names_(names), arena_(arena) {}

  Result<std::vector<EnvEntry>> run() {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    if (text_.contains('\0')) return wrong("a NUL byte stands in it");
    while (!text_.empty()) {
      skip_blanks();
      if (take_line_end()) continue;
      if (text_.front() == '#') {
        skip_comment();
        continue;
      }
      CLV_TRY_VOID(read_entry());
    }
    return std::move(entries_);
  }

 private:
  Error wrong(std::string_view what) const {
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            std::string(file_) + ":" + std::to_string(line_) + ": " + std::string(what));
  }

  void skip_blanks() noexcept {
    while (!text_.empty() && is_blank(text_.front())) text_.remove_prefix(1);
  }
  // True at a line's end, and at the end of all.
  bool take_line_end() noexcept {
    if (text_.empty()) return true;
    const std::size_t size = text_.starts_with("\r\n") ? 2 : text_.front() == '\n' ? 1 : 0;
    text_.remove_prefix(size);
    if (size > 0) ++line_;
    return size > 0;
  }
  void skip_comment() noexcept { text_.remove_prefix(std::min(text_.find('\n'), text_.size())); }

  Result<void> read_entry() {
    const unsigned line = line_;
    if (text_.starts_with("export") && text_.size() > 6 && is_blank(text_[6])) {
      text_.remove_prefix(6);
      skip_blanks();
    }
    std::string name = CLV_TRY(read_name());
    base::SecretBytes value = CLV_TRY(read_value());
    skip_blanks();
    if (text_.starts_with('#')) skip_comment();
    if (!take_line_end()) return wrong("something stands behind the value's closing quote");
    if (value.empty()) return ok();  // a place that nobody has filled in
    if (std::ranges::find(entries_, name, &EnvEntry::name) != entries_.end())
      return Error::formatted(
          Code::kInvalid, Blame::kOperator,
          std::string(file_) + ":" + std::to_string(line) + ": " + name + " is there twice");
    entries_.push_back({std::move(name), std::move(value), line});
    return ok();
  }

  // What is no name is not quoted: it may be the rest of a secret.
  Result<std::string> read_name() {
    const std::string_view row = text_.substr(0, text_.find_first_of("\r\n"));
    const std::size_t equals = row.find('=');
    if (equals == std::string_view::npos) return wrong("NAME=value expected");
    const std::string_view name = row.substr(0, equals);
    const bool is_good =
        names_ == EnvNames::kVariables ? is_variable_name(name) : base::is_resource_name(name);
    if (!is_good)
      return wrong(
          names_ == EnvNames::kVariables
              ? "NAME=value expected; a name is letters, digits and '_', with no space before the '='"
              : "NAME=value expected, with the name of a credential and no space before the '='");
    text_.remove_prefix(equals + 1);
    return std::string(name);
  }

  Result<base::SecretBytes> read_value() {
    if (text_.starts_with('\'')) return read_quoted();
    if (text_.starts_with('"')) return read_double_quoted();
    std::string_view row = text_.substr(0, text_.find_first_of("\r\n"));
    text_.remove_prefix(row.size());
    if (text_.starts_with('\r') && !text_.starts_with("\r\n"))
      return wrong("a carriage return stands in a value");
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i] == '#' && (i == 0 || is_blank(row[i - 1]))) row = row.substr(0, i);
    while (!row.empty() && is_blank(row.back())) row.remove_suffix(1);
    if (!row.empty() && is_blank(row.front()))
      return wrong("a space stands before the value: quote it, or take it out");
    if (row.find_first_of("'\"`$\\") != std::string_view::npos)
      return wrong(
          "a quote, '$', '`' or '\\' stands in a value without quotes: put 'single quotes' around it");
    if (std::ranges::any_of(row, [](unsigned char c) { return c < 0x20 || c == 0x7F || c == ' '; }))
      return wrong(
          "a space or control character stands in a value without quotes: put 'single quotes' around it");
    return base::SecretBytes::copy_of(arena_, std::as_bytes(std::span(row)));
  }

  Result<base::SecretBytes> read_quoted() {
    text_.remove_prefix(1);
    const std::size_t end = text_.find('\'');
    if (end == std::string_view::npos) return wrong("a single quote is not closed");
    const std::string_view value = text_.substr(0, end);
    line_ += static_cast<unsigned>(std::ranges::count(value, '\n'));
    text_.remove_prefix(end + 1);
    return base::SecretBytes::copy_of(arena_, std::as_bytes(std::span(value)));
  }

  // No longer than it is written.
  Result<base::SecretBytes> read_double_quoted() {
    text_.remove_prefix(1);
    std::size_t end = 0;
    while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return wrong("a double quote is not closed");
    base::SecretBytes value = CLV_TRY(base::SecretBytes::allocate(arena_, std::max<std::size_t>(end, 1)));
    std::size_t size = 0;
    for (std::size_t i = 0; i < end; ++i) {
      char c = text_[i];
      if (c == '\n') ++line_;
      if (c == '$' || c == '`')
        return wrong("'$' and '`' in double quotes mean another value to some: use 'single quotes'");
      if (c == '\\') c = CLV_TRY(unescaped(text_[++i]));
      value.reveal()[size++] = static_cast<std::byte>(c);
    }
    value.shrink(size);
    text_.remove_prefix(end + 1);
    return value;
  }

  Result<char> unescaped(char c) const {
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '"':
      case '\\':
      case '$':
        return c;
      default:
        return wrong(
            "of escapes in double quotes there are \\n \\r \\t \\\" \\\\ and \\$: use 'single quotes'");
    }
  }

  std::string_view text_;
  std::string_view file_;
  EnvNames names_;
  base::SecretArena& arena_;
  unsigned line_ = 1;
  std::vector<EnvEntry> entries_;
};

}  // namespace

Result<std::vector<EnvEntry>> read_env_text(std::string_view text, std::string_view file, EnvNames names,
                                            base::SecretArena& arena) {
  return EnvReader(text, file, names, arena).run();
}

}  // namespace claviger::cli
