// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/document.h"
#include "credentials/kind.h"
#include "credentials/token.h"
#include "credentials/token_settings.h"

namespace claviger::credentials {

// What kinds that fetch have in common: `kRead` makes settings of `auth`, or says what is wrong, and `kEndpoint` is their TokenEndpoint.
template <auto kRead, auto kEndpoint>
class TokenKind : public Kind {
 public:
  Result<void> check(const base::Document& auth) const override {
    CLV_TRY_VOID(kRead(auth));
    return ok();
  }

  std::optional<TokenEndpoint> token_endpoint(const base::Document& auth) const override {
    auto settings = kRead(auth);
    if (!settings.has_value()) return std::nullopt;
    return std::move(std::invoke(kEndpoint, *settings));
  }
};

// The credential of a kind that fetches: its `Fetcher` is made of the settings and of the material's secret, sealed.
template <class Fetcher, class Settings>
std::unique_ptr<const Credential> make_token_credential(Material material, Settings settings,
                                                        const Sending& sending, EchoMarks echoes,
                                                        vault::ProcessKey& key) {
  auto fetcher = std::make_shared<const Fetcher>(
      Owner{material.name, std::string(material.bound_to), material.masked}, std::move(settings),
      key.seal(material.secret.reveal(), material.bound_to));
  return std::make_unique<TokenCredential>(std::move(material.name), sending, std::move(fetcher),
                                           std::move(echoes));
}

}  // namespace claviger::credentials
