// SPDX-License-Identifier: Apache-2.0
#include "vault/keyring.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/parse.h"
#include "crypto/random.h"
#include "vault/wire.h"

namespace claviger::vault {
namespace {

constexpr std::byte kFormat{1};
constexpr std::byte kFormatWithNext{2};
constexpr std::string_view kLabel = "claviger keyring";

// Bound to what stands before it.
std::vector<std::byte> binding_of(std::span<const std::byte> header) {
  WireWriter bound;
  bound.text(kLabel);
  bound.octets(header);
  return std::move(bound).take();
}

bool is_keyring(std::span<const std::byte> bytes) noexcept {
  return (bytes.size() == kKeyringSize && bytes.front() == kFormat) ||
         (bytes.size() == kKeyringWithNextSize && bytes.front() == kFormatWithNext);
}

}  // namespace

Result<KeyringKeys> KeyringKeys::with_next(base::SecretArena& arena) const {
  CLV_CHECK(!has_next());
  base::SecretBytes keys = CLV_TRY(base::SecretBytes::allocate(arena, 4 * kKeySize));
  std::ranges::copy(keys_.reveal(), keys.reveal().begin());
  crypto::random_secret(keys.reveal().last(kKeySize));
  return KeyringKeys(std::move(keys));
}

Result<KeyringKeys> KeyringKeys::promoted(base::SecretArena& arena) const {
  CLV_CHECK(has_next());
  base::SecretBytes keys = CLV_TRY(base::SecretBytes::allocate(arena, 3 * kKeySize));
  std::ranges::copy(keys_.reveal().first(2 * kKeySize), keys.reveal().begin());
  std::ranges::copy(next_signing_seed(), keys.reveal().last(kKeySize).begin());
  return KeyringKeys(std::move(keys));
}

Keyring seal_keyring(const KeyringKeys& keys, const MasterKeyId& id, crypto::Aead& wrapping) {
  Keyring keyring(keys.has_next() ? kKeyringWithNextSize : kKeyringSize);
  const std::span<std::byte> bytes(keyring);
  bytes.front() = keys.has_next() ? kFormatWithNext : kFormat;
  std::ranges::copy(id, bytes.subspan(1).begin());
  wrapping.seal(keys.keys_.reveal(), binding_of(bytes.first(kKeyringHeader)), bytes.subspan(kKeyringHeader));
  return keyring;
}

Result<Keyring> make_keyring(const MasterKey& master) {
  base::SecretBytes keys = CLV_TRY(base::SecretBytes::allocate(master.arena(), 3 * kKeySize));
  crypto::random_secret(keys.reveal());
  crypto::Aead wrapping = CLV_TRY(derive_wrapping_key(master, MasterUse::kWrapKeyring));
  return seal_keyring(KeyringKeys(std::move(keys)), binary_id(master), wrapping);
}

Result<std::string> keyring_master_id(std::span<const std::byte> keyring) {
  if (!is_keyring(keyring))
    return Error(Code::kInvalid, Blame::kOperator,
                 "the store's keyring is of no format that this version knows");
  return base::format_hex(keyring.subspan(1, sizeof(MasterKeyId)));
}

Result<KeyringKeys> open_keyring(std::span<const std::byte> keyring, crypto::Aead& wrapping,
                                 base::SecretArena& arena) {
  CLV_CHECK(is_keyring(keyring));
  base::SecretBytes keys =
      CLV_TRY(base::SecretBytes::allocate(arena, keyring.size() - kKeyringHeader - crypto::Aead::kOverhead));
  const auto opened = wrapping.open(keyring.subspan(kKeyringHeader),
                                    binding_of(keyring.first(kKeyringHeader)), keys.reveal());
  if (!opened.has_value())
    return Error(Code::kInternal, Blame::kOperator,
                 "the store's keyring was altered; restore it from a backup");
  return KeyringKeys(std::move(keys));
}

Result<KeyringKeys> unwrap_keyring(std::span<const std::byte> keyring, const MasterKey& master,
                                   base::SecretArena& arena) {
  const std::string wanted = CLV_TRY(keyring_master_id(keyring));
  if (wanted != master.id()) {
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            "the store was made with master key " + wanted + ", but this is " + master.id() +
                                "; give the right one (master_key.from)");
  }
  crypto::Aead wrapping = CLV_TRY(derive_wrapping_key(master, MasterUse::kWrapKeyring));
  return open_keyring(keyring, wrapping, arena);
}

}  // namespace claviger::vault
