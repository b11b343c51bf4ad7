// SPDX-License-Identifier: Apache-2.0
// { kind: oauth2_client_credentials, token_url: https://..., client_id: ID }: a token by RFC 6749 section 4.4. The secret is the
// client's.
#include "credentials/oauth2.h"
#include "credentials/static_credential.h"
#include "credentials/token_kind.h"

namespace claviger::credentials {

const Kind& oauth2_client_credentials_kind() noexcept;

namespace {

Result<OauthSettings> read_settings(const base::Document& auth) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind oauth2_client_credentials"));
  OauthSettings settings = CLV_TRY(read_oauth(reader, ClientProof::kBasic));
  CLV_TRY_VOID(reader.required("client_id"));
  CLV_TRY_VOID(reader.finish());
  if (settings.proof == ClientProof::kNone)
    return base::invalid_at(auth.place,
                            "auth.client_auth is basic or body: the client's secret is all it has");
  return settings;
}

class Fetcher final : public OauthFetcher {
 public:
  Fetcher(Owner owner, OauthSettings settings, vault::Sealed secret)
      : OauthFetcher(std::move(owner), std::move(settings), std::move(secret)) {}

  Result<TokenRequest> request(std::string_view secret, WallTime, base::SecretArena& arena) const override {
    SecretText form(arena);
    form.append_pair("grant_type", "client_credentials");
    return make_oauth_request(settings(), std::move(form), settings().client_id, secret, arena);
  }
};

class ClientCredentialsKind final : public TokenKind<read_settings, &OauthSettings::endpoint> {
 public:
  std::string_view name() const noexcept override { return "oauth2_client_credentials"; }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    OauthSettings settings = CLV_TRY(read_settings(material.auth));
    const std::string_view secret = material.secret.reveal_text();
    CLV_TRY_VOID(check_secret(material.name, secret));
    EchoMarks echoes = CLV_TRY(marks_of_secrets(material, {&secret, 1}, key));
    const Sending sending = settings.sending;
    return make_token_credential<Fetcher>(std::move(material), std::move(settings), sending,
                                          std::move(echoes), key);
  }
};

}  // namespace

const Kind& oauth2_client_credentials_kind() noexcept {
  static const ClientCredentialsKind kind;
  return kind;
}

}  // namespace claviger::credentials
