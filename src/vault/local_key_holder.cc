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

// What is left of a master key once its keys are derived.
struct MasterKeys {
  static Result<MasterKeys> of(const MasterKey& master) {
    return MasterKeys{master.id(), binary_id(master),
                      CLV_TRY(derive_wrapping_key(master, MasterUse::kWrapDataKeys)),
                      CLV_TRY(derive_wrapping_key(master, MasterUse::kWrapKeyring))};
  }
  std::string name;
  MasterKeyId id;
  crypto::Aead wrapping;
  crypto::Aead keyring_wrapping;
};

// The key holder in the gateway's own process.
class LocalKeyHolder final : public KeyHolder {
 public:
  struct Keys {
    MasterKeys master;
    crypto::HmacSha256 record_mac;
    crypto::HmacSha256 register_mac;
    SigningKeys signing;
  };
  LocalKeyHolder(base::SecretArena& arena, std::span<const std::byte> keyring, Keys keys)
      : arena_(arena),
        master_(std::move(keys.master)),
        record_mac_(std::move(keys.record_mac)),
        register_mac_(std::move(keys.register_mac)),
        signing_(std::move(keys.signing)),
        keyring_(keyring.begin(), keyring.end()) {}

  std::string master_key_id() const override {
    const std::scoped_lock turn(mutex_);
    return master_.name;
  }

  Result<Envelope> seal(std::span<const std::byte> secret, const Binding& binding) override {
    if (secret.size() > kMaxSecret)
      return Error(Code::kInvalid, Blame::kCaller, "a secret is at most 64 KiB");
    base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena_, kKeySize));
    crypto::random_secret(key.reveal());
    crypto::Aead sealing = CLV_TRY(crypto::Aead::create(key.reveal()));
    const std::vector<std::byte> bound_secret = secret_binding(binding),
                                 bound_key = data_key_binding(binding);
    const std::scoped_lock turn(mutex_);
    MasterKeys& master = next_ ? *next_ : master_;
    Envelope envelope = begin_envelope(secret.size(), master.id);
    const auto parts = parts_of(envelope);
    sealing.seal(secret, bound_secret, parts.sealed_secret);
    master.wrapping.seal(key.reveal(), bound_key, parts.wrapped_key);
    return envelope;
  }

  Result<base::SecretBytes> open(std::span<const std::byte> envelope, const Binding& binding) override {
    const auto read = read_envelope(envelope);
    if (!read) return does_not_open();
    base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena_, kKeySize));
    if (!unwrap(*read, binding, key)) return does_not_open();
    crypto::Aead opening = CLV_TRY(crypto::Aead::create(key.reveal()));
    const std::span<const std::byte> sealed = read->parts.sealed_secret;
    base::SecretBytes secret =
        CLV_TRY(base::SecretBytes::allocate(arena_, sealed.size() - crypto::Aead::kOverhead));
    if (!opening.open(sealed, secret_binding(binding), secret.reveal()).has_value()) return does_not_open();
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
    const KeyringKeys keys = CLV_TRY(open_keyring(keyring_, master_.keyring_wrapping, arena_));
    const KeyringKeys with_next = CLV_TRY(keys.with_next(arena_));
    const auto signer = CLV_TRY(crypto::Ed25519Signer::create(with_next.next_signing_seed()));
    return NextSigningKey{seal_keyring(with_next, master_.id, master_.keyring_wrapping), signer.public_key()};
  }
  Result<Keyring> promote_next_signing_key() override {
    const std::scoped_lock turn(mutex_);
    if (!signing_.next)
      return Error(Code::kConflict, Blame::kCaller, "no rotation of the signing key is under way");
    const KeyringKeys keys = CLV_TRY(open_keyring(keyring_, master_.keyring_wrapping, arena_));
    return seal_keyring(CLV_TRY(keys.promoted(arena_)), master_.id, master_.keyring_wrapping);
  }
  Result<void> use(Keyring keyring) override {
    CLV_TRY(keyring_master_id(keyring));
    const std::scoped_lock turn(mutex_);
    const KeyringKeys keys = CLV_TRY(open_keyring(keyring, master_.keyring_wrapping, arena_));
    signing_ = CLV_TRY(SigningKeys::of(keys));
    keyring_ = std::move(keyring);
    return ok();
  }

  Result<void> hold_next_master_key(const MasterKey& next) override {
    MasterKeys keys = CLV_TRY(MasterKeys::of(next));
    const std::scoped_lock turn(mutex_);
    if (next_) return Error(Code::kConflict, Blame::kCaller, "the master key is being replaced already");
    if (keys.id == master_.id)
      return Error::formatted(Code::kConflict, Blame::kCaller,
                              "that is the master key in use (" + master_.name + "): give another one");
    next_ = std::move(keys);
    return ok();
  }
  std::optional<std::string> next_master_key_id() const override {
    const std::scoped_lock turn(mutex_);
    if (!next_) return std::nullopt;
    return next_->name;
  }
  void drop_next_master_key() override {
    const std::scoped_lock turn(mutex_);
    next_.reset();
  }
  Result<Envelope> seal_anew(std::span<const std::byte> envelope, const Binding& binding) override {
    const base::SecretBytes secret = CLV_TRY(open(envelope, binding));
    return seal(secret.reveal(), binding);
  }
  Result<Keyring> rewrapped_keyring() override {
    const std::scoped_lock turn(mutex_);
    CLV_CHECK(next_);
    const KeyringKeys keys = CLV_TRY(open_keyring(keyring_, master_.keyring_wrapping, arena_));
    return seal_keyring(keys, next_->id, next_->keyring_wrapping);
  }
  void promote_next_master_key(Keyring keyring) override {
    const std::scoped_lock turn(mutex_);
    CLV_CHECK(next_);
    master_ = *std::move(next_);
    next_.reset();
    keyring_ = std::move(keyring);
  }

 private:
  // Any key but the one it names would not open it either.
  bool unwrap(const ReadEnvelope& envelope, const Binding& binding, base::SecretBytes& key) {
    const std::vector<std::byte> bound = data_key_binding(binding);
    const std::scoped_lock turn(mutex_);
    MasterKeys* const master = envelope.id == master_.id           ? &master_
                               : next_ && envelope.id == next_->id ? &*next_
                                                                   : nullptr;
    return master != nullptr &&
           master->wrapping.open(envelope.parts.wrapped_key, bound, key.reveal()).has_value();
  }

  base::SecretArena& arena_;
  mutable std::mutex mutex_;  // over what follows
  MasterKeys master_;
  std::optional<MasterKeys> next_;  // while the master key is replaced
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
      arena, keyring,
      LocalKeyHolder::Keys{.master = CLV_TRY(MasterKeys::of(master)),
                           .record_mac = CLV_TRY(crypto::HmacSha256::create(keys.record_mac())),
                           .register_mac = CLV_TRY(crypto::HmacSha256::create(keys.register_mac())),
                           .signing = CLV_TRY(SigningKeys::of(keys))});
}

}  // namespace claviger::vault
