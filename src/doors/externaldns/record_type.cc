// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/record_type.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "doors/externaldns/record_fields.h"
#include "doors/externaldns/record_text.h"

namespace claviger::doors::externaldns {
namespace {

using Is = FieldKind::Is;

// One quoted string, or several: their text. Nothing where it is not quoted throughout.
std::optional<std::string> unquoted(std::string_view target) {
  if (!target.starts_with('"')) return std::nullopt;
  const auto tokens = parse_tokens(target);
  if (!tokens.has_value() || !std::ranges::all_of(*tokens, &Token::is_quoted)) return std::nullopt;
  std::string text;
  for (const Token& token : *tokens) text += token.text;
  return text;
}

std::string txt_target(std::string_view text) {
  if (!text.empty() && !unquoted(text).has_value()) return std::string(text);
  std::string quoted;
  append_quoted(quoted, text);
  return quoted;
}

Result<std::string> canonical_txt(std::string_view target) {
  const std::string text = txt_text(target);
  const auto is_kept = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::ranges::all_of(text, is_kept))
    return is_bad_record("the server keeps printable ASCII alone in TXT records");
  if (text.empty()) return is_bad_record("the server takes no empty TXT record");
  return txt_target(text);
}

// The fields of a target, in order; parameters are one, of all tokens that are left.
Result<std::vector<std::string>> split(const RecordShape& shape, std::string_view target) {
  const std::vector<Token> tokens = CLV_TRY(parse_tokens(target));
  std::vector<std::string> values;
  for (std::size_t i = 0; i < shape.fields.size(); ++i) {
    const FieldKind& kind = shape.fields[i].kind;
    if (kind.is == Is::kParameters) {
      const std::size_t first = std::min(i, tokens.size());
      values.push_back(CLV_TRY(parameters_of_text(std::span(tokens).subspan(first))));
      return values;
    }
    // ExternalDNS takes the dot of the root off where it ends a target.
    const bool is_lost_root = i == tokens.size() && i > 0 && kind.may_be_root;
    if (i >= tokens.size() && !is_lost_root)
      return is_bad_record(fmt::format("a {} target has {} parts", shape.name, shape.fields.size()));
    values.push_back(CLV_TRY(field_of_text(kind, is_lost_root ? Token{.text = "."} : tokens[i])));
  }
  if (tokens.size() > shape.fields.size())
    return is_bad_record(fmt::format("a {} target has {} parts", shape.name, shape.fields.size()));
  return values;
}

std::string join(const RecordShape& shape, const std::vector<std::string>& values) {
  std::string target;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const FieldKind& kind = shape.fields[i].kind;
    if (kind.is == Is::kParameters && values[i].empty()) continue;
    if (!target.empty()) target += ' ';
    append_field_text(target, kind, values[i]);
  }
  return target;
}

}  // namespace

const std::string* RData::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  return found == fields.end() ? nullptr : &found->second;
}

std::string_view type_name(RecordType type) noexcept { return shape_of(type).name; }

std::optional<RecordType> find_record_type(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kRecordTypes; ++i) {
    const auto type = static_cast<RecordType>(i);
    if (base::equals_ignore_case(type_name(type), name)) return type;
  }
  return std::nullopt;
}

bool answers_with_addresses(RecordType type) noexcept {
  return type == RecordType::kA || type == RecordType::kAaaa || type == RecordType::kCname ||
         type == RecordType::kAname;
}

bool has_one_value(RecordType type) noexcept { return shape_of(type).has_one_value; }

std::string txt_text(std::string_view target) {
  if (auto text = unquoted(target)) return *std::move(text);
  return std::string(target);
}

Result<std::string> canonical_target(RecordType type, std::string_view target) {
  if (type == RecordType::kTxt) return canonical_txt(target);
  const RecordShape& shape = shape_of(type);
  return join(shape, CLV_TRY(split(shape, target)));
}

Result<std::string> target_of(RecordType type, const RData& rdata) {
  if (type == RecordType::kTxt) {
    std::string text;
    for (const std::string& string : rdata.strings) text += string;
    if (!rdata.strings.empty()) return txt_target(text);
    const std::string* const whole = rdata.find("text");
    if (whole == nullptr) return is_bad_record("a TXT record without a text");
    return txt_target(*whole);
  }
  const RecordShape& shape = shape_of(type);
  std::vector<std::string> values;
  for (const RecordField& field : shape.fields) {
    if (field.kind.is == Is::kParameters) {
      values.push_back(CLV_TRY(parameters_of_json(rdata)));
      continue;
    }
    const std::string* const value = rdata.find(field.json);
    if (value == nullptr)
      return is_bad_record(fmt::format("a {} record without '{}'", shape.name, field.json));
    values.push_back(CLV_TRY(field_of_json(field.kind, *value)));
  }
  return join(shape, values);
}

Result<void> append_record_form(std::string& form, RecordType type, std::string_view target) {
  if (type == RecordType::kTxt) {
    append_form_field(form, "text", txt_text(target));
    return ok();
  }
  const RecordShape& shape = shape_of(type);
  const std::vector<std::string> values = CLV_TRY(split(shape, target));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const RecordField& field = shape.fields[i];
    const std::string value = field.kind.is == Is::kParameters ? CLV_TRY(form_of_parameters(values[i]))
                                                               : form_of_field(field.kind, values[i]);
    // An empty one counts as missing, which stands for an empty one.
    if (!value.empty()) append_form_field(form, field.form, value);
  }
  return ok();
}

void append_form_field(std::string& form, std::string_view name, std::string_view value) {
  form += '&';
  form += name;
  form += '=';
  for (const char c : value) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                               c == '-' || c == '.' || c == '_' || c == '~';
    if (is_unreserved) form += c;
    else form += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
}

}  // namespace claviger::doors::externaldns
