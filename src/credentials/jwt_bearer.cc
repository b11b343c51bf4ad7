// SPDX-License-Identifier: Apache-2.0
// { kind: jwt_bearer, token_url: https://..., issuer: NAME }: a token for an assertion that the gateway signs (RFC 7523 section 2.1).
// The secret is a private key in PEM (RS256 or ES256, as the key is), or the JSON of a service account as Google gives it out, which
// says issuer and key id as well.
#include <array>

#include "base/parse.h"
#include "base/secret_json.h"
#include "credentials/oauth2.h"
#include "credentials/static_credential.h"
#include "credentials/token_kind.h"
#include "crypto/random.h"
#include "crypto/signing_key.h"

namespace claviger::credentials {

const Kind& jwt_bearer_kind() noexcept;

namespace {

constexpr std::string_view kGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::chrono::seconds kAssertionLifetime = std::chrono::minutes(5);
constexpr std::chrono::seconds kMostAssertionLifetime = std::chrono::hours(1);
constexpr std::chrono::seconds kClockSkew{10};  // that the endpoint's clock may be behind

struct Settings {
  OauthSettings oauth;
  std::string issuer;
  std::string subject;
  std::string audience;
  std::string key_id;
  std::chrono::seconds assertion_lifetime = kAssertionLifetime;
};

Result<std::chrono::seconds> read_assertion_lifetime(base::ObjectReader& reader) {
  const base::Document* const node = reader.find("assertion_lifetime");
  if (node == nullptr) return kAssertionLifetime;
  const std::string text = CLV_TRY(base::read_string(*node, "auth.assertion_lifetime"));
  const auto read = base::parse_duration(text);
  if (!read.has_value() || *read < std::chrono::seconds(30) || *read > kMostAssertionLifetime)
    return base::invalid_at(node->place, "auth.assertion_lifetime is 30s to 1h, such as 5m");
  return std::chrono::duration_cast<std::chrono::seconds>(*read);
}

// The endpoint's URL, for whom nothing else was said (RFC 7523 section 3).
std::string url_of(const TokenEndpoint& endpoint) {
  return (endpoint.url->tls ? "https://" : "http://") + endpoint.url->authority + endpoint.target;
}

Result<Settings> read_settings(const base::Document& auth) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind jwt_bearer"));
  Settings settings;
  settings.oauth = CLV_TRY(read_oauth(reader, ClientProof::kNone));
  settings.issuer = CLV_TRY(read_text(reader, "issuer"));
  settings.subject = CLV_TRY(read_text(reader, "subject"));
  settings.audience = CLV_TRY(read_text(reader, "audience"));
  settings.key_id = CLV_TRY(read_text(reader, "key_id"));
  settings.assertion_lifetime = CLV_TRY(read_assertion_lifetime(reader));
  CLV_TRY_VOID(reader.finish());
  if (settings.oauth.proof != ClientProof::kNone)
    return base::invalid_at(auth.place, "auth.client_auth is none: the assertion is what proves it");
  if (settings.audience.empty()) settings.audience = url_of(settings.oauth.endpoint);
  for (const std::string* text :
       {&settings.issuer, &settings.subject, &settings.audience, &settings.key_id, &settings.oauth.scope})
    if (!base::is_utf8(*text))
      return base::invalid_at(auth.place, "auth: what goes into the assertion is UTF-8");
  return settings;
}

// Views into the secret, or into what it was parsed into.
struct Parts {
  std::optional<base::SecretJson> json;
  std::string_view key;
  std::string_view issuer;
  std::string_view key_id;
};

Result<Parts> read_parts(std::string_view secret, base::SecretArena& arena) {
  Parts parts;
  parts.key = secret;
  if (!secret.starts_with('{')) return parts;
  parts.json = CLV_TRY(base::SecretJson::parse(secret, arena, "its secret"));
  parts.key = parts.json->text({"private_key"}).value_or("");
  parts.issuer = parts.json->text({"client_email"}).value_or("");
  parts.key_id = parts.json->text({"private_key_id"}).value_or("");
  if (parts.key.empty())
    return Error(Code::kInvalid, Blame::kOperator, "its secret is JSON without a private_key");
  return parts;
}

// So that no two assertions are the same, and none is taken for a replay.
std::string fresh_id() {
  std::array<std::byte, 16> random;
  crypto::random_bytes(random);
  return base::format_hex(random);
}

std::string_view first_of(std::string_view setting, std::string_view otherwise) noexcept {
  return setting.empty() ? otherwise : setting;
}

class Fetcher final : public OauthFetcher {
 public:
  Fetcher(Owner owner, Settings settings, vault::Sealed secret)
      : OauthFetcher(std::move(owner), settings.oauth, std::move(secret)), settings_(std::move(settings)) {}

  Result<TokenRequest> request(std::string_view secret, WallTime now,
                               base::SecretArena& arena) const override {
    const base::SecretBytes assertion = CLV_TRY(assert_now(secret, now, arena));
    SecretText form(arena);
    form.append_pair("grant_type", kGrant).append_pair("assertion", assertion.reveal_text());
    return make_oauth_request(OauthFetcher::settings(), std::move(form), settings_.oauth.client_id, {},
                              arena);
  }

 private:
  // A JWT (RFC 7519) in JWS compact form (RFC 7515 section 3.1).
  Result<base::SecretBytes> assert_now(std::string_view secret, WallTime now,
                                       base::SecretArena& arena) const {
    const Parts parts = CLV_TRY(read_parts(secret, arena));
    const crypto::SigningKey key = CLV_TRY(crypto::SigningKey::of_pem(parts.key, arena));
    const base::SecretBytes header = CLV_TRY(header_of(key, parts, arena));
    const base::SecretBytes claims = CLV_TRY(claims_of(parts, now, arena));
    SecretText text(arena);
    text.append_base64url(header.reveal()).append(".").append_base64url(claims.reveal());
    const base::SecretBytes signature = CLV_TRY(key.sign(text.text(), arena));
    text.append(".").append_base64url(signature.reveal());
    return std::move(text).take();
  }

  Result<base::SecretBytes> header_of(const crypto::SigningKey& key, const Parts& parts,
                                      base::SecretArena& arena) const {
    const bool is_rsa = key.algorithm() == crypto::SigningKey::Algorithm::kRs256;
    SecretText text(arena);
    text.append(is_rsa ? R"({"alg":"RS256","typ":"JWT")" : R"({"alg":"ES256","typ":"JWT")");
    if (const std::string_view id = first_of(settings_.key_id, parts.key_id); !id.empty())
      text.append(",\"kid\":").append_json(id);
    return std::move(text.append("}")).take();
  }

  // Google reads the scope from the assertion, others from the form (RFC 7521 section 4.1): it is in both.
  Result<base::SecretBytes> claims_of(const Parts& parts, WallTime now, base::SecretArena& arena) const {
    const std::string_view issuer = first_of(settings_.issuer, parts.issuer);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
    const auto number = [](std::chrono::seconds time) { return static_cast<std::uint64_t>(time.count()); };
    SecretText text(arena);
    text.append("{\"iss\":").append_json(issuer);
    text.append(",\"sub\":").append_json(first_of(settings_.subject, issuer));
    text.append(",\"aud\":").append_json(settings_.audience);
    text.append(",\"iat\":").append_number(number(seconds - kClockSkew));
    text.append(",\"exp\":").append_number(number(seconds - kClockSkew + settings_.assertion_lifetime));
    text.append(",\"jti\":\"").append(fresh_id()).append("\"");
    if (!settings_.oauth.scope.empty()) text.append(",\"scope\":").append_json(settings_.oauth.scope);
    return std::move(text.append("}")).take();
  }

  Settings settings_;
};

class JwtBearerKind final
    : public TokenKind<read_settings, [](Settings& of) -> TokenEndpoint& { return of.oauth.endpoint; }> {
 public:
  std::string_view name() const noexcept override { return "jwt_bearer"; }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    Settings settings = CLV_TRY(read_settings(material.auth));
    const auto parts = read_parts(material.secret.reveal_text(), key.arena());
    if (!parts.has_value()) return unusable(material.name, parts.error().what());
    const auto signing = crypto::SigningKey::of_pem(parts->key, key.arena());
    if (!signing.has_value())
      return unusable(material.name, "its secret: " + std::string(signing.error().what()));
    if (settings.issuer.empty() && parts->issuer.empty())
      return unusable(material.name, "neither auth.issuer nor its secret says who the issuer is");
    if (!base::is_utf8(parts->issuer) || !base::is_utf8(parts->key_id))
      return unusable(material.name, "its secret is no UTF-8");
    const Sending sending = settings.oauth.sending;
    // The key itself never leaves: what goes to the endpoint is signed with it, so no answer can echo it.
    return make_token_credential<Fetcher>(std::move(material), std::move(settings), sending, EchoMarks(),
                                          key);
  }
};

}  // namespace

const Kind& jwt_bearer_kind() noexcept {
  static const JwtBearerKind kind;
  return kind;
}

}  // namespace claviger::credentials
