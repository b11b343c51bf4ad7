// SPDX-License-Identifier: Apache-2.0
#include "credentials/kind.h"

#include "credentials/token.h"

namespace claviger::credentials {

Result<void> Credential::write_query(http::HeadWriter&, const Attaching&) const { return ok(); }

Result<void> Credential::write_fields(http::HeadWriter&, const Attaching&) const { return ok(); }

const std::shared_ptr<const net::ClientIdentity>& Credential::identity() const noexcept {
  static const std::shared_ptr<const net::ClientIdentity> none;
  return none;
}

const std::shared_ptr<const TokenFetcher>& Credential::fetcher() const noexcept {
  static const std::shared_ptr<const TokenFetcher> none;
  return none;
}

std::optional<TokenEndpoint> Kind::token_endpoint(const base::Document&) const { return std::nullopt; }

std::string_view Kind::needs_tls(const base::Document&) const { return {}; }

Result<EchoMarks> marks_of(const Material& material, std::span<const std::string_view> secrets,
                           vault::ProcessKey& key) {
  if (!material.masked) return EchoMarks();
  auto marks = EchoMarks::of(secrets, material.bound_to, key);
  if (!marks.has_value()) return unmarkable(material.name, marks.error());
  return marks;
}

}  // namespace claviger::credentials
