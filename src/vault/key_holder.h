// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "crypto/ed25519.h"
#include "crypto/hash.h"
#include "vault/master_key.h"

namespace claviger::vault {

// Whose secret it is, and where it may go: the associated data of its envelope. An envelope opens for exactly the
// binding it was sealed for.
struct Binding {
  std::string_view kind;  // of the record: "credential"
  std::string_view name;
  std::uint64_t id = 0;  // of the record: a name that is used again is another one
  std::uint32_t version = 0;  // of the secret
  std::string_view
      destination;  // digest of everything that decides where it goes (gateway::destination_digest)
};

using Envelope = std::vector<std::byte>;  // docs/formats/vault.md

// The keys that are not the master key (record MACs, register, signing), random, wrapped by it. Lies in the store's
// meta, so that the master key can change without touching a record.
using Keyring = std::vector<std::byte>;
struct NextSigningKey {
  Keyring keyring;  // that has it
  crypto::Ed25519PublicKey key;
};

enum class MacPurpose : std::uint8_t { kRecord, kRegister };

// Everything that is done with long-lived keys, behind one narrow interface, so that it can later live in a process of
// its own with no network and no parser.
//
// Threads: any; calls take turns. Secrets: keys never leave it; a secret leaves it by open() alone.
class KeyHolder {
 public:
  static constexpr std::size_t kMaxSecret = std::size_t{64} << 10;

  virtual ~KeyHolder() = default;

  virtual std::string master_key_id() const = 0;
  // A data key of its own for each secret (AES-256-GCM), wrapped by the master key. kInvalid over kMaxSecret;
  // kUnavailable when the arena is spent.
  virtual Result<Envelope> seal(std::span<const std::byte> secret, const Binding& binding) = 0;
  // kInternal when it was altered, or sealed for another binding or by another master key; never says more.
  // kUnavailable as above.
  virtual Result<base::SecretBytes> open(std::span<const std::byte> envelope, const Binding& binding) = 0;
  // HMAC-SHA-256 under the key of that purpose, over the parts with their lengths.
  virtual crypto::Sha256Digest mac(MacPurpose purpose, std::span<const std::string_view> parts) = 0;

  // For checkpoints of the audit log: under the key that signs them, or the one that is to sign them next. Requires: `by` is one
  // of the two.
  virtual crypto::Ed25519Signature sign(const crypto::Ed25519PublicKey& by,
                                        std::span<const std::byte> message) = 0;
  virtual crypto::Ed25519PublicKey signing_key() const = 0;
  virtual std::optional<crypto::Ed25519PublicKey> next_signing_key() const = 0;

  // The signing key is rotated in two steps. Each gives the keyring that has it done, and changes nothing else: once that is
  // committed to the store, use() takes it over. So no key signs before it is kept, and none is forgotten that may
  // still have to.
  // With a further key, drawn now, which is to sign next. kConflict when there is one.
  virtual Result<NextSigningKey> add_next_signing_key() = 0;
  // With the next key in the place of the one that signs, which is gone. kConflict when there is none.
  virtual Result<Keyring> promote_next_signing_key() = 0;
  virtual Result<void> use(Keyring keyring) = 0;

  // The master key is replaced in steps as well. The keys of the keyring stay as they are: they are wrapped anew.
  // From here on secrets are sealed under `next`, and whatever either key has sealed is opened. kConflict when there is a next one
  // already, or it is the same.
  virtual Result<void> hold_next_master_key(const MasterKey& next) = 0;
  virtual std::optional<std::string> next_master_key_id() const = 0;
  // As if it had never been held. Requires: nothing that was sealed under it is kept.
  virtual void drop_next_master_key() = 0;
  // What open() gives, sealed for the same binding under the next master key, with a data key drawn now: whoever has the one before,
  // opens nothing of this. Errors as open() and seal(). Requires: there is a next master key.
  virtual Result<Envelope> seal_anew(std::span<const std::byte> envelope, const Binding& binding) = 0;
  // The keyring as it is, wrapped by the next master key. Changes nothing. Requires: as above.
  virtual Result<Keyring> rewrapped_keyring() = 0;
  // That one is in the store: the next master key is the one, and the one before is gone from this process. Cannot fail. Requires:
  // rewrapped_keyring() gave it, and use() was not called since.
  virtual void promote_next_master_key(Keyring keyring) = 0;
};

// Of the master key that an envelope's data key is wrapped by, as 16 hex digits. Nothing when it is no envelope.
std::optional<std::string> envelope_master_id(std::span<const std::byte> envelope);

Result<Keyring> make_keyring(const MasterKey& master);
// The id of the master key that a keyring was wrapped by, as 16 hex digits. kInvalid when it is none.
Result<std::string> keyring_master_id(std::span<const std::byte> keyring);

// In this process. kInvalid for the wrong master key: `what` names the key id that is wanted and the one that was given;
// kInternal when the keyring was altered. The arena outlives it.
Result<std::unique_ptr<KeyHolder>> open_key_holder(MasterKey master, std::span<const std::byte> keyring,
                                                   base::SecretArena& arena);

}  // namespace claviger::vault
