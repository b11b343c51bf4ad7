// SPDX-License-Identifier: Apache-2.0
// The parameters of SVCB and HTTPS records (RFC 9460): keys with values that the server writes in ways of its own.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/document.h"
#include "base/parse.h"
#include "doors/externaldns/record_fields.h"

namespace claviger::doors::externaldns {
namespace {

constexpr unsigned kNoDefaultAlpn = 2;
constexpr std::array<std::string_view, 8> kKeys = {"mandatory", "alpn", "no-default-alpn", "port",
                                                   "ipv4hint",  "ech",  "ipv6hint",        "dohpath"};
constexpr std::string_view kJson = "svcParams.";

using Parameters = std::map<unsigned, std::string>;  // canonical values, as text

Result<unsigned> key_of(std::string_view name) {
  for (unsigned key = 0; key < kKeys.size(); ++key) {
    if (base::equals_ignore_case(kKeys[key], name)) return key;
  }
  // "key667" in text, "667" with the server.
  if (name.size() > 3 && base::equals_ignore_case(name.substr(0, 3), "key")) name.remove_prefix(3);
  const auto number = base::parse_decimal(name, 65'534);
  if (!number.has_value() || *number < kKeys.size())
    return is_bad_record(fmt::format("'{}' is no service parameter", base::printable_name(name)));
  return static_cast<unsigned>(*number);
}
std::string name_of(unsigned key) {
  return key < kKeys.size() ? std::string(kKeys[key]) : fmt::format("key{}", key);
}

template <class Each>
Result<std::string> each_of_list(std::string_view list, Each each) {
  std::string out;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string item = CLV_TRY(each(list.substr(0, comma)));
    if (item.empty()) return is_bad_record("an empty item in a list");
    out += item;
    if (comma == std::string_view::npos) return out;
    out += ',';
    list.remove_prefix(comma + 1);
  }
}

Result<std::string> canonical_mandatory(std::string_view value) {
  std::vector<unsigned> keys;
  CLV_TRY(each_of_list(value, [&keys](std::string_view name) -> Result<std::string> {
    const auto key = key_of(name);
    if (!key.has_value()) return key.error();
    keys.push_back(*key);
    return std::string(name);
  }));
  std::ranges::sort(keys);
  if (std::ranges::adjacent_find(keys) != keys.end()) return is_bad_record("a mandatory key twice");
  std::string out;
  for (const unsigned key : keys) out += (out.empty() ? "" : ",") + name_of(key);
  return out;
}

// What can stand in text without quotes and goes through the server's own lists ('|' and ',' separate there).
Result<std::string> plain(std::string_view value) {
  const auto is_plain = [](char c) {
    return c > ' ' && c <= '~' && std::string_view("\"\\|").find(c) == std::string_view::npos;
  };
  if (value.empty() || !std::ranges::all_of(value, is_plain))
    return is_bad_record("a service parameter with a value that the server does not take");
  return std::string(value);
}

Result<std::string> hints(std::string_view value, FieldKind::Is is) {
  return each_of_list(value, [is](std::string_view address) {
    return field_of_text({.is = is}, Token{.text = std::string(address)});
  });
}

// From text; `from_server` where it is the server's own, which writes what it does not know as hex digits.
Result<std::string> canonical_value(unsigned key, std::string_view value, bool from_server) {
  switch (key) {
    case 0:
      return canonical_mandatory(value);
    case 1:
      return each_of_list(value, plain);
    case kNoDefaultAlpn:
      if (!value.empty()) return is_bad_record("no-default-alpn has no value");
      return std::string();
    case 3:
      return field_of_text({.is = FieldKind::Is::kNumber, .most = 65'535}, Token{.text = std::string(value)});
    case 4:
      return hints(value, FieldKind::Is::kAddress4);
    case 6:
      return hints(value, FieldKind::Is::kAddress6);
    case 7:
      return plain(value);
    case 5: {
      const std::string bytes = CLV_TRY(from_server ? parse_hex_bytes(value) : parse_base64(value));
      if (bytes.empty()) return is_bad_record("ech without a value");
      std::string out;
      append_base64(out, bytes);
      return out;
    }
    default:
      if (!from_server) return plain(value);
      return plain(CLV_TRY(parse_hex_bytes(value)));
  }
}

Result<void> put(Parameters& parameters, unsigned key, std::string value) {
  if (parameters.emplace(key, std::move(value)).second) return ok();
  return is_bad_record("a service parameter twice");
}

std::string text_of(const Parameters& parameters) {
  std::string text;
  for (const auto& [key, value] : parameters) {
    if (!text.empty()) text += ' ';
    text += name_of(key);
    if (key != kNoDefaultAlpn) text += '=' + value;
  }
  return text;
}

}  // namespace

Result<std::string> parameters_of_text(std::span<const Token> tokens) {
  Parameters parameters;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view text = tokens[i].text;
    const std::size_t equals = text.find('=');
    const unsigned key = CLV_TRY(key_of(text.substr(0, equals)));
    std::string_view value = equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
    std::string taken = CLV_TRY(canonical_value(key, value, false));
    CLV_TRY_VOID(put(parameters, key, std::move(taken)));
  }
  return text_of(parameters);
}

Result<std::string> parameters_of_json(const RData& rdata) {
  Parameters parameters;
  for (const auto& [name, value] : rdata.fields) {
    if (!name.starts_with(kJson)) continue;
    const unsigned key = CLV_TRY(key_of(std::string_view(name).substr(kJson.size())));
    std::string taken = CLV_TRY(canonical_value(key, value, true));
    CLV_TRY_VOID(put(parameters, key, std::move(taken)));
  }
  return text_of(parameters);
}

std::string form_of_parameters_as_they_are(const RData& rdata) {
  std::string form;
  for (const auto& [name, value] : rdata.fields) {
    if (!name.starts_with(kJson)) continue;
    if (!form.empty()) form += '|';
    form += fmt::format("{}|{}", std::string_view(name).substr(kJson.size()), value);
  }
  return form;
}

Result<std::string> form_of_parameters(std::string_view text) {
  if (text.empty()) return std::string("false");
  std::string form;
  for (const Token& token : CLV_TRY(parse_tokens(text))) {
    const std::string_view whole = token.text;
    const std::size_t equals = std::min(whole.find('='), whole.size());
    const unsigned key = CLV_TRY(key_of(whole.substr(0, equals)));
    std::string value(whole.substr(std::min(equals + 1, whole.size())));
    if (key == 5 || key >= kKeys.size()) {
      const std::string bytes = key == 5 ? CLV_TRY(parse_base64(value)) : value;
      value.clear();
      append_hex_bytes(value, bytes, true);
    }
    if (!form.empty()) form += '|';
    form += fmt::format("{}|{}", key < kKeys.size() ? name_of(key) : std::to_string(key), value);
  }
  return form;
}

}  // namespace claviger::doors::externaldns
