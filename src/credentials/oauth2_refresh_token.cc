// SPDX-License-Identifier: Apache-2.0
// { kind: oauth2_refresh_token, token_url: https://..., client_id: ID }: a token by RFC 6749 section 6. The secret is the refresh
// token; or a JSON object with refresh_token, client_secret and client_id (the latter two optional), such as tools of Google's write.
// A refresh token that the endpoint replaces takes the old one's place.
#include <vector>

#include "base/secret_json.h"
#include "credentials/oauth2.h"
#include "credentials/static_credential.h"
#include "credentials/token_kind.h"

namespace claviger::credentials {

const Kind& oauth2_refresh_token_kind() noexcept;

namespace {

Result<OauthSettings> read_settings(const base::Document& auth) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind oauth2_refresh_token"));
  OauthSettings settings = CLV_TRY(read_oauth(reader, ClientProof::kBasic));
  CLV_TRY_VOID(reader.finish());
  return settings;
}

// Views into the secret, or into what it was parsed into.
struct Parts {
  std::optional<base::SecretJson> json;
  std::string_view refresh_token;
  std::string_view client_secret;
  std::string_view client_id;
};

Result<Parts> read_parts(std::string_view secret, base::SecretArena& arena) {
  Parts parts;
  if (!secret.starts_with('{')) {
    parts.refresh_token = secret;
    return parts;
  }
  parts.json = CLV_TRY(base::SecretJson::parse(secret, arena, "its secret"));
  parts.refresh_token = parts.json->text({"refresh_token"}).value_or("");
  parts.client_secret = parts.json->text({"client_secret"}).value_or("");
  parts.client_id = parts.json->text({"client_id"}).value_or("");
  if (parts.refresh_token.empty())
    return Error(Code::kInvalid, Blame::kOperator, "its secret is JSON without a refresh_token");
  return parts;
}

// The secret with another refresh token, in the form that it had; as JSON, where it would be taken for that.
Result<base::SecretBytes> replaced(const Parts& old, std::string_view refresh_token,
                                   base::SecretArena& arena) {
  SecretText text(arena);
  if (!old.json && !refresh_token.starts_with('{')) return std::move(text.append(refresh_token)).take();
  text.append("{\"refresh_token\":").append_json(refresh_token);
  if (!old.client_secret.empty()) text.append(",\"client_secret\":").append_json(old.client_secret);
  if (!old.client_id.empty()) text.append(",\"client_id\":").append_json(old.client_id);
  return std::move(text.append("}")).take();
}

class Fetcher final : public OauthFetcher {
 public:
  Fetcher(Owner owner, OauthSettings settings, vault::Sealed secret)
      : OauthFetcher(std::move(owner), std::move(settings), std::move(secret)) {}

  Result<TokenRequest> request(std::string_view secret, WallTime, base::SecretArena& arena) const override {
    const Parts parts = CLV_TRY(read_parts(secret, arena));
    SecretText form(arena);
    form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", parts.refresh_token);
    const std::string_view id =
        settings().client_id.empty() ? parts.client_id : std::string_view(settings().client_id);
    return make_oauth_request(settings(), std::move(form), id, parts.client_secret, arena);
  }

  Result<FetchedToken> read(const http::FetchAnswer& answer, std::string_view secret,
                            base::SecretArena& arena) const override {
    OauthAnswer read = CLV_TRY(read_oauth_answer(answer, settings(), arena));
    FetchedToken fetched{.text = std::move(read.access_token), .lifetime = read.lifetime, .next_secret = {}};
    const Parts parts = CLV_TRY(read_parts(secret, arena));
    const std::string_view next = read.refresh_token.reveal_text();
    if (next.empty() || next == parts.refresh_token) return fetched;
    if (!check_secret(owner().name, next).has_value())
      return bad_answer("replaces the refresh token by what is none");
    fetched.next_secret = CLV_TRY(replaced(parts, next, arena));
    return fetched;
  }
};

class RefreshTokenKind final : public TokenKind<read_settings, &OauthSettings::endpoint> {
 public:
  std::string_view name() const noexcept override { return "oauth2_refresh_token"; }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    OauthSettings settings = CLV_TRY(read_settings(material.auth));
    const std::string_view secret = material.secret.reveal_text();
    const auto parts = read_parts(secret, key.arena());
    if (!parts.has_value()) return unusable(material.name, parts.error().what());
    CLV_TRY_VOID(check_secret(material.name, parts->refresh_token));
    if (settings.client_id.empty() && parts->client_id.empty())
      return unusable(material.name, "neither auth.client_id nor its secret says which client it is");
    const std::string_view secrets[] = {parts->refresh_token, parts->client_secret};
    EchoMarks echoes = CLV_TRY(marks_of_secrets(material, secrets, key));
    const Sending sending = settings.sending;
    return make_token_credential<Fetcher>(std::move(material), std::move(settings), sending,
                                          std::move(echoes), key);
  }
};

}  // namespace

const Kind& oauth2_refresh_token_kind() noexcept {
  static const RefreshTokenKind kind;
  return kind;
}

}  // namespace claviger::credentials
