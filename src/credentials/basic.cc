// SPDX-License-Identifier: Apache-2.0
// { kind: basic, username: optional }: `Authorization: Basic` (RFC 7617). Without a username the secret is
// "user:password".
#include <algorithm>
#include <array>
#include <optional>

#include "credentials/static_credential.h"
#include "crypto/encode.h"

namespace claviger::credentials {

const Kind& basic_kind() noexcept;

namespace {

constexpr std::string_view kScheme = "Basic ";
constexpr std::size_t kMaxUsernameSize = 256;

Result<std::optional<std::string>> read_username(const base::Document& auth) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind basic"));
  CLV_TRY_VOID(reader.required("kind"));
  std::optional<std::string> username = CLV_TRY(reader.optional_string("username"));
  CLV_TRY_VOID(reader.finish());
  if (username.has_value() && (username->size() > kMaxUsernameSize || !is_field_text(*username) ||
                               username->find(':') != std::string::npos)) {
    return base::invalid_at(auth.place, "auth.username is at most 256 bytes of text without ':'");
  }
  return username;
}

// The password, and the pair as it is sent: without its padding, which not everybody writes down.
Result<EchoMarks> marks_in(const Material& material, std::size_t password, std::string_view sent,
                           vault::ProcessKey& key) {
  const std::array<std::string_view, 2> secrets{material.secret.reveal_text().substr(password),
                                                sent.substr(0, sent.find_last_not_of('=') + 1)};
  return marks_of(material, secrets, key);
}

class BasicKind final : public Kind {
 public:
  std::string_view name() const noexcept override { return "basic"; }

  Result<void> check(const base::Document& auth) const override {
    CLV_TRY_VOID(read_username(auth));
    return ok();
  }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    const std::optional<std::string> username = CLV_TRY(read_username(material.auth));
    const std::string_view secret = material.secret.reveal_text();
    CLV_TRY_VOID(check_secret(material.name, secret));
    if (!username.has_value() && secret.find(':') == std::string_view::npos) {
      return unusable(material.name,
                      "its secret is no 'user:password'; say auth: { kind: basic, username: NAME } when "
                      "the secret is the password alone");
    }
    const base::SecretBytes pair =
        CLV_TRY(join(key.arena(), username.has_value() ? *username + ":" : std::string(), secret));
    base::SecretBytes value =
        CLV_TRY(base::SecretBytes::allocate(key.arena(), kScheme.size() + crypto::base64_size(pair.size())));
    const std::span<char> out(reinterpret_cast<char*>(value.reveal().data()), value.size());
    std::ranges::copy(kScheme, out.begin());
    crypto::base64_encode(pair.reveal(), out.subspan(kScheme.size()));
    EchoMarks echoes = CLV_TRY(marks_in(material, username.has_value() ? 0 : secret.find(':') + 1,
                                        value.reveal_text().substr(kScheme.size()), key));
    return seal_static(std::move(material.name), Spot::kField, "Authorization", std::move(value),
                       material.bound_to, std::move(echoes), key);
  }
};

}  // namespace

const Kind& basic_kind() noexcept {
  static const BasicKind kind;
  return kind;
}

}  // namespace claviger::credentials
