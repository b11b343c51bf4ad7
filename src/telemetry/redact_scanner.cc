// SPDX-License-Identifier: Apache-2.0
#include "telemetry/redact_scanner.h"

#include <algorithm>

namespace claviger::telemetry {
namespace {

using std::string_view;
constexpr std::size_t kNone = string_view::npos;
constexpr string_view kPemBegin = "-----BEGIN";

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
constexpr bool is_alnum(char c) { return is_letter(c) || is_digit(c); }
constexpr bool is_hex(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_name_char(char c) { return is_alnum(c) || c == '_' || c == '-'; }
constexpr bool is_space_or_control(char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }

// What ends a value that is not quoted. Few characters: better to take too much than too little.
constexpr bool ends_word(char c) {
  return is_space_or_control(c) || c == '"' || c == '\'' || c == '`' || c == '&' || c == '<' || c == '>';
}
// Belongs to the sentence rather than the value when it stands at the value's end.
constexpr bool is_trailing(char c) {
  return c == ',' || c == ';' || c == '.' || c == ')' || c == '}' || c == '\\';
}

// What ends the part of a URL that can hold user info, generously: '/', '?' and '#' do by RFC 3986.
constexpr bool ends_url(char c) {
  return is_space_or_control(c) || c == '"' || c == '<' || c == '>' || c == '`' || c == '\\';
}

constexpr bool is_percent_code(string_view text, std::size_t at) {
  return at + 2 < text.size() && text[at] == '%' && is_hex(text[at + 1]) && is_hex(text[at + 2]);
}
// "%3d" at `at`, given "3d".
constexpr bool is_percent_code(string_view text, std::size_t at, string_view hex) {
  return is_percent_code(text, at) && text[at + 1] == hex[0] && (text[at + 2] | 0x20) == (hex[1] | 0x20);
}

// A value that redact() has been over.
bool is_redacted(string_view value) noexcept {
  if (value == kCut) return true;
  if (!value.starts_with(kRedacted)) return false;
  value.remove_prefix(kRedacted.size());
  while (!value.empty() && is_trailing(value.front())) value.remove_prefix(1);
  return value.empty() || value == kCut;
}

}  // namespace

std::optional<RedactScanner::Span> RedactScanner::next() noexcept {
  while (at_ < text_.size()) {
    if (const auto span = span_at(at_)) {
      at_ = span->end;
      return span;
    }
    ++at_;
  }
  return std::nullopt;
}

std::optional<RedactScanner::Span> RedactScanner::span_at(std::size_t at) noexcept {
  const char c = text_[at];
  if (c == ':') {
    if (const auto end = user_info_end(at)) return Span{at + 3, *end};
  }
  if (c == '-') {
    if (const auto end = pem_end(at)) return Span{at, *end};
  }
  if (is_name_char(c) && at >= name_end_) {
    if (const auto span = named_value(at)) return span;
  }
  if (may_start_shape(c)) {
    if (const auto begin = shape_within(at, at + 1)) return Span{*begin, bare_end(*begin)};
  }
  if (((c | 0x20) == 'b' || (c | 0x20) == 'd') && is_boundary(at)) return scheme_and_token(at);
  return std::nullopt;
}

// "name: value", "name=value", "\"name\": \"value\"".
std::optional<RedactScanner::Span> RedactScanner::named_value(std::size_t name) noexcept {
  name_end_ = name;
  while (name_end_ < text_.size() && is_name_char(text_[name_end_])) ++name_end_;
  const auto name_quote = quote_at(name_end_);
  const std::size_t separator = skip_blanks(name_quote ? name_quote->end : name_end_);
  const std::size_t separated = skip_separator(separator);
  if (separated == separator) return std::nullopt;
  auto kind = classify_name(part(name, name_end_));
  if (!kind && name > 0 && is_percent_code(text_, name - 1)) {
    name += 2;  // "%3Fkey": the digits are no part of the name
    kind = classify_name(part(name, name_end_));
  }
  if (!kind) return std::nullopt;

  const std::size_t value = skip_blanks(separated);
  const bool assigns = text_[separator] == '=' || is_percent_code(text_, separator, "3d");
  const bool is_member = assigns || name_quote.has_value();
  if (kind == NameKind::kAssigned && !is_member) return std::nullopt;
  if (kind == NameKind::kQuery && !(assigns && is_parameter(name, value))) return std::nullopt;

  const auto secret = secret_part(value_of(*kind, name, value, is_member, name_quote.has_value()));
  if (!secret) return std::nullopt;
  // A name may itself hold a key; then all from there on goes.
  if (const auto begin = shape_within(name, value)) return Span{*begin, secret->end};
  return secret;
}

// "Bearer abc", away from any header's name. Digest is followed by parameters.
std::optional<RedactScanner::Span> RedactScanner::scheme_and_token(std::size_t at) noexcept {
  const std::size_t size = scheme_at(text_, at);
  if (size == 0) return std::nullopt;
  const std::size_t behind = at + size;
  const std::size_t token = is_percent_code(text_, behind, "20") ? behind + 3 : skip_blanks(behind);
  if (token == behind) return std::nullopt;
  if ((text_[at] | 0x20) == 'd') {
    std::size_t end = token;
    while (end < text_.size() && is_letter(text_[end])) ++end;
    if (end == token || end >= text_.size() || text_[end] != '=') return std::nullopt;
    return secret_part({token, header_end(at, token)});
  }
  if (!looks_like_token(text_.substr(token))) return std::nullopt;
  return secret_part({token, bare_end(token)});
}

// The '@' that ends the user info of a URL whose "://" is at `colon`, when there is some to hide.
std::optional<std::size_t> RedactScanner::user_info_end(std::size_t colon) const noexcept {
  if (!text_.substr(colon).starts_with("://") || colon == 0 || !is_alnum(text_[colon - 1]))
    return std::nullopt;
  constexpr std::size_t kSlashReach = 256;
  const std::size_t begin = colon + 3;
  std::size_t at_sign = kNone;
  std::size_t end = begin;
  for (; end < text_.size() && !ends_url(text_[end]); ++end) {
    if (text_[end] == '/' || text_[end] == '?' || text_[end] == '#') break;
    if (text_[end] == '@') at_sign = end;
  }
  if (at_sign == kNone) {
    // A password with a raw '/' in it is no valid URL, and so just what error messages quote. What
    // follows the colon is then no port.
    const string_view authority = part(begin, end);
    const std::size_t port = authority.find(':');
    if (port == kNone || authority.starts_with('[')) return std::nullopt;
    if (port + 1 < authority.size() && std::ranges::all_of(authority.substr(port + 1), is_digit))
      return std::nullopt;
    const std::size_t stop = std::min(text_.size(), end + kSlashReach);
    for (; end < stop && !ends_url(text_[end]) && at_sign == kNone; ++end) {
      if (text_[end] == '@') at_sign = end;
    }
  }
  if (at_sign == kNone || at_sign == begin) return std::nullopt;
  if (part(begin, at_sign).find(kRedacted) != kNone) return std::nullopt;
  return at_sign;
}

// The end of a private key in PEM that begins at `at`; the text's end when its last line is missing.
std::optional<std::size_t> RedactScanner::pem_end(std::size_t at) const noexcept {
  constexpr std::size_t kLabelMax = 64;
  constexpr string_view kDashes = "-----";
  string_view rest = text_.substr(at);
  if (!rest.starts_with(kPemBegin)) return std::nullopt;
  rest = rest.substr(kPemBegin.size(), kLabelMax);
  const std::size_t size =
      std::min(rest.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "), rest.size());
  const string_view label = rest.substr(0, size);
  if (label.find("PRIVATE KEY") == kNone || !rest.substr(size).starts_with(kDashes)) return std::nullopt;

  const std::size_t last_line = text_.find("-----END ", at);
  if (last_line == kNone) return text_.size();
  const std::size_t label_end = text_.substr(0, last_line + kLabelMax + 9).find(kDashes, last_line + 9);
  return label_end == kNone ? last_line + 9 : label_end + kDashes.size();
}

// Where the secret of a known shape begins that starts in [from, to).
std::optional<std::size_t> RedactScanner::shape_within(std::size_t from, std::size_t to) const noexcept {
  for (std::size_t i = from; i < to; ++i) {
    if (!may_start_shape(text_[i])) continue;
    if (const auto shape = shape_at(text_, i, is_boundary(i))) return i + shape->keep;
  }
  return std::nullopt;
}

RedactScanner::Span RedactScanner::value_of(NameKind kind, std::size_t name, std::size_t value,
                                            bool is_member, bool is_quoted_name) noexcept {
  const auto quote = quote_at(value);
  // A header's value may begin with a quoted string and go on behind it.
  if (quote && (kind != NameKind::kLine || is_member)) return {quote->end, closing_quote(quote->end, *quote)};
  if (kind == NameKind::kLine) return {value, is_quoted_name ? line_end(value) : header_end(name, value)};
  const std::size_t end = bare_end(value);
  const bool is_list = end > value && (text_[value] == '[' || text_[value] == '{');
  return {value, is_list && !is_redacted(part(value, end)) ? line_end(value) : end};
}

// What of a value is to go: the scheme of an authorization and the id of an API key stay.
std::optional<RedactScanner::Span> RedactScanner::secret_part(Span value) const noexcept {
  const std::size_t scheme = scheme_at(part(0, value.end), value.begin);
  const std::size_t behind = scheme == 0 ? value.begin : skip_blanks(value.begin + scheme);
  std::size_t begin = behind > value.begin + scheme && behind < value.end ? behind : value.begin;
  const std::size_t id = key_id_at(text_, begin);
  if (begin + id < value.end) begin += id;
  if (begin >= value.end || is_redacted(part(begin, value.end))) return std::nullopt;
  return Span{begin, value.end};
}

std::size_t RedactScanner::word_end(std::size_t from) noexcept {
  if (from >= word_begin_ && from < word_end_) return word_end_;
  word_begin_ = word_end_ = from;
  while (word_end_ < text_.size() && !ends_word(text_[word_end_])) ++word_end_;
  return word_end_;
}

// The end of a value that is not quoted: a word, and what it drags along.
std::size_t RedactScanner::bare_end(std::size_t from) noexcept {
  std::size_t end = word_end(from);
  for (std::size_t part_begin = from;;) {
    const std::size_t further = reach_beyond(part_begin, end);
    if (further <= end) break;
    part_begin = further;
    end = word_end(further);
  }
  while (end > from && is_trailing(text_[end - 1])) --end;
  return end;
}

// Where the word at [from, end) really goes on: the token behind a scheme, the rest of a PEM block, the
// host behind user info. Else `end`.
std::size_t RedactScanner::reach_beyond(std::size_t from, std::size_t end) const noexcept {
  const string_view word = part(from, end);
  if (word.ends_with(kPemBegin)) {
    if (const auto pem = pem_end(end - kPemBegin.size())) return *pem;
  }
  if (const std::size_t colon = word.rfind("://"); colon != kNone) {
    if (const auto at_sign = user_info_end(from + colon); at_sign && *at_sign > end) return *at_sign;
  }
  for (const std::size_t size : {std::size_t{5}, std::size_t{6}}) {
    if (word.size() < size || scheme_at(text_, end - size) != size) continue;
    if (word.size() > size && !is_boundary(end - size)) continue;
    const std::size_t next = skip_blanks(end);
    if (next > end && next < text_.size() && !ends_word(text_[next])) return next;
  }
  return end;
}

// The end of the line, or of the line on which a private key ends that begins in it; without blanks.
std::size_t RedactScanner::line_end(std::size_t from) const noexcept {
  std::size_t end = std::min(text_.find_first_of("\r\n", from), text_.size());
  for (std::size_t seen = from;;) {
    const std::size_t pem = part(seen, end).find(kPemBegin);
    if (pem == kNone) break;
    seen = pem_end(seen + pem).value_or(seen + pem + kPemBegin.size());
    if (seen > end) end = std::min(text_.find_first_of("\r\n", seen), text_.size());
  }
  while (end > from && is_blank(text_[end - 1])) --end;
  return end;
}

// The end of a header field's value: of the line, or of the quotation that the field is in
// ("-H 'Authorization: ...'").
std::size_t RedactScanner::header_end(std::size_t name, std::size_t value) const noexcept {
  const std::size_t end = line_end(value);
  const auto quote = quote_before(name);
  return quote ? std::min(end, closing_quote(value, *quote)) : end;
}

// The end of what `quote` opened, or of the text. Backslashes escape: a mark with more of them before it
// than the opening one had is part of the value.
std::size_t RedactScanner::closing_quote(std::size_t from, const Quote& quote) const noexcept {
  for (std::size_t i = from; (i = text_.find(quote.mark, i)) != kNone; ++i) {
    std::size_t begin = i;
    while (begin > from && text_[begin - 1] == '\\') --begin;
    const std::size_t slashes = i - begin;
    if (quote.slashes == 0 && slashes % 2 == 0) return i;
    if (quote.slashes > 0 && slashes <= quote.slashes) return begin;
  }
  return text_.size();
}

std::optional<RedactScanner::Quote> RedactScanner::quote_at(std::size_t at) const noexcept {
  std::size_t end = at;
  while (end < text_.size() && text_[end] == '\\') ++end;
  if (end >= text_.size() || (text_[end] != '"' && text_[end] != '\'')) return std::nullopt;
  return Quote{text_[end], end - at, end + 1};
}

std::optional<RedactScanner::Quote> RedactScanner::quote_before(std::size_t at) const noexcept {
  if (at == 0 || (text_[at - 1] != '"' && text_[at - 1] != '\'')) return std::nullopt;
  std::size_t begin = at - 1;
  while (begin > 0 && text_[begin - 1] == '\\') --begin;
  return Quote{text_[at - 1], at - 1 - begin, at};
}

// Behind ":", "=", "==", ":=", "=>", "%3D" or "%3A" at `at`; `at` itself when none is there.
std::size_t RedactScanner::skip_separator(std::size_t at) const noexcept {
  if (is_percent_code(text_, at, "3d") || is_percent_code(text_, at, "3a")) return at + 3;
  if (at >= text_.size() || (text_[at] != ':' && text_[at] != '=')) return at;
  const bool is_double = at + 1 < text_.size() && (text_[at + 1] == '=' || text_[at + 1] == '>');
  return at + (is_double ? 2 : 1);
}

std::size_t RedactScanner::skip_blanks(std::size_t at) const noexcept {
  while (at < text_.size() && is_blank(text_[at])) ++at;
  return at;
}

bool RedactScanner::is_boundary(std::size_t at) const noexcept {
  return at == 0 || !is_alnum(text_[at - 1]) || (at >= 3 && is_percent_code(text_, at - 3));
}

// Whether a name and its value stand in a query or form.
bool RedactScanner::is_parameter(std::size_t name, std::size_t value) noexcept {
  if (name > 0 && string_view("?&;").find(text_[name - 1]) != kNone) return true;
  if (name >= 3 && (is_percent_code(text_, name - 3, "3f") || is_percent_code(text_, name - 3, "26")))
    return true;
  // With a mark in it the '&' may have been some other value's end before.
  const std::size_t end = word_end(value);
  return end < text_.size() && text_[end] == '&' && part(value, end).find(kRedacted) == kNone;
}

}  // namespace claviger::telemetry
