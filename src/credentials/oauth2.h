// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the kinds of OAuth 2.0 share (RFC 6749): the client, the request to the token endpoint, its answer.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "credentials/secret_text.h"
#include "credentials/token_settings.h"

namespace claviger::credentials {

// How the client proves itself (RFC 6749 section 2.3.1).
enum class ClientProof : std::uint8_t {
  kBasic,  // `client_auth: basic`: in Authorization
  kBody,   // `client_auth: body`
  kNone,   // `client_auth: none`: a public client, or a grant that proves itself
};

struct OauthSettings {
  TokenEndpoint endpoint;
  Sending sending;
  std::optional<std::chrono::seconds> lifetime;
  std::string client_id;
  ClientProof proof = ClientProof::kBasic;
  std::string scope;
  Parameters parameters;
};

// Reads what all of them have; the kind reads the rest, and finish()es. `proof`: where nothing is said.
Result<OauthSettings> read_oauth(base::ObjectReader& reader, ClientProof proof);

// The form of a request, begun with its grant, and what is the same in all of them.
Result<TokenRequest> make_oauth_request(const OauthSettings& settings, SecretText form,
                                        std::string_view client_id, std::string_view client_secret,
                                        base::SecretArena& arena);

// The secrets of an answer (RFC 6749 section 5.1), or what is wrong with it (section 5.2).
struct OauthAnswer {
  base::SecretBytes access_token;
  base::SecretBytes refresh_token;  // empty: none
  std::chrono::seconds lifetime{};
};
Result<OauthAnswer> read_oauth_answer(const http::FetchAnswer& answer, const OauthSettings& settings,
                                      base::SecretArena& arena);

// What they do alike.
class OauthFetcher : public TokenFetcher {
 public:
  Result<FetchedToken> read(const http::FetchAnswer& answer, std::string_view secret,
                            base::SecretArena& arena) const override;
  Result<std::unique_ptr<const Credential>> carry(base::SecretBytes token,
                                                  vault::ProcessKey& key) const override {
    return settings_.sending.carry(owner_, std::move(token), key);
  }

 protected:
  OauthFetcher(Owner owner, OauthSettings settings, vault::Sealed secret)
      : TokenFetcher(settings.endpoint, std::move(secret)),
        owner_(std::move(owner)),
        settings_(std::move(settings)) {}
  const OauthSettings& settings() const noexcept { return settings_; }
  const Owner& owner() const noexcept { return owner_; }

 private:
  Owner owner_;
  OauthSettings settings_;
};

}  // namespace claviger::credentials
