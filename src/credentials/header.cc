// SPDX-License-Identifier: Apache-2.0
// { kind: header, name: X-Api-Key, prefix: "Token " }: a header field of its own; the prefix is optional.
#include <algorithm>

#include "base/parse.h"
#include "credentials/static_credential.h"
#include "http/message.h"

namespace claviger::credentials {

const Kind& header_kind() noexcept;

namespace {

constexpr std::size_t kMaxNameSize = 64;
constexpr std::size_t kMaxPrefixSize = 64;

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool begins_with(std::string_view name, std::string_view prefix) noexcept {
  return base::equals_ignore_case(name.substr(0, prefix.size()), prefix);
}

// Fields that carry framing, routing or connections, or that the gateway sets itself. http::classify() knows
// just those, and three that exist to carry a credential.
bool is_reserved(std::string_view name) noexcept {
  const http::FieldName known = http::classify(name);
  if (known == http::FieldName::kAuthorization || known == http::FieldName::kXApiKey ||
      known == http::FieldName::kXGoogApiKey) {
    return false;
  }
  return known != http::FieldName::kOther || begins_with(name, "X-Claviger-") ||
         begins_with(name, "Proxy-") || begins_with(name, "Content-") || begins_with(name, "Accept-") ||
         begins_with(name, "If-");
}

struct Settings {
  std::string name;
  std::string prefix;
};

Result<Settings> read(const base::Document& auth) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind header"));
  CLV_TRY_VOID(reader.required("kind"));
  Settings settings;
  settings.name = CLV_TRY(reader.required_string("name"));
  settings.prefix = CLV_TRY(reader.optional_string("prefix")).value_or("");
  CLV_TRY_VOID(reader.finish());
  if (!is_token(settings.name) || settings.name.size() > kMaxNameSize) {
    return base::invalid_at(auth.place, "auth.name is a header field's name, such as X-Api-Key");
  }
  if (is_reserved(settings.name)) {
    return base::invalid_at(auth.place, "auth.name: '" + settings.name +
                                            "' means something to HTTP or to the gateway; "
                                            "no credential goes there");
  }
  if (settings.prefix.size() > kMaxPrefixSize || !is_field_text(settings.prefix) ||
      settings.prefix.starts_with(' ')) {
    return base::invalid_at(auth.place, "auth.prefix is at most 64 bytes of text, such as \"Token \"");
  }
  return settings;
}

class HeaderKind final : public Kind {
 public:
  std::string_view name() const noexcept override { return "header"; }

  Result<void> check(const base::Document& auth) const override {
    CLV_TRY_VOID(read(auth));
    return ok();
  }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    Settings settings = CLV_TRY(read(material.auth));
    const std::string_view secret = material.secret.reveal_text();
    CLV_TRY_VOID(check_secret(material.name, secret));
    EchoMarks echoes = CLV_TRY(marks_of(material, {&secret, 1}, key));
    base::SecretBytes value = CLV_TRY(join(key.arena(), settings.prefix, secret));
    return seal_static(std::move(material.name), Spot::kField, std::move(settings.name), std::move(value),
                       material.bound_to, std::move(echoes), key);
  }
};

}  // namespace

const Kind& header_kind() noexcept {
  static const HeaderKind kind;
  return kind;
}

}  // namespace claviger::credentials
