// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"
#include "vault/key_holder.h"

namespace claviger::registry {

// Says in the store's meta that the master key is being replaced, from the first step to the last, so that the next start knows
// which keys it needs and goes on (docs/formats/vault.md).
struct RekeyMark {
  enum class Phase : std::uint8_t {
    kNone,
    kRewrapping,  // keyring under the old key, envelopes under either
    kSettling,  // all under the new one; files may still have to change their names
  };
  Phase phase = Phase::kNone;
  bool remove_old = false;
  std::string old_id;  // 16 hex digits; empty with kNone
  std::string new_id;
  friend bool operator==(const RekeyMark&, const RekeyMark&) = default;
};

inline constexpr std::string_view kRekeyMeta = "rekey";

// What it says, whoever wrote it: for finding the keys that are needed to tell. kInternal when it is of no form that is known.
Result<RekeyMark> peek_rekey_mark(store::Store& store);
// The same, once there are keys. kInternal when it was altered.
Result<RekeyMark> read_rekey_mark(vault::KeyHolder& keys, store::Store& store);
// Whether an envelope in the store is under the master key with this id. Blocks.
Result<bool> seals_anything(store::Store& store, const std::string& id);
store::Meta write_rekey_mark(vault::KeyHolder& keys, const RekeyMark& mark);

}  // namespace claviger::registry
