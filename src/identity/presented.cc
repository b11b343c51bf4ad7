// SPDX-License-Identifier: Apache-2.0
#include "identity/presented.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "base/parse.h"
#include "crypto/encode.h"

namespace claviger::identity {
namespace {

using http::FieldName;

Error malformed() noexcept {
  return {
      Code::kBadRequest, Blame::kCaller,
      "the Authorization field is malformed; send 'Bearer <API key>' or 'Basic <base64 of user:API key>'"};
}

Error no_key() noexcept {
  return {Code::kUnauthenticated, Blame::kCaller,
          "no API key: send one as 'Authorization: Bearer', as the password of Basic, or in X-API-Key"};
}

constexpr bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (const char c : text) {
    if (!is_alphanumeric(c) && kMarks.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

// RFC 9110 section 11.2.
constexpr std::array<bool, 256> kIsToken68 = [] {
  std::array<bool, 256> is{};
  for (int c = 0; c < 128; ++c) is[static_cast<std::size_t>(c)] = is_alphanumeric(static_cast<char>(c));
  for (const char c : std::string_view("-._~+/")) is[static_cast<unsigned char>(c)] = true;
  return is;
}();
bool is_token68(std::string_view text) noexcept {
  while (text.ends_with('=')) text.remove_suffix(1);
  bool all = !text.empty();
  for (const char c : text) all &= kIsToken68[static_cast<unsigned char>(c)];
  return all;
}

// RFC 7617: the password begins behind the first ':' and may hold more of them.
Result<std::string_view> read_basic(std::string_view encoded, BasicScratch& scratch) noexcept {
  if (encoded.size() / 4 * 3 > scratch.size()) {
    return Error(Code::kBadRequest, Blame::kCaller, "the Authorization field is too long to hold an API key");
  }
  const crypto::Decoded decoded = crypto::base64_decode(encoded, std::as_writable_bytes(std::span(scratch)));
  if (!decoded.valid) return malformed();
  const std::string_view pair(scratch.data(), decoded.size);
  const std::size_t colon = pair.find(':');
  if (colon == std::string_view::npos) return malformed();
  return pair.substr(colon + 1);
}

// The access key id of what an AWS SDK has signed: "Credential=<id>/<day>/...", one of the parameters between commas. Its signature is
// with a secret that nobody has, and is not looked at: an API key is proof enough wherever it stands.
Result<std::string_view> read_aws(std::string_view parameters) noexcept {
  constexpr std::string_view kName = "Credential=";
  std::optional<std::string_view> id;
  while (!parameters.empty()) {
    std::string_view parameter = parameters.substr(0, parameters.find(','));
    parameters.remove_prefix(std::min(parameter.size() + 1, parameters.size()));
    while (parameter.starts_with(' ')) parameter.remove_prefix(1);
    if (!parameter.starts_with(kName)) continue;
    const std::size_t slash = parameter.find('/');
    if (id || slash == std::string_view::npos) return malformed();
    id = parameter.substr(kName.size(), slash - kName.size());
  }
  if (!id || id->empty()) return malformed();
  return *id;
}

// What an Authorization field holds; nothing when its scheme is one that no API key comes in.
Result<std::optional<std::string_view>> read_authorization(std::string_view value,
                                                           BasicScratch& scratch) noexcept {
  const std::size_t space = value.find(' ');
  const std::string_view scheme = value.substr(0, space);
  if (!is_token(scheme)) return malformed();
  std::string_view rest = space == std::string_view::npos ? std::string_view() : value.substr(space);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (base::equals_ignore_case(scheme, "Bearer")) {
    if (!is_token68(rest)) return malformed();
    return std::optional(rest);
  }
  if (base::equals_ignore_case(scheme, "Basic")) {
    if (rest.empty()) return malformed();
    return std::optional(CLV_TRY(read_basic(rest, scratch)));
  }
  if (base::equals_ignore_case(scheme, "AWS4-HMAC-SHA256")) return std::optional(CLV_TRY(read_aws(rest)));
  return std::optional<std::string_view>();
}

// The fields that a key may come in, each at most once.
struct KeyFields {
  const http::Field* authorization = nullptr;
  const http::Field* x_api_key = nullptr;
  const http::Field* x_goog_api_key = nullptr;
};

Result<KeyFields> find_key_fields(const http::Fields& fields) noexcept {
  KeyFields found;
  for (const http::Field& field : fields) {
    const http::Field** slot = nullptr;
    if (field.known == FieldName::kAuthorization) slot = &found.authorization;
    if (field.known == FieldName::kXApiKey) slot = &found.x_api_key;
    if (field.known == FieldName::kXGoogApiKey) slot = &found.x_goog_api_key;
    if (slot == nullptr) continue;
    if (*slot != nullptr) {
      return Error(Code::kBadRequest, Blame::kCaller,
                   "Authorization, X-API-Key and x-goog-api-key may stand once each in a request");
    }
    *slot = &field;
  }
  return found;
}

}  // namespace

bool presents_anything(const http::Fields& fields) noexcept {
  return std::ranges::any_of(fields, [](const http::Field& field) {
    return field.known == FieldName::kAuthorization || field.known == FieldName::kXApiKey ||
           field.known == FieldName::kXGoogApiKey;
  });
}

Result<PresentedKey> find_presented_key(const http::Fields& fields, BasicScratch& scratch) noexcept {
  const KeyFields found = CLV_TRY(find_key_fields(fields));
  std::optional<std::string_view> key;
  bool ambiguous = false;
  const auto present = [&](std::string_view text) {
    ambiguous = ambiguous || (key.has_value() && *key != text);
    key = text;
  };

  if (found.x_api_key != nullptr) present(found.x_api_key->value);
  if (found.x_goog_api_key != nullptr) present(found.x_goog_api_key->value);
  if (found.authorization != nullptr) {
    const std::optional<std::string_view> text =
        CLV_TRY(read_authorization(found.authorization->value, scratch));
    if (text.has_value()) {
      present(*text);
    } else if (key.has_value()) {
      ambiguous = true;  // a credential of a scheme that is not read is one all the same
    } else {
      return Error(Code::kUnauthenticated, Blame::kCaller,
                   "this Authorization scheme is not supported; use Bearer, Basic or X-API-Key");
    }
  }
  if (ambiguous) {
    return Error(Code::kBadRequest, Blame::kCaller,
                 "the request presents two different credentials; send one");
  }
  if (!key.has_value()) return no_key();
  return PresentedKey{.text = *key};
}

}  // namespace claviger::identity
