// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.h"

#include <boost/json/basic_parser_impl.hpp>
#include <optional>
#include <utility>

namespace claviger::base {
namespace json = boost::json;

// The parser's handler: puts together what was cut, and passes it on.
class JsonReader::Handler {
 public:
  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);
  // NOLINTBEGIN(readability-identifier-naming): names that the parser asks for
  static constexpr std::size_t max_array_size = kNoLimit;
  static constexpr std::size_t max_object_size = kNoLimit;
  static constexpr std::size_t max_string_size = kNoLimit;
  static constexpr std::size_t max_key_size = kNoLimit;
  // NOLINTEND(readability-identifier-naming)

  Handler(JsonSink& sink, std::size_t max_text) : sink_(sink), max_text_(max_text) {}
  std::optional<Error> take_error() { return std::exchange(error_, std::nullopt); }

  // NOLINTBEGIN(readability-identifier-naming)
  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& ec) { return goes_on(sink_.begin_object(), ec); }
  bool on_object_end(std::size_t, json::error_code& ec) { return goes_on(sink_.end_object(), ec); }
  bool on_array_begin(json::error_code& ec) { return goes_on(sink_.begin_array(), ec); }
  bool on_array_end(std::size_t, json::error_code& ec) { return goes_on(sink_.end_array(), ec); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code& ec) { return collect(part, ec); }
  bool on_key(json::string_view part, std::size_t, json::error_code& ec) {
    return whole(part, ec, [this](std::string_view text) { return sink_.key(text); });
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code& ec) { return collect(part, ec); }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    return whole(part, ec, [this](std::string_view text) { return sink_.string(text); });
  }
  bool on_number_part(json::string_view part, json::error_code& ec) { return collect(part, ec); }
  bool on_int64(std::int64_t, json::string_view part, json::error_code& ec) { return number(part, ec); }
  bool on_uint64(std::uint64_t, json::string_view part, json::error_code& ec) { return number(part, ec); }
  bool on_double(double, json::string_view part, json::error_code& ec) { return number(part, ec); }
  bool on_bool(bool value, json::error_code& ec) { return goes_on(sink_.boolean(value), ec); }
  bool on_null(json::error_code& ec) { return goes_on(sink_.null(), ec); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
  // NOLINTEND(readability-identifier-naming)

 private:
  bool fail(Error error, json::error_code& ec) {
    error_.emplace(std::move(error));
    ec = json::error::syntax;  // the parser wants one; what is said is error_
    return false;
  }
  bool goes_on(Result<void> told, json::error_code& ec) {
    return told.has_value() || fail(std::move(told).error(), ec);
  }
  bool collect(json::string_view part, json::error_code& ec) {
    if (text_.size() + part.size() > max_text_)
      return fail(Error(Code::kInvalid, Blame::kOperator, "a string or number is too long"), ec);
    text_.append(part.data(), part.size());
    return true;
  }
  // A text that came in one piece is passed on where it lies.
  template <class Tell>
  bool whole(json::string_view part, json::error_code& ec, Tell tell) {
    if (text_.empty() && part.size() <= max_text_)
      return goes_on(tell(std::string_view(part.data(), part.size())), ec);
    if (!collect(part, ec)) return false;
    const bool is_taken = goes_on(tell(std::string_view(text_)), ec);
    text_.clear();
    return is_taken;
  }
  bool number(json::string_view part, json::error_code& ec) {
    return whole(part, ec, [this](std::string_view text) { return sink_.number(text); });
  }

  JsonSink& sink_;
  const std::size_t max_text_;
  std::string text_;  // of a string or number that is not whole yet
  std::optional<Error> error_;
};

struct JsonReader::Parser {
  Parser(JsonSink& sink, const JsonReaderLimits& limits) : parser(options(limits), sink, limits.text) {}
  static json::parse_options options(const JsonReaderLimits& limits) {
    json::parse_options made;
    made.max_depth = limits.depth;
    return made;
  }
  json::basic_parser<Handler> parser;
};

namespace {

Error reason_of(const json::error_code& ec) {
  if (ec == json::error::too_deep) return Error(Code::kInvalid, Blame::kOperator, "nested too deep");
  if (ec == json::error::incomplete)
    return Error(Code::kInvalid, Blame::kOperator, "not well-formed JSON: it ends too early");
  if (ec == json::error::extra_data)
    return Error(Code::kInvalid, Blame::kOperator, "not well-formed JSON: something follows the value");
  return Error(Code::kInvalid, Blame::kOperator, "not well-formed JSON");
}

}  // namespace

JsonReader::JsonReader(JsonSink& sink, JsonReaderLimits limits)
    : limits_(limits), parser_(std::make_unique<Parser>(sink, limits)) {}
JsonReader::~JsonReader() = default;

Result<void> JsonReader::feed(std::string_view piece, bool is_last) {
  auto& parser = parser_->parser;
  json::error_code ec;
  const std::size_t taken = parser.write_some(!is_last, piece.data(), piece.size(), ec);
  if (!ec && taken != piece.size()) ec = json::error::extra_data;
  if (!ec) return ok();
  if (auto error = parser.handler().take_error()) return *std::move(error);
  return reason_of(ec);
}

Result<void> JsonReader::write(std::string_view piece) {
  total_ += piece.size();
  if (total_ > limits_.total) return Error(Code::kInvalid, Blame::kOperator, "too much JSON");
  if (piece.empty()) return ok();
  return feed(piece, false);
}

Result<void> JsonReader::finish() { return feed({}, true); }

Result<void> read_json(std::string_view text, JsonSink& sink, JsonReaderLimits limits) {
  JsonReader reader(sink, limits);
  CLV_TRY_VOID(reader.write(text));
  return reader.finish();
}

}  // namespace claviger::base
