// SPDX-License-Identifier: Apache-2.0
// { kind: bearer }: `Authorization: Bearer <secret>` (RFC 6750 section 2.1).
#include "credentials/static_credential.h"

namespace claviger::credentials {

const Kind& bearer_kind() noexcept;

namespace {

class BearerKind final : public Kind {
 public:
  std::string_view name() const noexcept override { return "bearer"; }

  Result<void> check(const base::Document& auth) const override {
    base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind bearer"));
    CLV_TRY_VOID(reader.required("kind"));
    return reader.finish();
  }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    CLV_TRY_VOID(check(material.auth));
    const std::string_view secret = material.secret.reveal_text();
    CLV_TRY_VOID(check_secret(material.name, secret));
    if (secret.find(' ') != std::string_view::npos) {
      return unusable(material.name,
                      "its secret holds a space, which no bearer token may; the source must hold the "
                      "token alone, without 'Bearer'");
    }
    EchoMarks echoes = CLV_TRY(marks_of(material, {&secret, 1}, key));
    base::SecretBytes value = CLV_TRY(join(key.arena(), "Bearer ", secret));
    return seal_static(std::move(material.name), Spot::kField, "Authorization", std::move(value),
                       material.bound_to, std::move(echoes), key);
  }
};

}  // namespace

const Kind& bearer_kind() noexcept {
  static const BearerKind kind;
  return kind;
}

}  // namespace claviger::credentials
