// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <optional>
#include <utility>

#include "base/check.h"
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

// What signs, and what is to sign next.
struct SigningKeys {
  static Result<SigningKeys> of(const KeyringKeys& keys) {
    SigningKeys signing{CLV_TRY(crypto::Ed25519Signer::create(keys.signing_seed())), std::nullopt};
    if (keys.has_next()) signing.next = CLV_TRY(crypto::Ed25519Signer::create(keys.next_signing_seed()));
    return signing;
  }
  crypto::Ed25519Signer current;
  std::optional<crypto::Ed25519Signer> next;
};

// The key holder in the gateway's own process. The master key is gone once its keys are derived.
class LocalKeyHolder final : public KeyHolder {
 public:
  struct Keys {
    crypto::Aead wrapping;
    crypto::Aead keyring_wrapping;
    crypto::HmacSha256 record_mac;
    crypto::HmacSha256 register_mac;
    SigningKeys signing;
  };
  LocalKeyHolder(const MasterKey& master, base::SecretArena& arena, std::span<const std::byte> keyring,
                 Keys keys)
      : arena_(arena),
        name_(master.id()),
        id_(binary_id(master)),
        wrapping_(std::move(keys.wrapping)),
        keyring_wrapping_(std::move(keys.keyring_wrapping)),
        record_mac_(std::move(keys.record_mac)),
        register_mac_(std::move(keys.register_mac)),
        signing_(std::move(keys.signing)),
        keyring_(keyring.begin(), keyring.end()) {}

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

  crypto::Ed25519Signature sign(const crypto::Ed25519PublicKey& by,
                                std::span<const std::byte> message) override {
    const std::scoped_lock turn(mutex_);
    if (by == signing_.current.public_key()) return signing_.current.sign(message);
    CLV_CHECK(signing_.next && by == signing_.next->public_key());
    return signing_.next->sign(message);
  }
  crypto::Ed25519PublicKey signing_key() const override {
    const std::scoped_lock turn(mutex_);
    return signing_.current.public_key();
  }
  std::optional<crypto::Ed25519PublicKey> next_signing_key() const override {
    const std::scoped_lock turn(mutex_);
    if (!signing_.next) return std::nullopt;
    return signing_.next->public_key();
  }

  Result<NextSigningKey> add_next_signing_key() override {
    const std::scoped_lock turn(mutex_);
    if (signing_.next)
      return Error(Code::kConflict, Blame::kCaller, "a rotation of the signing key is under way already");
    const KeyringKeys keys = CLV_TRY(open_keyring(keyring_, keyring_wrapping_, arena_));
    const KeyringKeys with_next = CLV_TRY(keys.with_next(arena_));
    const auto signer = CLV_TRY(crypto::Ed25519Signer::create(with_next.next_signing_seed()));
    return NextSigningKey{seal_keyring(with_next, id_, keyring_wrapping_), signer.public_key()};
  }
  Result<Keyring> promote_next_signing_key() override {
    const std::scoped_lock turn(mutex_);
    if (!signing_.next)
      return Error(Code::kConflict, Blame::kCaller, "no rotation of the signing key is under way");
    const KeyringKeys keys = CLV_TRY(open_keyring(keyring_, keyring_wrapping_, arena_));
    return seal_keyring(CLV_TRY(keys.promoted(arena_)), id_, keyring_wrapping_);
  }
  Result<void> use(Keyring keyring) override {
    CLV_TRY(keyring_master_id(keyring));
    const std::scoped_lock turn(mutex_);
    const KeyringKeys keys = CLV_TRY(open_keyring(keyring, keyring_wrapping_, arena_));
    signing_ = CLV_TRY(SigningKeys::of(keys));
    keyring_ = std::move(keyring);
    return ok();
  }

 private:
  bool unwrap(std::span<const std::byte> wrapped, const Binding& binding, base::SecretBytes& key) {
    const std::scoped_lock turn(mutex_);
    return wrapping_.open(wrapped, data_key_binding(binding), key.reveal()).has_value();
  }

  base::SecretArena& arena_;
  const std::string name_;
  const MasterKeyId id_;
  mutable std::mutex mutex_;  // over what follows
  crypto::Aead wrapping_;
  crypto::Aead keyring_wrapping_;
  crypto::HmacSha256 record_mac_;
  crypto::HmacSha256 register_mac_;
  SigningKeys signing_;
  Keyring keyring_;  // as the store has it
};

}  // namespace

Result<std::unique_ptr<KeyHolder>> open_key_holder(MasterKey master, std::span<const std::byte> keyring,
                                                   base::SecretArena& arena) {
  const KeyringKeys keys = CLV_TRY(unwrap_keyring(keyring, master, arena));
  return std::make_unique<LocalKeyHolder>(
      master, arena, keyring,
      LocalKeyHolder::Keys{.wrapping = CLV_TRY(derive_wrapping_key(master, MasterUse::kWrapDataKeys)),
                           .keyring_wrapping = CLV_TRY(derive_wrapping_key(master, MasterUse::kWrapKeyring)),
                           .record_mac = CLV_TRY(crypto::HmacSha256::create(keys.record_mac())),
                           .register_mac = CLV_TRY(crypto::HmacSha256::create(keys.register_mac())),
                           .signing = CLV_TRY(SigningKeys::of(keys))});
}

}  // namespace claviger::vault
