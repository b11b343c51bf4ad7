// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <utility>

#include "crypto/random.h"
#include "vault/envelope.h"
#include "vault/key_holder.h"
#include "vault/keyring.h"

namespace claviger::vault {
namespace {

// One answer for whatever was wrong, so that nobody can learn by trying which part it was.
Error does_not_open() {
  return {Code::kInternal, Blame::kGateway,
          "the sealed secret was altered, or belongs to something else, or to another master key"};
}

// The key holder in the gateway's own process. The master key is gone once its keys are derived.
class LocalKeyHolder final : public KeyHolder {
 public:
  LocalKeyHolder(const MasterKey& master, base::SecretArena& arena, crypto::Aead wrapping,
                 crypto::HmacSha256 record_mac, crypto::HmacSha256 register_mac, crypto::Ed25519Signer signer)
      : arena_(arena),
        name_(master.id()),
        id_(binary_id(master)),
        wrapping_(std::move(wrapping)),
        record_mac_(std::move(record_mac)),
        register_mac_(std::move(register_mac)),
        signer_(std::move(signer)) {}

  std::string_view master_key_id() const noexcept override { return name_; }

  Result<Envelope> seal(std::span<const std::byte> secret, const Binding& binding) override {
    if (secret.size() > kMaxSecret)
      return Error(Code::kInvalid, Blame::kCaller, "a secret is at most 64 KiB");
    base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena_, kKeySize));
    crypto::random_secret(key.reveal());
    crypto::Aead sealing = CLV_TRY(crypto::Aead::create(key.reveal()));
    Envelope envelope = begin_envelope(secret.size(), id_);
    const auto parts = parts_of(envelope);
    sealing.seal(secret, secret_binding(binding), parts.sealed_secret);
    const std::scoped_lock turn(mutex_);
    wrapping_.seal(key.reveal(), data_key_binding(binding), parts.wrapped_key);
    return envelope;
  }

  Result<base::SecretBytes> open(std::span<const std::byte> envelope, const Binding& binding) override {
    const auto parts = read_envelope(envelope, id_);
    if (!parts) return does_not_open();
    base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena_, kKeySize));
    if (!unwrap(parts->wrapped_key, binding, key)) return does_not_open();
    crypto::Aead opening = CLV_TRY(crypto::Aead::create(key.reveal()));
    base::SecretBytes secret =
        CLV_TRY(base::SecretBytes::allocate(arena_, parts->sealed_secret.size() - crypto::Aead::kOverhead));
    if (!opening.open(parts->sealed_secret, secret_binding(binding), secret.reveal()).has_value())
      return does_not_open();
    return secret;
  }

  crypto::Sha256Digest mac(MacPurpose purpose, std::span<const std::string_view> parts) override {
    const std::scoped_lock turn(mutex_);
    return (purpose == MacPurpose::kRecord ? record_mac_ : register_mac_).mac_parts(parts);
  }

  crypto::Ed25519Signature sign(std::span<const std::byte> message) override {
    const std::scoped_lock turn(mutex_);
    return signer_.sign(message);
  }
  crypto::Ed25519PublicKey signing_key() const noexcept override { return signer_.public_key(); }

 private:
  bool unwrap(std::span<const std::byte> wrapped, const Binding& binding, base::SecretBytes& key) {
    const std::scoped_lock turn(mutex_);
    return wrapping_.open(wrapped, data_key_binding(binding), key.reveal()).has_value();
  }

  base::SecretArena& arena_;
  const std::string name_;
  const MasterKeyId id_;
  std::mutex mutex_;  // over what follows
  crypto::Aead wrapping_;
  crypto::HmacSha256 record_mac_;
  crypto::HmacSha256 register_mac_;
  crypto::Ed25519Signer signer_;
};

}  // namespace

Result<std::unique_ptr<KeyHolder>> open_key_holder(MasterKey master, std::span<const std::byte> keyring,
                                                   base::SecretArena& arena) {
  const KeyringKeys keys = CLV_TRY(unwrap_keyring(keyring, master, arena));
  return std::make_unique<LocalKeyHolder>(master, arena,
                                          CLV_TRY(derive_wrapping_key(master, MasterUse::kWrapDataKeys)),
                                          CLV_TRY(crypto::HmacSha256::create(keys.record_mac())),
                                          CLV_TRY(crypto::HmacSha256::create(keys.register_mac())),
                                          CLV_TRY(crypto::Ed25519Signer::create(keys.signing_seed())));
}

}  // namespace claviger::vault
