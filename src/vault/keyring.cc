// SPDX-License-Identifier: Apache-2.0
#include "vault/keyring.h"

#include <algorithm>
#include <string>

#include "base/parse.h"
#include "crypto/random.h"
#include "vault/key_holder.h"
#include "vault/wire.h"

namespace claviger::vault {
namespace {

constexpr std::byte kFormat{1};
constexpr std::string_view kLabel = "claviger keyring";

// Bound to what stands before it.
std::vector<std::byte> binding_of(std::span<const std::byte> header) {
  WireWriter bound;
  bound.text(kLabel);
  bound.octets(header);
  return std::move(bound).take();
}

}  // namespace

Result<Keyring> make_keyring(const MasterKey& master) {
  base::SecretBytes keys = CLV_TRY(base::SecretBytes::allocate(master.arena(), 3 * kKeySize));
  crypto::random_secret(keys.reveal());
  crypto::Aead wrapping = CLV_TRY(derive_wrapping_key(master, MasterUse::kWrapKeyring));
  Keyring keyring(kKeyringSize);
  const std::span<std::byte> bytes(keyring);
  bytes.front() = kFormat;
  std::ranges::copy(binary_id(master), bytes.subspan(1).begin());
  wrapping.seal(keys.reveal(), binding_of(bytes.first(kKeyringHeader)), bytes.subspan(kKeyringHeader));
  return keyring;
}

Result<std::string> keyring_master_id(std::span<const std::byte> keyring) {
  if (keyring.size() != kKeyringSize || keyring.front() != kFormat)
    return Error(Code::kInvalid, Blame::kOperator,
                 "the store's keyring is of no format that this version knows");
  return base::format_hex(keyring.subspan(1, sizeof(MasterKeyId)));
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
  base::SecretBytes keys = CLV_TRY(base::SecretBytes::allocate(arena, 3 * kKeySize));
  const auto opened = wrapping.open(keyring.subspan(kKeyringHeader),
                                    binding_of(keyring.first(kKeyringHeader)), keys.reveal());
  if (!opened.has_value())
    return Error(Code::kInternal, Blame::kOperator,
                 "the store's keyring was altered; restore it from a backup");
  return KeyringKeys(std::move(keys));
}

}  // namespace claviger::vault
