// SPDX-License-Identifier: Apache-2.0
// { kind: client_certificate }: the gateway proves itself in the TLS handshake (RFC 8446 section 4.4.2). The secret is PEM: the
// certificate, those of the CAs between it and one that the upstream knows, and the private key. Requests carry nothing.
#include "credentials/kind.h"
#include "credentials/static_credential.h"
#include "net/client_identity.h"

namespace claviger::credentials {

const Kind& client_certificate_kind() noexcept;

namespace {

constexpr std::size_t kMaxPem = std::size_t{64} << 10;

// Its key is not sealed, as the secrets of other kinds are: TLS needs it at each handshake. It lies in the arena, and never leaves it.
class ClientCertificate final : public Credential {
 public:
  ClientCertificate(std::string name, std::shared_ptr<const net::ClientIdentity> identity)
      : Credential(std::move(name)), identity_(std::move(identity)) {}

  const std::shared_ptr<const net::ClientIdentity>& identity() const noexcept override { return identity_; }
  WallTime good_until() const noexcept override { return identity_->good_until(); }

 private:
  std::shared_ptr<const net::ClientIdentity> identity_;
};

class ClientCertificateKind final : public Kind {
 public:
  std::string_view name() const noexcept override { return "client_certificate"; }

  Result<void> check(const base::Document& auth) const override {
    base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind client_certificate"));
    CLV_TRY_VOID(reader.required("kind"));
    return reader.finish();
  }

  std::string_view needs_tls(const base::Document&) const override {
    return "a certificate is shown in the TLS handshake";
  }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey&) const override {
    CLV_TRY_VOID(check(material.auth));
    if (material.secret.size() > kMaxPem) return unusable(material.name, "its secret is over 64 KiB");
    auto identity = net::ClientIdentity::of_pem(material.secret.reveal_text());
    if (!identity.has_value()) return unusable(material.name, identity.error().what());
    return std::make_unique<ClientCertificate>(std::move(material.name), *std::move(identity));
  }
};

}  // namespace

const Kind& client_certificate_kind() noexcept {
  static const ClientCertificateKind kind;
  return kind;
}

}  // namespace claviger::credentials
