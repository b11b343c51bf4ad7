// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/parse.h"

namespace claviger::base {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxExponentDigits = 9;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// RFC 8259 section 6, with an exponent that the parser can count.
bool is_json_number(std::string_view text) noexcept {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = at;
  at = skip_digits(text, at);
  if (at == whole || (text[whole] == '0' && at > whole + 1)) return false;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = at + 1;
    at = skip_digits(text, fraction);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = at;
    at = skip_digits(text, exponent);
    if (at == exponent || at - exponent > kMaxExponentDigits) return false;
  }
  return at == text.size();
}

// Builds the document from the parser's events. Values are made where they will stay: a list or map grows at its end
// alone, and what is open is always its parent's last, so pointers to what is open hold.
class Builder {
 public:
  static constexpr std::size_t max_array_size = kMaxJsonSize;
  static constexpr std::size_t max_object_size = kMaxJsonSize;
  static constexpr std::size_t max_string_size = kMaxJsonSize;
  static constexpr std::size_t max_key_size = kMaxJsonSize;

  Builder(Place start, std::size_t max_nodes) : place_(std::move(start)), max_nodes_(max_nodes) {}

  Document take() { return std::move(root_); }
  // What is wrong beyond the grammar; empty when nothing is.
  const std::string& refusal() const noexcept { return refusal_; }
  const Place& place() const noexcept { return place_; }
  void at_line(std::uint32_t line) noexcept { place_.line = line; }

  // The parser's handler. NOLINTBEGIN(readability-identifier-naming)
  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& ec) { return open(Document::Type::kMap, ec); }
  bool on_object_end(std::size_t, json::error_code& ec) {
    --depth_;
    return has_unique_names(*open_[depth_]) || stop(ec);
  }
  bool on_array_begin(json::error_code& ec) { return open(Document::Type::kList, ec); }
  bool on_array_end(std::size_t, json::error_code&) {
    --depth_;
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return collect(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    key_.assign(text_).append(part.data(), part.size());
    text_.clear();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return collect(part); }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) { return scalar(part, true, ec); }
  bool on_number_part(json::string_view part, json::error_code&) { return collect(part); }
  bool on_int64(std::int64_t, json::string_view part, json::error_code& ec) {
    return scalar(part, false, ec);
  }
  bool on_uint64(std::uint64_t, json::string_view part, json::error_code& ec) {
    return scalar(part, false, ec);
  }
  bool on_double(double, json::string_view part, json::error_code& ec) {
    // The parser goes a little further, depending on the number; what is read must be written the same.
    const bool taken = scalar(part, false, ec);
    if (!taken || is_json_number(last_->scalar)) return taken;
    ec = json::error::exponent_overflow;
    return false;
  }
  bool on_bool(bool value, json::error_code& ec) { return scalar(value ? "true" : "false", false, ec); }
  bool on_null(json::error_code& ec) { return add(Document::Type::kNull, ec) != nullptr; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
  // NOLINTEND(readability-identifier-naming)

 private:
  // The parser wants a code; what is said is refusal_.
  static bool stop(json::error_code& ec) {
    ec = json::error::syntax;
    return false;
  }
  bool collect(json::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }

  Document* add(Document::Type type, json::error_code& ec) {
    if (nodes_++ == max_nodes_) {
      refusal_ = fmt::format("more than {} values", max_nodes_);
      stop(ec);
      return nullptr;
    }
    Document* node = &root_;
    if (depth_ > 0) {
      Document& parent = *open_[depth_ - 1];
      node = parent.type == Document::Type::kList
                 ? &parent.items.emplace_back()
                 : &parent.entries.emplace_back(std::exchange(key_, {}), Document()).second;
    }
    node->type = type;
    node->place = place_;
    last_ = node;
    return node;
  }

  bool open(Document::Type type, json::error_code& ec) {
    Document* const node = add(type, ec);
    if (node == nullptr) return false;
    CLV_CHECK(depth_ < open_.size());  // the parser counts, too
    open_[depth_++] = node;
    return true;
  }

  bool scalar(json::string_view part, bool quoted, json::error_code& ec) {
    Document* const node = add(Document::Type::kScalar, ec);
    if (node == nullptr) return false;
    node->scalar.reserve(text_.size() + part.size());
    node->scalar.assign(text_).append(part.data(), part.size());
    node->quoted = quoted;
    text_.clear();
    return true;
  }

  // By sorting, not hashing: names come from outside, and whoever chooses them could aim at a hash table.
  bool has_unique_names(const Document& map) {
    constexpr std::size_t kFew = 16;
    const auto& entries = map.entries;
    if (entries.size() <= kFew) {
      for (std::size_t i = 1; i < entries.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
          if (entries[i].first == entries[k].first) return refuse_duplicate(entries[i]);
        }
      }
      return true;
    }
    std::vector<const DocumentEntry*> sorted(entries.size());
    std::ranges::transform(entries, sorted.begin(), [](const DocumentEntry& entry) { return &entry; });
    const auto by_name = [](const DocumentEntry* entry) -> const std::string& { return entry->first; };
    std::ranges::sort(sorted, {}, by_name);
    const auto twice = std::ranges::adjacent_find(sorted, {}, by_name);
    return twice == sorted.end() || refuse_duplicate(**std::next(twice));
  }
  bool refuse_duplicate(const DocumentEntry& entry) {
    place_ = entry.second.place;
    refusal_ = fmt::format("key '{}' is there twice", printable_name(entry.first));
    return false;
  }

  Document root_;
  std::array<Document*, kMaxJsonDepth> open_{};
  std::size_t depth_ = 0;
  const Document* last_ = nullptr;  // that was added
  Place place_;
  std::size_t nodes_ = 0;
  std::size_t max_nodes_;
  std::string key_;
  std::string text_;  // of a string or number that comes in parts
  std::string refusal_;
};

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Lines, so that places know theirs: white space, then one line's text with its line end. Line ends stand between
// values only, so nothing is ever cut in two. Blank lines are skipped at once, not taken one by one.
class Lines {
 public:
  explicit Lines(std::string_view text) noexcept : rest_(text) {}
  bool is_done() const noexcept { return rest_.empty(); }
  std::uint32_t line() const noexcept { return line_; }
  std::string_view next() noexcept {
    line_ = after_;
    std::size_t at = 0;
    for (; at < rest_.size() && is_space(rest_[at]); ++at) line_ += rest_[at] == '\n' ? 1 : 0;
    const std::size_t end = rest_.find('\n', at);
    after_ = line_ + 1;
    const std::string_view piece = rest_.substr(0, end == std::string_view::npos ? end : end + 1);
    rest_.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::string_view rest_;
  std::uint32_t line_ = 1;
  std::uint32_t after_ = 1;
};

std::string_view reason_of(const json::error_code& ec) noexcept {
  if (ec == json::error::too_deep) return "nested more than 32 levels deep";
  if (ec == json::error::incomplete) return "not well-formed JSON: it ends too early";
  if (ec == json::error::extra_data) return "not well-formed JSON: something follows the value";
  if (ec == json::error::exponent_overflow) return "the exponent of a number is too large";
  if (ec == json::error::illegal_leading_surrogate || ec == json::error::illegal_trailing_surrogate ||
      ec == json::error::expected_utf16_escape) {
    return "not well-formed JSON: half of a surrogate pair";
  }
  return "not well-formed JSON";
}

using Parser = json::basic_parser<Builder>;

// The first thing that is wrong, if anything is.
json::error_code feed(Parser& parser, std::string_view text) {
  json::error_code ec;
  Lines lines(text);
  do {
    const std::string_view piece = lines.next();
    parser.handler().at_line(lines.line());
    const std::size_t taken = parser.write_some(!lines.is_done(), piece.data(), piece.size(), ec);
    if (!ec && taken != piece.size()) ec = json::error::extra_data;
  } while (!ec && !lines.is_done());
  return ec;
}

// --- Writing ---

constexpr bool stands_for_itself(char c) noexcept { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

// The length of the character at the front, 0 when the bytes there are none.
std::size_t utf8_length(std::string_view text) noexcept {
  for (const std::size_t length : {1U, 2U, 3U, 4U}) {
    if (length <= text.size() && is_utf8(text.substr(0, length))) return length;
  }
  return 0;
}

void append_escape(std::string& out, unsigned code) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[code >> 4 & 0xf];
  out += kDigits[code & 0xf];
}

// The character at the front of `text`; returns its length.
std::size_t append_character(std::string& out, std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first == '"' || first == '\\') {
    out += '\\';
    out += text.front();
    return 1;
  }
  if (first < 0x80) {
    append_escape(out, first);
    return 1;
  }
  const std::size_t length = utf8_length(text);
  if (length == 0) {
    out += "\xef\xbf\xbd";
    return 1;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  if (first == 0xc2 && second < 0xa0) append_escape(out, second);
  else out.append(text.substr(0, length));
  return length;
}

void append_scalar(std::string& out, const Document& node) {
  const std::string& text = node.scalar;
  const bool plain = !node.quoted && (text == "true" || text == "false" || is_json_number(text));
  if (plain) out += text;
  else append_json_string(out, text);
}

}  // namespace

Result<Document> parse_json(std::string_view text, std::string what, std::size_t max_nodes) {
  Place start;
  if (!what.empty()) start.file = std::make_shared<const std::string>(std::move(what));
  if (text.size() > kMaxJsonSize) return invalid_at(start, "more than 16 MiB of JSON");
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  Parser parser(options, std::move(start), max_nodes);
  const json::error_code ec = feed(parser, text);
  const Builder& builder = parser.handler();
  if (!ec) return parser.handler().take();
  return invalid_at(builder.place(),
                    builder.refusal().empty() ? reason_of(ec) : std::string_view(builder.refusal()));
}

void append_json(std::string& out, const Document& node) {
  switch (node.type) {
    case Document::Type::kNull:
      out += "null";
      return;
    case Document::Type::kScalar:
      return append_scalar(out, node);
    case Document::Type::kList:
      out += '[';
      for (const Document& item : node.items) {
        if (&item != &node.items.front()) out += ',';
        append_json(out, item);
      }
      out += ']';
      return;
    case Document::Type::kMap:
      out += '{';
      for (const DocumentEntry& entry : node.entries) {
        if (&entry != &node.entries.front()) out += ',';
        append_json_string(out, entry.first);
        out += ':';
        append_json(out, entry.second);
      }
      out += '}';
      return;
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto plain =
        static_cast<std::size_t>(std::ranges::find_if_not(text, stands_for_itself) - text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (!text.empty()) text.remove_prefix(append_character(out, text));
  }
  out += '"';
}

}  // namespace claviger::base
