// SPDX-License-Identifier: Apache-2.0
#include "base/secret_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"

namespace claviger::base {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostText = std::size_t{256} << 10;
constexpr std::size_t kMostDepth = 16;
constexpr std::size_t kMostValues = 10'000;
constexpr std::size_t kMostExponent = 10;  // "e" with it

enum class Kind : std::uint8_t { kNull, kString, kWhole, kBoolean, kOther, kList, kObject };

// One value, in the order in which values begin: what an object holds stands behind it, up to `end`.
struct Value {
  std::string_view key;  // of a member
  std::string_view text;  // of a string
  std::uint64_t number = 0;  // of a whole one; of a boolean 0 or 1
  std::uint32_t end = 0;
  Kind kind = Kind::kNull;
};
static_assert(std::is_trivially_destructible_v<Value>);

// An upper bound of the values in it, without reading it: so many fit, and the arena is asked once.
std::size_t most_values(std::string_view text) noexcept {
  const auto marks = std::ranges::count_if(text, [](char c) { return c == ',' || c == '[' || c == '{'; });
  return std::min(static_cast<std::size_t>(marks) + 1, kMostValues);
}

// Puts values and the text of strings one behind the other, as they come.
class Gatherer {
 public:
  // NOLINTBEGIN(readability-identifier-naming): names that the parser asks for
  static constexpr std::size_t max_array_size = kMostText;
  static constexpr std::size_t max_object_size = kMostText;
  static constexpr std::size_t max_string_size = kMostText;
  static constexpr std::size_t max_key_size = kMostText;
  // NOLINTEND(readability-identifier-naming)

  Gatherer(std::span<Value> values, std::span<char> text) noexcept : values_(values), text_(text) {}

  std::span<const Value> values() const noexcept { return values_.first(count_); }
  // What is wrong beyond the grammar; null when nothing is.
  const char* refusal() const noexcept { return refusal_; }

  // The parser's handler. NOLINTBEGIN(readability-identifier-naming)
  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& ec) { return open(Kind::kObject, ec); }
  bool on_object_end(std::size_t size, json::error_code& ec) {
    return (close(), has_unique_names(open_[depth_], size)) || refuse("a key is there twice", ec);
  }
  bool on_array_begin(json::error_code& ec) { return open(Kind::kList, ec); }
  bool on_array_end(std::size_t, json::error_code&) {
    close();
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return collect(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    collect(part);
    key_ = collected();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return collect(part); }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    collect(part);
    const std::string_view text = collected();
    return add({.text = text, .kind = Kind::kString}, ec);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, json::error_code& ec) {
    if (value < 0) return add({.kind = Kind::kOther}, ec);
    return on_uint64(static_cast<std::uint64_t>(value), {}, ec);
  }
  bool on_uint64(std::uint64_t value, json::string_view, json::error_code& ec) {
    return add({.number = value, .kind = Kind::kWhole}, ec);
  }
  bool on_double(double, json::string_view part, json::error_code& ec) {
    // The parser goes a little further than parse_json(), depending on the number.
    const std::size_t exponent = part.find_first_of("eE");
    const bool is_long = exponent != json::string_view::npos && part.size() - exponent > kMostExponent;
    return is_long ? refuse("the exponent of a number is too large", ec) : add({.kind = Kind::kOther}, ec);
  }
  bool on_bool(bool value, json::error_code& ec) {
    return add({.number = value ? 1U : 0U, .kind = Kind::kBoolean}, ec);
  }
  bool on_null(json::error_code& ec) { return add({.kind = Kind::kNull}, ec); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
  // NOLINTEND(readability-identifier-naming)

 private:
  bool refuse(const char* why, json::error_code& ec) {
    refusal_ = why;
    ec = json::error::syntax;
    return false;
  }
  // Without its escapes text is never longer than with them, so all of it has room.
  bool collect(json::string_view part) {
    CLV_CHECK(part.size() <= text_.size() - used_);
    if (!part.empty()) std::memcpy(text_.data() + used_, part.data(), part.size());
    used_ += part.size();
    return true;
  }
  std::string_view collected() noexcept {
    const std::size_t from = std::exchange(begun_, used_);
    return {text_.data() + from, used_ - from};
  }

  bool add(Value value, json::error_code& ec) {
    if (count_ == kMostValues) return refuse("more than 10000 values", ec);
    CLV_CHECK(count_ < values_.size());
    value.key = std::exchange(key_, {});
    value.end = static_cast<std::uint32_t>(count_ + 1);
    values_[count_++] = value;
    return true;
  }
  bool open(Kind kind, json::error_code& ec) {
    const auto at = static_cast<std::uint32_t>(count_);
    if (!add({.kind = kind}, ec)) return false;
    CLV_CHECK(depth_ < open_.size());  // the parser counts, too
    open_[depth_++] = at;
    return true;
  }
  void close() noexcept { values_[open_[--depth_]].end = static_cast<std::uint32_t>(count_); }

  // By sorting, not hashing: names come from outside, and whoever chooses them could aim at a hash table.
  bool has_unique_names(std::uint32_t object, std::size_t size) const {
    if (size < 2) return true;
    std::vector<std::uint32_t> members;
    members.reserve(size);
    for (std::uint32_t i = object + 1; i < values_[object].end; i = values_[i].end) members.push_back(i);
    const auto by_name = [this](std::uint32_t at) { return values_[at].key; };
    std::ranges::sort(members, {}, by_name);
    return std::ranges::adjacent_find(members, {}, by_name) == members.end();
  }

  std::span<Value> values_;
  std::size_t count_ = 0;
  std::span<char> text_;
  std::size_t used_ = 0, begun_ = 0;  // begun_: of what is being collected
  std::string_view key_;
  std::array<std::uint32_t, kMostDepth> open_{};
  std::size_t depth_ = 0;
  const char* refusal_ = nullptr;
};

const char* reason_of(const json::error_code& ec) noexcept {
  if (ec == json::error::too_deep) return "nested more than 16 levels deep";
  if (ec == json::error::incomplete) return "it ends too early";
  if (ec == json::error::extra_data) return "something follows the value";
  return "not well-formed JSON";
}

Error invalid(std::string_view what, std::string_view why) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, fmt::format("{}: {}", what, why));
}

using Parser = json::basic_parser<Gatherer>;

// The parser takes escapes out of strings on the stack. A frame of its own, so that what is wiped is below the caller's.
[[gnu::noinline]] json::error_code run(Parser& parser, std::string_view text) {
  json::error_code ec;
  const std::size_t taken = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && taken != text.size()) ec = json::error::extra_data;
  return ec;
}
[[gnu::noinline]] void wipe_stack_below() noexcept {
  std::array<char, 4 * BOOST_JSON_STACK_BUFFER_SIZE> below;
  wipe(below.data(), below.size());
}

}  // namespace

struct SecretJson::Parsed {
  SecretBytes text;
  SecretBytes memory;  // of the values
  std::span<const Value> values;

  template <class Path>
  const Value* find(const Path& path) const noexcept {
    std::uint32_t at = 0;
    for (const std::string_view name : path) {
      if (values[at].kind != Kind::kObject) return nullptr;
      const std::uint32_t end = values[at++].end;
      while (at < end && values[at].key != name) at = values[at].end;
      if (at == end) return nullptr;
    }
    return &values[at];
  }
  template <class Path>
  const Value* find(const Path& path, Kind kind) const noexcept {
    const Value* const value = find(path);
    return value != nullptr && value->kind == kind ? value : nullptr;
  }
};

SecretJson::SecretJson(std::unique_ptr<Parsed> parsed) noexcept : parsed_(std::move(parsed)) {}
SecretJson::SecretJson(SecretJson&&) noexcept = default;
SecretJson& SecretJson::operator=(SecretJson&&) noexcept = default;
SecretJson::~SecretJson() = default;

Result<SecretJson> SecretJson::parse(std::string_view text, SecretArena& arena, std::string_view what) {
  if (text.size() > kMostText) return invalid(what, "more than 256 KiB of JSON");
  if (text.empty()) return invalid(what, reason_of(json::error::incomplete));
  const std::size_t most = most_values(text);
  auto parsed = std::make_unique<Parsed>();
  parsed->text = CLV_TRY(SecretBytes::allocate(arena, text.size()));
  parsed->memory = CLV_TRY(SecretBytes::allocate(arena, most * sizeof(Value)));
  auto* const values = reinterpret_cast<Value*>(parsed->memory.reveal().data());
  std::uninitialized_value_construct_n(values, most);

  json::parse_options options;
  options.max_depth = kMostDepth;
  auto* const room = reinterpret_cast<char*>(parsed->text.reveal().data());
  Parser parser(options, std::span(values, most), std::span(room, text.size()));
  const json::error_code ec = run(parser, text);
  wipe_stack_below();
  const Gatherer& gathered = parser.handler();
  if (ec) return invalid(what, gathered.refusal() != nullptr ? gathered.refusal() : reason_of(ec));
  parsed->values = gathered.values();
  return SecretJson(std::move(parsed));
}

std::optional<std::string_view> SecretJson::text(std::initializer_list<std::string_view> path) const {
  const Value* const value = parsed_->find(path, Kind::kString);
  return value != nullptr ? std::optional(value->text) : std::nullopt;
}

std::optional<std::uint64_t> SecretJson::number(std::initializer_list<std::string_view> path) const {
  const Value* const value = parsed_->find(path, Kind::kWhole);
  return value != nullptr ? std::optional(value->number) : std::nullopt;
}

std::optional<bool> SecretJson::boolean(std::initializer_list<std::string_view> path) const {
  const Value* const value = parsed_->find(path, Kind::kBoolean);
  return value != nullptr ? std::optional(value->number != 0) : std::nullopt;
}

bool SecretJson::has(std::initializer_list<std::string_view> path) const {
  const Value* const value = parsed_->find(path);
  return value != nullptr && value->kind != Kind::kNull;
}

std::optional<std::string_view> SecretJson::text_at(std::span<const std::string> path) const {
  const Value* const value = parsed_->find(path, Kind::kString);
  return value != nullptr ? std::optional(value->text) : std::nullopt;
}

std::optional<std::uint64_t> SecretJson::number_at(std::span<const std::string> path) const {
  const Value* const value = parsed_->find(path, Kind::kWhole);
  return value != nullptr ? std::optional(value->number) : std::nullopt;
}

bool SecretJson::has_at(std::span<const std::string> path) const {
  const Value* const value = parsed_->find(path);
  return value != nullptr && value->kind != Kind::kNull;
}

}  // namespace claviger::base
